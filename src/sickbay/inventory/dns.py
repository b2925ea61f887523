"""Name resolution: a resolver, and the names and zones that it has to know."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from sickbay.inventory.base import Entry, Part

PORT = 53
LONGEST_NAME = 253
"""Characters (RFC 1035)."""


def _server(value: str) -> str:
    try:
        split_server(value)
    except ValueError:
        raise ValueError(
            f"expected the address of a name server such as 10.0.0.2 or [::1]:5353, not {value!r}"
        ) from None
    return value


def split_server(value: str) -> tuple[str, int]:
    """Address and port of ``ADDRESS``, ``ADDRESS:PORT`` or ``[ADDRESS]:PORT``; ValueError else."""
    matched = re.fullmatch(r"\[([^\]]+)\]:(\d{1,5})|([\d.]+):(\d{1,5})|(.+)", value)
    if matched is None:
        raise ValueError(value)
    address = matched[1] or matched[3] or matched[5]
    return str(ipaddress.ip_address(address)), int(matched[2] or matched[4] or PORT)


def _name(value: str) -> str:
    labels = value.removesuffix(".").split(".")
    if len(value) > LONGEST_NAME or not all(
        re.fullmatch(r"[\w-]{1,63}", label) for label in labels
    ):
        raise ValueError(f"expected a domain name such as api.example.com, not {value!r}")
    return value


Server = Annotated[str, AfterValidator(_server)]
Name = Annotated[str, AfterValidator(_name)]
RecordType = Literal["address", "CNAME", "MX", "NS", "SRV", "TXT"]


class DeclaredName(Part):
    """What a name has to resolve to."""

    record: RecordType = Field(
        "address", description="what is asked for; address is A, or AAAA where there is no A"
    )
    values: tuple[str, ...] = Field(
        (), description="all that it has to say, in any order; else whatever it says"
    )
    authoritative: bool = Field(
        False, description="its zone's own name servers have to say the same as the resolver"
    )


class DeclaredZone(Part):
    """How a zone has to be delegated."""

    name_servers: tuple[Name, ...] = Field(
        (),
        description="those that the zone above has to name; else those that the zone itself names",
    )


class DnsEntry(Entry):
    kind: ClassVar = "dns"

    resolver: Server | None = Field(
        None, description="address of the name server to ask; else the system's first one"
    )
    names: dict[Name, DeclaredName] = Field(
        {},
        description="names that have to resolve",
        examples=[{"api.example.com": {}, "_mongodb._tcp.db.example.com": {"record": "SRV"}}],
    )
    zones: dict[Name, DeclaredZone] = Field(
        {}, description="zones that have to be delegated to their own name servers"
    )
