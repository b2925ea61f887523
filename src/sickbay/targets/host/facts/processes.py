"""Processes: those that never went away, and those that hold the memory."""

from __future__ import annotations

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
        first = list(_stats(parts["first"]))
        if not first:
            raise ValueError("/proc shows no process")
        # The newest process is the one that looked: its start is now, whatever the uptime of a
        # container says.
        now = max(one.started for one in first)
        stayed = {
            (one.pid, one.started) for one in _stats(parts.get("second", "")) if one.state == "Z"
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
        largest = sorted(_stats("\n".join(lines)), key=lambda one: -one.pages)[:LARGEST]
        return tuple(
            cls(
                name=one.name,
                pid=one.pid,
                resident=one.pages * size,
                memory_fraction=one.pages * size / total,
            )
            for one in largest
        )


class _Stat(Record):
    name: str
    pid: int
    state: str
    parent: int
    started: float
    pages: int


def _stats(text: str) -> Iterator[_Stat]:
    for line in text.splitlines():
        begin, end = line.find("("), line.rfind(")")
        words = line[end + 1 :].split()
        if begin < 0 or len(words) < 22:  # noqa: PLR2004 (up to rss)
            raise ValueError(f"/proc has a process that cannot be understood: {line[:100]!r}")
        yield _Stat(
            name=line[begin + 1 : end],
            pid=int(line[:begin]),
            state=words[0],
            parent=int(words[1]),
            started=int(words[19]) / TICKS,
            pages=int(words[21]),
        )


def persistent(zombies: Iterable[Zombie], age: float) -> list[Zombie]:
    """Those whose process is older than ``age`` seconds."""
    return [one for one in zombies if one.age_seconds >= age]
