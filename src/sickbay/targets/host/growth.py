"""Memory of declared services over several runs. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise

from sickbay.errors import NotApplicable
from sickbay.facts import Record
from sickbay.inventory.units import show
from sickbay.snapshot import Earlier
from sickbay.targets.host.facts.service_processes import ServiceProcess

FEWEST_RUNS = 4
"""Below this many looks at a process nothing can be told of how its memory goes."""
_SAME_START = 120.0
"""Seconds that the start of one process may seem to move between two runs."""


class MemoryGrowth(Record):
    """Resident memory of a service's main process over this run and earlier ones, while it was the same.

    ``first`` and ``last`` in bytes; ``never_fell`` says that it was in no run less than in the one
    before.
    """

    service: str
    pid: int
    runs: int
    span_seconds: float
    first: int
    last: int
    never_fell: bool

    @property
    def growth_fraction(self) -> float:
        """From first to last; 0 where it fell in between, as that of a program at work does."""
        return max(0.0, self.last / self.first - 1) if self.never_fell and self.first else 0.0


def memory_growth(
    processes: Iterable[ServiceProcess], history: tuple[Earlier, ...], now: datetime, span: float
) -> tuple[MemoryGrowth, ...]:
    """How the memory of each main process went; NotApplicable where too little is known of all.

    ``span`` (seconds) is the time that the runs have to be spread over at least.
    """
    moments = [
        (seen.taken.timestamp(), seen.facts.get("service_processes", ())) for seen in history
    ]
    rows = []
    for one in (process for process in processes if process.main):
        start = now.timestamp() - one.age_seconds
        looks = [
            (moment, other.resident)
            for moment, others in moments
            for other in others
            if (other.service, other.pid) == (one.service, one.pid)
            and abs(moment - other.age_seconds - start) <= _SAME_START
            and moment < now.timestamp()
        ]
        looks = [*sorted(looks), (now.timestamp(), one.resident)]
        if len(looks) >= FEWEST_RUNS and looks[-1][0] - looks[0][0] >= span:
            sizes = [size for _, size in looks]
            rows.append(
                MemoryGrowth(
                    service=one.service,
                    pid=one.pid,
                    runs=len(looks),
                    span_seconds=looks[-1][0] - looks[0][0],
                    first=sizes[0],
                    last=sizes[-1],
                    never_fell=all(earlier <= later for earlier, later in pairwise(sizes)),
                )
            )
    if not rows:
        raise NotApplicable(
            f"no process was seen by {FEWEST_RUNS} runs over {show(span, 'seconds')} whose reports are "
            "still there"
        )
    return tuple(rows)
