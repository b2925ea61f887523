"""Declared services: systemd units, and what their processes have to be like."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from sickbay.inventory.base import Part
from sickbay.inventory.declared.words import Unit


class DeclaredUnit(Part):
    """What a systemd unit that has to be active, and its processes, have to be like."""

    user: str | None = Field(None, description="account that its processes run under")


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
