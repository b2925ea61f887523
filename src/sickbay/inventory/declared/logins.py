"""Declared logins: where this host has to come in by SSH, with a key."""

from __future__ import annotations

from pydantic import Field

from sickbay.inventory.base import Part
from sickbay.inventory.declared.words import Account, Address, Path


class DeclaredLogin(Part):
    """A login by SSH that has to work from this host without a question."""

    address: Address = Field(description="where to, HOST:PORT", examples=["slot1.example.com:22"])
    user: Account = Field(description="account over there")
    key: Path = Field(description="file of the private key")
    account: Account | None = Field(
        None,
        description="account of this host that logs in, and whose known hosts count (else the one "
        "that looks, root where sudo is on)",
    )
    known_hosts: Path | None = Field(
        None, description="file of known host keys (else the account's and the host's)"
    )
