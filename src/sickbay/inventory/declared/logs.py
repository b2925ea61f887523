"""Declared logs: how large and old they may become, and the form of their lines."""

from __future__ import annotations

from pydantic import Field

from sickbay.inventory.base import Part
from sickbay.inventory.patterns import Pattern
from sickbay.inventory.units import Duration, Size


class DeclaredLogFolder(Part):
    """What the logs (``*.log``) in a folder, and in those below it, have to be like."""

    largest: Size | None = Field(
        None, description="bytes that one of them may have", examples=["100 MB"]
    )
    oldest: Duration | None = Field(
        None, description="how long ago one of them may have been written to", examples=["30 d"]
    )


class DeclaredLogLines(Part):
    """What the last lines of a log have to be like."""

    form: Pattern = Field(
        description="regular expression that each line as a whole has to match",
        examples=["\\d{4}-\\d\\d-\\d\\d [\\d:]+,CPU:[\\d.]+,.*"],
    )
    lines: int = Field(10, description="how many of the last lines are looked at", ge=1, le=100)
