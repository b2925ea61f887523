"""Declared certificates: files that have to hold a certificate, and what it has to be like."""

from __future__ import annotations

from pydantic import Field

from sickbay.inventory.base import Part
from sickbay.inventory.declared.words import Lineage, Path


class DeclaredCertificate(Part):
    """What the certificate in a file (PEM) has to be like."""

    names: tuple[str, ...] = Field((), description="names that it has to cover")
    key_file: Path | None = Field(None, description="file of the private key that belongs to it")
    certbot: Lineage | None = Field(
        None, description="name of certbot's lineage that has to renew it"
    )
