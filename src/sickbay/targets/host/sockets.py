"""Ports and connections beside what the inventory says of them. Pure."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterable

from sickbay.errors import Denied, NotApplicable
from sickbay.facts import Record
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.facts.connections import Connections
from sickbay.targets.host.facts.listeners import ANY, Listener
from sickbay.targets.host.facts.port_owners import GRANT, PortOwner
from sickbay.targets.host.facts.service_processes import ServiceProcess
from sickbay.targets.host.services import declared_services

SYSTEMD = 1
"""The process that listens on behalf of socket units."""


def _pids(processes: Iterable[ServiceProcess], service: str) -> set[int]:
    return {one.pid for one in processes if one.service == service}


class PortUse(Record):
    """A port of a declared service, and a process that listens on it."""

    port: str
    service: str
    socket: str
    process: str
    pid: int
    unit: str
    """The unit of that process; empty where it belongs to none."""
    is_stranger: bool
    """It does not belong to the service."""

    @property
    def is_of_another_service(self) -> bool:
        return self.is_stranger and self.unit.endswith(".service")

    @property
    def is_of_no_service(self) -> bool:
        return self.is_stranger and not self.unit.endswith(".service")


def port_uses(
    entry: HostEntry, owners: Iterable[PortOwner], processes: Iterable[ServiceProcess]
) -> tuple[PortUse, ...]:
    """Who listens on the ports of services; Denied where that cannot be seen."""
    owners, processes = tuple(owners), tuple(processes)
    return tuple(
        _use(one, declared, service, _pids(processes, service))
        for service, wanted in declared_services(entry).items()
        for declared in map(str, wanted.ports)
        for one in owners
        if _is_on(one, declared)
    )


def _use(one: PortOwner, declared: str, service: str, own: set[int]) -> PortUse:
    if not one.pid:
        raise Denied(
            f"no process is shown for {one.socket}: the kernel itself listens, or this is a "
            "container whose root may not look (CAP_SYS_PTRACE)",
            GRANT,
        )
    return PortUse(
        port=declared,
        service=service,
        socket=one.socket,
        process=one.name,
        pid=one.pid,
        unit=one.unit,
        is_stranger=one.pid not in {SYSTEMD, *own} and one.unit != service,
    )


def _is_on(one: PortOwner, declared: str) -> bool:
    address, _, number = declared.rpartition(":")
    return one.port == int(number) and (not address or one.address in {address.strip("[]"), *ANY})


class PrivatePort(Record):
    """A port that has to be private, and a socket that listens on it."""

    port: str
    socket: str
    is_exposed: bool
    """It takes connections at other addresses than loopback and the declared one."""
    is_on_all: bool
    """It takes them at every address of the host."""


def private_ports(entry: HostEntry, listeners: Iterable[Listener]) -> tuple[PrivatePort, ...]:
    """Where private ports are listened on; NotApplicable where none are declared."""
    if not entry.private_ports:
        raise NotApplicable("the inventory declares no private ports for this host")
    listeners = tuple(listeners)
    return tuple(
        PrivatePort(
            port=declared,
            socket=one.socket,
            is_exposed=not _is_loopback(one.address)
            and one.address != declared.rpartition(":")[0].strip("[]"),
            is_on_all=one.address in ANY,
        )
        for declared in map(str, entry.private_ports)
        for one in listeners
        if one.port == int(declared.rpartition(":")[2])
    )


def _is_loopback(address: str) -> bool:
    if address in ANY:
        return False
    found = ipaddress.ip_address(address)
    mapped = getattr(found, "ipv4_mapped", None)
    return bool((mapped or found).is_loopback)


class LeftOpen(Record):
    """Connections that the other end has closed and a program here has not (CLOSE-WAIT).

    ``port`` is the one that they share: the program's own, or that of the server they led to.
    """

    connections: str
    process: str
    port: int
    count: int


def left_open(connections: Iterable[Connections]) -> tuple[LeftOpen, ...]:
    """Those of all processes of one name together; one of none where there are none."""
    counts: Counter[tuple[str, str, int]] = Counter()
    for one in connections:
        if one.state == "CLOSE-WAIT":
            counts[one.process, one.side, one.port] += one.count
    rows = tuple(
        LeftOpen(
            connections=f"{process}, {'its port' if side == 'here' else 'to port'} {port}",
            process=process,
            port=port,
            count=count,
        )
        for (process, side, port), count in counts.items()
    )
    return rows or (LeftOpen(connections="all programs", process="", port=0, count=0),)


class Pool(Record):
    """A process of a declared service, and its connections to a port that it may have so many to."""

    pool: str
    service: str
    pid: int
    open: int
    most: int

    @property
    def used_fraction(self) -> float:
        return self.open / self.most

    @property
    def is_several(self) -> bool:
        """It has twice what its pool may have: that is no pool of that size any more."""
        return self.open >= 2 * self.most


def pools(
    entry: HostEntry, connections: Iterable[Connections], processes: Iterable[ServiceProcess]
) -> tuple[Pool, ...]:
    """The fullest pool of each service and port; NotApplicable where none are declared."""
    connections, processes = tuple(connections), tuple(processes)
    found = []
    for service, wanted in declared_services(entry).items():
        own = _pids(processes, service)
        for port, most in wanted.connections.items():
            to_port = [
                one
                for one in connections
                if (one.side, one.state, one.port) == ("there", "ESTAB", port)
            ]
            if any(one.pid == 0 for one in to_port):
                raise Denied(f"whose connections to port {port} are cannot be seen", GRANT)
            held = [one for one in to_port if one.pid in own]
            fullest = max(held, key=lambda one: one.count, default=None)
            found.append(
                Pool(
                    pool=f"{service} to port {port}",
                    service=service,
                    pid=fullest.pid if fullest else 0,
                    open=fullest.count if fullest else 0,
                    most=most,
                )
            )
    if not found:
        raise NotApplicable("the inventory says of no service how many connections it may have")
    return tuple(found)
