"""Pods and their containers: scheduled, started, ready, restarted, killed."""

from __future__ import annotations

from datetime import datetime

import msgspec

from sickbay.facts import Record, fact
from sickbay.targets.kubernetes.listing import (
    ConditionWire,
    Listing,
    Meta,
    Page,
    Wire,
    full_name,
    items,
)

FINISHED = ("Succeeded", "Failed")


class _Waiting(Wire):
    reason: str | None = ""
    message: str | None = ""


class _Terminated(Wire):
    exit_code: int = 0
    reason: str | None = ""
    finished_at: datetime | None = None


class _State(Wire):
    waiting: _Waiting | None = None
    terminated: _Terminated | None = None


class _ContainerStatus(Wire):
    name: str
    ready: bool = False
    restart_count: int = 0
    image: str = ""
    state: _State = msgspec.field(default_factory=_State)
    last_state: _State = msgspec.field(default_factory=_State)


class _Status(Wire):
    phase: str = "Unknown"
    reason: str = ""
    message: str = ""
    start_time: datetime | None = None
    conditions: list[ConditionWire] = []
    container_statuses: list[_ContainerStatus] = []
    init_container_statuses: list[_ContainerStatus] = []


class _Spec(Wire):
    node_name: str = ""


class _Pod(Wire):
    metadata: Meta
    spec: _Spec = msgspec.field(default_factory=_Spec)
    status: _Status = msgspec.field(default_factory=_Status)


_decoder = msgspec.json.Decoder(Page[_Pod])


@fact("pods", Listing("v1", "pods"))
class Pod(Record):
    """A pod (core/v1 Pod): its phase and the conditions PodScheduled and Ready.

    ``unscheduled`` is why the scheduler finds no node for it (empty: it has one, or has not been
    tried yet); ``since`` when its readiness last changed.
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

    @property
    def running_unready(self) -> bool:
        """It runs, is not on its way out, and takes no traffic."""
        return self.phase == "Running" and not self.ready and not self.leaving

    @classmethod
    def parse(cls, pages: list[bytes]) -> tuple[Pod, ...]:
        """Pods from the pages of a PodList."""
        return tuple(cls._from(pod) for pod in items(pages, _decoder))

    @classmethod
    def _from(cls, pod: _Pod) -> Pod:
        status, meta = pod.status, pod.metadata
        scheduled = ready = None
        for condition in status.conditions:
            if condition.type == "PodScheduled":
                scheduled = condition
            elif condition.type == "Ready":
                ready = condition
        waits = scheduled is not None and scheduled.status == "False"
        owner = meta.owner_references[0] if meta.owner_references else None
        return cls(
            name=full_name(meta),
            phase=status.phase,
            reason=status.reason,
            message=status.message,
            node=pod.spec.node_name,
            ready=ready is not None and ready.status == "True",
            unscheduled=(scheduled.message or scheduled.reason or "")
            if waits and scheduled
            else "",
            created=meta.creation_timestamp,
            since=ready.last_transition_time if ready else None,
            leaving=meta.deletion_timestamp is not None,
            owner=f"{owner.kind}/{owner.name}" if owner else "",
        )


@fact("containers", Listing("v1", "pods"))
class Container(Record):
    """A container of an unfinished pod (core/v1 ContainerStatus), init containers included.

    ``waiting`` is why it does not run (CrashLoopBackOff, ImagePullBackOff, ...); ``last_exit`` and
    ``last_reason`` tell how its previous run ended (None: there was none).
    """

    name: str
    waiting: str = ""
    message: str = ""
    image: str = ""
    restarts: int = 0
    last_exit: int | None = None
    last_reason: str = ""
    last_finished: datetime | None = None

    @classmethod
    def parse(cls, pages: list[bytes]) -> tuple[Container, ...]:
        """Containers from the pages of a PodList."""
        return tuple(
            cls._from(full_name(pod.metadata), status)
            for pod in items(pages, _decoder)
            if pod.status.phase not in FINISHED
            for status in (*pod.status.init_container_statuses, *pod.status.container_statuses)
        )

    @classmethod
    def _from(cls, pod: str, status: _ContainerStatus) -> Container:
        waiting, ended = (
            status.state.waiting,
            status.last_state.terminated or status.state.terminated,
        )
        return cls(
            name=f"{pod}/{status.name}",
            waiting=(waiting.reason or "") if waiting else "",
            message=(waiting.message or "") if waiting else "",
            image=status.image,
            restarts=status.restart_count,
            last_exit=ended.exit_code if ended else None,
            last_reason=(ended.reason or "") if ended else "",
            last_finished=ended.finished_at if ended else None,
        )
