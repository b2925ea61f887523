"""Nodes are ready, not short of anything, and of one version."""

from __future__ import annotations

from collections.abc import Iterable

from sickbay.errors import NotApplicable
from sickbay.facts import Record
from sickbay.inventory.kubernetes import KubernetesEntry, KubernetesLimits
from sickbay.judge import offenders, worst
from sickbay.symptoms import symptom
from sickbay.targets.kubernetes.facts.api_server import ApiServer
from sickbay.targets.kubernetes.facts.node_use import NodeShare, NodeUse, node_shares
from sickbay.targets.kubernetes.facts.nodes import Node
from sickbay.targets.kubernetes.facts.pods import Pod


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
    explained_by=["host.memory-short", "host.disk-filling", "host.inodes-short"],
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


@symptom(
    "kubernetes.node-versions-differ",
    severity="minor",
    signals=["neurallog:cluster-unhealthy/node-versions-consistent"],
)
def test_nodes_are_of_one_version(
    nodes: tuple[Node, ...], api_server: ApiServer, limits: KubernetesLimits
) -> None:
    """Kubelets that lie apart behave differently; one newer than its API server is unsupported."""
    newest = max((minor(node.kubelet) for node in nodes), default=(0, 0))

    def apart(node: Node) -> bool:
        own = minor(node.kubelet)
        behind = newest[0] - own[0] or newest[1] - own[1]
        return own > minor(api_server.version) or behind > limits.kubelet_skew

    assert offenders(nodes, apart) == ()


@test_nodes_are_of_one_version.cause(
    "an upgrade of the nodes has not been finished",
    remedy="Upgrade the kubelet of the nodes that are behind (drain, upgrade, uncordon).",
)
def upgrade_unfinished(nodes: tuple[Node, ...]) -> object:
    newest = max((minor(node.kubelet) for node in nodes), default=(0, 0))
    return [node for node in nodes if minor(node.kubelet) < newest]


@test_nodes_are_of_one_version.cause(
    "nodes were upgraded before the control plane",
    remedy="Upgrade the API server; it may be newer than the kubelets, never older.",
)
def upgraded_too_early(nodes: tuple[Node, ...], api_server: ApiServer) -> object:
    return [node for node in nodes if minor(node.kubelet) > minor(api_server.version)]


def minor(version: str) -> tuple[int, int]:
    """``(1, 35)`` of ``v1.35.3``; ``(0, 0)`` of what is no version."""
    parts = version.removeprefix("v").split(".")
    try:
        return int(parts[0]), int(parts[1].rstrip("+"))
    except (ValueError, IndexError):
        return (0, 0)


class Allotment(Record):
    """How much of a node's CPU (cores) or memory (bytes) pods have requested."""

    name: str
    requested: float
    allocatable: float

    @property
    def requested_fraction(self) -> float | None:
        return self.requested / self.allocatable if self.allocatable else None


def allotments(nodes: Iterable[Node], pods: Iterable[Pod]) -> tuple[Allotment, ...]:
    """CPU and memory of every node, as ``kubectl describe node`` sums them up."""
    requested: dict[tuple[str, str], float] = {}
    for pod in pods:
        if pod.node and not pod.finished:
            for what, size in (("cpu", pod.cpu), ("memory", pod.memory)):
                requested[pod.node, what] = requested.get((pod.node, what), 0.0) + size
    return tuple(
        Allotment(
            name=f"{node.name} {what}",
            requested=requested.get((node.name, what), 0.0),
            allocatable=size,
        )
        for node in nodes
        for what, size in (("cpu", node.cpu), ("memory", node.memory))
        if size is not None
    )


@symptom(
    "kubernetes.node-full",
    severity="major",
    signals=["neurallog:pod-startup/node-allocation-headroom"],
)
def test_nodes_have_room(
    nodes: tuple[Node, ...],
    pods: tuple[Pod, ...],
    limits: KubernetesLimits,
    declared: KubernetesEntry,
) -> None:
    """A node whose CPU or memory is all requested takes no further pod, however idle it is."""
    if declared.namespaces:
        raise NotApplicable("only some namespaces are looked at, and all request of the nodes")
    assert worst(allotments(nodes, pods), "requested_fraction") < limits.node_requested


@test_nodes_have_room.cause(
    "one pod asks for more than half of a node",
    remedy="Compare its requests with what it uses (kubectl top pod), and lower them.",
)
def one_large_pod(nodes: tuple[Node, ...], pods: tuple[Pod, ...]) -> object:
    rooms = {node.name: node for node in nodes}
    return [
        pod
        for pod in pods
        if (node := rooms.get(pod.node)) is not None
        and not pod.finished
        and (pod.cpu > (node.cpu or 0) / 2 or pod.memory > (node.memory or 0) / 2)
    ]


@test_nodes_have_room.cause(
    "other nodes are cordoned",
    remedy="kubectl uncordon NODE once its maintenance is over.",
    because="kubernetes.node-cordoned",
)
def others_cordoned(nodes: tuple[Node, ...]) -> object:
    return [node for node in nodes if node.cordoned]


@symptom(
    "kubernetes.node-busy",
    severity="critical",
    layer="infra",
    signals=["neurallog:cluster-unhealthy/node-usage-headroom"],
)
def test_nodes_have_headroom(
    nodes: tuple[Node, ...], node_use: tuple[NodeUse, ...], limits: KubernetesLimits
) -> None:
    """A node is nearly used up: its pods wait for CPU, or are evicted for memory."""
    assert worst(node_shares(nodes, node_use), "used_fraction") < limits.node_used


def _busy(
    nodes: tuple[Node, ...], use: tuple[NodeUse, ...], limits: KubernetesLimits, resource: str
) -> list[NodeShare]:
    shares = node_shares(nodes, use)
    return [
        one for one in shares if one.resource == resource and one.used_fraction >= limits.node_used
    ]


@test_nodes_have_headroom.cause(
    "memory is nearly used up",
    remedy="kubectl top pods -A --sort-by=memory shows whose: bound it (limits), move it, or add a node.",
)
def memory_used_up(
    nodes: tuple[Node, ...], node_use: tuple[NodeUse, ...], limits: KubernetesLimits
) -> object:
    return _busy(nodes, node_use, limits, "memory")


@test_nodes_have_headroom.cause(
    "the CPUs are nearly used up",
    remedy="kubectl top pods -A --sort-by=cpu shows whose: spread it (requests), or add a node.",
)
def cpu_used_up(
    nodes: tuple[Node, ...], node_use: tuple[NodeUse, ...], limits: KubernetesLimits
) -> object:
    return _busy(nodes, node_use, limits, "cpu")
