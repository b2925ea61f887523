"""Where a host is: what its inventory entry says about the way to it, in one form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

from sickbay.errors import Unreadable
from sickbay.inventory.host import HostEntry

LOCAL, SSH = "local", "ssh"
_OPTIONS = ("ssh_config", "ssh_identity_file")


@dataclass(frozen=True, slots=True)
class Place:
    """How to get to a host. All but ``means`` and ``spec`` is for SSH; None is left to SSH config."""

    means: Literal["local", "ssh", "testinfra"]
    spec: str
    """The host spec as testinfra understands it."""
    address: str = ""
    port: int | None = None
    user: str | None = None
    identity_file: str | None = None
    ssh_config: str | None = None
    known_hosts: str | None = None


def place_of(name: str, entry: HostEntry) -> Place:
    """The place of the host ``name``. Raises Unreadable for a host spec that cannot be understood."""
    connection = entry.connection
    if connection in {LOCAL, "local://"} or connection.startswith("local://?"):
        return Place("local", "local://")
    if connection != SSH and not connection.startswith("ssh://"):
        return Place("testinfra", connection)
    spec = urlsplit(connection if "://" in connection else "ssh://")
    if spec.password is not None:
        raise Unreadable(
            "a password in a host spec is not used: it would show in process lists and histories",
            "log in with a key: identity_file, SSH config or an agent",
        )
    try:
        port = spec.port
    except ValueError:
        raise Unreadable(f"{connection!r} has no port that is a number") from None
    query = {key: values[-1] for key, values in parse_qs(spec.query).items() if key in _OPTIONS}
    host = unquote(spec.netloc.rpartition("@")[2])
    if port is not None:
        host = host.rpartition(":")[0]
    address = entry.address or host.strip("[]") or name
    return Place(
        "ssh",
        f"ssh://{address}",
        address=address,
        port=entry.port or port,
        user=entry.user or (unquote(spec.username) if spec.username else None),
        identity_file=entry.identity_file or query.get("ssh_identity_file"),
        ssh_config=entry.ssh_config or query.get("ssh_config"),
        known_hosts=entry.known_hosts,
    )
