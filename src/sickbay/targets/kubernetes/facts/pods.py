"""Pods and their containers: scheduled, started, ready, restarted, killed, bounded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec

from sickbay.facts import Record, fact
from sickbay.targets.kubernetes.listing import (
    ConditionWire,
    Listing,
    Meta,
    Moment,
    Page,
    Wire,
    condition,
    items,
)
from sickbay.targets.kubernetes.quantity import quantity

FINISHED = ("Succeeded", "Failed")


class _Waiting(Wire):
    reason: str | None = ""
    message: str | None = ""


class _Terminated(Wire):
    exit_code: int | None = None
    reason: str | None = ""
    finished_at: Moment | None = None


class _State(Wire):
    waiting: _Waiting | None = None
    terminated: _Terminated | None = None


class _ContainerStatus(Wire):
    name: str
    restart_count: int
    """Not left out by the API even when it is 0."""
    image: str | None = ""
    state: _State | None = None
    last_state: _State | None = None


class _Status(Wire):
    phase: Literal["Pending", "Running", "Succeeded", "Failed", "Unknown"] | None = "Unknown"
    reason: str | None = ""
    message: str | None = ""
    conditions: list[ConditionWire] | None = None
    container_statuses: list[_ContainerStatus] | None = None
    init_container_statuses: list[_ContainerStatus] | None = None


class _Resources(Wire):
    requests: dict[str, str] | None = None
    limits: dict[str, str] | None = None


class _ContainerSpec(Wire):
    name: str
    resources: _Resources | None = None
    restart_policy: str | None = ""


class _Spec(Wire):
    node_name: str | None = ""
    containers: list[_ContainerSpec] | None = None
    init_containers: list[_ContainerSpec] | None = None
    overhead: dict[str, str] | None = None


class _Pod(Wire):
    metadata: Meta
    spec: _Spec = msgspec.field(default_factory=_Spec)
    status: _Status = msgspec.field(default_factory=_Status)


_decoder = msgspec.json.Decoder(Page[_Pod])


@fact("pods", Listing("v1", "pods"))
class Pod(Record):
    """A pod (core/v1 Pod): its phase and the conditions PodScheduled and Ready.

    ``unscheduled`` is why the scheduler finds no node for it (empty: it has one, or has not been
    tried yet); ``since`` when its readiness last changed; ``owner`` what made it, ``Kind/name``.
    ``cpu`` (cores) and ``memory`` (bytes) are what the scheduler sets aside for it.
    """

    name: str
    phase: str
    reason: str = ""
    message: str = ""
    node: str = ""
    ready: bool = False
    unscheduled: str = ""
    created: datetime | None = None
    since: datetime | None = None
    leaving: bool = False
    owner: str = ""
    cpu: float = 0.0
    memory: float = 0.0

    @property
    def running_unready(self) -> bool:
        """It runs, is not on its way out, and takes no traffic."""
        return self.phase == "Running" and not self.ready and not self.leaving

    @property
    def finished(self) -> bool:
        """It has come to its end, well or not."""
        return self.phase in FINISHED

    @classmethod
    def parse(cls, pages: list[bytes]) -> tuple[Pod, ...]:
        """Pods from the pages of a PodList."""
        return tuple(cls._from(pod) for pod in items(pages, _decoder))

    @classmethod
    def _from(cls, pod: _Pod) -> Pod:
        status, meta = pod.status, pod.metadata
        scheduled = condition(status.conditions, "PodScheduled")
        ready = condition(status.conditions, "Ready")
        return cls(
            name=meta.full_name,
            phase=status.phase or "Unknown",
            reason=status.reason or "",
            message=status.message or "",
            node=pod.spec.node_name or "",
            ready=ready is not None and ready.status == "True",
            unscheduled=scheduled.told if scheduled and scheduled.status == "False" else "",
            created=meta.creation_timestamp,
            since=ready.last_transition_time if ready else None,
            leaving=meta.deletion_timestamp is not None,
            owner=meta.owner,
            cpu=_requested(pod.spec, "cpu"),
            memory=_requested(pod.spec, "memory"),
        )


def _requested(spec: _Spec, what: str) -> float:
    """What the scheduler counts: containers together, or the largest of those that come before.

    Source: Kubernetes documentation, "Resource sharing within containers" (init containers,
    sidecars) and "Pod Overhead".
    """
    together = sum(_request(container, what) for container in spec.containers or ())
    before = 0.0
    for container in spec.init_containers or ():
        if container.restart_policy == "Always":  # a sidecar, which stays
            together += _request(container, what)
        else:
            before = max(before, _request(container, what))
    return max(together, before) + quantity((spec.overhead or {}).get(what, "0"))


def _request(container: _ContainerSpec, what: str) -> float:
    requests = container.resources and container.resources.requests
    return quantity(requests[what]) if requests and what in requests else 0.0


@fact("containers", Listing("v1", "pods"))
class Container(Record):
    """A container of an unfinished pod (core/v1 ContainerStatus), init containers included.

    ``waiting`` is why it does not run (CrashLoopBackOff, ImagePullBackOff, ...); ``last_exit`` and
    ``last_reason`` tell how its latest ended run ended (None: no run has). ``undeclared`` names what
    its specification leaves open ("memory limit", "cpu request", ...), for those that run for long:
    init containers and the pods of jobs say nothing here.
    """

    name: str
    waiting: str = ""
    message: str = ""
    image: str = ""
    restarts: int = 0
    last_exit: int | None = None
    last_reason: str = ""
    last_finished: datetime | None = None
    undeclared: tuple[str, ...] = ()

    @property
    def pod(self) -> str:
        """The pod's full name, ``namespace/name``."""
        return self.name.rpartition("/")[0]

    @classmethod
    def parse(cls, pages: list[bytes]) -> tuple[Container, ...]:
        """Containers from the pages of a PodList."""
        return tuple(
            container
            for pod in items(pages, _decoder)
            if pod.status.phase not in FINISHED
            for container in cls._of(pod)
        )

    @classmethod
    def _of(cls, pod: _Pod) -> list[Container]:
        for_long = not pod.metadata.owner.startswith("Job/")
        open_ends = {each.name: _undeclared(each) for each in pod.spec.containers or () if for_long}
        name = pod.metadata.full_name
        statuses = (
            *(pod.status.init_container_statuses or ()),
            *(pod.status.container_statuses or ()),
        )
        return [cls._from(name, status, open_ends) for status in statuses]

    @classmethod
    def _from(
        cls, pod: str, status: _ContainerStatus, open_ends: Mapping[str, tuple[str, ...]]
    ) -> Container:
        state, last = status.state or _State(), status.last_state or _State()
        waiting, ended = state.waiting, state.terminated or last.terminated
        return cls(
            name=f"{pod}/{status.name}",
            waiting=(waiting.reason or "Waiting") if waiting else "",
            message=(waiting.message or "") if waiting else "",
            image=status.image or "",
            restarts=status.restart_count,
            last_exit=ended.exit_code if ended else None,
            last_reason=(ended.reason or "") if ended else "",
            last_finished=ended.finished_at if ended else None,
            undeclared=open_ends.get(status.name, ()),
        )


def _undeclared(container: _ContainerSpec) -> tuple[str, ...]:
    resources = container.resources or _Resources()
    asked = {"request": resources.requests or {}, "limit": resources.limits or {}}
    return tuple(
        f"{what} {kind}"
        for what in ("cpu", "memory")
        for kind, said in asked.items()
        if what not in said
    )
