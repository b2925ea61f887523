"""Processes: those that never went away, and those that hold the memory."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from sickbay.facts import Record, fact
from sickbay.targets.host.command import Command
from sickbay.targets.host.sections import mark, sections

TICKS = 100
"""Clock ticks a second in /proc (USER_HZ), the same on all of Debian's architectures."""
LARGEST = 10
"""Processes that are told of as the largest."""

# One that has only just ended is a zombie for a moment; so where there are any, look twice.
_ZOMBIES = f"""
look() {{ cat /proc/self/stat /proc/[0-9]*/stat 2>/dev/null | grep -E ') Z |\\((cat)\\)'; }}
{mark("first")}; seen=$(look); echo "$seen"
case $seen in *') Z '*) sleep 1; {mark("second")}; look ;; esac
exit 0
"""


@fact("zombies", Command(_ZOMBIES))
class Zombie(Record):
    """A process that ended and that its parent has not taken note of (proc_pid_stat(5))."""

    name: str
    pid: int
    parent: int
    age_seconds: float
    """Since its start: how long it has been dead is kept nowhere."""

    @classmethod
    def parse(cls, out: str) -> tuple[Zombie, ...]:
        """Parse two looks at /proc/PID/stat, a second apart; a zombie of both has stayed one."""
        parts = sections(out)
        first = list(stats(parts["first"]))
        if not first:
            raise ValueError("/proc shows no process")
        # The newest process is the one that looked: its start is now, whatever the uptime of a
        # container says.
        now = max(one.started for one in first)
        stayed = {
            (one.pid, one.started) for one in stats(parts.get("second", "")) if one.state == "Z"
        }
        return tuple(
            cls(name=one.name, pid=one.pid, parent=one.parent, age_seconds=now - one.started)
            for one in first
            if (one.pid, one.started) in stayed
        )


# BusyBox has no getconf; there smaps tells the size of a page of the shell itself.
_LARGEST = """
grep '^MemTotal' /proc/meminfo
getconf PAGESIZE 2>/dev/null || while read -r name size _; do
  [ "$name" != KernelPageSize: ] || { echo $((size * 1024)); break; }
done </proc/self/smaps
cat /proc/[0-9]*/stat 2>/dev/null
exit 0
"""


@fact("largest_processes", Command(_LARGEST))
class LargestProcess(Record):
    """One of the processes that hold most memory (proc_pid_stat(5)). ``resident`` in bytes."""

    name: str
    pid: int
    resident: int
    memory_fraction: float
    """Share of the machine's memory; shared pages count for each that has them."""

    @classmethod
    def parse(cls, out: str) -> tuple[LargestProcess, ...]:
        """Parse the size of memory and pages, then the stat line of every process."""
        memory, page, *lines = out.splitlines()
        total, size = int(memory.split()[1]) * 1024, int(page)
        largest = sorted(stats("\n".join(lines)), key=lambda one: -one.pages)[:LARGEST]
        return tuple(
            cls(
                name=one.name,
                pid=one.pid,
                resident=one.pages * size,
                memory_fraction=one.pages * size / total,
            )
            for one in largest
        )


# Only what sets its own name has line ends in it, and has 15 bytes for it.
_STAT = re.compile(
    r"^(\d+) \(([^\n]{0,64}?|(?s:.{0,15}?))\) ([A-Za-z]) (-?\d+(?: -?\d+)*)$", re.MULTILINE
)


class Stat(Record):
    """A line of /proc/PID/stat (proc_pid_stat(5)). CPU times and ``started`` in seconds."""

    name: str
    pid: int
    state: str
    parent: int
    user: float
    system: float
    started: float
    pages: int


def stats(text: str) -> Iterator[Stat]:
    """The processes of a text of such lines. A name may hold whatever its process likes."""
    if odd := _STAT.sub("", text).strip():
        raise ValueError(f"/proc has a process that cannot be understood: {odd[:100]!r}")
    for found in _STAT.finditer(text):
        words = found[4].split()
        if len(words) < 21:  # noqa: PLR2004 (up to rss)
            raise ValueError(f"/proc tells too little of a process: {found[0][:100]!r}")
        yield Stat(
            name=found[2],
            pid=int(found[1]),
            state=found[3],
            parent=int(words[0]),
            user=int(words[10]) / TICKS,
            system=int(words[11]) / TICKS,
            started=int(words[18]) / TICKS,
            pages=int(words[20]),
        )


def persistent(zombies: Iterable[Zombie], age: float) -> list[Zombie]:
    """Those whose process is older than ``age`` seconds."""
    return [one for one in zombies if one.age_seconds >= age]
