"""app1 cannot reach what it needs on db1."""

from __future__ import annotations

from collections.abc import Iterator

from lab.fault import fault
from lab.machines import Machine
from lab.worlds.hosts import DB, Hosts


@fault(
    "host.peer-unreachable",
    on="app1",
    cause="nothing listens there",
    also=["host.unit-inactive@db1"],
    proves=[
        "ai-orchestrator-hub:network-broken/port-accepts-connections",
        "claude-projects-api:mongodb-connection-refused/cluster-port-open",
        "sergas:cognee-down/cognee-port-reachable",
    ],
)
def peer_does_not_listen(hosts: Hosts) -> Iterator[None]:
    """Redis on the other machine is stopped."""
    hosts.db1.run("systemctl stop redis-server")
    yield
    hosts.db1.run("systemctl start redis-server")
    hosts.wait_for_replica()


@fault(
    "host.peer-unreachable",
    on="app1",
    cause="its name is not known on this host",
    also=["host.name-unresolved@app1"],
    proves=["sergas:cognee-down/cognee-host-resolves"],
)
def name_of_a_peer_is_not_known(app1: Machine) -> Iterator[None]:
    """The line for the other machine is gone from the hosts file."""
    app1.run("cp /etc/hosts /root; grep -v db1 /root/hosts >/etc/hosts")
    yield
    app1.run("cat /root/hosts >/etc/hosts")


@fault(
    "host.peer-unreachable",
    on="app1",
    cause="there is no way to it",
    also=["host.ssh-silent@app1"],
)
def route_to_a_peer_is_missing(app1: Machine) -> Iterator[None]:
    """This machine's routes lead nowhere for the other one."""
    app1.run(f"ip route add unreachable {DB}/32")
    yield
    app1.run(f"ip route delete unreachable {DB}/32; sleep 1")
    app1.wait_for("chronyc -n tracking | grep -q 'Leap status.*Normal'")


@fault(
    "host.peer-unreachable",
    on="app1",
    cause="a firewall drops it, or the other machine is down",
    also=["host.ssh-silent@app1"],
)
def peer_drops_what_is_sent(app1: Machine) -> Iterator[None]:
    """What is sent to the other machine disappears."""
    app1.run(f"ip neigh replace {DB} lladdr 02:00:00:00:00:77 dev host0 nud permanent")
    yield
    app1.run(f"ip neigh delete {DB} dev host0")
    app1.wait_for("chronyc -n tracking | grep -q 'Leap status.*Normal'")
