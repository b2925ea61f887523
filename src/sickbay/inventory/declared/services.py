"""Declared services: systemd units and other processes, and what these have to be like."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from sickbay.inventory.base import Part
from sickbay.inventory.declared.words import Cpu, Unit
from sickbay.inventory.patterns import Pattern
from sickbay.inventory.units import Duration, Size, parse_fraction


class Service(Part):
    """What the processes of a unit, or those with a declared command line, have to be like."""

    user: str | None = Field(None, description="account that its processes run under")
    cpu: Cpu | None = Field(
        None,
        description="CPU that its processes may use together: cores, or a share of all of them",
        examples=[0.8, "80 %"],
    )
    memory: Size | None = Field(
        None, description="resident memory that each of its processes may hold"
    )

    def most_cores(self, cores: int) -> float | None:
        """How many of a machine's cores its processes may use together."""
        if self.cpu is None:
            return None
        text = str(self.cpu)
        return parse_fraction(text) * cores if "%" in text else float(text)


class DeclaredUnit(Service):
    """What a systemd unit that has to be active, and its processes, have to be like."""

    up_at_most: Duration | None = Field(
        None,
        description="how long ago it may have been started, where a job restarts it at set times",
        gt=0,
        examples=["25 h"],
    )
    bounded: bool | None = Field(
        None, description="whether systemd has to bound its memory (MemoryMax=, MemoryHigh=)"
    )


class DeclaredProcess(Service):
    """Processes that no unit of their own stands for, such as those that pm2 starts."""

    command: Pattern = Field(
        description="regular expression that their command line, words joined by spaces, holds",
        examples=["node .*server\\.js"],
    )
    count: int | None = Field(None, description="how many of them there have to be", ge=1)


def _named(value: Any) -> Any:
    """Names alone are units of which nothing more is said."""
    if isinstance(value, dict):
        return value
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise ValueError(
            "expected names of units such as [nginx, shop], or keys and values; "
            "put a name that is a number in quotes"
        )
    return {name: {} for name in value}


Units = Annotated[
    dict[Unit, DeclaredUnit],
    BeforeValidator(_named, json_schema_input_type=tuple[Unit, ...] | dict[Unit, DeclaredUnit]),
]
"""Units by their names; a list of names will do where nothing more is said of them."""
