"""Something listens where it should, and accepts what comes."""

from __future__ import annotations

from sickbay.inventory.host import HostEntry, HostLimits
from sickbay.judge import offenders, worst
from sickbay.symptoms import symptom
from sickbay.targets.host.facts.connections import Connections
from sickbay.targets.host.facts.listeners import Listener, declared_ports
from sickbay.targets.host.facts.port_owners import PortOwner
from sickbay.targets.host.facts.service_processes import ServiceProcess
from sickbay.targets.host.sockets import left_open, pools, port_uses, private_ports

_NOT_UP = ["host.unit-failed", "host.unit-inactive", "host.unit-flapping", "host.process-missing"]


@symptom(
    "host.port-closed",
    severity="critical",
    signals=[
        "claudebox:connection-timeouts/api-port-listening",
        "claudebox:connection-timeouts/bolt-port-listening",
        "claude-projects-api:local-testing/local-port-listening",
        "claude-projects-api:mongodb-connection-refused/local-mongod-listening",
        "sergas:balancer-health-check-failures/listens-beyond-loopback",
    ],
    explained_by=_NOT_UP,
)
def test_declared_ports_are_open(listeners: tuple[Listener, ...], declared: HostEntry) -> None:
    """Nothing listens on a port that clients connect to: they are refused."""
    assert offenders(declared_ports(declared, listeners), lambda port: not port.listening) == ()


@test_declared_ports_are_open.cause(
    "it is listened on, but on another address than declared",
    remedy="Correct the program's listen address (loopback only is not reached from outside), or the "
    "port in the inventory.",
)
def other_address(listeners: tuple[Listener, ...], declared: HostEntry) -> object:
    return [port for port in declared_ports(declared, listeners) if port.only_on]


@test_declared_ports_are_open.cause(
    "no program listens on it at all",
    remedy="Start the service that should; systemctl status and journalctl -u UNIT say why it does "
    "not listen.",
)
def nobody(listeners: tuple[Listener, ...], declared: HostEntry) -> object:
    closed = [port for port in declared_ports(declared, listeners) if not port.listening]
    return [port for port in closed if not port.only_on]


@symptom(
    "host.accept-queue-full",
    severity="major",
    signals=[
        "sergas:high-response-times/accept-queue",
        "ai-orchestrator-hub:network-broken/listen-queue",
    ],
    explained_by=["host.overloaded", "host.pressure-high"],
)
def test_connections_are_accepted(listeners: tuple[Listener, ...], limits: HostLimits) -> None:
    """Connections that nobody accepts pile up; once the backlog is full, clients time out."""
    assert worst(listeners, "waiting_fraction") < limits.accept_queue_used


@test_connections_are_accepted.cause(
    "the program does not get round to accepting them",
    remedy="See whether it hangs or is too busy (top, its own metrics); restart it, or run more "
    "workers.",
)
def not_accepting(listeners: tuple[Listener, ...], limits: HostLimits) -> object:
    return [one for one in listeners if (one.waiting_fraction or 0) >= limits.accept_queue_used]


@symptom(
    "host.port-taken",
    severity="critical",
    signals=[
        "ai-orchestrator-hub:port-conflict/port-owner",
        "sergas:application-wont-start/port-owner",
    ],
)
def test_services_have_their_ports_to_themselves(
    port_owners: tuple[PortOwner, ...],
    service_processes: tuple[ServiceProcess, ...],
    declared: HostEntry,
) -> None:
    """Another program listens on the port of a service: the service cannot start, or is not asked."""
    uses = port_uses(declared, port_owners, service_processes)
    assert offenders(uses, lambda one: one.is_stranger) == ()


@test_services_have_their_ports_to_themselves.cause(
    "another service listens on it",
    remedy="systemctl stop that unit, or give one of the two another port (and its clients as well); "
    "then systemctl restart UNIT.",
)
def another_service(
    port_owners: tuple[PortOwner, ...],
    service_processes: tuple[ServiceProcess, ...],
    declared: HostEntry,
) -> object:
    uses = port_uses(declared, port_owners, service_processes)
    return [one for one in uses if one.is_of_another_service]


@test_services_have_their_ports_to_themselves.cause(
    "a program that was started by hand listens on it",
    remedy="See what it is (ps -fp PID) and end it (kill PID: TERM first), then systemctl restart UNIT. "
    "An old copy of the service itself was started outside of systemd.",
)
def started_by_hand(
    port_owners: tuple[PortOwner, ...],
    service_processes: tuple[ServiceProcess, ...],
    declared: HostEntry,
) -> object:
    uses = port_uses(declared, port_owners, service_processes)
    return [one for one in uses if one.is_of_no_service]


