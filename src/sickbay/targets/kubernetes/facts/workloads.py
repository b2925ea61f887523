"""Workloads: deployments, stateful sets, daemon sets and jobs, wanted against had."""

from __future__ import annotations

import msgspec

from sickbay.facts import Record, fact
from sickbay.targets.kubernetes.listing import (
    ConditionWire,
    Listing,
    Meta,
    Page,
    Wire,
    condition,
    items,
)


class _Spec(Wire):
    replicas: int | None = 1
    paused: bool | None = False


class _Status(Wire):
    observed_generation: int | None = 0
    updated_replicas: int | None = 0
    available_replicas: int | None = 0
    ready_replicas: int | None = 0
    conditions: list[ConditionWire] | None = None


class _DaemonStatus(Wire):
    desired_number_scheduled: int
    """Not left out by the API even when it is 0."""
    number_ready: int


class _Workload(Wire):
    metadata: Meta
    spec: _Spec = msgspec.field(default_factory=_Spec)
    status: _Status = msgspec.field(default_factory=_Status)

    @property
    def wanted(self) -> int:
        return 1 if self.spec.replicas is None else self.spec.replicas


class _Daemon(Wire):
    metadata: Meta
    status: _DaemonStatus


_workloads = msgspec.json.Decoder(Page[_Workload])
_daemons = msgspec.json.Decoder(Page[_Daemon])


@fact("deployments", Listing("apps/v1", "deployments"))
class Deployment(Record):
    """A deployment (apps/v1): replicas wanted, updated and available, and how its rollout goes.

    ``progress`` is the reason of the condition Progressing (ProgressDeadlineExceeded: stuck);
    ``failure`` the message of ReplicaFailure (a quota, an admission webhook).
    """

    name: str
    wanted: int
    available: int
    updated: int
    seen: bool
    """The controller has seen the newest specification."""
    paused: bool = False
    progress: str = ""
    failure: str = ""

    @property
    def short(self) -> int:
        """Replicas that are wanted and not available."""
        return max(0, self.wanted - self.available)

    def made(self, pod: str, owner: str) -> bool:
        """Whether a pod (its full name, and its owner ``ReplicaSet/NAME-HASH``) is one of its own."""
        namespace, _, name = self.name.partition("/")
        return owner.rpartition("-")[0] == f"ReplicaSet/{name}" and pod.startswith(f"{namespace}/")

    @classmethod
    def parse(cls, pages: list[bytes]) -> tuple[Deployment, ...]:
        """Deployments from the pages of a DeploymentList."""
        return tuple(cls._from(item) for item in items(pages, _workloads))

    @classmethod
    def _from(cls, item: _Workload) -> Deployment:
        progress = condition(item.status.conditions, "Progressing")
        failure = condition(item.status.conditions, "ReplicaFailure")
        return cls(
            name=item.metadata.full_name,
            wanted=item.wanted,
            available=item.status.available_replicas or 0,
            updated=item.status.updated_replicas or 0,
            seen=(item.status.observed_generation or 0) >= (item.metadata.generation or 0),
            paused=bool(item.spec.paused),
            progress=(progress.reason or "") if progress else "",
            failure=failure.told if failure and failure.status == "True" else "",
        )


@fact("stateful_sets", Listing("apps/v1", "statefulsets"))
class StatefulSet(Record):
    """A stateful set (apps/v1): replicas wanted and ready."""

    name: str
    wanted: int
    ready: int

    @property
    def short(self) -> int:
        """Replicas that are wanted and not ready."""
        return max(0, self.wanted - self.ready)

    @classmethod
    def parse(cls, pages: list[bytes]) -> tuple[StatefulSet, ...]:
        """Stateful sets from the pages of a StatefulSetList."""
        return tuple(
            cls(
                name=item.metadata.full_name,
                wanted=item.wanted,
                ready=item.status.ready_replicas or 0,
            )
            for item in items(pages, _workloads)
        )


@fact("daemon_sets", Listing("apps/v1", "daemonsets"))
class DaemonSet(Record):
    """A daemon set (apps/v1): nodes that should run it, and that do."""

    name: str
    wanted: int
    ready: int

    @property
    def short(self) -> int:
        """Nodes that should run a ready pod of it and do not."""
        return max(0, self.wanted - self.ready)

    @classmethod
    def parse(cls, pages: list[bytes]) -> tuple[DaemonSet, ...]:
        """Daemon sets from the pages of a DaemonSetList."""
        return tuple(
            cls(
                name=item.metadata.full_name,
                wanted=item.status.desired_number_scheduled,
                ready=item.status.number_ready,
            )
            for item in items(pages, _daemons)
        )


@fact("jobs", Listing("batch/v1", "jobs"))
class Job(Record):
    """A job (batch/v1). ``failed_because`` is the reason of its condition Failed, if it has it."""

    name: str
    failed_because: str = ""
    message: str = ""

    @classmethod
    def parse(cls, pages: list[bytes]) -> tuple[Job, ...]:
        """Jobs from the pages of a JobList."""
        return tuple(cls._from(item) for item in items(pages, _workloads))

    @classmethod
    def _from(cls, item: _Workload) -> Job:
        found = condition(item.status.conditions, "Failed")
        failed = found if found and found.status == "True" else None
        return cls(
            name=item.metadata.full_name,
            failed_because=(failed.reason or "Failed") if failed else "",
            message=(failed.message or "") if failed else "",
        )
