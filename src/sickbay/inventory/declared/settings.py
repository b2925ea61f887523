"""Declared settings files: that they can be read, and what has to stand in them."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from sickbay.inventory.base import Part
from sickbay.inventory.declared.words import Name, Path, Text

Format = Literal["toml", "yaml", "json", "ini", "env"]
ENDINGS: dict[str, Format] = {
    ".toml": "toml", ".yaml": "yaml", ".yml": "yaml", ".json": "json", ".ini": "ini",
    ".cfg": "ini", ".service": "ini", ".env": "env",
}  # fmt: skip
MEASURES = ("cores", "memory_mb")
"""Words that stand for a number of the host: its CPU cores, and its memory in MB (1,000,000 bytes)."""


def _key(value: str) -> str:
    if not value or not value.isprintable() or value.startswith(".") or value.endswith("."):
        raise ValueError(f"expected the place of a key such as server.port, not {value!r}")
    return value


def _setting(value: str | float | bool) -> str | float | bool:
    if isinstance(value, str) and re.match(r"[<>]", value):
        words = "|".join(MEASURES)
        if not re.fullmatch(rf"(?:>=|<=) ?(?:-?\d+(?:\.\d+)?|{words})", value):
            raise ValueError(f"expected a bound such as '<= 2048' or '<= memory_mb', not {value!r}")
    return value


Key = Annotated[str, AfterValidator(_key)]
Setting = Annotated[bool | int | float | str, AfterValidator(_setting)]


class DeclaredCheck(Part):
    """A command by which a program checks its own settings, without starting."""

    command: Text = Field(description="shell command; it has to end with status 0 within 5 s")
    account: Name | None = Field(None, description="account that it is run as (else the user's)")
    directory: Path | None = Field(None, description="directory that it is run in")


class DeclaredSettings(Part):
    """What has to stand in a settings file. ``cores`` and ``memory_mb`` are the host's own numbers."""

    format: Format | None = Field(None, description="what it is written in (else by its ending)")
    keys: dict[Key, Setting | tuple[Setting, ...]] = Field(
        {},
        description="keys by their place, each with its value or bounds, without which nothing works",
        examples=[{"server.port": 8000, "database.pool.0": "<= 20"}],
    )
    advised: dict[Key, Setting | tuple[Setting, ...]] = Field(
        {},
        description="the same for what only should be so",
        examples=[{"server.workers": "cores", "memory.limit_mb": ["<= 2048", "<= memory_mb"]}],
    )
    only_in: dict[Key, tuple[str, ...]] = Field(
        {},
        description="keys that may stand in these tables only ('' is the top level)",
        examples=[{"port": ["server", "database"]}],
    )
    check: DeclaredCheck | None = Field(
        None, description="a command by which the program checks them"
    )

    @model_validator(mode="after")
    def _has_keys(self) -> DeclaredSettings:
        if both := sorted(self.keys.keys() & self.advised.keys()):
            raise ValueError(f"{both[0]!r} stands among the keys and among those advised")
        return self


def format_of(path: str, wanted: DeclaredSettings) -> Format:
    """What a file is written in; what has no known ending is taken for NAME=VALUE lines."""
    return wanted.format or ENDINGS.get(PurePosixPath(path).suffix, "env")
