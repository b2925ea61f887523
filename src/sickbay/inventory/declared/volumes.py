"""Declared swap space."""

from __future__ import annotations

from pydantic import Field

from sickbay.inventory.base import Part
from sickbay.inventory.declared.words import Path
from sickbay.inventory.units import Size


class DeclaredSwap(Part):
    """Swap space that has to be on, now and after the next boot."""

    size: Size | None = Field(None, description="how much, at least", examples=["4 GiB"])
    file: Path | None = Field(
        None, description="file or device that it has to be in", examples=["/swapfile"]
    )
