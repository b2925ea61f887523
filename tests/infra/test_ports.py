"""Something listens where it should, and accepts what comes."""

from __future__ import annotations

from sickbay.inventory.host import HostEntry, HostLimits
from sickbay.judge import offenders, worst
from sickbay.symptoms import symptom
from sickbay.targets.host.facts.listeners import Listener, declared_ports


@symptom(
    "host.port-closed",
    severity="critical",
    signals=[
        "claudebox:connection-timeouts/api-port-listening",
        "claudebox:connection-timeouts/bolt-port-listening",
        "claude-projects-api:local-testing/local-port-listening",
        "sergas:balancer-health-check-failures/listens-beyond-loopback",
    ],
    explained_by=["host.unit-failed", "host.unit-inactive", "host.unit-flapping"],
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
    signals=["sergas:high-response-times/accept-queue"],
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
