"""Declared network: what the firewall lets through, and what is reached or not from the host."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from sickbay.inventory.base import Part
from sickbay.inventory.declared.words import HIGHEST_PORT


def _network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value, strict=False))
    except ValueError:
        raise ValueError(
            f"expected an address or network such as 10.0.0.5 or 10.0.0.0/8, not {value!r}"
        ) from None


def _reference(value: str) -> str:
    if not re.fullmatch(r"[\w.:-]{1,253}", value) or value.startswith("-"):
        raise ValueError(f"expected the name or address of a host, not {value!r}")
    return value


def _url(value: str) -> str:
    if not re.fullmatch(r"https?://[\w.\[\]:-]+(?:/[\w./~%?&=+:-]*)?", value):
        raise ValueError(f"expected http://HOST/PATH, without a password, not {value!r}")
    return value


def _opening(value: Any) -> Any:
    return {"port": value} if isinstance(value, int | str) else value


TcpPort = Annotated[int, Field(ge=1, le=HIGHEST_PORT)]
Network = Annotated[str, AfterValidator(_network)]
Reference = Annotated[str, AfterValidator(_reference)]
Url = Annotated[str, AfterValidator(_url)]


class Opening(Part):
    """A TCP port that the firewall lets through."""

    port: TcpPort = Field(description="the TCP port")
    source: tuple[Network, ...] = Field(
        (), alias="from", description="addresses or networks that it is open to; everybody if none"
    )


class DeclaredFirewall(Part):
    """What the host's packet filter has to do."""

    default_deny: bool = Field(True, description="drops what comes in and is not allowed")
    allows: tuple[
        Annotated[Opening, BeforeValidator(_opening, json_schema_input_type=TcpPort | Opening)], ...
    ] = Field(
        (),
        description="TCP ports that it lets in, with whom it lets in",
        examples=[[443, {"port": 8000, "from": ["10.0.0.5"]}]],
    )
    allows_out: tuple[TcpPort, ...] = Field((), description="TCP ports that it lets out")
