"""What nodes use of their CPU and memory, as a metrics server tells."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from sickbay.errors import NotApplicable, Unsupported
from sickbay.facts import Record, fact
from sickbay.targets.kubernetes.facts.nodes import Node
from sickbay.targets.kubernetes.listing import Listing, Page, Wire, items
from sickbay.targets.kubernetes.quantity import quantity


class _Name(Wire):
    name: str


class _Metrics(Wire):
    metadata: _Name
    usage: dict[str, str]


_decoder = msgspec.json.Decoder(Page[_Metrics])


@fact(
    "node_use",
    Listing("metrics.k8s.io/v1beta1", "nodes", namespaced=False, optional="metrics server"),
)
class NodeUse(Record):
    """CPU (cores) and memory (bytes) that a node uses (metrics.k8s.io/v1beta1 NodeMetrics)."""

    node: str
    cpu: float
    memory: float

    @classmethod
    def parse(cls, pages: list[bytes]) -> tuple[NodeUse, ...]:
        """Parse the pages of a NodeMetricsList."""
        return tuple(
            cls(
                node=one.metadata.name,
                cpu=quantity(one.usage["cpu"]),
                memory=quantity(one.usage["memory"]),
            )
            for one in items(pages, _decoder)
        )


class NodeShare(Record):
    """The share of its room that a node uses of one resource."""

    what: str
    """Node and resource."""
    resource: str
    used: float
    room: float

    @property
    def used_fraction(self) -> float:
        return self.used / self.room


def node_shares(nodes: Iterable[Node], use: Iterable[NodeUse]) -> tuple[NodeShare, ...]:
    """What each node uses of what pods may have of it.

    Unsupported where the metrics server tells nothing of a node that is ready; NotApplicable where
    there is no such node. What is not ready has a finding of its own.
    """
    nodes, used = tuple(nodes), {one.node: one for one in use}
    if unseen := [one.name for one in nodes if one.ready == "True" and one.name not in used]:
        raise Unsupported(
            f"the metrics server tells nothing of {', '.join(unseen[:5])}",
            "kubectl -n kube-system logs deploy/metrics-server: can it reach the kubelets?",
        )
    rows = tuple(
        NodeShare(
            what=f"{node.name}: {resource}", resource=resource,
            used=getattr(used[node.name], resource), room=room,
        )
        for node in nodes
        if node.name in used
        for resource, room in (("cpu", node.cpu), ("memory", node.memory))
        if room
    )  # fmt: skip
    if not rows:
        raise NotApplicable("no node that is ready tells what pods may use of it")
    return rows
