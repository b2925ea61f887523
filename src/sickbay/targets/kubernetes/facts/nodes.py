"""Nodes: ready, under pressure, cordoned, how large, of which version."""

from __future__ import annotations

from datetime import datetime

import msgspec

from sickbay.facts import Record, fact
from sickbay.targets.kubernetes.listing import ConditionWire, Listing, Meta, Page, Wire, items
from sickbay.targets.kubernetes.quantity import quantity

PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable")


class _Spec(Wire):
    unschedulable: bool | None = False


class _Info(Wire):
    kubelet_version: str | None = ""


class _Status(Wire):
    conditions: list[ConditionWire] | None = None
    node_info: _Info | None = None
    allocatable: dict[str, str] | None = None


class _Node(Wire):
    metadata: Meta
    spec: _Spec | None = None
    status: _Status | None = None


_decoder = msgspec.json.Decoder(Page[_Node])


@fact("nodes", Listing("v1", "nodes", namespaced=False))
class Node(Record):
    """A node (Kubernetes API, core/v1 Node): its Ready condition, pressures, room and version.

    ``ready`` is the status of the condition: True, False, or Unknown when the kubelet is silent (and
    when it has never reported). ``pressures`` are those of MemoryPressure, DiskPressure, PIDPressure
    and NetworkUnavailable that are on. ``cordoned`` means that nothing new is scheduled there,
    usually on purpose. ``cpu`` (cores) and ``memory`` (bytes) are what pods may request in all.
    """

    name: str
    ready: str
    reason: str = ""
    message: str = ""
    since: datetime | None = None
    pressures: tuple[str, ...] = ()
    cordoned: bool = False
    kubelet: str = ""
    cpu: float | None = None
    memory: float | None = None

    @classmethod
    def parse(cls, pages: list[bytes]) -> tuple[Node, ...]:
        """Nodes from the pages of a NodeList."""
        return tuple(cls._from(node) for node in items(pages, _decoder))

    @classmethod
    def _from(cls, node: _Node) -> Node:
        status, spec = node.status or _Status(), node.spec or _Spec()
        conditions = {condition.type: condition for condition in status.conditions or ()}
        ready = conditions.get("Ready") or ConditionWire("Ready", "Unknown", "NeverReported")
        room = status.allocatable or {}
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
            cordoned=bool(spec.unschedulable),
            kubelet=(status.node_info.kubelet_version or "") if status.node_info else "",
            cpu=quantity(room["cpu"]) if "cpu" in room else None,
            memory=quantity(room["memory"]) if "memory" in room else None,
        )
