"""Ports of app1 are taken or exposed, connections are left open, pools are full; db1's network service ends."""

from __future__ import annotations

from collections.abc import Iterator

from lab.fault import fault
from lab.machines import Machine
from lab.worlds.hosts import Hosts

_SERVER = "python3 -m http.server --bind 127.0.0.1 8000"
_NO_SHOP = ["host.unit-inactive@app1", "endpoint.wrong-status@shop"]


@fault(
    "host.port-taken",
    on="app1",
    cause="another service listens on it",
    also=_NO_SHOP,
    proves=["sergas:application-wont-start/port-owner"],
)
def another_unit_has_the_port(hosts: Hosts) -> Iterator[None]:
    """The shop is stopped, and another unit listens where it should."""
    hosts.app1.run(f"systemctl stop shop-app; systemd-run -q --collect --unit=squatter {_SERVER}")
    hosts.wait_for_shop()
    yield
    hosts.app1.run("systemctl stop squatter; systemctl start shop-app")
    hosts.wait_for_shop()


@fault(
    "host.port-taken",
    on="app1",
    cause="a program that was started by hand listens on it",
    also=_NO_SHOP,
    proves=["ai-orchestrator-hub:port-conflict/port-owner"],
)
def program_started_by_hand_has_the_port(hosts: Hosts) -> Iterator[None]:
    """Somebody tried something out, and left it running."""
    hosts.app1.run(
        f"systemctl stop shop-app; setsid -f sh -c 'echo $$ >/run/tried; exec {_SERVER}' >/dev/null 2>&1"
    )
    hosts.wait_for_shop()
    yield
    hosts.app1.run("kill $(cat /run/tried)")
    hosts.app1.wait_for("[ ! -d /proc/$(cat /run/tried) ]")
    hosts.app1.run("rm /run/tried; systemctl start shop-app")
    hosts.wait_for_shop()


def _redis(app1: Machine, address: str) -> Iterator[None]:
    app1.run(
        "systemd-run -q --collect --unit=loose redis-server --port 6379 --protected-mode no --save '' "
        f"--bind {address}"
    )
    app1.wait_for("ss -Hltn sport = :6379 | grep -q LISTEN")
    yield
    app1.run("systemctl stop loose")


@fault(
    "host.port-exposed",
    on="app1",
    cause="its program listens on all addresses",
    proves=["claudebox:support-escalation/datastores-not-exposed"],
)
def redis_listens_on_all_addresses(app1: Machine) -> Iterator[None]:
    """A Redis without a password and without its protected mode."""
    yield from _redis(app1, "0.0.0.0")


@fault("host.port-exposed", on="app1", cause="its program listens on an address of the network")
def redis_listens_on_the_network(app1: Machine) -> Iterator[None]:
    """It was bound to the machine's own address."""
    yield from _redis(app1, app1.address)


@fault(
    "host.port-exposed",
    on="app1",
    cause="its program listens on all addresses",
    proves=["claude-projects-api:local-testing/inspector-not-exposed"],
    how="real, but what listens on the inspector's port is no Node",
)
def inspector_was_left_open(app1: Machine) -> Iterator[None]:
    """A debugging session is over, and its port is open to all."""
    app1.run("systemd-run -q --collect --unit=inspector python3 -m http.server 9229")
    app1.wait_for("ss -Hltn sport = :9229 | grep -q LISTEN")
    yield
    app1.run("systemctl stop inspector")


_CLIENTS = (
    'import socket, time; server = socket.create_server(("127.0.0.1", 9100), backlog=100); '
    'clients = [socket.create_connection(("127.0.0.1", 9100)) for _ in range(60)]; '
)
_CLOSE = "[c.close() for c in clients]; time.sleep(600)"


def _keeper(app1: Machine, program: str) -> Iterator[None]:
    app1.run(f"systemd-run -q --collect --unit=keeper python3 -c '{program}'")
    app1.wait_for("[ $(ss -Htn state close-wait sport = :9100 | wc -l) = 60 ]")
    yield
    app1.run("systemctl stop keeper")


@fault(
    "host.connections-left-open",
    on="app1",
    cause="the program does not close them",
    proves=["sergas:component-down/api-connections"],
)
def program_does_not_close_connections(app1: Machine) -> Iterator[None]:
    """Sixty clients have come and gone, and the program keeps what is left of them."""
    yield from _keeper(app1, f"{_CLIENTS}kept = [server.accept() for _ in clients]; {_CLOSE}")


@fault(
    "host.connections-left-open",
    on="app1",
    cause="nobody has accepted them: the program hangs",
    proves=["ai-orchestrator-hub:network-broken/listen-queue"],
)
def clients_gave_up_waiting(app1: Machine) -> Iterator[None]:
    """Sixty clients connected to a program that hangs, and have gone again."""
    yield from _keeper(app1, f"{_CLIENTS}{_CLOSE}")


@fault(
    "host.pool-full",
    on="app1",
    cause="the pool is too small for the load, or requests are slow to give connections back",
    proves=["claude-projects-api:pool-exhausted/pool-use-below-max"],
)
def pool_is_nearly_used_up(hosts: Hosts) -> Iterator[None]:
    """The shop has nine connections to Redis, of the ten that its pool may hold."""
    yield from _pool(hosts, 9)


@fault("host.pool-full", on="app1", cause="it has several pools")
def pool_is_made_anew_for_each_request(hosts: Hosts) -> Iterator[None]:
    """It has thirty, and a pool holds ten."""
    yield from _pool(hosts, 30)


def _pool(hosts: Hosts, size: int) -> Iterator[None]:
    hosts.unit(hosts.app1, "shop-app", f"[Service]\nEnvironment=SHOP_POOL={size}\n")
    hosts.wait_for_shop()
    yield
    hosts.unit(hosts.app1, "shop-app")


def _stopped(machine: Machine, unit: str) -> Iterator[None]:
    machine.run(f"systemctl stop {unit}")
    yield
    machine.run(f"systemctl start {unit}")


@fault(
    "host.unit-inactive",
    on="db1",
    cause="it was stopped, or never started",
    proves=["claudebox:connection-timeouts/networking-active"],
)
def network_service_was_stopped(db1: Machine) -> Iterator[None]:
    """The addresses stay, and nobody looks after them."""
    yield from _stopped(db1, "systemd-networkd.socket systemd-networkd")


@fault(
    "host.unit-inactive",
    on="db1",
    cause="it was stopped, or never started",
    proves=["claudebox:maintenance-job/cron-active"],
)
def cron_of_the_database_was_stopped(db1: Machine) -> Iterator[None]:
    """Nobody runs what is due."""
    yield from _stopped(db1, "cron")
