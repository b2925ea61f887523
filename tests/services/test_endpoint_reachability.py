"""An endpoint can be found and connected to."""

from __future__ import annotations

from sickbay.judge import offenders
from sickbay.symptoms import symptom
from sickbay.targets.endpoint.facts.names import EndpointAddress, NameServer
from sickbay.targets.probe import Contact


@symptom(
    "endpoint.unreachable",
    severity="critical",
    signals=[
        "claude-projects-api:api-unreachable/https-health-ok",
        "claudebox:ssl-certificate-issues/https-answers",
        "ai-orchestrator-hub:response-slow/no-hang",
    ],
    explained_by=[
        "host.unreachable",
        "host.unit-failed",
        "host.unit-inactive",
        "host.port-closed",
        "host.firewall-blocks",
        "endpoint.name-unresolved",
        "endpoint.certificate-expired",
        "endpoint.certificate-untrusted",
        "endpoint.certificate-wrong-name",
        "endpoint.tls-outdated",
    ],
)
def test_endpoint_answers(contact: Contact) -> None:
    """Clients get no answer at all."""
    assert contact.outcome == "answered"


def _when(contact: Contact, *failures: str) -> Contact | None:
    return contact if contact.failure in failures else None


@test_endpoint_answers.cause(
    "nothing listens there",
    remedy="Start the service (systemctl status UNIT says why it does not run); compare the port in "
    "the URL.",
)
def refused(contact: Contact) -> object:
    return _when(contact, "refused")


@test_endpoint_answers.cause(
    "the network to it is broken",
    remedy="ip route get ADDRESS shows the way from here; look at firewalls and security groups.",
)
def no_route(contact: Contact) -> object:
    return _when(contact, "no-route")


@test_endpoint_answers.cause(
    "its name is not known",
    remedy="Correct the host in the URL, or the DNS record (dig NAME).",
)
def name_unknown(contact: Contact) -> object:
    return _when(contact, "name-unknown")


@test_endpoint_answers.cause(
    "the service hangs, or a firewall drops what is sent to it",
    remedy="Ask it on its own host (curl -m 5 http://127.0.0.1:PORT/...): if that answers, look at the "
    "firewalls between; if not, restart it after taking a stack dump.",
)
def silent(contact: Contact) -> object:
    return _when(contact, "silent")


@test_endpoint_answers.cause(
    "it breaks connections off",
    remedy="Read its log, and that of the proxy in front of it, for the time of this run.",
)
def broken_off(contact: Contact) -> object:
    return _when(contact, "broken-off")


@test_endpoint_answers.cause(
    "no TLS connection comes about",
    remedy="openssl s_client -connect HOST:PORT shows what is offered; compare port and scheme in the "
    "URL, and the certificate.",
)
def tls_failed(contact: Contact) -> object:
    return _when(contact, "tls-failed")


@test_endpoint_answers.cause(
    "something else than HTTP answers there",
    remedy="Compare the port in the URL with the one that the service listens on (ss -ltnp).",
)
def something_else(contact: Contact) -> object:
    return _when(contact, "garbage")


@test_endpoint_answers.cause(
    "redirects lead back to where they came from",
    remedy="Mend the rules that redirect; curl -sIL URL shows where they lead.",
)
def redirect_loop(contact: Contact) -> object:
    return _when(contact, "redirect-loop")


@test_endpoint_answers.cause(
    "the file of authorities to trust cannot be read",
    remedy="Correct ca_file in the inventory: a PEM file on the machine that runs this.",
)
def bad_ca_file(contact: Contact) -> object:
    return _when(contact, "bad-ca-file")


@test_endpoint_answers.cause(
    "the URL is not one", remedy="Write it as https://host:port/path in the inventory."
)
def bad_url(contact: Contact) -> object:
    return _when(contact, "bad-url")


@symptom(
    "endpoint.address-dead",
    severity="major",
    signals=["claude-projects-api:api-unreachable/https-port-open"],
)
def test_every_address_takes_connections(endpoint_addresses: tuple[EndpointAddress, ...]) -> None:
    """The name leads to several addresses; clients that are sent to a dead one wait or fail."""
    assert offenders(endpoint_addresses, lambda address: not address.connected) == ()


@test_every_address_takes_connections.cause(
    "the name still leads to a server that is gone",
    remedy="Take the address out of DNS or out of the balancer, or bring its server back.",
)
def server_is_gone(endpoint_addresses: tuple[EndpointAddress, ...]) -> object:
    return [address for address in endpoint_addresses if not address.connected]


@symptom(
    "endpoint.name-unresolved",
    severity="critical",
    signals=[
        "claude-projects-api:api-unreachable/api-hostname-resolves",
        "neurallog:external-access-failures/public-name-resolves",
        "claudebox:connection-timeouts/dns-resolution",
    ],
)
def test_name_resolves(name_servers: tuple[NameServer, ...]) -> None:
    """Nobody who does not know the address already can find the service."""
    asked = [server for server in name_servers if server.answered]
    assert offenders(asked, lambda server: not server.addresses) == ()


@test_name_resolves.cause(
    "the name does not exist",
    remedy="Correct the host in the URL, or add the record; after a move, see whether the domain is "
    "delegated to the new servers (dig NS DOMAIN +trace).",
)
def does_not_exist(name_servers: tuple[NameServer, ...]) -> object:
    return [server for server in name_servers if server.answer == "NXDOMAIN"]


@test_name_resolves.cause(
    "the name server itself fails on it",
    remedy="Ask another one (dig @1.1.1.1 NAME): where that answers, mend this one; else look for "
    "broken DNSSEC or dead authoritative servers (dig NAME +trace).",
)
def server_fails(name_servers: tuple[NameServer, ...]) -> object:
    return [server for server in name_servers if server.answer in {"SERVFAIL", "REFUSED"}]


@test_name_resolves.cause(
    "the name exists, but has no IPv4 address",
    remedy="Add an A record, or give the alias a target that has one.",
)
def no_address(name_servers: tuple[NameServer, ...]) -> object:
    return [s for s in name_servers if s.answer == "NOERROR" and not s.addresses]


@symptom(
    "endpoint.name-server-silent",
    severity="major",
    signals=["claude-projects-api:enotfound-atlas/resolver-works"],
    explained_by=["host.unreachable"],
)
def test_name_servers_answer(name_servers: tuple[NameServer, ...]) -> None:
    """Each look-up waits some seconds for the dead server before the next one is asked."""
    assert offenders(name_servers, lambda server: not server.answered) == ()


@test_name_servers_answer.cause(
    "this machine is told to ask a server that does not answer",
    remedy="Restart that name server, or take it out of /etc/resolv.conf (resolvectl dns, netplan).",
)
def dead_server(name_servers: tuple[NameServer, ...]) -> object:
    return [server for server in name_servers if not server.answered]
