"""Memory and swap space."""

from __future__ import annotations

from sickbay.facts import Record, fact
from sickbay.targets.host.command import Command
from sickbay.targets.host.sections import fields, mark, sections

_GROUP = "/sys/fs/cgroup/memory"
# The group's files are a container's own limit; the root group of a machine has none.
_SCRIPT = f"""
{mark("machine")}; cat /proc/meminfo
{mark("group")}
[ ! -r {_GROUP}.max ] || {{
  echo "max $(cat {_GROUP}.max)"; echo "current $(cat {_GROUP}.current)"; cat {_GROUP}.stat
}}
"""


@fact("memory", Command(_SCRIPT))
class Memory(Record):
    """Memory and swap (proc_meminfo(5)); in a container with a limit (cgroup v2) that of the container.

    Sizes in bytes. ``available`` is what programs can get without swapping, caches given back.
    """

    of: str
    """``machine`` or ``container``."""
    total: int
    available: int
    swap_total: int
    swap_free: int
    committed: int | None = None

    @property
    def available_fraction(self) -> float:
        return self.available / self.total

    @property
    def swap_used_fraction(self) -> float | None:
        """None where there is no swap."""
        return 1 - self.swap_free / self.swap_total if self.swap_total else None

    @property
    def committed_fraction(self) -> float | None:
        """What is promised to programs, of memory and swap; None in a container, whose kernel's it is not."""
        if self.committed is None or self.of != "machine":
            return None
        return self.committed / (self.total + self.swap_total)

    @classmethod
    def parse(cls, out: str) -> Memory:
        """Parse /proc/meminfo and the control group's files behind it."""
        parts = sections(out)
        machine = {
            name: int(value.split()[0]) * 1024
            for name, value in fields(parts["machine"]).items()
            if value.split()[0].isdigit()
        }
        if machine.get("MemTotal", 0) <= 0:
            raise ValueError("/proc/meminfo has no MemTotal")
        of, total, available = "machine", machine["MemTotal"], machine.get("MemAvailable")
        if available is None:  # Linux before 3.14
            available = sum(machine[name] for name in ("MemFree", "Buffers", "Cached"))
        group = fields(parts.get("group", ""))
        limit = group.get("max", "max")
        if limit.isdigit() and 0 < int(limit) < total:
            given_back = int(group.get("inactive_file", "0"))
            free = int(limit) - int(group["current"]) + given_back
            of, total, available = "container", int(limit), min(available, max(0, free))
        return cls(
            of=of,
            total=total,
            available=available,
            swap_total=machine.get("SwapTotal", 0),
            swap_free=machine.get("SwapFree", 0),
            committed=machine.get("Committed_AS"),
        )
