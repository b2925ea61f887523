"""What a host needs of others can be reached from it."""

from __future__ import annotations

from sickbay.judge import offenders
from sickbay.symptoms import symptom
from sickbay.targets.host.facts.peers import Peer


@symptom(
    "host.peer-unreachable",
    severity="critical",
    signals=[
        "ai-orchestrator-hub:network-broken/port-accepts-connections",
        "claude-projects-api:mongodb-connection-refused/cluster-port-open",
        "sergas:cognee-down/cognee-port-reachable",
        "sergas:cognee-down/cognee-host-resolves",
        "claudebox:connection-timeouts/tunnel-port-accepts",
    ],
    explained_by=[
        "postgres.unreachable",
        "redis.unreachable",
        "endpoint.unreachable",
        "host.name-unresolved",
        "host.firewall-blocks",
    ],
)
def test_peers_are_reached_from_here(peers: tuple[Peer, ...]) -> None:
    """What runs on this host cannot connect to something that it needs."""
    assert offenders(peers, lambda peer: peer.outcome != "connected") == ()


def _with(peers: tuple[Peer, ...], *outcomes: str) -> list[Peer]:
    return [peer for peer in peers if peer.outcome in outcomes]


@test_peers_are_reached_from_here.cause(
    "its name is not known on this host",
    remedy="getent hosts NAME there; correct /etc/resolv.conf, /etc/hosts or the DNS record.",
)
def unresolved(peers: tuple[Peer, ...]) -> object:
    return _with(peers, "unresolved")


@test_peers_are_reached_from_here.cause(
    "nothing listens there",
    remedy="Start the service over there, or let it listen on an address that this host can reach "
    "(ss -ltn).",
)
def refused(peers: tuple[Peer, ...]) -> object:
    return _with(peers, "refused")


@test_peers_are_reached_from_here.cause(
    "a firewall drops it, or the other machine is down",
    remedy="Look at the firewalls of both machines and between them (nft list ruleset, security "
    "groups); see whether the other machine answers at all.",
)
def dropped(peers: tuple[Peer, ...]) -> object:
    return _with(peers, "timed-out")


@test_peers_are_reached_from_here.cause(
    "a tunnel or proxy takes the connection, and nobody answers behind it",
    remedy="Start the service at its other end (a web terminal, for one), or open the tunnel anew: ssh "
    "-N -L PORT:localhost:PORT HOST.",
)
def closed(peers: tuple[Peer, ...]) -> object:
    return _with(peers, "closed")


@test_peers_are_reached_from_here.cause(
    "there is no way to it",
    remedy="ip route get ADDRESS shows the way from here; look at routes, VPN and gateway.",
)
def no_route(peers: tuple[Peer, ...]) -> object:
    return _with(peers, "no-route")
