"""Values that an inventory wants: one, or all up to or from one on (``<= 10``, ``>= 65536``)."""

from __future__ import annotations

import re

_BOUND = re.compile(r"(>=|<=) ?(-?\d+(?:\.\d+)?)")


def is_bound(wanted: object) -> bool:
    """Whether it is a bound, and not a value."""
    return isinstance(wanted, str) and _BOUND.fullmatch(wanted) is not None


def fulfils(value: object, wanted: str | int) -> bool:
    """Whether a value is the wanted one, or a number within the wanted bound; None fulfils nothing."""
    if value is None:
        return False
    bound = _BOUND.fullmatch(str(wanted))
    if bound is None:
        return str(value) == " ".join(str(wanted).split())
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return False
    try:
        number = float(value)
    except ValueError:
        return False
    limit = float(bound[2])
    return number >= limit if bound[1] == ">=" else number <= limit
