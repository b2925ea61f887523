"""Times at which jobs run, as crontab(5) and systemd.time(7) write them."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

Times = tuple[frozenset[int], ...]
"""The minutes, hours, days of the month, months and days of the week (0 is Sunday)."""

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_NAMES: tuple[dict[str, int], ...] = (
    {}, {}, {},
    {name: number for number, name in enumerate(_MONTHS, 1)},
    {name: number for number, name in enumerate(_DAYS)},
)  # fmt: skip
_WORDS = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0", "@daily": "0 0 * * *", "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}  # fmt: skip
_CALENDAR = re.compile(
    r"(?:(?P<days>[A-Za-z][A-Za-z.,]*) )?\*-(?P<month>[\d*.,/]+)-(?P<day>[\d*.,/]+) "
    r"(?P<hour>[\d*.,/]+):(?P<minute>[\d*.,/]+):00(?: UTC)?"
)
_LONGEST = 200
FIELDS = len(_RANGES)


def times(text: str) -> Times | None:
    """When cron's five fields (or a word such as @daily) or a systemd calendar run something.

    None for what names no such times: ``@reboot``, or a calendar with years or seconds.
    """
    if len(text) > _LONGEST:
        return None
    calendar = _CALENDAR.fullmatch(text)
    if calendar:
        found = calendar.groupdict(default="*")
        fields = [found[name] for name in ("minute", "hour", "day", "month", "days")]
        fields = [field.replace("..", "-") for field in fields]
    else:
        fields = _WORDS.get(text.lower(), text).split()
    if len(fields) != FIELDS:
        return None
    try:
        minutes, hours, days, months, weekdays = map(_values, fields, _RANGES, _NAMES)
    except ValueError:
        return None
    return minutes, hours, days, months, frozenset(day % 7 for day in weekdays)


def same_times(one: str, other: str) -> bool:
    """Whether two schedules, each in its own way of writing, name the same times."""
    if one == other:
        return True
    known = times(one)
    return known is not None and known == times(other)


def _values(field: str, within: tuple[int, int], names: dict[str, int]) -> frozenset[int]:
    found: set[int] = set()
    for item in field.split(","):
        span, slash, step = item.partition("/")
        low, dash, high = span.partition("-")
        if span == "*":
            first, last = within
        else:
            first = _number(low, names)
            last = _number(high, names) if dash else within[1] if slash else first
        if not within[0] <= first <= last <= within[1] or (slash and _number(step, {}) < 1):
            raise ValueError(item)
        found.update(range(first, last + 1, _number(step, {}) if slash else 1))
    return frozenset(found)


def _number(text: str, names: dict[str, int]) -> int:
    if re.fullmatch(r"[0-9]{1,3}", text):
        return int(text)
    if text.lower() not in names:
        raise ValueError(text)
    return names[text.lower()]


def _schedule(value: str) -> str:
    text = " ".join(value.split())
    if times(text) is None and not re.fullmatch(r"@reboot|[^\n]*\d:\d[^\n]*", text):
        raise ValueError(
            "expected cron's five fields such as '0 3 * * *', a word such as @daily, or systemd's "
            f"calendar such as '*-*-* 03:00:00', not {value!r}"
        )
    return text


Schedule = Annotated[str, AfterValidator(_schedule)]
"""A schedule, words apart by one space."""
