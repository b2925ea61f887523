"""What may take space, and how much of it."""

from __future__ import annotations

from pydantic import Field

from sickbay.inventory.base import Part
from sickbay.inventory.declared.words import Path
from sickbay.inventory.units import Duration, Fraction, Size


class DeclaredFolder(Part):
    """How large a directory may be, with all below it on the same file system."""

    size: Size | None = Field(None, description="bytes that it may take", examples=["1 GB"])
    share: Fraction | None = Field(
        None, description="share of its file system that it may take", examples=["20 %"]
    )
    oldest: Duration | None = Field(
        None, description="how long ago its files may have been changed", gt=0, examples=["10 d"]
    )


class DeclaredTree(Part):
    """A tree whose directories and files are looked through for what is too large."""

    largest: Size = Field(
        100_000_000.0, description="bytes that one file may have (default 100 MB)"
    )
    allowed: tuple[Path, ...] = Field(
        (),
        description="files and directories that may be larger; a directory with all below it",
        examples=[["/var/lib/postgresql", "/srv/backups", "/swapfile"]],
    )
