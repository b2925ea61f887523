"""Nodes: ready, under pressure, cordoned."""

from __future__ import annotations

from datetime import datetime

import msgspec

from sickbay.facts import Record, fact
from sickbay.targets.kubernetes.listing import ConditionWire, Listing, Meta, Page, Wire, items

PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable")


class _Spec(Wire):
    unschedulable: bool = False


class _Info(Wire):
    kubelet_version: str = ""


class _Status(Wire):
    conditions: list[ConditionWire] = []
    node_info: _Info = msgspec.field(default_factory=_Info)


class _Node(Wire):
    metadata: Meta
    spec: _Spec = msgspec.field(default_factory=_Spec)
    status: _Status = msgspec.field(default_factory=_Status)


_decoder = msgspec.json.Decoder(Page[_Node])


@fact("nodes", Listing("v1", "nodes", namespaced=False))
class Node(Record):
    """A node (Kubernetes API, core/v1 Node): its Ready condition and pressures.

    ``ready`` is the status of the condition: True, False, or Unknown when the kubelet is silent.
    ``pressures`` are those of MemoryPressure, DiskPressure, PIDPressure and NetworkUnavailable that
    are on. ``cordoned`` means that nothing new is scheduled there, usually on purpose.
    """

    name: str
    ready: str
    reason: str = ""
    message: str = ""
    since: datetime | None = None
    pressures: tuple[str, ...] = ()
    cordoned: bool = False
    kubelet: str = ""

    @classmethod
    def parse(cls, pages: list[bytes]) -> tuple[Node, ...]:
        """Nodes from the pages of a NodeList."""
        return tuple(cls._from(node) for node in items(pages, _decoder))

    @classmethod
    def _from(cls, node: _Node) -> Node:
        conditions = {condition.type: condition for condition in node.status.conditions}
        ready = conditions.get("Ready") or ConditionWire("Ready", "Unknown", "NeverReported")
        return cls(
            name=node.metadata.name,
            ready=ready.status,
            reason=ready.reason or "",
            message=ready.message or "",
            since=ready.last_transition_time,
            pressures=tuple(
                name
                for name in PRESSURES
                if name in conditions and conditions[name].status == "True"
            ),
            cordoned=node.spec.unschedulable,
            kubelet=node.status.node_info.kubelet_version,
        )
