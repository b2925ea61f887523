"""What a rule set of nftables does with a packet (nft(8), libnftables-json(5)). Pure.

Only what decides on the first packet of a TCP connection over IPv4 is understood. Whatever else a
rule asks may be so or not: both ways are followed, and where they end differently the verdict is
``unknown``.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

ACCEPT, DROP, REJECT, UNKNOWN = "accept", "drop", "reject", "unknown"
_FAMILIES = frozenset(("ip", "inet"))
_NEUTRAL = frozenset(("counter", "log", "comment", "mangle", "notrack", "ct helper"))
"""Statements that decide nothing."""
_TCP = frozenset(("tcp", 6, "6"))
_MOST_JUMPS = 30

Place = tuple[str, str, str]
"""Family, table and name of a chain or set."""
Result = tuple[str, str] | None
"""A verdict and what it was reached by; None: the chain ends without one."""
_NEXT, _BACK = ("next", ""), ("back", "")


@dataclass(frozen=True, slots=True)
class Packet:
    """The first packet of a TCP connection, to the host from outside or the other way."""

    source: str
    target: str
    port: int
    comes_in: bool


class Ruleset:
    """Chains, rules and sets of all tables, as ``nft -j list ruleset`` tells them."""

    def __init__(self, objects: Iterable[Mapping[str, Any]]) -> None:
        self._chains: dict[Place, Mapping[str, Any]] = {}
        self._rules: dict[Place, list[Mapping[str, Any]]] = {}
        self._sets: dict[Place, Any] = {}
        for one in objects:
            if chain := one.get("chain"):
                self._chains[chain["family"], chain["table"], chain["name"]] = chain
            elif rule := one.get("rule"):
                place = (rule["family"], rule["table"], rule["chain"])
                self._rules.setdefault(place, []).append(rule)
            elif named := one.get("set"):
                place = (named["family"], named["table"], named["name"])
                self._sets[place] = named.get("elem", [])

    def verdict(self, packet: Packet) -> tuple[str, str]:
        """What happens to it: every base chain at its hook may drop it, in the order of priorities."""
        hook = "input" if packet.comes_in else "output"
        bases = [
            (chain.get("prio", 0), place, chain)
            for place, chain in self._chains.items()
            if chain.get("hook") == hook and chain.get("type") == "filter" and place[0] in _FAMILIES
        ]
        last = (ACCEPT, "no rule")
        unsure: tuple[str, str] | None = None
        for _, place, chain in sorted(bases, key=lambda base: (base[0], base[1])):
            policy = (str(chain.get("policy", ACCEPT)), f"policy of {_shown(place)}")
            last = self._through(place, packet, 0) or policy
            if last[0] in {DROP, REJECT}:
                return last
            if last[0] == UNKNOWN:
                unsure = unsure or last
        return unsure or last

    def _through(self, place: Place, packet: Packet, depth: int) -> Result:
        """What a chain decides; None where the packet comes out at its end, or is sent back."""
        if depth > _MOST_JUMPS:
            return UNKNOWN, _shown(place)
        return self._from(place, self._rules.get(place, []), packet, depth)

    def _from(
        self,
        place: Place,
        rules: list[Mapping[str, Any]],
        packet: Packet,
        depth: int,
    ) -> Result:
        for number, rule in enumerate(rules):
            fits, decides = self._fits(rule.get("expr", []), place, packet)
            if fits is False or decides is None:
                continue
            taken = self._taken(decides, place, rule, packet, depth)
            if taken == _NEXT:
                continue
            ended = None if taken == _BACK else taken
            if fits:
                return ended
            passed = self._from(place, rules[number + 1 :], packet, depth)  # it may not apply
            same = ended is passed or (ended and passed and ended[0] == passed[0])
            return passed if same else (UNKNOWN, _by(place, rule))
        return None

    def _taken(
        self, decides: Mapping[str, Any], place: Place, rule: Mapping[str, Any], packet: Packet,
        depth: int,
    ) -> tuple[str, str]:  # fmt: skip
        """Where a verdict leads: a result, to the next rule, or back out of the chain."""
        if "vmap" in decides:
            return self._mapped(decides["vmap"], place, rule, packet, depth)
        for word in (ACCEPT, DROP, REJECT):
            if word in decides:
                return word, _by(place, rule)
        if "return" in decides:
            return _BACK
        for word in ("jump", "goto"):
            if word in decides:
                inner = self._through((*place[:2], decides[word]["target"]), packet, depth + 1)
                return inner or (_NEXT if word == "jump" else _BACK)
        return _NEXT if "continue" in decides else (UNKNOWN, _by(place, rule))

    def _mapped(
        self, vmap: Mapping[str, Any], place: Place, rule: Mapping[str, Any], packet: Packet,
        depth: int,
    ) -> tuple[str, str]:  # fmt: skip
        """Where a map of verdicts leads; to the next rule where it has none for the packet."""
        pairs = vmap.get("data")
        pairs = pairs.get("set") if isinstance(pairs, Mapping) else None
        if not isinstance(pairs, list):  # a map of its own, by name
            return UNKNOWN, _by(place, rule)
        for value, verdict in pairs:
            found = _found(vmap.get("key"), list(self._values(value, place)), packet)
            if found is None:
                return UNKNOWN, _by(place, rule)
            if found:
                return self._taken(verdict, place, rule, packet, depth)
        return _NEXT

    def _fits(
        self, statements: Iterable[Mapping[str, Any]], place: Place, packet: Packet
    ) -> tuple[bool | None, Mapping[str, Any] | None]:
        """Whether a rule applies (None: cannot be told), and its verdict, where it has one."""
        fits: bool | None = True
        decides: Mapping[str, Any] | None = None
        for statement in statements:
            (word,) = statement or {"": None}
            if word == "match":
                one = self._matches(statement["match"], place, packet)
                if one is False:
                    return False, None
                fits = fits if one else None
            elif word in {ACCEPT, DROP, REJECT, "return", "jump", "goto", "queue", "vmap"}:
                decides = statement
            elif word not in _NEUTRAL:
                fits = None
        return fits, decides

    def _matches(self, match: Mapping[str, Any], place: Place, packet: Packet) -> bool | None:
        """Whether a packet is what a rule asks for; None where that cannot be told."""
        values = list(self._values(match.get("right"), place))
        found = _found(match.get("left"), values, packet)
        if found is None or match.get("op") not in {"==", "!=", "in"}:
            return None
        return not found if match.get("op") == "!=" else found

    def _values(self, right: Any, place: Place) -> Iterator[Any]:
        """Every value of a set, a list, or the one value."""
        if isinstance(right, str) and right.startswith("@"):
            right = self._sets.get((*place[:2], right[1:]), [])
        if isinstance(right, Mapping) and "set" in right:
            right = right["set"]
        for one in right if isinstance(right, list) else [right]:
            timed = isinstance(one, Mapping) and "elem" in one
            yield one["elem"]["val"] if timed else one


def _by(place: Place, rule: Mapping[str, Any]) -> str:
    return f"{_shown(place)} handle {rule.get('handle')}"


def _shown(place: Place) -> str:
    return " ".join(place)


def _found(left: Any, values: list[Any], packet: Packet) -> bool | None:
    """Whether what is asked for is among the values; None where it cannot be told."""
    if not isinstance(left, Mapping):
        return None
    if isinstance(payload := left.get("payload"), Mapping):
        return _of_payload(payload.get("protocol"), payload.get("field"), values, packet)
    if isinstance(meta := left.get("meta"), Mapping):
        return _of_meta(meta.get("key"), values, packet)
    if isinstance(ct := left.get("ct"), Mapping) and ct.get("key") == "state":
        return "new" in values
    return None


def _of_meta(key: Any, values: list[Any], packet: Packet) -> bool | None:
    if key in ({"iif", "iifname"} if packet.comes_in else {"oif", "oifname"}):
        return False if set(map(str, values)) == {"lo"} else None
    if key == "l4proto":
        return any(one in _TCP for one in values)
    if key in {"nfproto", "protocol"}:
        return any(one in {"ipv4", "ip"} for one in values)
    return None


def _of_payload(protocol: Any, field: Any, values: list[Any], packet: Packet) -> bool | None:
    if protocol in {"udp", "icmp", "icmpv6", "ip6", "sctp", "igmp"}:
        return False
    if (protocol, field) == ("tcp", "dport"):
        return any(_holds_port(one, packet.port) for one in values)
    if (protocol, field) == ("ip", "protocol"):
        return any(one in _TCP for one in values)
    if (protocol, field) == ("ip", "saddr") and packet.comes_in:
        return any(_holds_address(one, packet.source) for one in values)
    if (protocol, field) == ("ip", "daddr") and not packet.comes_in:
        return None if any(not _holds_address(one, packet.target) for one in values) else True
    return None


def _holds_port(value: Any, port: int) -> bool:
    if isinstance(value, Mapping) and "range" in value:
        low, high = value["range"]
        return int(low) <= port <= int(high)
    return str(value) == str(port)


def _holds_address(value: Any, address: str) -> bool:
    one = ipaddress.ip_address(address)
    if isinstance(value, Mapping) and "prefix" in value:
        prefix = value["prefix"]
        return one in ipaddress.ip_network(f"{prefix['addr']}/{prefix['len']}", strict=False)
    if isinstance(value, Mapping) and "range" in value:
        low, high = (ipaddress.ip_address(end) for end in value["range"])
        return int(low) <= int(one) <= int(high)
    try:
        return one == ipaddress.ip_address(str(value))
    except ValueError:
        return False
