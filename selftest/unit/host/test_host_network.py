"""The network of a host: what its packet filter does, what its tools say of names and ways."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from sickbay.errors import Denied, NotApplicable, TimedOut, Unsupported
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.facts import reached
from sickbay.targets.host.facts.firewall import FirewallVerdict
from sickbay.targets.host.facts.jails import Jails, missing_jails
from sickbay.targets.host.facts.links import Link, needed_links
from sickbay.targets.host.facts.reached import (
    HostAnswer,
    HostName,
    Ping,
    judged_answers,
    judged_names,
)
from sickbay.targets.host.packets import Packet, Ruleset

# ---------------------------------------------------------------------- packet filter

FROM_FRIEND = Packet(source="10.0.0.5", target="198.51.100.1", port=8000, comes_in=True)
FROM_ANYBODY = Packet(source="203.0.113.1", target="198.51.100.1", port=8000, comes_in=True)
GOING_OUT = Packet(source="198.51.100.1", target="203.0.113.1", port=8000, comes_in=False)


def _chain(name: str, **more: Any) -> dict[str, Any]:
    return {"chain": {"family": "inet", "table": "filter", "name": name, **more}}


def _input(policy: str, prio: int = 0, name: str = "input") -> dict[str, Any]:
    return _chain(name, type="filter", hook="input", prio=prio, policy=policy)


def _rule(*statements: dict[str, Any], chain: str = "input", handle: int = 7) -> dict[str, Any]:
    return {
        "rule": {
            "family": "inet", "table": "filter", "chain": chain, "handle": handle,
            "expr": list(statements),
        }
    }  # fmt: skip


def _match(left: dict[str, Any], right: Any, op: str = "==") -> dict[str, Any]:
    return {"match": {"op": op, "left": left, "right": right}}


def _port(right: Any, op: str = "==") -> dict[str, Any]:
    return _match({"payload": {"protocol": "tcp", "field": "dport"}}, right, op)


def _source(right: Any, op: str = "==") -> dict[str, Any]:
    return _match({"payload": {"protocol": "ip", "field": "saddr"}}, right, op)


ACCEPT, DROP, REJECT = {"accept": None}, {"drop": None}, {"reject": {"type": "tcp reset"}}
NEW = _match({"ct": {"key": "state"}}, ["established", "related"], "in")
FRIENDS = {"set": {"family": "inet", "table": "filter", "name": "friends", "type": "ipv4_addr",
                   "elem": [{"prefix": {"addr": "10.0.0.0", "len": 24}}]}}  # fmt: skip


@pytest.mark.parametrize(
    ("rules", "verdict"),
    [
        ([], "accept"),
        ([_input("accept")], "accept"),
        ([_input("drop")], "drop"),
        ([_input("drop"), _rule(_port(8000), ACCEPT)], "accept"),
        ([_input("drop"), _rule(_port(8001), ACCEPT)], "drop"),
        ([_input("drop"), _rule(_port({"set": [80, 8000]}), ACCEPT)], "accept"),
        ([_input("drop"), _rule(_port({"range": [8000, 8009]}), ACCEPT)], "accept"),
        ([_input("drop"), _rule(_port({"set": [{"range": [1, 9]}, 443]}), ACCEPT)], "drop"),
        ([_input("drop"), _rule(_port(22, "!="), ACCEPT)], "accept"),
        ([_input("accept"), _rule(_port(8000), REJECT)], "reject"),
        ([_input("accept"), _rule(_port(8000), {"counter": {"packets": 1}}, DROP)], "drop"),
        # the first that decides counts
        ([_input("drop"), _rule(_port(8000), ACCEPT), _rule(_port(8000), DROP)], "accept"),
        ([_input("drop"), _rule(_port(8000), DROP), _rule(_port(8000), ACCEPT)], "drop"),
        # what concerns other packets
        ([_input("drop"), _rule(NEW, ACCEPT)], "drop"),
        ([_input("drop"), _rule(_match({"meta": {"key": "iifname"}}, "lo"), ACCEPT)], "drop"),
        ([_input("accept"), _rule(_match({"payload": {"protocol": "udp", "field": "dport"}}, 8000), DROP)], "accept"),
        ([_input("accept"), _rule(_match({"meta": {"key": "l4proto"}}, "udp"), DROP)], "accept"),
        ([_input("drop"), _rule(_match({"meta": {"key": "l4proto"}}, {"set": ["tcp", "udp"]}), ACCEPT)], "accept"),
        # where it comes from
        ([_input("drop"), _rule(_source("203.0.113.1"), ACCEPT)], "accept"),
        ([_input("drop"), FRIENDS, _rule(_source("@friends"), ACCEPT)], "drop"),
        ([_input("accept"), FRIENDS, _rule(_source("@friends", "!="), DROP)], "drop"),
        # chains
        ([_input("drop"), _rule({"jump": {"target": "own"}}), _chain("own"), _rule(_port(8000), ACCEPT, chain="own")], "accept"),
        ([_input("drop"), _rule({"jump": {"target": "own"}}), _rule(ACCEPT), _chain("own"), _rule({"return": None}, chain="own")], "accept"),
        ([_input("drop"), _rule({"goto": {"target": "own"}}), _rule(ACCEPT), _chain("own")], "drop"),
        ([_input("accept"), _rule({"jump": {"target": "input"}})], "unknown"),
        # every base chain has a say
        ([_input("accept"), _input("drop", 10, "later")], "drop"),
        ([_input("drop", 10, "later"), _input("accept"), _rule(ACCEPT)], "drop"),
        # maps of verdicts
        ([_input("drop"), _rule({"vmap": {"key": {"ct": {"key": "state"}}, "data": {"set": [["established", ACCEPT], ["invalid", DROP]]}}}), _rule(ACCEPT)], "accept"),
        ([_input("drop"), _rule({"vmap": {"key": {"payload": {"protocol": "tcp", "field": "dport"}}, "data": {"set": [[22, DROP], [8000, ACCEPT]]}}})], "accept"),
        ([_input("drop"), _rule({"vmap": {"key": {"payload": {"protocol": "tcp", "field": "dport"}}, "data": "@ports"}})], "unknown"),
        # what cannot be told matters only where it would change the end
        ([_input("drop"), _rule({"xt": {"type": "match", "name": "conntrack"}}, ACCEPT), _rule(_port(8000), ACCEPT)], "accept"),
        ([_input("drop"), _rule({"xt": {"type": "match", "name": "conntrack"}}, ACCEPT)], "unknown"),
        ([_input("drop"), _rule(_match({"meta": {"key": "iifname"}}, "eth0"), _port(8000), ACCEPT)], "unknown"),
        ([_input("accept"), _rule({"limit": {"rate": 5}}, ACCEPT), _rule(DROP)], "unknown"),
        ([_input("accept"), _rule({"queue": {"num": 0}})], "unknown"),
    ],
)  # fmt: skip
def test_packet_of_anybody_is_judged_as_the_kernel_does(
    rules: list[dict[str, Any]], verdict: str
) -> None:
    """Chains by hook and priority, rules in their order, policies at the end."""
    assert Ruleset(rules).verdict(FROM_ANYBODY)[0] == verdict


def test_packet_of_a_friend_passes_where_a_set_names_it() -> None:
    """A set holds networks, ranges and addresses."""
    rules = [_input("drop"), FRIENDS, _rule(_port(8000), _source("@friends"), ACCEPT)]
    assert Ruleset(rules).verdict(FROM_FRIEND) == ("accept", "inet filter input handle 7")
    assert Ruleset(rules).verdict(FROM_ANYBODY) == ("drop", "policy of inet filter input")


def test_packet_going_out_is_judged_at_its_own_hook() -> None:
    """What comes in is another matter; a rule for one destination may be meant or not."""
    output = _chain("output", type="filter", hook="output", prio=0, policy="accept")
    reject = _rule(_port(8000), REJECT, chain="output")
    assert Ruleset([_input("drop"), output]).verdict(GOING_OUT)[0] == "accept"
    assert Ruleset([_input("drop"), output, reject]).verdict(GOING_OUT)[0] == "reject"
    one = _match({"payload": {"protocol": "ip", "field": "daddr"}}, "192.0.2.7")
    elsewhere = _rule(one, _port(8000), REJECT, chain="output")
    assert Ruleset([output, elsewhere]).verdict(GOING_OUT)[0] == "unknown"


def test_packet_is_not_judged_by_tables_of_other_families() -> None:
    """Bridges, ARP and IPv6 have their own."""
    other = {"chain": {**_input("drop")["chain"], "family": "ip6"}}
    assert Ruleset([other]).verdict(FROM_ANYBODY) == ("accept", "no rule")


def test_firewall_of_old_tables_is_not_supported() -> None:
    """nft would show no rule, which is not the same as none."""
    with pytest.raises(Unsupported, match="old tables"):
        FirewallVerdict.parse(
            '==sickbay== asked\nin 9 any default\n==sickbay== legacy\nfilter\n==sickbay== rules\n{"nftables": []}'
        )


def test_firewall_without_rules_lets_everything_in() -> None:
    """And says that there is none."""
    (one,) = FirewallVerdict.parse(
        '==sickbay== asked\nin 9 any default\n==sickbay== legacy\n==sickbay== rules\n{"nftables": []}'
    )
    assert (one.lets_through, one.by, one.is_default) == (True, "no rule", True)


# ---------------------------------------------------------------------- interfaces

LINKS = """\
==sickbay== links
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN
2: eth0@if4: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500
3: eth1: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1500
4: eth2: <BROADCAST,MULTICAST> mtu 1500
5: docker0: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1500
6: idle: <BROADCAST,MULTICAST> mtu 1500
==sickbay== addresses
1: lo    inet 127.0.0.1/8 scope host lo
2: eth0    inet 10.0.0.2/24 brd 10.0.0.255 scope global eth0
2: eth0    inet6 fe80::1/64 scope link
3: eth1    inet 10.0.1.2/24 scope global eth1
4: eth2    inet 10.0.2.2/24 scope global eth2
5: docker0    inet 172.17.0.1/16 scope global docker0
6: idle    inet6 fe80::2/64 scope link
==sickbay== bridges
docker0
"""


def test_links_with_an_address_have_to_work() -> None:
    """A bridge without members and an interface that nobody uses have not."""
    judged = needed_links(HostEntry(interfaces=["eth7", "idle"]), Link.parse(LINKS))
    assert {one.name: one.works for one in judged} == {
        "lo": True, "eth0": True, "eth1": False, "eth2": False, "eth7": False, "idle": False,
    }  # fmt: skip
    assert [one.name for one in judged if not one.there] == ["eth7"]


# ---------------------------------------------------------------------- names, pings, answers


def _run(script: str | None) -> str:
    assert script is not None
    return subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout


def test_names_are_asked_of_this_machine() -> None:
    """One that is known and one that nobody can know (RFC 6761)."""
    entry = HostEntry(resolves={"localhost": ["127.0.0.1"]}, unresolvable=["x.invalid"])
    names = HostName.parse(_run(reached._names(entry, {})))
    known = {one.name: one for one in judged_names(entry, names)}
    assert not known["x.invalid"].leaks
    assert known["localhost"].addresses


@pytest.mark.parametrize(
    ("addresses", "wanted", "is_wrong"),
    [
        (("10.0.0.1",), (), False),
        ((), (), True),
        (("10.0.0.1", "10.0.0.2"), ("10.0.0.1",), False),
        (("10.0.0.1",), ("10.0.0.2",), True),
    ],
)
def test_name_is_judged_by_the_wanted_addresses(
    addresses: tuple[str, ...], wanted: tuple[str, ...], *, is_wrong: bool
) -> None:
    """It may have more than those."""
    entry = HostEntry(resolves={"db": wanted})
    (one,) = judged_names(entry, (HostName(name="db", addresses=addresses),))
    assert (one.is_wrong, one.leaks) == (is_wrong, False)


def test_name_without_an_answer_in_time_is_no_fact() -> None:
    """Neither known nor unknown: whoever must not resolve it has not shown that."""
    with pytest.raises(TimedOut):
        HostName.parse("db 124 \n")
    with pytest.raises(ValueError, match="getent ended"):
        HostName.parse("db 0 \n")


PINGED = (
    "localhost yes PING localhost (127.0.0.1) 56(84) bytes of data.  --- localhost ping statistics --- "
    "3 packets transmitted, 2 received, 33.3333% packet loss, time 404ms "
    "rtt min/avg/max/mdev = 0.021/0.030/0.041/0.008 ms "
)


def test_ping_is_read_from_its_summary() -> None:
    """Of iputils and of BusyBox."""
    (one,) = Ping.parse(PINGED)
    assert (one.sent, one.answered, one.has_route) == (3, 2, True)
    assert one.seconds == pytest.approx(0.00003)
    busybox = (
        "db yes PING db (10.0.0.1): 56 data bytes  --- db ping statistics --- 3 packets transmitted, "
        "3 packets received, 0% packet loss round-trip min/avg/max = 0.050/0.060/0.070 ms "
    )
    (two,) = Ping.parse(busybox)
    assert (two.loss, two.seconds) == (0.0, pytest.approx(0.00006))


@pytest.mark.parametrize(
    ("line", "known", "has_route"),
    [
        ("db yes ping: db: Name or service not known ", False, True),
        ("db yes ping: bad address 'db' ", False, True),
        ("10.0.0.1 no ping: connect: Network is unreachable ", True, False),
        ("db yes ping: connect: No route to host ", True, False),
    ],
)
def test_ping_that_is_not_sent_is_lost(line: str, *, known: bool, has_route: bool) -> None:
    """For a reason that can be told."""
    (one,) = Ping.parse(line)
    assert (one.loss, one.known, one.has_route, one.seconds) == (1.0, known, has_route, None)


def test_ping_that_is_not_permitted_is_denied() -> None:
    """That says nothing of the way."""
    with pytest.raises(Denied, match="not permitted"):
        Ping.parse("db yes ping: socket: Operation not permitted ")
    with pytest.raises(ValueError, match="nothing that can be understood"):
        Ping.parse("db yes PING db")


def test_answers_keep_what_curl_says_of_a_failure() -> None:
    """Status 0 is no answer."""
    entry = HostEntry(answers={"http://a/x": 200, "http://b/": 200})
    out = "http://b/ 200 \nhttp://a/x curl: (7) Failed to connect to a port 80 000 \n"
    judged = {one.url: one for one in judged_answers(entry, HostAnswer.parse(out))}
    assert judged["http://a/x"].said == "curl: (7) Failed to connect to a port 80"
    assert {url: one.is_wrong for url, one in judged.items()} == {
        "http://a/x": True, "http://b/": False,
    }  # fmt: skip


# ---------------------------------------------------------------------- fail2ban


@pytest.mark.parametrize(
    ("out", "missing"),
    [
        ("Status\n|- Number of jail:\t2\n`- Jail list:\tnginx, sshd\n", ()),
        ("Status\n|- Number of jail:\t0\n`- Jail list:\t\n", (("sshd", True),)),
        ("ERROR  Failed to access socket path: /x. Is fail2ban running?\n", (("sshd", False),)),
    ],
)
def test_jails_are_read_from_the_client(out: str, missing: tuple[tuple[str, bool], ...]) -> None:
    """None where there is no server that could have any."""
    found = missing_jails(HostEntry(fail2ban=["sshd"]), Jails.parse(out))
    assert tuple((one.name, one.fail2ban_runs) for one in found) == missing


def test_jails_not_told_of_are_no_fact() -> None:
    """And nothing is asked where none are declared."""
    with pytest.raises(ValueError, match="no jails"):
        Jails.parse("Status\n")
    with pytest.raises(NotApplicable):
        Jails.parse("")
