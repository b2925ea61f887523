"""Memory of services over several runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sickbay.errors import NotApplicable
from sickbay.snapshot import Earlier
from sickbay.targets.host.facts.service_processes import ServiceProcess
from sickbay.targets.host.growth import memory_growth

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = 3600
BORN = 10 * HOUR
"""How long the process runs, in seconds."""


def _process(resident: int, age: float = BORN, pid: int = 7, main: bool = True) -> ServiceProcess:
    return ServiceProcess(
        pid=pid, service="shop.service", main=main, parent=1, user="shop", state="S", threads=1,
        resident=resident, age_seconds=int(age), command="shop",
    )  # fmt: skip


def _seen(hours_ago: float, *processes: ServiceProcess) -> Earlier:
    facts = {"service_processes": processes} if processes else {}
    return Earlier(taken=NOW - timedelta(hours=hours_ago), facts=facts)


def _earlier(*sizes: int) -> tuple[Earlier, ...]:
    """One run an hour, the last one an hour ago."""
    return tuple(
        _seen(ago, _process(size, BORN - ago * HOUR))
        for ago, size in zip(range(len(sizes), 0, -1), sizes, strict=True)
    )


@pytest.mark.parametrize(
    ("sizes", "growth"),
    [((100, 110, 120, 150), 0.5), ((100, 100, 100, 100), 0.0), ((100, 150, 140, 160), 0.0)],
)
def test_memory_that_never_fell_has_grown(sizes: tuple[int, ...], growth: float) -> None:
    """One fall in between is what a program at work shows."""
    *before, last = sizes
    (one,) = memory_growth([_process(last)], _earlier(*before), NOW, HOUR)
    assert one.growth_fraction == pytest.approx(growth)
    assert (one.runs, one.span_seconds) == (4, 3 * HOUR)


def test_memory_of_another_process_is_not_compared() -> None:
    """Neither of one with another pid, nor of one that had the pid before, nor of a child."""
    others = (
        *(_seen(ago, _process(1, BORN - ago * HOUR, pid=8)) for ago in (3, 2.5)),
        *(_seen(ago, _process(1, BORN)) for ago in (2, 1.5)),  # an hour older than it can be
        _seen(1),
    )
    with pytest.raises(NotApplicable, match="4 runs"):
        memory_growth([_process(9)], others, NOW, HOUR)
    with pytest.raises(NotApplicable):
        memory_growth([_process(9, main=False)], _earlier(1, 1, 1), NOW, HOUR)


@pytest.mark.parametrize(("runs", "span"), [(2, HOUR), (3, 3 * HOUR + 1)])
def test_memory_of_few_runs_or_a_short_time_tells_nothing(runs: int, span: float) -> None:
    """A service that just started grows."""
    with pytest.raises(NotApplicable):
        memory_growth([_process(9)], _earlier(*[1] * runs), NOW, span)
