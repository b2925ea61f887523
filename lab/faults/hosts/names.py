"""Names do not resolve, or otherwise than they should."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dns.message
import dns.query

from lab.fault import fault
from lab.machines import Machine
from lab.worlds.hosts import DB, Hosts
from lab.worlds.hosts_zones import SERVERS

BOTH = ("first", "second")


@contextmanager
def _zone(db1: Machine, change: str, *servers: str) -> Iterator[None]:
    """Other records on some of the servers, until the end; ``change`` is for sed."""
    for server in servers:
        zone = f"/etc/lab-zones/{server}"
        db1.run(f"cp {zone}.zone {zone}.kept; sed -i '{change}' {zone}.zone")
    _restart(db1, *servers)
    _forget(db1)
    yield
    for server in servers:
        db1.run(f"mv /etc/lab-zones/{server}.kept /etc/lab-zones/{server}.zone")
    _restart(db1, *servers)
    _forget(db1)


def _restart(db1: Machine, *servers: str) -> None:
    """Let these servers read their files, and wait until they answer again."""
    for server in servers:
        address, _ = SERVERS[server]
        db1.run(f"systemctl restart lab-zone@{server}")
        db1.wait_for(f"ss -Hlun src {address}:53 | grep -q .")


def _forget(db1: Machine) -> None:
    """Let the resolver forget what it holds (dnsmasq(8), SIGHUP)."""
    db1.run("kill -HUP $(systemctl show -p MainPID --value lab-dns)")


ENDPOINTS = ("endpoint.name-server-silent@shop", "endpoint.name-server-silent@page")
"""Their names are asked for at the same server."""


@fault("dns.unreachable", on="names", cause="no name server runs there", also=ENDPOINTS)
def resolver_was_stopped(db1: Machine) -> Iterator[None]:
    """The resolver's service is off."""
    db1.run("systemctl stop lab-dns")
    yield
    db1.run("systemctl start lab-dns")


@fault(
    "dns.unreachable",
    on="names",
    cause="it hangs, is cut off, or something drops what is sent there",
    also=ENDPOINTS,
)
def resolver_hangs(db1: Machine) -> Iterator[None]:
    """It takes questions, and answers none."""
    db1.run("kill -STOP $(systemctl show -p MainPID --value lab-dns)")
    yield
    db1.run("kill -CONT $(systemctl show -p MainPID --value lab-dns)")


@fault(
    "dns.name-unresolved",
    on="names",
    cause="there is no such name",
    proves=["claudebox:support-channels/support-sites-resolve"],
)
def name_is_deleted(db1: Machine) -> Iterator[None]:
    """The mail server's name is taken out of the zone."""
    with _zone(db1, "/^mail/d", *BOTH):
        yield


@fault(
    "dns.name-unresolved",
    on="names",
    cause="it has no records of this type",
    proves=["claude-projects-api:mongodb-connection-refused/cluster-srv-resolves"],
)
def service_record_is_deleted(db1: Machine) -> Iterator[None]:
    """The name is there, its SRV records are not."""
    with _zone(db1, "s/ SRV .*/ TXT gone/", *BOTH):
        yield


@fault(
    "dns.name-unresolved",
    on="names",
    cause="what its records point at has no address",
    proves=["claude-projects-api:mongodb-connection-refused/cluster-srv-resolves"],
)
def member_of_the_cluster_has_no_address(db1: Machine) -> Iterator[None]:
    """One of the two servers that the SRV record names is not in the zone."""
    with _zone(db1, "/^db-b/d", *BOTH):
        yield


@fault(
    "dns.name-unresolved",
    on="names",
    cause="the resolver cannot ask the zone's name servers",
)
def zone_is_not_served(db1: Machine) -> Iterator[None]:
    """The server that the resolver asks does not know the zone any more."""
    settings = "/etc/lab-zones/first.conf"
    db1.run(f"cp {settings} {settings}.kept; sed -i s/shop.test/other.test/ {settings}")
    _restart(db1, "first")
    _forget(db1)
    yield
    db1.run(f"mv {settings}.kept {settings}")
    _restart(db1, "first")
    _forget(db1)


@fault(
    "dns.answer-wrong",
    on="names",
    cause="it leads elsewhere",
    proves=["neurallog:external-access-failures/public-name-resolves"],
)
def name_leads_to_the_old_address(db1: Machine) -> Iterator[None]:
    """The shop's name was never changed to the new address."""
    with _zone(db1, "s/^shop.test. 1 IN A .*/shop.test. 1 IN A 192.0.2.99/", *BOTH):
        yield


@fault("dns.answer-wrong", on="names", cause="some of its values are missing")
def one_of_two_addresses_is_deleted(db1: Machine) -> Iterator[None]:
    """All clients are led to the other one."""
    with _zone(db1, "/^shop.test. 1 IN A 192.0.2.12/d", *BOTH):
        yield


@fault(
    "dns.answers-differ",
    on="names",
    cause="the resolver still holds what the zone said before",
    proves=["claude-projects-api:api-unreachable/dns-answers-agree"],
)
def resolver_holds_the_old_answer(hosts: Hosts) -> Iterator[None]:
    """The record was changed long before its time to live is over."""
    with hosts.network.inside():
        dns.query.udp(dns.message.make_query("held.shop.test", "A"), DB, timeout=5)
    change = "s/^held.* A .*/held.shop.test. 3600 IN A 192.0.2.99/"
    for server in BOTH:
        zone = f"/etc/lab-zones/{server}"
        hosts.db1.run(f"cp {zone}.zone {zone}.kept; sed -i '{change}' {zone}.zone")
    _restart(hosts.db1, *BOTH)
    yield
    for server in BOTH:
        hosts.db1.run(f"mv /etc/lab-zones/{server}.kept /etc/lab-zones/{server}.zone")
    _restart(hosts.db1, *BOTH)


@fault("dns.answers-differ", on="names", cause="the zone's name servers say different things")
def second_server_has_an_old_zone(db1: Machine) -> Iterator[None]:
    """It did not get the last change."""
    with _zone(db1, "s/^mail.* A .*/mail.shop.test. 1 IN A 192.0.2.99/", "second"):
        yield


@fault("dns.answers-differ", on="names", cause="a name server of the zone does not answer")
def second_server_was_stopped(db1: Machine) -> Iterator[None]:
    """One of two is off, which nobody notices as long as the other is there."""
    db1.run("systemctl stop lab-zone@second")
    yield
    db1.run("systemctl start lab-zone@second")


@fault(
    "dns.delegation-wrong",
    on="names",
    cause="the zone above names other servers",
    proves=["claude-projects-api:api-unreachable/zone-delegation-matches"],
)
def zone_was_made_anew(db1: Machine) -> Iterator[None]:
    """It has other name servers now than those that the zone above names."""
    with _zone(db1, "s/NS ns2.shop.test./NS ns9.test./", "above"):
        yield


@fault(
    "dns.delegation-wrong",
    on="names",
    cause="the zone above does not delegate it at all",
)
def delegation_was_deleted(db1: Machine) -> Iterator[None]:
    """The zone above knows nothing of it."""
    with _zone(db1, "/^shop.test/d; /^ns..shop/d", "above"):
        yield