@symptom(
    "host.port-exposed",
    severity="critical",
    signals=[
        "claudebox:support-escalation/datastores-not-exposed",
        "claude-projects-api:local-testing/inspector-not-exposed",
    ],
)
def test_private_ports_are_private(listeners: tuple[Listener, ...], declared: HostEntry) -> None:
    """A port that is for this host alone (a data store, a debugger) takes connections from others."""
    assert offenders(private_ports(declared, listeners), lambda one: one.is_exposed) == ()


@test_private_ports_are_private.cause(
    "its program listens on all addresses",
    remedy="Bind it to loopback (bind 127.0.0.1 for Redis, server.default_listen_address=localhost for "
    "Neo4j, --inspect=127.0.0.1 for Node) and restart it; see in its log who came in the meantime.",
)
def on_all_addresses(listeners: tuple[Listener, ...], declared: HostEntry) -> object:
    return [one for one in private_ports(declared, listeners) if one.is_exposed and one.is_on_all]


@test_private_ports_are_private.cause(
    "its program listens on an address of the network",
    remedy="Bind it to loopback, or to the one address that the inventory declares, and restart it.",
)
def on_the_network(listeners: tuple[Listener, ...], declared: HostEntry) -> object:
    return [
        one for one in private_ports(declared, listeners) if one.is_exposed and not one.is_on_all
    ]


@symptom(
    "host.connections-left-open",
    severity="major",
    signals=[
        "ai-orchestrator-hub:network-broken/listen-queue",
        "sergas:component-down/api-connections",
    ],
    explained_by=["host.overloaded", "host.pressure-high"],
)
def test_connections_are_closed(connections: tuple[Connections, ...], limits: HostLimits) -> None:
    """A program keeps connections that the other end has closed; in time it has no files left."""
    assert worst(left_open(connections), "count") < limits.left_open


@test_connections_are_closed.cause(
    "nobody has accepted them: the program hangs",
    remedy="Take a profile or its stack, then restart it.",
    because="host.accept-queue-full",
)
def nobody_accepts(
    connections: tuple[Connections, ...], listeners: tuple[Listener, ...], limits: HostLimits
) -> object:
    waiting = {one.port for one in listeners if one.waiting}
    return [
        one
        for one in left_open(connections)
        if one.count >= limits.left_open and one.port in waiting
    ]


@test_connections_are_closed.cause(
    "the program does not close them",
    remedy="Restart it for now; it has to close answers and connections when it is done with them, in "
    "case of errors too (and time out those that say nothing).",
)
def not_closed(
    connections: tuple[Connections, ...], listeners: tuple[Listener, ...], limits: HostLimits
) -> object:
    waiting = {one.port for one in listeners if one.waiting}
    return [
        one
        for one in left_open(connections)
        if one.count >= limits.left_open and one.port not in waiting
    ]


@symptom(
    "host.pool-full",
    severity="major",
    signals=["claude-projects-api:pool-exhausted/pool-use-below-max"],
)
def test_pools_have_connections_left(
    connections: tuple[Connections, ...],
    service_processes: tuple[ServiceProcess, ...],
    declared: HostEntry,
    limits: HostLimits,
) -> None:
    """A process has nearly as many connections as its pool may hold: requests wait, then fail."""
    assert (
        worst(pools(declared, connections, service_processes), "used_fraction") < limits.pool_used
    )


@test_pools_have_connections_left.cause(
    "it has several pools",
    remedy="Make one client for the whole process, and do not make another for each request.",
)
def several_pools(
    connections: tuple[Connections, ...],
    service_processes: tuple[ServiceProcess, ...],
    declared: HostEntry,
) -> object:
    return [one for one in pools(declared, connections, service_processes) if one.is_several]


@test_pools_have_connections_left.cause(
    "the pool is too small for the load, or requests are slow to give connections back",
    remedy="Look for slow queries first; then raise the pool's size (maxPoolSize) as far as the server "
    "has connections left, and deploy it.",
)
def too_small(
    connections: tuple[Connections, ...],
    service_processes: tuple[ServiceProcess, ...],
    declared: HostEntry,
    limits: HostLimits,
) -> object:
    return [
        one
        for one in pools(declared, connections, service_processes)
        if one.used_fraction >= limits.pool_used and not one.is_several
    ]
