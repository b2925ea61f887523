"""Observing name resolution: name servers on loopback that say what a test tells them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from selftest.servers import nobody
from selftest.unit.observing import observed
from sickbay.inventory.dns import DnsEntry
from sickbay.snapshot import TargetState
from sickbay.targets.dns import observer

DEADLINE = 3.0
ZONE = {
    ("shop.test.", "A"): ["192.0.2.11"],
    ("shop.test.", "NS"): ["ns1.shop.test.", "ns2.shop.test."],
    ("ns1.shop.test.", "A"): ["127.0.0.1"],
    ("ns2.shop.test.", "A"): ["127.0.0.2"],
    ("six.shop.test.", "AAAA"): ["2001:DB8::1"],
    ("www.shop.test.", "CNAME"): ["SHOP.test."],
    ("text.shop.test.", "TXT"): ['"Version=1"'],
    ("_db._tcp.shop.test.", "SRV"): ["0 0 27017 shop.test.", "0 0 27017 gone.shop.test."],
    ("shop.test.", "MX"): ["10 gone.shop.test."],
    ("test.", "NS"): ["ns1.shop.test."],
}
"""What the servers know: records by name and type."""
Behaviour = Callable[[dns.message.Message], bytes | None]


def says(records: dict[tuple[str, str], list[str]]) -> Behaviour:
    """Answer from these records, as a server does that knows nothing else."""
    names = {name for name, _ in records}

    def answer(question: dns.message.Message) -> bytes:
        reply = dns.message.make_response(question)
        name, kind = question.question[0].name.to_text(), question.question[0].rdtype.name
        if (alias := records.get((name, "CNAME"))) and kind != "CNAME":
            reply.answer.append(dns.rrset.from_text(name, 60, "IN", "CNAME", *alias))
            name = alias[0].lower()
        if values := records.get((name, kind)):
            reply.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *values))
        elif name not in names:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        return reply.to_wire()

    return answer


@contextmanager
def name_server(behaviour: Behaviour, address: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """A name server, over UDP and TCP; ``behaviour`` gives the bytes to answer with, or None."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server((address, port)))
        port = listener.getsockname()[1]
        datagrams = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        datagrams.bind((address, port))

        def over_udp() -> None:
            with suppress(OSError):
                while True:
                    data, asker = datagrams.recvfrom(4096)
                    if not data:  # shut down
                        return
                    if (reply := behaviour(dns.message.from_wire(data))) is not None:
                        datagrams.sendto(reply, asker)

        def over_tcp() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    with client:
                        data = client.recv(4096)[2:]
                        if not data:
                            continue
                        reply = behaviour(dns.message.from_wire(data)) or b""
                        client.sendall(len(reply).to_bytes(2, "big") + reply)

        for serve in (over_udp, over_tcp):
            threading.Thread(target=serve, daemon=True).start()
        yield port
        for one in (datagrams, listener):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def _look(port: int, *facts: str, **declared: Any) -> TargetState:
    entry = DnsEntry(resolver=f"127.0.0.1:{port}", deadline=DEADLINE, **declared)
    return observed(entry, facts or None)


def _names(behaviour: Behaviour, **names: Any) -> dict[str, Any]:
    """What is seen of these names at such a resolver."""
    with name_server(behaviour) as port:
        state = _look(port, "resolved_names", names=names)
    seen = state.facts["resolved_names"]
    assert seen.gap is None, seen.gap
    return {one.name: one for one in seen.value}


def test_names_are_resolved_with_what_they_point_at() -> None:
    """Addresses of either kind, aliases followed, targets checked."""
    names = {
        "shop.test": {},
        "six.shop.test": {},
        "www.shop.test": {},
        "text.shop.test": {"record": "TXT"},
        "_db._tcp.shop.test": {"record": "SRV"},
        "none.shop.test": {},
        "ns1.shop.test": {"record": "MX"},
    }
    seen = _names(says(ZONE), **names)
    assert seen["shop.test"].values == seen["www.shop.test"].values == ("192.0.2.11",)
    assert seen["six.shop.test"].values == ("2001:db8::1",)
    assert seen["text.shop.test"].values == ('"Version=1"',)
    assert seen["_db._tcp.shop.test"].lacking == ("gone.shop.test",)
    assert (seen["none.shop.test"].outcome, seen["ns1.shop.test"].outcome) == (
        "NXDOMAIN",
        "NOERROR",
    )
    assert [name for name, one in seen.items() if one.resolves] == [
        "shop.test",
        "six.shop.test",
        "www.shop.test",
        "text.shop.test",
    ]


def test_names_that_fail_keep_the_code_of_the_answer() -> None:
    """A resolver that refuses has answered; it is reached, and nothing resolves."""

    def refuse(question: dns.message.Message) -> bytes:
        reply = dns.message.make_response(question)
        reply.set_rcode(dns.rcode.REFUSED)
        return reply.to_wire()

    seen = _names(refuse, **{"shop.test": {}})
    assert (seen["shop.test"].outcome, seen["shop.test"].resolves) == ("REFUSED", False)


def test_answer_that_is_cut_off_is_asked_for_over_tcp() -> None:
    """The bit TC says that there is more than a datagram holds."""
    asked = []

    def cut_off_at_first(question: dns.message.Message) -> bytes:
        asked.append(question)
        if len(asked) > 1:
            return says(ZONE)(question)
        reply = dns.message.make_response(question)
        reply.flags |= dns.flags.TC
        return reply.to_wire()

    assert _names(cut_off_at_first, **{"shop.test": {}})["shop.test"].values == ("192.0.2.11",)


