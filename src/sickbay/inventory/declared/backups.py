"""Declared backups: archives and dumps that have to be there, fresh, whole and restorable."""

from __future__ import annotations

from pydantic import Field

from sickbay.inventory.base import Part
from sickbay.inventory.declared.words import Path
from sickbay.inventory.patterns import Pattern
from sickbay.inventory.units import Duration


class DeclaredBackup(Part):
    """What the newest backup of a pattern has to be like."""

    max_age: Duration | None = Field(
        None, description="how long ago it may have been made", gt=0, examples=["26 h"]
    )
    newer_than: Path | None = Field(
        None, description="file that it has to be newer than, such as the settings that it keeps"
    )
    contains: tuple[Pattern, ...] = Field(
        (),
        description="regular expressions that its listing has to hold",
        examples=[["etc/shop/", "TABLE DATA public orders"]],
    )
    restore_to: Path | None = Field(
        None, description="directory whose file system needs room to restore it; else its own"
    )
