"""What every kind of target has in common in an inventory."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from functools import cache
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
from sickbay.redact import Redactor

SECRET_COMMAND_SECONDS = 30
PLACEHOLDER = "not looked at"
"""Stands for a secret's file or command while only the form of an inventory is checked."""


def _read_secret(value: object, info: ValidationInfo) -> object:
    """A secret written as ``{file: PATH}`` or ``{command: LINE}`` becomes what that holds or prints.

    The validation's context says where the inventory lies (``directory``) and whether to look at
    all (``look``): a file is checked for errors before any command of it runs.
    """
    if not isinstance(value, dict):
        return value
    context = info.context or {}
    (way, where), *more = value.items() or [("", "")]
    if way not in {"file", "command"} or more or not isinstance(where, str) or not where:
        raise ValueError("expected text, {file: PATH} or {command: LINE}")
    if not context.get("look", True):
        return PLACEHOLDER
    directory = context.get("directory", Path())
    read = _read_secret_file if way == "file" else _run_secret_command
    secret = read(where, directory)
    if not secret:
        raise ValueError(f"the secret's {way} gives nothing")
    return secret


def _read_secret_file(name: str, directory: Path) -> str:
    try:
        return (directory / Path(name).expanduser()).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ValueError(f"the secret's file cannot be read: {error}") from None
    except UnicodeDecodeError:
        raise ValueError(f"the secret's file {name} is not text") from None


@cache
def _run_secret_command(line: str, directory: Path) -> str:
    """What a shell prints for a line, run once however often it is written."""
    process = subprocess.Popen(
        ["/bin/sh", "-c", line],
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        out, complaint = process.communicate(timeout=SECRET_COMMAND_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise ValueError(f"the secret's command took over {SECRET_COMMAND_SECONDS} s") from None
    if process.returncode != 0:
        told = Redactor().text(complaint.decode(errors="replace").strip())[:200]
        raise ValueError(
            f"the secret's command ended with exit code {process.returncode}: {told or 'no output'}"
        )
    try:
        return out.decode().strip()
    except UnicodeDecodeError:
        raise ValueError("the secret's command does not print text") from None


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

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, hide_input_in_errors=True
    )

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """What a traceback shows: no password of a URL either."""
        for name, value in super().__repr_args__():
            yield name, Redactor().text(value) if isinstance(value, str) else value


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
    elif isinstance(value, str):
        if "://" in value and "@" in value:  # a host spec, or an endpoint of one's own
            yield value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets_in(getattr(value, name))
    elif isinstance(value, dict):
        for item in value.values():
            yield from _secrets_in(item)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _secrets_in(item)
