"""How long units took to be ready: by systemd, or by a line of their journal."""

from __future__ import annotations

from typing import Any

import pytest

from selftest.unit.host.test_host_parsers import recorded, sectioned, told, value
from sickbay.errors import NotApplicable, Unsupported
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.facts.unit_starts import UnitStart, judged_starts


def test_unit_starts_debian_are_measured_by_one_clock() -> None:
    """systemd's own moments, and those of the journal."""
    redis, slots = value("unit_starts.debian")
    assert (redis.name, redis.active_after, redis.ready_after) == (
        "redis-server.service",
        0.09,
        None,
    )
    assert (slots.name, slots.active_after, slots.ready_after, slots.logged) == (
        "slots.service",
        0.0,
        0.0,
        True,
    )


def test_unit_starts_that_break_off_are_unreadable() -> None:
    """The line that says so may have been in what is missing."""
    whole = recorded("unit_starts.debian")
    assert told("unit_starts", whole[: whole.index("==sickbay== end")]).gap is not None


def test_unit_starts_without_systemd_are_not_supported() -> None:
    """The inventory is wrong about this host."""
    assert told("unit_starts", sectioned(none="")).gap.reason == "unsupported"


PROPERTIES = "Id=x.service\nType={type}\nActiveState=active\nInactiveExitTimestampMonotonic={began}\nActiveEnterTimestampMonotonic={active}"


@pytest.mark.parametrize(
    ("began", "active", "after"),
    [(5_000_000, 7_500_000, 2.5), (5_000_000, 4_000_000, None), (0, 0, None), (5_000_000, 0, None)],
)
def test_unit_start_that_is_not_over_has_no_time(
    began: int, active: int, after: float | None
) -> None:
    """When it was active before it was last started says nothing."""
    text = PROPERTIES.format(type="notify", began=began, active=active)
    (one,) = told("unit_starts", sectioned(uptime="100.0 1", units=text, end="")).value
    assert one.active_after == after


@pytest.mark.parametrize(
    "line", ["-- No entries --", "{}", "[]", '{"__MONOTONIC_TIMESTAMP": "x"}', "{", "null"]
)
def test_unit_start_whose_line_makes_no_sense_is_unreadable(line: str) -> None:
    """It is neither ready nor not."""
    text = PROPERTIES.format(type="simple", began=1, active=1)
    parts = {"uptime": "100.0 1", "units": text, "ready x.service": line, "end": ""}
    assert told("unit_starts", sectioned(**parts)).gap is not None


def start(**changed: Any) -> UnitStart:
    known: dict[str, Any] = {
        "type": "simple", "active": "active", "ago": 500.0, "active_after": 0.0,
        "ready_after": None, "logged": True,
    }  # fmt: skip
    return UnitStart(name="x.service", **(known | changed))


BY_LINE = HostEntry(units={"x": {"starts_within": "30 s", "ready": "up"}})
BY_SYSTEMD = HostEntry(units={"x": {"starts_within": "30 s"}})


@pytest.mark.parametrize(
    ("entry", "changed", "late"),
    [
        (BY_LINE, {"ready_after": 30.0}, False),
        (BY_LINE, {"ready_after": 30.1}, True),
        (BY_LINE, {"ago": 500.0}, True),
        (BY_LINE, {"ago": 29.0}, False),
        (BY_SYSTEMD, {"type": "notify", "active_after": 30.0}, False),
        (BY_SYSTEMD, {"type": "forking", "active_after": 30.1}, True),
        (BY_SYSTEMD, {"type": "notify", "active": "activating", "active_after": None}, True),
        (
            BY_SYSTEMD,
            {"type": "dbus", "active": "activating", "active_after": None, "ago": 2.0},
            False,
        ),
    ],
)
def test_unit_start_is_late_beyond_its_time(
    entry: HostEntry, changed: dict[str, Any], late: bool
) -> None:
    """One that is still on its way is late when its time is over, and not before."""
    (one,) = judged_starts(entry, [start(**changed)])
    assert one.is_late is late


@pytest.mark.parametrize("kind", ["simple", "exec", "idle", ""])
def test_unit_whose_type_tells_nothing_is_not_supported(kind: str) -> None:
    """systemd takes it for ready at once."""
    with pytest.raises(Unsupported, match="ready"):
        judged_starts(BY_SYSTEMD, [start(type=kind)])


def test_unit_start_that_the_journal_forgot_is_no_healthy_one() -> None:
    """One of today has to be told of; one of long ago is history. A late one is told of in any case."""
    with pytest.raises(Unsupported, match="journal"):
        judged_starts(BY_LINE, [start(logged=False)])
    with pytest.raises(NotApplicable):
        judged_starts(BY_LINE, [start(logged=False, ago=100_000.0)])
    both = HostEntry(
        units={"x": {"starts_within": 30, "ready": "up"}, "y": {"starts_within": 30, "ready": "up"}}
    )
    late = UnitStart(
        name="y.service",
        type="simple",
        active="active",
        ago=99.0,
        active_after=0.0,
        ready_after=40.0,
    )
    assert [one.name for one in judged_starts(both, [start(logged=False), late])] == ["y.service"]


def test_unit_that_is_down_has_no_start_to_judge() -> None:
    """Other symptoms tell of it."""
    with pytest.raises(NotApplicable):
        judged_starts(BY_LINE, [start(active="failed")])
