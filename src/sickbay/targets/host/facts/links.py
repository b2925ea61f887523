"""Network interfaces: up, with a carrier, with an address."""

from __future__ import annotations

from collections.abc import Iterable

from sickbay.facts import Record, fact
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.command import Command
from sickbay.targets.host.sections import mark, sections

# A bridge without members has no carrier, and misses none.
_SCRIPT = f"""
{mark("links")}; ip -o link show || exit
{mark("addresses")}; ip -o addr show || exit
{mark("bridges")}; for b in /sys/class/net/*/bridge; do b=${{b%/bridge}}; echo "${{b##*/}}"; done
exit 0
"""


@fact("network_links", Command(_SCRIPT, tool="ip"))
class Link(Record):
    """A network interface (ip-link(8), ip-address(8)).

    ``up`` is what somebody has set, ``carrier`` whether there is a link at the other end.
    """

    name: str
    up: bool
    carrier: bool
    loopback: bool = False
    bridge: bool = False
    addresses: tuple[str, ...] = ()

    @classmethod
    def parse(cls, out: str) -> tuple[Link, ...]:
        """Parse one line for each link, one for each address, and the names of bridges."""
        parts = sections(out)
        addresses: dict[str, list[str]] = {}
        for line in parts["addresses"].splitlines():
            _, name, family, address, *_ = line.split()
            if family in {"inet", "inet6"} and not address.startswith("fe80:"):
                addresses.setdefault(name, []).append(address.partition("/")[0])
        rows = []
        for line in parts["links"].splitlines():
            _, name, rest = line.split(": ", 2)
            name = name.partition("@")[0]
            flags = rest[rest.index("<") + 1 : rest.index(">")].split(",")
            rows.append(
                cls(
                    name=name,
                    up="UP" in flags,
                    carrier="LOWER_UP" in flags,
                    loopback="LOOPBACK" in flags,
                    bridge=name in parts["bridges"].splitlines(),
                    addresses=tuple(addresses.get(name, ())),
                )
            )
        if not rows:
            raise ValueError("ip shows no interface")
        return tuple(rows)


class JudgedLink(Record):
    """An interface that has to work, and whether it does."""

    name: str
    there: bool
    up: bool
    carrier: bool
    addresses: tuple[str, ...]

    @property
    def works(self) -> bool:
        return self.up and self.carrier and bool(self.addresses)


def needed_links(entry: HostEntry, interfaces: Iterable[Link]) -> tuple[JudgedLink, ...]:
    """Loopback, those that have an address (bridges apart), and those that are declared."""
    known = {one.name: one for one in interfaces}
    names = [
        one.name for one in known.values() if one.loopback or (one.addresses and not one.bridge)
    ]
    return tuple(
        JudgedLink(
            name=name,
            there=name in known,
            up=name in known and known[name].up,
            carrier=name in known and known[name].carrier,
            addresses=known[name].addresses if name in known else (),
        )
        for name in dict.fromkeys([*names, *entry.interfaces])
    )
