"""Declared services: systemd units and other processes, and what these have to be like."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from sickbay.inventory.base import Part
from sickbay.inventory.declared.words import Unit
from sickbay.inventory.patterns import Pattern
from sickbay.inventory.units import Duration


class Service(Part):
    """What the processes of a unit, or those with a declared command line, have to be like."""

    user: str | None = Field(None, description="account that its processes run under")


class DeclaredUnit(Service):
    """What a systemd unit that has to be active, and its processes, have to be like."""

    up_at_most: Duration | None = Field(
        None,
        description="how long ago it may have been started, where a job restarts it at set times",
        gt=0,
        examples=["25 h"],
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
