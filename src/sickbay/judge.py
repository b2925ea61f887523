"""What health tests measure with: values that remember the records they were taken from.

A plain ``assert worst(filesystems, "used_fraction") < limits.disk_used`` is enough for a report to
name every file system over the limit, because both sides know what they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from sickbay.errors import NotApplicable
from sickbay.facts import Record

R = TypeVar("R", bound=Record)


class Measure(float):
    """A number taken from one record of several: ``rows`` holds all, the extreme one first."""

    __slots__ = ("attribute", "rows")
    attribute: str
    rows: tuple[Record, ...]

    def __new__(cls, value: float, attribute: str, rows: tuple[Record, ...]) -> Self:
        self = super().__new__(cls, value)
        self.attribute, self.rows = attribute, rows
        return self


class Offenders(tuple[R, ...]):
    """Records that should not be there; healthy is the empty tuple."""

    __slots__ = ()


class Amount(int):
    """How many records fulfil a condition; remembers which."""

    rows: tuple[Record, ...]

    def __new__(cls, rows: Iterable[Record]) -> Self:
        rows = tuple(rows)
        self = super().__new__(cls, len(rows))
        self.rows = rows
        return self


class Share(float):
    """Records that fulfil a condition, as a share of some whole; remembers which they are."""

    __slots__ = ("rows",)
    rows: tuple[Record, ...]

    def __new__(cls, rows: Iterable[Record], whole: float) -> Self:
        rows = tuple(rows)
        self = super().__new__(cls, len(rows) / whole if whole else 0.0)
        self.rows = rows
        return self


def worst(rows: Iterable[Record], attribute: str) -> Measure:
    """The highest value of an attribute; NotApplicable where there is nothing to measure."""
    return _extreme(rows, attribute, highest=True)


def least(rows: Iterable[Record], attribute: str) -> Measure:
    """The lowest value of an attribute; NotApplicable where there is nothing to measure."""
    return _extreme(rows, attribute, highest=False)


def offenders(rows: Iterable[R], condition: Callable[[R], bool]) -> Offenders[R]:
    """The records that fulfil a condition which none should: ``assert offenders(...) == ()``."""
    return Offenders(row for row in rows if condition(row))


def count(rows: Iterable[R], condition: Callable[[R], bool] = lambda _: True) -> Amount:
    """How many records fulfil a condition: ``assert count(...) <= limits.x``."""
    return Amount(row for row in rows if condition(row))


def share(rows: Iterable[R], condition: Callable[[R], bool], *, of: float) -> Share:
    """Records that fulfil a condition, of a whole: ``assert share(...) <= limits.x``."""
    return Share((row for row in rows if condition(row)), of)


def _extreme(rows: Iterable[Record], attribute: str, *, highest: bool) -> Measure:
    measured = [row for row in rows if getattr(row, attribute) is not None]
    if not measured:
        raise NotApplicable(f"there is nothing here that has a {attribute.replace('_', ' ')}")
    ordered = sorted(measured, key=lambda row: float(getattr(row, attribute)), reverse=highest)
    return Measure(getattr(ordered[0], attribute), attribute, tuple(ordered))


@dataclass(frozen=True)
class Comparison:
    """A comparison that an assertion made and that did not hold."""

    operator: str
    left: Any
    right: Any


_watching: ContextVar[list[Comparison] | None] = ContextVar("sickbay_comparisons", default=None)


@contextmanager
def comparisons() -> Iterator[list[Comparison]]:
    """Collect the failed comparisons of assertions made inside, the last one being the one that counts."""
    seen: list[Comparison] = []
    token = _watching.set(seen)
    try:
        yield seen
    finally:
        _watching.reset(token)


def note(operator: str, left: Any, right: Any) -> None:
    """Called (through pytest's assertion hook) with both sides of a comparison that did not hold."""
    seen = _watching.get()
    if seen is not None:
        seen.append(Comparison(operator, left, right))
