"""Observe name resolution: ask the resolver, and the servers of the zones themselves.

All questions go out side by side. What is asked leaves its trace in the servers' counters and,
where they keep one, in their log of queries.
"""

from __future__ import annotations

import asyncio

import dns.exception
import dns.resolver

from sickbay.errors import Unreachable
from sickbay.inventory.dns import PORT, DnsEntry, split_server
from sickbay.targets.dns.ask import SILENT, Answer, Asked, Resolve
from sickbay.targets.dns.questions import Server
from sickbay.targets.probe import Probe

_SHARE = 0.2
"""Of the deadline, for one question: finding a zone's servers takes up to four, one after another."""


async def observe(probe: Probe) -> None:
    """Have every wanted fact; the contact is that the resolver answers at all."""
    entry = probe.target.entry
    assert isinstance(entry, DnsEntry)
    await _Observation(entry, probe).all()


class _Observation:
    def __init__(self, entry: DnsEntry, probe: Probe) -> None:
        self._entry, self._probe = entry, probe
        self._seconds = max(0.5, probe.deadline * _SHARE)
        address, port = split_server(entry.resolver) if entry.resolver else (_system(), PORT)
        self._resolver = Server(address, port, self._seconds, recursive=True)

    async def all(self) -> None:
        names = await self._names()
        if all(one.outcome == SILENT for one in names):
            raise await _no_answer(self._resolver, names[0].failure)
        self._probe.reached()
        for spec in self._probe.wanted:
            assert isinstance(spec.request, Resolve)
            if spec.request.what == "names":
                self._probe.answer(spec, names if self._entry.names else ())
            elif spec.request.what == "authorities":
                asked = [one for one in names if self._is_authoritative(one)]
                self._probe.answer(spec, await asyncio.gather(*map(self._authorities, asked)))
            else:
                zones = self._entry.zones.items()
                waiting = (self._delegation(zone, wanted.name_servers) for zone, wanted in zones)
                self._probe.answer(spec, await asyncio.gather(*waiting))

    async def _names(self) -> list[Answer]:
        """The resolver's answers; with nothing declared the root's, which every resolver knows."""
        declared = [(name, wanted.record) for name, wanted in self._entry.names.items()]
        questions = declared or [(".", "NS")]
        answers = await asyncio.gather(*(self._resolver.ask(*one) for one in questions))
        if not declared:
            return list(answers)
        return list(await asyncio.gather(*map(self._resolver.with_targets, answers)))

    def _is_authoritative(self, answer: Answer) -> bool:
        wanted = self._entry.names.get(answer.name)
        return wanted is not None and wanted.authoritative

    async def _authorities(self, answer: Answer) -> Asked:
        """What the zone's own servers say of a name, beside what the resolver said."""
        if answer.outcome == SILENT:
            return Asked(answer.name, None, problem="the resolver does not answer for it")
        _, servers = await self._servers_of(answer.name)
        if not servers:
            return Asked(answer.name, None, problem="no name server of its zone could be found")
        answers = await asyncio.gather(*(one.ask(answer.name, answer.record) for one in servers))
        return Asked(answer.name, answer.owner, tuple(answers))

    async def _delegation(self, zone: str, wanted: tuple[str, ...]) -> Asked:
        """What the servers above a zone say of its name servers, beside what they should say."""
        own = await self._resolver.ask(zone, "NS")
        expected = tuple(sorted(name.removesuffix(".").lower() for name in wanted)) or own.values
        if not expected:
            return Asked(
                zone, None, problem=f"the resolver says {own.outcome} for its name servers"
            )
        _, servers = await self._servers_of(zone.removesuffix(".").partition(".")[2] or ".")
        if not servers:
            return Asked(zone, None, problem="no name server of the zone above could be found")
        answers = await asyncio.gather(*(one.referral(zone) for one in servers))
        return Asked(zone, expected, tuple(answers))

    async def _servers_of(self, name: str) -> tuple[str, list[Server]]:
        """The zone that a name lies in, and its name servers; none where they cannot be found."""
        zone = name.removesuffix(".")
        while True:
            answer = await self._resolver.ask(zone or ".", "NS")
            if answer.values and not answer.owner[0].startswith("CNAME "):
                break
            if not zone or answer.outcome == SILENT:
                return zone, []
            zone = zone.partition(".")[2]
        found = await asyncio.gather(*(self._resolver.ask(v, "address") for v in answer.values))
        addresses = sorted({one.values[0] for one in found if one.values})
        servers = [Server(one, PORT, self._seconds, recursive=False) for one in addresses]
        return zone, servers


def _system() -> str:
    try:
        return str(dns.resolver.Resolver().nameservers[0])
    except (dns.exception.DNSException, IndexError):
        raise Unreachable(
            "this machine has no name server",
            "name one as `resolver` in the inventory, or in /etc/resolv.conf",
            failure="no-resolver",
        ) from None


async def _no_answer(server: Server, why: str) -> Unreachable:
    place = f"{server.address} port {server.port}"
    if await server.refuses():
        return Unreachable(
            f"nothing takes questions at {place}",
            "start the name server there, or name another as `resolver` in the inventory",
            failure="refused",
        )
    return Unreachable(
        f"{place} does not answer: {why}",
        "see whether the name server works and may be asked from here: dig @ADDRESS NAME",
        failure="silent",
    )
