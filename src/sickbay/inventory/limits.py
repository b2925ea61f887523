"""Limits that know their name, their unit and where they came from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self, TypeVar, cast, get_args

from pydantic import BaseModel, ConfigDict, Field

from sickbay.inventory.units import Unit, show


class Limit(float):
    """A number to compare with, that can say in a report why it is this number.

    ``source`` is ``default`` or the inventory's ``file:line``.
    """

    __slots__ = ("name", "source", "unit")
    name: str
    unit: Unit
    source: str

    def __new__(cls, value: float, *, name: str, unit: Unit, source: str) -> Self:
        self = super().__new__(cls, value)
        self.name, self.unit, self.source = name, unit, source
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return (_limit, (float(self), self.name, self.unit, self.source))

    def __str__(self) -> str:
        return show(self, self.unit)


def _limit(value: float, name: str, unit: Unit, source: str) -> Limit:
    return Limit(value, name=name, unit=unit, source=source)


LimitsT = TypeVar("LimitsT", bound="Limits")
SourceOf = Callable[[str], str]


class Limits(BaseModel):
    """The limits of one kind of target. A field's default is what holds when nothing is said."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, hide_input_in_errors=True
    )

    @classmethod
    def unit_of(cls, name: str) -> Unit:
        """The unit of a limit, from the annotation of its field."""
        for extra in cls.model_fields[name].metadata:
            if extra in get_args(Unit):
                return cast("Unit", extra)
        raise TypeError(f"{cls.__name__}.{name} needs a unit: annotate it with a type of units.py")


def limit(default: float | str, description: str) -> Any:
    """A field of a Limits class: what holds when nothing is said, and what it is about."""
    return Field(default, description=description)


def resolve(own: LimitsT, shared: Limits, own_at: SourceOf, shared_at: SourceOf) -> LimitsT:
    """``own`` with every value a Limit: the target's own word, else the inventory's, else the default.

    ``own_at`` and ``shared_at`` tell where in the inventory a limit of that name is written.
    """
    values: dict[str, Any] = {}
    for name in type(own).model_fields:
        if name in own.model_fields_set:
            value, source = getattr(own, name), own_at(name)
        elif name in shared.model_fields_set:
            value, source = getattr(shared, name), shared_at(name)
        else:
            value, source = getattr(own, name), "default"
        values[name] = Limit(value, name=name, unit=own.unit_of(name), source=source)
    return cast("LimitsT", own.model_construct(**values))
