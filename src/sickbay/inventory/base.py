"""What every kind of target has in common in an inventory."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    WithJsonSchema,
)

from sickbay.inventory.limits import Limits
from sickbay.inventory.units import Duration

SECRET_COMMAND_SECONDS = 30


def _read_secret(value: object, info: ValidationInfo) -> object:
    """A secret written as ``{file: PATH}`` or ``{command: LINE}`` becomes what that holds or prints."""
    if not isinstance(value, dict):
        return value
    if list(value) == ["file"]:
        base = (info.context or {}).get("directory", Path())
        try:
            return (base / Path(str(value["file"])).expanduser()).read_text().strip()
        except OSError as error:
            raise ValueError(f"the secret's file cannot be read: {error}") from None
    if list(value) == ["command"]:
        try:
            done = subprocess.run(
                str(value["command"]),
                shell=True,
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=SECRET_COMMAND_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ValueError(f"the secret's command took over {SECRET_COMMAND_SECONDS} s") from None
        if done.returncode != 0:
            raise ValueError(f"the secret's command ended with exit code {done.returncode}")
        return done.stdout.decode().strip()
    raise ValueError("expected a string, {file: PATH} or {command: LINE}")


Secret = Annotated[
    SecretStr,
    BeforeValidator(_read_secret),
    WithJsonSchema(
        {
            "description": "a string (use ${VARIABLE}), {file: PATH} or {command: LINE}",
            "anyOf": [
                {"type": "string"},
                {"type": "object", "properties": {"file": {"type": "string"}},
                 "required": ["file"], "additionalProperties": False},
                {"type": "object", "properties": {"command": {"type": "string"}},
                 "required": ["command"], "additionalProperties": False},
            ],
        }
    ),
]  # fmt: skip
"""A value that is never shown: from ``${VARIABLE}``, a file or a command."""


class Part(BaseModel):
    """A piece of an inventory: typed, frozen, and strict about names."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class Entry(Part):
    """One target of an inventory."""

    kind: ClassVar[str]
    """The kind's name, which is also the first word of its symptoms' ids."""

    tags: tuple[str, ...] = Field((), description="words to select by with --limit")
    runs_on: str | None = Field(None, description="name of the host or cluster it runs on")
    depends_on: tuple[str, ...] = Field(
        (), description="names of the targets it cannot work without"
    )
    deadline: Duration = Field(
        10, description="how long observing this target may take in all", gt=0
    )
    not_applicable: dict[str, str] = Field(
        {}, description="symptom id to the reason why it says nothing about this target"
    )
    limits: Limits = Limits()

    def secrets(self) -> Iterator[str]:
        """Every secret value in this entry, so that it can be kept out of reports."""
        yield from _secrets_in(self)


def _secrets_in(value: Any) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets_in(getattr(value, name))
    elif isinstance(value, dict):
        for item in value.values():
            yield from _secrets_in(item)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _secrets_in(item)
