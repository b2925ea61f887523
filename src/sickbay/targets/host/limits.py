"""What declared services have beside what they may have. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sickbay.errors import Denied, NotApplicable
from sickbay.facts import Record
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.facts.connections import Connections
from sickbay.targets.host.facts.login_limits import LoginLimit
from sickbay.targets.host.facts.process_limits import GRANT, ProcessLimits, UnitLimits
from sickbay.targets.host.facts.service_processes import ServiceProcess
from sickbay.targets.host.services import declared_services

LOW = 4096
"""Open files below which a server's limit is low: systemd's and the kernel's defaults lie there."""


class FileUse(Record):
    """The open files of a process of a declared service, and how many it may have."""

    process: str
    pid: int
    open: int
    limit: int
    clients: int
    """Connections to its own ports."""
    servers: int
    """Connections to those of others."""
    left_open: int
    """Connections that the other end has closed and it has not."""

    @property
    def used_fraction(self) -> float:
        return self.open / self.limit if self.limit else 1.0


def file_use(
    entry: HostEntry,
    processes: Iterable[ServiceProcess],
    limits: Iterable[ProcessLimits],
    connections: Iterable[Connections] = (),
) -> tuple[FileUse, ...]:
    """The processes that have a limit on open files.

    Where what is open cannot be seen: Denied if the inventory asks for it (open_files), else
    NotApplicable.
    """
    processes, connections = tuple(processes), tuple(connections)
    asked = {name for name, one in declared_services(entry).items() if one.open_files is not None}
    watched = {one.pid for one in processes if one.service in asked}
    names = _names(processes)
    rows = []
    hidden = False
    for one in limits:
        if one.open is None and one.pid in watched:
            raise Denied(f"what {names[one.pid]} has open cannot be seen", GRANT)
        if one.open is None:
            hidden = True
            continue
        if one.soft_files is None:
            continue
        own = [some for some in connections if some.pid == one.pid]
        rows.append(
            FileUse(
                process=names[one.pid],
                pid=one.pid,
                open=one.open,
                limit=one.soft_files,
                clients=sum(some.count for some in own if _is(some, "ESTAB", "here")),
                servers=sum(some.count for some in own if _is(some, "ESTAB", "there")),
                left_open=sum(some.count for some in own if some.state == "CLOSE-WAIT"),
            )
        )
    if hidden and not watched:
        raise NotApplicable(
            "only root sees what the services have open, and the inventory asks it of none of them "
            "(open_files)"
        )
    return tuple(rows)


def _is(one: Connections, state: str, side: str) -> bool:
    return (one.state, one.side) == (state, side)


class FileLimit(Record):
    """The limit on open files of a process, beside the least that the inventory wants."""

    process: str
    soft: int | None
    hard: int | None
    wanted: int
    unit_soft: int | None = None
    """What its unit gives to it now; None where it has no unit, or no limit."""
    unit_hard: int | None = None
    has_unit: bool = False

    @property
    def is_too_low(self) -> bool:
        return _below(self.soft, self.wanted) or _below(self.hard, self.wanted)

    @property
    def is_low_by_its_unit(self) -> bool:
        return self.has_unit and (
            _below(self.unit_soft, self.wanted) or _below(self.unit_hard, self.wanted)
        )

    @property
    def is_low_in_soft_alone(self) -> bool:
        return _below(self.soft, self.wanted) and not _below(self.hard, self.wanted)


def file_limits(
    entry: HostEntry,
    processes: Iterable[ServiceProcess],
    limits: Iterable[ProcessLimits],
    units: Iterable[UnitLimits],
) -> tuple[FileLimit, ...]:
    """The processes for which the inventory says so; NotApplicable where for none."""
    wanted = {
        name: service.open_files
        for name, service in declared_services(entry).items()
        if service.open_files is not None
    }
    if not wanted:
        raise NotApplicable("the inventory declares no open_files of a unit or process")
    by_pid = {one.pid: one for one in limits}
    by_name = {unit.name: unit for unit in units}
    processes = tuple(processes)
    names = _names(processes)
    return tuple(
        FileLimit(
            process=names[one.pid],
            soft=by_pid[one.pid].soft_files,
            hard=by_pid[one.pid].hard_files,
            wanted=wanted[one.service],
            unit_soft=by_name[one.service].soft_files if one.service in by_name else None,
            unit_hard=by_name[one.service].hard_files if one.service in by_name else None,
            has_unit=one.service in by_name,
        )
        for one in processes
        if one.service in wanted and one.pid in by_pid
    )


class JudgedLogin(Record):
    """A limit, soft or hard, that logins of all accounts have, beside the least that is wanted."""

    limit: str
    wanted: int
    value: int | None
    """None where no line sets it for all accounts, or where it is none."""
    line: str
    """The line that sets it; empty where none does."""
    contradicting: tuple[str, ...]
    """Lines that set it lower, for some or for all, each with its file."""

    @property
    def is_missing(self) -> bool:
        return not self.line

    @property
    def is_too_low(self) -> bool:
        return _below(self.value, self.wanted)

    @property
    def is_wrong(self) -> bool:
        return self.is_missing or self.is_too_low or self.contradicting != ()


def judged_logins(entry: HostEntry, lines: Iterable[LoginLimit]) -> tuple[JudgedLogin, ...]:
    """The declared limits, each soft and hard. ``*`` stands for all accounts; the last line counts."""
    lines = tuple(lines)
    rows = []
    for item, wanted in entry.login_limits.items():
        for kind in ("soft", "hard"):
            about = [one for one in lines if one.item == item and one.kind in {kind, "-"}]
            for_all = next((one for one in reversed(about) if one.who == "*"), None)
            rows.append(
                JudgedLogin(
                    limit=f"{item} {kind}",
                    wanted=wanted,
                    value=for_all.value if for_all else None,
                    line=f"{for_all.line} ({for_all.file})" if for_all else "",
                    contradicting=tuple(
                        f"{one.line} ({one.file})"
                        for one in about
                        if one is not for_all and _below(one.value, wanted)
                    ),
                )
            )
    return tuple(rows)


class TaskUse(Record):
    """Processes and threads of a unit or an account, and how many there may be."""

    of: str
    tasks: int
    limit: int
    is_unit: bool

    @property
    def used_fraction(self) -> float:
        return self.tasks / self.limit if self.limit else 1.0


def task_use(
    processes: Iterable[ServiceProcess],
    limits: Iterable[ProcessLimits],
    units: Iterable[UnitLimits],
) -> tuple[TaskUse, ...]:
    """Units whose tasks are counted and limited, and accounts with a limit; root has none."""
    names = _names(processes)
    rows = [
        TaskUse(of=unit.name, tasks=unit.tasks, limit=unit.most_tasks, is_unit=True)
        for unit in units
        if unit.tasks is not None and unit.most_tasks is not None
    ]
    rows += [
        TaskUse(
            of=f"account of {names[one.pid]}",
            tasks=one.account_threads,
            limit=one.processes,
            is_unit=False,
        )
        for one in limits
        if one.account != 0 and one.processes is not None
    ]
    return tuple(rows)


def _names(processes: Iterable[ServiceProcess]) -> Mapping[int, str]:
    return {one.pid: f"{one.service}: {one.program} ({one.pid})" for one in processes}


def _below(limit: int | None, wanted: int) -> bool:
    return limit is not None and limit < wanted
