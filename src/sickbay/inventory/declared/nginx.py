"""What an nginx has to serve, and by which backends."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sickbay.inventory.base import Part
from sickbay.inventory.declared.words import Address, Path

ServerName = Annotated[str, Field(pattern=r"^[\w*~][^\s;{}]{0,252}$")]


class DeclaredSite(Part):
    """What a server block (``server_name``) has to be like."""

    certificate: Path | None = Field(None, description="its ssl_certificate")
    passes_to: tuple[Address, ...] = Field(
        (),
        description="backends, HOST:PORT, that it passes requests to (proxy_pass), by themselves or as "
        "servers of an upstream",
        examples=[["127.0.0.1:8000"]],
    )


class DeclaredNginx(Part):
    """What is asked of an nginx that runs: a configuration that it takes, and these sites in it."""

    sites: dict[ServerName, DeclaredSite] = Field(
        {}, description="server names that it has to serve, not with a maintenance answer (503)"
    )
    upstreams: dict[str, tuple[Address, ...]] = Field(
        {},
        description="servers, HOST:PORT, that an upstream has to send requests to: not down, not as a "
        "backup, and with no less weight than the others",
        examples=[{"shop": ["192.0.2.11:8000", "192.0.2.12:8000"]}],
    )
