"""Processes that were killed for lack of memory."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from sickbay.facts import Record, fact
from sickbay.targets.host.command import Command
from sickbay.targets.host.sections import fields, mark, sections

# The kernel's counter is readable for everybody: where it says 0, no right to read logs is needed.
# A container sees its machine's counter, but only its own log.
_SCRIPT = f"""
{mark("count")}; grep '^oom_kill ' /proc/vmstat
grep -q '^oom_kill 0$' /proc/vmstat && exit 0
if [ -d /run/log/journal ] || [ -d /var/log/journal ]; then
  {mark("journal")}
  journalctl --no-pager -o short-unix --since=-24h _TRANSPORT=kernel + _PID=1 + _COMM=systemd-oomd |
    grep -iE 'killed process|killed by the OOM|due to memory (pressure|used)' | tail -n 100
else
  {mark("uptime")}; cat /proc/uptime; {mark("kernel")}
  log=$(dmesg) || exit
  echo "$log" | grep -i 'killed process' | tail -n 100
fi
exit 0
"""
_GRANT = (
    "add the user to the group systemd-journal (or set sudo: true for this host), so that it may "
    "read the kernel's log"
)
DAY = 86400
_LONGEST_LINE = 500

_KERNEL = re.compile(r"(?i)killed process \d+ \((.{0,64}?)\)")
_OF_A_GROUP = "memory cgroup out of memory"
_SYSTEMD = re.compile(r"(\S+\.\w+): [^:]*killed by the OOM")
_OOMD = re.compile(r"(?i)killed (\S+) due to memory")
_TIMED = re.compile(r"(\d{1,11})\.\d+ (.*)")
_SINCE_BOOT = re.compile(r"(?:<\d+>)?\[ *(\d+)\.\d+\] ")


@fact("oom_kills", Command(_SCRIPT, root=True, grant=_GRANT))
class OomKill(Record):
    """A kill for lack of memory within the last day, from the kernel's or systemd's log lines."""

    victim: str
    """Name of the process, or the unit it belonged to."""
    at: str | None
    """When, in UTC; None where the log tells no time of its own."""
    bounded: bool
    """A control group's limit was reached, not the machine's memory."""
    line: str

    @classmethod
    def parse(cls, out: str) -> tuple[OomKill, ...]:
        """Parse journal lines (short-unix) or, without a journal, the kernel's log."""
        parts = sections(out)
        if "journal" in parts:
            return tuple(
                kill for line in parts["journal"].splitlines() if (kill := _kill(line)) is not None
            )
        if "kernel" in parts:
            uptime = float(parts["uptime"].split()[0])
            recent = [line for line in parts["kernel"].splitlines() if _age(line, uptime) <= DAY]
            return tuple(kill for line in recent if (kill := _kill(line)) is not None)
        if fields(parts["count"]).get("oom_kill") != "0":
            raise ValueError("the kernel counts kills, and no log of them was read")
        return ()


def _age(line: str, uptime: float) -> float:
    """Seconds since a line of the kernel's log; 0 where it has no time."""
    timed = _SINCE_BOOT.match(line)
    return uptime - int(timed[1]) if timed else 0.0


def _kill(line: str) -> OomKill | None:
    timed = _TIMED.match(line)
    at = datetime.fromtimestamp(int(timed[1]), UTC).isoformat() if timed else None
    text = (timed[2] if timed else line)[:_LONGEST_LINE]
    if kernel := _KERNEL.search(text):
        return OomKill(victim=kernel[1], at=at, bounded=_OF_A_GROUP in text.lower(), line=text)
    if unit := _SYSTEMD.search(text) or _OOMD.search(text):
        return OomKill(victim=unit[1], at=at, bounded=False, line=text)
    return None
