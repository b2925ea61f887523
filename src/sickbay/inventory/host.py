"""Hosts: Linux machines, reached by SSH, here, or through a testinfra backend."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from sickbay.inventory.base import Entry
from sickbay.inventory.limits import Limits, limit
from sickbay.inventory.units import Fraction


class HostLimits(Limits):
    disk_used: Fraction = limit("85 %", "space in use of a file system")


class HostEntry(Entry):
    kind: ClassVar = "host"

    address: str | None = Field(
        None, description="name or address for SSH; the target's name if unset"
    )
    port: Annotated[int, Field(ge=1, le=65535)] | None = Field(
        None, description="SSH port (else SSH config, else 22)"
    )
    user: str | None = Field(None, description="SSH user (else SSH config, else yours)")
    identity_file: str | None = Field(None, description="private key (else SSH config and agent)")
    connection: str = Field(
        "ssh",
        description="ssh, local, or a testinfra host spec such as docker://NAME or kubectl://POD",
        examples=["ssh", "local", "docker://web", "podman://web", "kubectl://pod?namespace=shop"],
    )
    sudo: bool = Field(False, description="let parts that need root use sudo -n")
    units: tuple[str, ...] = Field((), description="systemd units that have to be active")
    ports: tuple[str | int, ...] = Field(
        (), description="TCP ports that something has to listen on"
    )
    limits: HostLimits = HostLimits()
