"""Declared files: what has to be there, and what it has to be like."""

from __future__ import annotations

from pydantic import Field

from sickbay.inventory.base import Part
from sickbay.inventory.declared.words import Name, Owners, Rights, Text
from sickbay.inventory.units import Duration, Size


class DeclaredFile(Part):
    """What a file (or directory) that has to be there has to be like."""

    owner: str | None = Field(None, description="account that it belongs to")
    group: str | None = Field(None, description="group that it belongs to")
    rights: Rights | None = Field(
        None, description="rights that it may have at most, in octal", examples=["640"]
    )
    executable: bool = Field(False, description="somebody has to be able to execute it")
    max_age: Duration | None = Field(
        None, description="how long ago it may have been changed", gt=0, examples=["26 h"]
    )
    min_size: Size | None = Field(None, description="bytes that it has to have", examples=["1 MiB"])
    readable_by: Name | None = Field(None, description="account that has to be able to read it")
    writable_by: Name | None = Field(
        None, description="account that has to be able to write to it, or into it"
    )
    executable_by: Name | None = Field(
        None, description="account that has to be able to execute it, or to enter it"
    )
    all_owned_by: Owners | None = Field(
        None,
        description="account, or ACCOUNT:GROUP, that it and all below it belong to",
        examples=["shop:shop"],
    )
    holds: tuple[Text, ...] = Field(
        (), description="texts that have to be in it", examples=[["/usr/local/bin/shop-backup"]]
    )
    lacks: tuple[Text, ...] = Field(
        (),
        description="texts that may not be in it, such as a placeholder for a password",
        examples=[["your_password"]],
    )