@pytest.mark.parametrize(
    "behaviour",
    [
        lambda _: None,
        lambda _: b"",
        lambda _: b"\xff" * 40,
        lambda _: dns.message.make_response(dns.message.make_query("a.test", "A")).to_wire(),
    ],
    ids=["nothing", "empty", "garbage", "answer to another question"],
)
def test_resolver_without_a_usable_answer_is_silent(behaviour: Behaviour) -> None:
    """Whatever comes back, it is no answer to what was asked, and no name resolves."""
    with name_server(behaviour) as port:
        state = _look(port, names={"shop.test": {}})
    assert state.contact is not None
    assert (state.contact.outcome, state.contact.failure) == ("unreachable", "silent")
    assert all(seen.value is None for seen in state.facts.values())


def test_resolver_that_is_not_there_refuses() -> None:
    """Over UDP that looks like silence; over TCP it does not."""
    with nobody() as port:
        state = _look(port)
    assert state.contact is not None
    assert state.contact.failure == "refused"


def test_resolver_without_declared_names_is_asked_for_the_root() -> None:
    """So that there is a contact to judge; all else does not apply."""
    with name_server(says({(".", "NS"): ["a.root."]})) as port:
        state = _look(port)
    assert state.contact is not None
    assert state.contact.outcome == "answered"
    assert [seen.absent is not None for seen in state.facts.values()] == [True, True, True]


@contextmanager
def two_servers(
    monkeypatch: pytest.MonkeyPatch, first: Behaviour, second: Behaviour
) -> Iterator[int]:
    """The zone's two name servers on one port; the first is the resolver as well."""
    with (
        name_server(first) as port,
        name_server(second, "127.0.0.2", port),
    ):
        monkeypatch.setattr(observer, "PORT", port)
        yield port


def test_authoritative_answers_of_every_server_stand_beside_the_resolvers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One of the two has an old zone; an alias is compared as an alias."""
    old = {**ZONE, ("shop.test.", "A"): ["192.0.2.99"]}
    names = {"shop.test": {"authoritative": True}, "www.shop.test": {"authoritative": True}}
    with two_servers(monkeypatch, says(ZONE), says(old)) as port:
        state = _look(port, names=names)
    rows = state.facts["authoritative_answers"].value
    assert [(one.of, one.differs) for one in rows] == [
        ("shop.test at 127.0.0.1", False),
        ("shop.test at 127.0.0.2", True),
        ("www.shop.test at 127.0.0.1", False),
        ("www.shop.test at 127.0.0.2", False),
    ]
    assert rows[2].says == ("CNAME shop.test",)


def test_authoritative_server_that_is_silent_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """It neither agrees nor differs."""
    with two_servers(monkeypatch, says(ZONE), lambda _: None) as port:
        state = _look(port, names={"shop.test": {"authoritative": True}})
    rows = state.facts["authoritative_answers"].value
    assert [(one.silent, one.differs) for one in rows] == [(False, False), (True, False)]


def test_authoritative_servers_that_cannot_be_found_are_a_gap() -> None:
    """Nobody has said anything, so nothing is healthy."""
    with name_server(says({("shop.test.", "A"): ["192.0.2.11"]})) as port:
        state = _look(port, names={"shop.test": {"authoritative": True}})
    gap = state.facts["authoritative_answers"].gap
    assert gap is not None
    assert "no name server of its zone" in gap.detail


@pytest.mark.parametrize(
    ("declared", "above", "differs"),
    [
        ({}, ["ns1.shop.test.", "ns2.shop.test."], False),
        ({}, ["ns1.shop.test.", "ns9.test."], True),
        ({}, [], True),
        ({"name_servers": ["NS1.shop.test.", "ns2.shop.test"]}, ZONE["shop.test.", "NS"], False),
        ({"name_servers": ["ns7.test"]}, ZONE["shop.test.", "NS"], True),
    ],
)
def test_delegation_is_compared_with_what_is_declared_or_the_zones_own(
    monkeypatch: pytest.MonkeyPatch, declared: dict[str, Any], above: list[str], *, differs: bool
) -> None:
    """Whatever their order and case; the servers above may say so in an answer or a referral."""

    def parent(question: dns.message.Message) -> bytes:
        reply = dns.message.make_response(question)
        if above and question.question[0].name.to_text() == "shop.test.":
            reply.authority.append(dns.rrset.from_text("shop.test.", 60, "IN", "NS", *above))
        return reply.to_wire()

    zone = {**ZONE, ("test.", "NS"): ["ns2.shop.test."]}
    with two_servers(monkeypatch, says(zone), parent) as port:
        state = _look(port, zones={"shop.test": declared})
    (one,) = state.facts["delegations"].value
    assert (one.of, one.differs) == ("shop.test at 127.0.0.2", differs)


def test_delegation_of_a_zone_that_nobody_knows_is_a_gap() -> None:
    """Without its name servers there is nothing to compare with."""
    with name_server(says({("test.", "NS"): ["ns1.test."]})) as port:
        state = _look(port, zones={"shop.test": {}})
    gap = state.facts["delegations"].gap
    assert gap is not None
    assert "NXDOMAIN" in gap.detail
