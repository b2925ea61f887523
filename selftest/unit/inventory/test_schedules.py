"""Schedules as cron and systemd write them."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from sickbay.inventory.schedules import Schedule, same_times, times


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("0 3 * * *", "00 03 * * *"),
        ("*/5 * * * *", "0-59/5 * * * *"),
        ("*/20 * * * *", "0,20,40 * * * *"),
        ("0 0 * * 7", "@weekly"),
        ("0 0 * * sun", "0 0 * * SUN"),
        ("0 0 1 jan *", "@yearly"),
        ("0 9 * * mon-fri", "Mon..Fri *-*-* 09:00:00"),
        ("30 2 * * *", "*-*-* 02:30:00"),
        ("*/5 * * * *", "*-*-* *:00/5:00"),
        ("0 6 1,15 * *", "*-*-01,15 06:00:00 UTC"),
        ("10 3 * * 0", "Sun *-*-* 03:10:00"),
        ("5/15 * * * *", "5,20,35,50 * * * *"),
        ("@reboot", "@reboot"),
    ],
)
def test_schedules_written_otherwise_are_the_same(one: str, other: str) -> None:
    """Zeros, steps, names and systemd's form make no difference."""
    assert same_times(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("0 3 * * *", "3 0 * * *"),
        ("0 3 * * *", "0 3 * * 1"),
        ("0 3 * * *", "*-*-* 03:00:30"),
        ("@reboot", "@daily"),
        ("0 3 * * *", ""),
        ("OnUnitActiveUSec=1d", "@daily"),
    ],
)
def test_schedules_of_other_times_are_not_the_same(one: str, other: str) -> None:
    """What cannot be read is nobody's equal but its own."""
    assert not same_times(one, other)


@pytest.mark.parametrize(
    "text",
    [
        "", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *",
        "* * * * 8", "*/0 * * * *", "5-1 * * * *", "a * * * *", "-1 * * * *", "\u0661 * * * *",
        "1" * 300 + " * * * *", "*-*-* 25:00:00", "2026-*-* 03:00:00", "@nonsense",
    ],
)  # fmt: skip
def test_schedules_that_are_none_have_no_times(text: str) -> None:
    """Numbers out of range, too few or many fields, other scripts' digits."""
    assert times(text) is None


def test_schedule_in_an_inventory_has_one_space_between_words() -> None:
    """So that it reads the same everywhere."""
    assert TypeAdapter(Schedule).validate_python(" 0  3 * * *") == "0 3 * * *"
    assert TypeAdapter(Schedule).validate_python("Mon *-*~01 00:00:00") == "Mon *-*~01 00:00:00"


@pytest.mark.parametrize("text", ["", "daily at three", "0 25 * * *", "* * * *"])
def test_schedule_in_an_inventory_that_is_none_is_refused(text: str) -> None:
    """With the forms that are taken."""
    with pytest.raises(ValidationError, match="cron's five fields"):
        TypeAdapter(Schedule).validate_python(text)
