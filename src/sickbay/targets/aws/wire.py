"""What boto3 answers, as far as more than one fact reads it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypeVar, overload

import msgspec

T = TypeVar("T")

_SHOWN = 300
"""Characters of a log line, reason or message that are kept; the rest is for the console."""


class Wire(msgspec.Struct, rename="pascal"):
    """A piece of an answer as it comes: fields in Pascal case, absent ones with their default."""


class CamelWire(msgspec.Struct, rename="camel"):
    """The same for the services that answer in camel case (API Gateway, CloudWatch Logs)."""


def read(raw: Any, shape: type[T]) -> T:
    """Raw builtins as the shape; ValueError where they do not fit."""
    return msgspec.convert(raw, shape, strict=False)


def moment(milliseconds: float) -> datetime:
    """A time as CloudWatch Logs counts it."""
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, OSError) as error:
        raise ValueError(f"no time: {milliseconds!r}") from error


@overload
def utc(time: datetime) -> datetime: ...
@overload
def utc(time: None) -> None: ...
def utc(time: datetime | None) -> datetime | None:
    """The time in UTC. AWS means UTC where it does not say; boto3 turns it into local time."""
    if time is None:
        return None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def brief(text: str | None) -> str:
    """The text in one line, without control characters, cut to what a report shows."""
    line = " ".join((text or "")[: 4 * _SHOWN].split())
    line = "".join(character if character.isprintable() else "�" for character in line)
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"
