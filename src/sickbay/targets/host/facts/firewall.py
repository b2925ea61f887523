"""The host's packet filter: what it does with the first packet of a connection."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from sickbay.errors import NotApplicable, Unsupported
from sickbay.facts import Record, fact
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.command import Command
from sickbay.targets.host.packets import Packet, Ruleset
from sickbay.targets.host.sections import mark, sections

ANYBODY = "203.0.113.1"
"""An address of nobody (TEST-NET-3, RFC 5737): stands for the world outside."""
UNUSED_PORT = 9
"""The port that nobody opens (discard): what happens to it is what happens by default."""
_NETWORK = "198.51.100.1"
"""Where connections from the host go to, as far as the rules tell destinations apart."""


def _script(entry: HostEntry, _: Mapping[str, Any]) -> str | None:
    wanted = entry.firewall
    if wanted is None:
        return None
    asked = ["in 9 any default"] if wanted.default_deny else []
    for opening in wanted.allows:
        asked += [f"in {opening.port} {source}" for source in opening.source or ("any",)]
    asked += [f"out {port} any" for port in wanted.allows_out]
    lines = "\n".join(f"echo {shlex.quote(line)}" for line in asked)
    return (
        f"{mark('asked')}\n{lines or ':'}\n"
        f"{mark('legacy')}; cat /proc/net/ip_tables_names 2>/dev/null\n"
        f"{mark('rules')}; nft -j list ruleset"
    )


@fact(
    "firewall",
    Command(
        _script,
        tool="nft",
        root=True,
        everything=True,
        grant="set sudo: true for this host: only root sees the rules of the packet filter",
    ),
)
class FirewallVerdict(Record):
    """What the packet filter (nft(8)) does with a new TCP connection that the inventory speaks of.

    ``direction`` is in or out; ``source`` whom it comes from (any: an address of nobody). ``verdict`` is
    accept, drop, reject, or ``unknown`` where rules decide it that cannot be judged from here.
    ``by`` is the chain and, where one decided, the rule's handle.
    """

    what: str
    direction: str
    port: int
    source: str
    verdict: str
    by: str
    is_default: bool = False
    """It stands for all that is not allowed."""

    @property
    def lets_through(self) -> bool:
        return self.verdict == "accept"

    @classmethod
    def parse(cls, out: str) -> tuple[FirewallVerdict, ...]:
        """Parse what is asked, then the rule set as JSON, and judge it."""
        if not out:
            raise NotApplicable("the inventory says nothing of this host's packet filter")
        parts = sections(out)
        if parts["legacy"].strip():
            raise Unsupported(
                "this host filters by iptables' old tables, which nft does not show",
                "move the rules to nftables (iptables-nft), or take `firewall` out of the inventory",
            )
        rules = Ruleset(json.loads(parts["rules"])["nftables"])
        return tuple(cls._judged(line, rules) for line in parts["asked"].splitlines())

    @classmethod
    def _judged(cls, line: str, rules: Ruleset) -> FirewallVerdict:
        direction, port, source, *default = line.split()
        outside = ANYBODY if source == "any" else source.partition("/")[0]
        packet = Packet(
            source=outside if direction == "in" else _NETWORK,
            target=_NETWORK,
            port=int(port),
            comes_in=direction == "in",
        )
        verdict, by = rules.verdict(packet)
        who = "anybody" if source == "any" else source
        whence = f" from {who}" if direction == "in" else " from here"
        return cls(
            what="whatever is not allowed" if default else f"port {port}{whence}",
            direction=direction,
            port=int(port),
            source=source,
            verdict=verdict,
            by=by,
            is_default=bool(default),
        )
