"""What processes use of the CPUs, measured over the window: the busiest of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping

from sickbay.errors import Denied, Unsupported
from sickbay.facts import Record, fact
from sickbay.targets.host.facts.activity import lasting_cores
from sickbay.targets.host.facts.load import Load
from sickbay.targets.host.facts.processes import LARGEST, Stat, stats
from sickbay.targets.host.sections import MARK
from sickbay.targets.host.window import WINDOW, elapsed, readings

_LEAST_CORES = 0.05
"""Below this the share of time spent in the kernel is a matter of a few ticks of the clock."""

Spent = tuple[float, float]
"""Seconds in user code and in the kernel."""


@fact("process_use", WINDOW)
class ProcessUse(Record):
    """One of the processes that used most CPU time in about two seconds (proc_pid_stat(5)).

    ``cores`` is 1.0 for one core, to a tenth. ``service`` is the declared unit or process that it
    belongs to; empty for none.
    """

    name: str
    pid: int
    cores: float
    kernel_share: float | None = None
    """Share of its CPU time in system calls; None where it used too little to say."""
    service: str = ""

    @classmethod
    def parse(cls, out: str) -> tuple[ProcessUse, ...]:
        """Parse two readings of all processes; one of both is measured."""
        parts = readings(out)
        before, after = processes_of(parts)
        seconds = elapsed(parts)
        service_of = {pid: name for name, pids in members_of(parts).items() for pid in pids}
        used = [(one, spent(before[pid], one)) for pid, one in after.items() if pid in before]
        busiest = sorted(used, key=lambda pair: -sum(pair[1]))[:LARGEST]
        rows = [
            cls(
                name=one.name,
                pid=one.pid,
                cores=round(sum(times) / seconds, 1),
                kernel_share=kernel_share([times], seconds),
                service=service_of.get(one.pid, ""),
            )
            for one, times in busiest
        ]
        return tuple(one for one in rows if one.cores or one is rows[0])


class LastingUse(Record):
    """What a process used, as far as it lasted: no more than the load of the last minute tells of.

    ``share`` is that of all the machine's CPUs.
    """

    name: str
    pid: int
    cores: float
    share: float
    kernel_share: float | None
    service: str


def lasting_use(processes: Iterable[ProcessUse], load: Load) -> list[LastingUse]:
    """The processes, with what of two seconds is no passing peak."""
    most = lasting_cores(load)
    return [
        LastingUse(
            name=one.name,
            pid=one.pid,
            cores=min(one.cores, most),
            share=min(one.cores, most) / load.cores,
            kernel_share=one.kernel_share,
            service=one.service,
        )
        for one in processes
    ]


def processes_of(parts: Mapping[str, str]) -> tuple[dict[int, Stat], dict[int, Stat]]:
    """The processes of both readings by their number; a number that was given anew is not in both."""
    before = {one.pid: one for one in stats(parts["before.processes"])}
    after = {one.pid: one for one in stats(parts["after.processes"])}
    if 1 not in before or 1 not in after:
        raise Denied("the processes of others are hidden (hidepid of /proc)", WINDOW.grant)
    started = {pid: one.started for pid, one in after.items()}
    return {pid: one for pid, one in before.items() if started.get(pid) == one.started}, after


def spent(before: Stat, after: Stat) -> Spent:
    """The CPU time that a process used between two readings."""
    return max(0.0, after.user - before.user), max(0.0, after.system - before.system)


def kernel_share(times: Iterable[Spent], seconds: float) -> float | None:
    """The kernel's share of CPU times; None where they are too short to say."""
    rows = list(times)
    whole = sum(map(sum, rows))
    if whole / seconds < _LEAST_CORES:
        return None
    return round(sum(system for _, system in rows) / whole, 3)


def members_of(parts: Mapping[str, str]) -> dict[str, list[int]]:
    """The processes of every declared unit, by its full name, and of every declared process."""
    declared = json.loads(parts["declared"])
    found: dict[str, list[int]] = {unit: [] for unit in declared["units"]}
    for pid, group in groups_of(parts):
        found[group.rpartition("/")[2]].append(pid)
    if declared["processes"]:
        lines = _command_lines(parts["commands"])
        for name, pattern in declared["processes"].items():
            words = re.compile(pattern)
            found[name] = [
                # Whoever looks, as we do now, has the pattern among its words.
                pid
                for pid, line in lines.items()
                if words.search(line) and MARK not in line
            ]
    return found


def groups_of(parts: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    """The processes of declared units, each with its unit's control group."""
    for line in filter(None, parts.get("members", "").split("\n")):
        file, _, _, group = line.split(":", 3)
        unit, below, _ = group.partition(".service/")
        yield int(file.split("/")[2]), f"{unit}.service" if below else group


def _command_lines(text: str) -> dict[int, str]:
    rows = (line.split(None, 1) for line in text.split("\n"))
    lines = {int(row[0]): row[1] for row in rows if len(row) > 1 and row[0].isdecimal()}
    if not lines:
        raise Unsupported("'ps' is not installed", "install what brings the command 'ps'")
    return lines
