"""Nodes are ready and not short of anything."""

from __future__ import annotations

from sickbay.judge import offenders
from sickbay.symptoms import symptom
from sickbay.targets.kubernetes.facts.nodes import Node


@symptom(
    "kubernetes.node-not-ready",
    severity="critical",
    signals=["neurallog:cluster-unhealthy/nodes-ready"],
    explained_by=["host.unreachable"],
)
def test_nodes_are_ready(nodes: tuple[Node, ...]) -> None:
    """Pods of a node that is not ready are moved away or lost."""
    assert offenders(nodes, lambda node: node.ready != "True") == ()


@test_nodes_are_ready.cause(
    "the kubelet has stopped reporting",
    remedy="Look at the machine and its kubelet: systemctl status kubelet; journalctl -u kubelet.",
)
def kubelet_silent(nodes: tuple[Node, ...]) -> object:
    return [node for node in nodes if node.ready == "Unknown"]


@test_nodes_are_ready.cause(
    "the node's network is not set up",
    remedy="Look at the pods of the network plugin on that node.",
)
def network_plugin(nodes: tuple[Node, ...]) -> object:
    return [n for n in nodes if n.ready == "False" and "network" in n.message.lower()]


@test_nodes_are_ready.cause(
    "the node is short of a resource",
    remedy="Free what it is short of; see the symptom kubernetes.node-pressure.",
    because="kubernetes.node-pressure",
)
def pressure(nodes: tuple[Node, ...]) -> object:
    return [node for node in nodes if node.ready != "True" and node.pressures]


@symptom(
    "kubernetes.node-pressure",
    severity="critical",
    signals=["neurallog:cluster-unhealthy/nodes-without-pressure"],
)
def test_nodes_are_without_pressure(nodes: tuple[Node, ...]) -> None:
    """A node that is short of memory, disk or process ids evicts pods and takes no new ones."""
    assert offenders(nodes, lambda node: bool(node.pressures)) == ()


@test_nodes_are_without_pressure.cause(
    "memory is short", remedy="Lower or spread the pods' memory requests; add nodes."
)
def memory(nodes: tuple[Node, ...]) -> object:
    return [node for node in nodes if "MemoryPressure" in node.pressures]


@test_nodes_are_without_pressure.cause(
    "the disk is full",
    remedy="Remove unused images and old logs on the node (crictl rmi --prune); enlarge its disk.",
)
def disk(nodes: tuple[Node, ...]) -> object:
    return [node for node in nodes if "DiskPressure" in node.pressures]


@test_nodes_are_without_pressure.cause(
    "process ids run out", remedy="Find the pod that forks without end; limit pids per pod."
)
def process_ids(nodes: tuple[Node, ...]) -> object:
    return [node for node in nodes if "PIDPressure" in node.pressures]


@test_nodes_are_without_pressure.cause(
    "the node's network is unavailable", remedy="Look at the network plugin and the cloud's routes."
)
def network(nodes: tuple[Node, ...]) -> object:
    return [node for node in nodes if "NetworkUnavailable" in node.pressures]


@symptom(
    "kubernetes.node-cordoned",
    severity="minor",
    signals=["neurallog:cluster-unhealthy/nodes-schedulable"],
)
def test_nodes_are_schedulable(nodes: tuple[Node, ...]) -> None:
    """A node left cordoned after maintenance is capacity that is paid for and not used."""
    assert offenders(nodes, lambda node: node.cordoned) == ()


@test_nodes_are_schedulable.cause(
    "a node was cordoned and never given back",
    remedy="kubectl uncordon NODE once its maintenance is over.",
)
def cordoned(nodes: tuple[Node, ...]) -> object:
    return [node for node in nodes if node.cordoned]
