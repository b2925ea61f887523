"""What runs of the declared services beside what the inventory wants of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sickbay.errors import NotApplicable
from sickbay.facts import Record
from sickbay.inventory.bounds import fulfils
from sickbay.inventory.declared.services import Service
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.facts.process_details import ProcessDetails, ProcessState
from sickbay.targets.host.facts.service_processes import ServiceProcess
from sickbay.targets.host.facts.units import Unit, unit_name


def declared_services(entry: HostEntry) -> dict[str, Service]:
    """The declared units and processes, by the names that their processes have them by."""
    units: dict[str, Service] = {unit_name(name): unit for name, unit in entry.units.items()}
    return {**units, **entry.processes}


class ProcessCount(Record):
    """How many processes of a declared process there are, and how many there have to be."""

    service: str
    running: int
    wanted: int | None
    """None: at least one."""

    @property
    def is_wrong(self) -> bool:
        return self.running == 0 if self.wanted is None else self.running != self.wanted


def process_counts(
    entry: HostEntry, processes: Iterable[ServiceProcess]
) -> tuple[ProcessCount, ...]:
    """How often each declared process runs; NotApplicable where none is declared."""
    if not entry.processes:
        raise NotApplicable("the inventory declares no processes for this host")
    names = [one.service for one in processes]
    return tuple(
        ProcessCount(service=name, running=names.count(name), wanted=wanted.count)
        for name, wanted in entry.processes.items()
    )


class JudgedProcess(Record):
    """The main process of a declared service, and what of it is not as wanted."""

    service: str
    pid: int
    command: str
    user: str
    wrong_user: bool
    lacks_arguments: tuple[str, ...]
    """Patterns that its command line does not hold."""
    workers: int
    wrong_workers: bool
    threads: int
    wrong_threads: bool


def judged_processes(
    entry: HostEntry, processes: Iterable[ServiceProcess]
) -> tuple[JudgedProcess, ...]:
    """The main processes of all declared services."""
    every = tuple(processes)
    services = declared_services(entry)
    return tuple(
        _judged(one, services[one.service], every)
        for one in every
        if one.main and one.service in services
    )


def _judged(
    one: ServiceProcess, wanted: Service, every: tuple[ServiceProcess, ...]
) -> JudgedProcess:
    workers = sum(other.parent == one.pid for other in every if other.service == one.service)
    others = {other.user for other in every if other.service == one.service}
    return JudgedProcess(
        service=one.service,
        pid=one.pid,
        command=one.command,
        user=one.user,
        wrong_user=wanted.user is not None and others != {wanted.user},
        lacks_arguments=tuple(p for p in wanted.arguments if not re.search(p, one.command)),
        workers=workers,
        wrong_workers=wanted.workers is not None and not fulfils(str(workers), wanted.workers),
        threads=one.threads,
        wrong_threads=wanted.threads is not None and not fulfils(str(one.threads), wanted.threads),
    )


class JudgedDetails(Record):
    """The main process of a declared service as root sees it, and what is wrong with it."""

    service: str
    pid: int
    program: str
    replaced: bool
    changed_settings: tuple[str, ...]
    """Files that were changed after it started (and after its workers did)."""
    missing_settings: tuple[str, ...]
    wrong_variables: tuple[str, ...]
    """Variables that are missing or empty, or have another value than declared: ``NAME state``."""


def judged_details(
    processes: Iterable[ServiceProcess], details: Iterable[ProcessDetails]
) -> tuple[JudgedDetails, ...]:
    """The main processes that there were still when root looked."""
    every = tuple(processes)
    mains = {one.pid: one for one in every if one.main}
    return tuple(_detailed(mains[one.pid], one, every) for one in details if one.pid in mains)


def _detailed(
    process: ServiceProcess, details: ProcessDetails, every: tuple[ServiceProcess, ...]
) -> JudgedDetails:
    # A server that read its settings anew has done so in new workers of the same program.
    workers = [
        one.age_seconds
        for one in every
        if one.parent == process.pid and one.program == process.program
    ]
    started = details.seen - max(workers, default=process.age_seconds)
    return JudgedDetails(
        service=process.service,
        pid=process.pid,
        program=details.program,
        replaced=details.replaced,
        changed_settings=tuple(
            path for path, changed in details.settings.items() if changed > started + 1
        ),
        missing_settings=details.missing_settings,
        wrong_variables=tuple(
            f"{name} is {'set otherwise' if state == 'other' else state}"
            for name, state in details.variables.items()
            if state != "right"
        ),
    )


class JudgedState(Record):
    """The main process of a declared service, looked at twice."""

    service: str
    pid: int
    traced: bool
    """Another process traces it, or it runs inside a profiler."""
    stuck: str
    """The state that it stays in: T stopped, t traced, Z ended, D waiting; empty where it works."""


def judged_states(
    processes: Iterable[ServiceProcess], states: Iterable[ProcessState]
) -> tuple[JudgedState, ...]:
    """The main processes that there were still at the second look."""
    mains = {one.pid: one for one in processes if one.main}
    return tuple(
        JudgedState(
            service=mains[one.pid].service,
            pid=one.pid,
            traced=one.tracer != 0 or mains[one.pid].program.startswith("valgrind"),
            stuck=one.state if one.state == mains[one.pid].state and one.state in "TtZD" else "",
        )
        for one in states
        if one.pid in mains
    )


class Uptime(Record):
    """How long a declared unit that is active has been so."""

    service: str
    up_seconds: float
    restarts: int
    needed: float
    """For how long the inventory wants it to have been up."""

    def is_short(self, window: float) -> bool:
        """It is up for less than is wanted, or was restarted by systemd within the window."""
        return self.up_seconds < self.needed or (self.restarts > 0 and self.up_seconds < window)


def uptimes(entry: HostEntry, units: Iterable[Unit]) -> tuple[Uptime, ...]:
    """The declared units that are active now; NotApplicable where there are none."""
    needed = {unit_name(name): unit.up_at_least or 0.0 for name, unit in entry.units.items()}
    rows = tuple(
        Uptime(
            service=unit.name,
            up_seconds=unit.up_seconds,
            restarts=unit.restarts,
            needed=needed[unit.name],
        )
        for unit in units
        if unit.name in needed and unit.up_seconds is not None
    )
    if not rows:
        raise NotApplicable("no unit that the inventory declares is active")
    return rows
