"""What CPUs and swap do, measured over the window."""

from __future__ import annotations

from sickbay.errors import NotApplicable
from sickbay.facts import Record, fact
from sickbay.targets.host.facts.load import Load
from sickbay.targets.host.sections import fields
from sickbay.targets.host.window import SECONDS, WINDOW, readings

MINUTE_SHARE = 0.63
"""Of a task that has run for a whole minute, the load average of one minute holds so much."""


@fact("activity", WINDOW)
class Activity(Record):
    """CPU time and swap traffic over about two seconds (proc_stat(5), proc_vmstat(5)).

    ``busy``, ``kernel`` (system calls and interrupts), ``io_wait`` and ``stolen`` (by the hypervisor)
    are shares of all CPU time.
    """

    of: str
    seconds: float
    busy: float
    io_wait: float
    stolen: float
    kernel: float = 0.0
    swap_rate: float | None = None
    """Pages moved in and out of swap per second."""
    late_seconds: float = 0.0
    """How much longer than it should a trivial command (sleep) took."""

    @classmethod
    def parse(cls, out: str) -> Activity:
        """Parse two readings."""
        parts = readings(out)
        before, after = _reading(parts["before"]), _reading(parts["after"])
        seconds = after["uptime"] - before["uptime"]
        moved = {name: after[name] - before[name] for name in before if name in after}
        total = sum(moved[name] for name in _TIMES if name in moved)
        if seconds <= 0 or total <= 0:
            raise NotApplicable("the clocks of this host stand still: CPU time is not counted here")
        kernel = sum(moved.get(name, 0) for name in ("system", "irq", "softirq"))
        slept = [float(up) for up in parts["slept"].split()]
        swapped = [moved[name] for name in ("pswpin", "pswpout") if name in moved]
        return cls(
            of="CPUs and swap",
            seconds=round(seconds, 2),
            busy=1 - (moved["idle"] + moved["iowait"]) / total,
            io_wait=moved["iowait"] / total,
            stolen=moved.get("steal", 0) / total,
            kernel=kernel / total,
            swap_rate=sum(swapped) / seconds if swapped else None,
            late_seconds=round(max(0.0, slept[1] - slept[0] - SECONDS), 2),
        )


class LastingActivity(Record):
    """What lasted, of what the CPUs did in the window.

    ``lasting`` and ``lasting_io_wait`` are shares of CPU time; what runs, or waits for a disk, for a
    minute shows in the load average of that minute, so neither can be more than this tells.
    """

    of: str
    lasting: float
    lasting_io_wait: float
    busy: float
    kernel: float
    load_minute: float


def lasting(activity: Activity, load: Load) -> LastingActivity:
    """What of two seconds is no passing peak."""
    most = lasting_cores(load) / load.cores
    return LastingActivity(
        of=f"CPUs ({load.cores})",
        lasting=min(activity.busy, most),
        lasting_io_wait=min(activity.io_wait, most),
        busy=activity.busy,
        kernel=activity.kernel,
        load_minute=load.minute_1,
    )


def lasting_cores(load: Load) -> float:
    """How many cores can have been busy for the last minute, at most."""
    return load.minute_1 / MINUTE_SHARE


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
