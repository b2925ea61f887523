"""How much work waits for the CPUs."""

from __future__ import annotations

from sickbay.facts import Record, fact
from sickbay.targets.host.command import Command


@fact(
    "load",
    Command("cat /proc/loadavg; nproc 2>/dev/null || grep -c '^processor' /proc/cpuinfo"),
)
class Load(Record):
    """Load averages (proc_loadavg(5)): tasks that run, want to run or wait for a disk, on average."""

    of: str
    cores: int
    minute_1: float
    minutes_5: float
    minutes_15: float
    running: int
    """Tasks that ran or wanted to at the moment of looking."""

    @property
    def per_core(self) -> float:
        """Load of 5 minutes for each core."""
        return self.minutes_5 / self.cores

    @classmethod
    def parse(cls, out: str) -> Load:
        """Parse /proc/loadavg and the number of cores."""
        averages, cores = out.strip().splitlines()
        words = averages.split()
        number = int(cores)
        if number < 1:
            raise ValueError("the host has no CPU")
        return cls(
            of=f"load of {number} core{'s' * (number > 1)}",
            cores=number,
            minute_1=float(words[0]),
            minutes_5=float(words[1]),
            minutes_15=float(words[2]),
            running=int(words[3].partition("/")[0]),
        )
