"""What CPUs and swap do, measured over a second."""

from __future__ import annotations

from sickbay.errors import NotApplicable
from sickbay.facts import Record, fact
from sickbay.targets.host.command import Command
from sickbay.targets.host.sections import fields, mark, sections

_READ = "cat /proc/uptime; head -n 1 /proc/stat; grep '^pswp' /proc/vmstat"
_SCRIPT = f"{mark('before')}; {_READ}; sleep 1; {mark('after')}; {_READ}; exit 0"


@fact("activity", Command(_SCRIPT))
class Activity(Record):
    """CPU time and swap traffic over about a second (proc_stat(5), proc_vmstat(5)).

    ``busy``, ``io_wait`` and ``stolen`` (by the hypervisor) are shares of all CPU time.
    """

    of: str
    seconds: float
    busy: float
    io_wait: float
    stolen: float
    swap_rate: float | None = None
    """Pages moved in and out of swap per second."""

    @classmethod
    def parse(cls, out: str) -> Activity:
        """Parse two readings."""
        parts = sections(out)
        before, after = _reading(parts["before"]), _reading(parts["after"])
        seconds = after["uptime"] - before["uptime"]
        moved = {name: after[name] - before[name] for name in before if name in after}
        total = sum(moved[name] for name in _TIMES if name in moved)
        if seconds <= 0 or total <= 0:
            raise NotApplicable("the clocks of this host stand still: CPU time is not counted here")
        swapped = [moved[name] for name in ("pswpin", "pswpout") if name in moved]
        return cls(
            of="CPUs and swap",
            seconds=round(seconds, 2),
            busy=1 - (moved["idle"] + moved["iowait"]) / total,
            io_wait=moved["iowait"] / total,
            stolen=moved.get("steal", 0) / total,
            swap_rate=sum(swapped) / seconds if swapped else None,
        )


_TIMES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")


def _reading(text: str) -> dict[str, float]:
    lines = text.splitlines()
    times = lines[1].split()
    if times[0] != "cpu":
        raise ValueError("/proc/stat does not begin with cpu")
    reading = {"uptime": float(lines[0].split()[0])}
    reading |= {name: float(value) for name, value in zip(_TIMES, times[1:], strict=False)}
    reading |= {name: float(value) for name, value in fields("\n".join(lines[2:])).items()}
    return reading
