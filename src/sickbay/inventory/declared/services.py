"""Declared services: systemd units and other processes, and what these have to be like."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from sickbay.inventory.base import Part
from sickbay.inventory.declared.words import (
    AnyPath,
    Cpu,
    Path,
    Port,
    PortNumber,
    Unit,
    Variable,
    Wanted,
)
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
    arguments: tuple[Pattern, ...] = Field(
        (),
        description="regular expressions that the command line of its main process has to hold",
        examples=[["--config settings/production.toml"]],
    )
    settings: tuple[AnyPath, ...] = Field(
        (),
        description="files (or directories of files) that it reads when it starts; a path without a "
        "slash in front is taken from its working directory",
    )
    environment: dict[Variable, str | int | None] = Field(
        {},
        description="variables that its main process has to have, each with its value, or with none "
        "where it only has to be set",
        examples=[{"SHOP_PORT": 8000, "SHOP_DATABASE": None}],
    )
    workers: Wanted | None = Field(
        None, description="processes that its main process has started and that run", examples=[4]
    )
    threads: Wanted | None = Field(
        None, description="threads of its main process", examples=[">= 4"]
    )
    ports: tuple[Port, ...] = Field(
        (),
        description="TCP ports, or ADDRESS:PORT, that its processes have to listen on, and nobody else",
        examples=[[8000]],
    )
    connections: dict[PortNumber, Annotated[int, Field(ge=2)]] = Field(
        {},
        description="connections that each of its processes may have to a TCP port at most, such as "
        "the size of its pool",
        examples=[{"5432": 50}],
    )
    open_files: int | None = Field(
        None, description="open files that each of its processes has to be allowed at least", ge=1
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
    starts_within: Duration | None = Field(
        None, description="how long it may take from its start until it is ready", gt=0
    )
    ready: Pattern | None = Field(
        None,
        description="regular expression of the line in its journal that says that it is ready, where "
        "systemd does not know (Type=simple, exec or idle)",
        examples=["startup complete"],
    )
    bounded: bool | None = Field(
        None, description="whether systemd has to bound its memory (MemoryMax=, MemoryHigh=)"
    )
    binary: Path | None = Field(
        None, description="the program that it runs, where it is a binary of your own"
    )
    up_at_least: Duration | None = Field(
        None, description="how long it has to have been up without a restart", gt=0
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
