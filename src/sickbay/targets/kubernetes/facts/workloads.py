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
    full_name,
    items,
)


class _Spec(Wire):
    replicas: int | None = 1
    paused: bool = False
    suspend: bool | None = False


class _Status(Wire):
    observed_generation: int = 0
    replicas: int = 0
    updated_replicas: int = 0
    available_replicas: int = 0
    ready_replicas: int = 0
    desired_number_scheduled: int = 0
    number_ready: int = 0
    updated_number_scheduled: int = 0
    conditions: list[ConditionWire] | None = None
    failed: int = 0
    succeeded: int = 0
    active: int = 0


class _Workload(Wire):
    metadata: Meta
    spec: _Spec = msgspec.field(default_factory=_Spec)
    status: _Status = msgspec.field(default_factory=_Status)


_decoder = msgspec.json.Decoder(Page[_Workload])


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

    @classmethod
    def parse(cls, pages: list[bytes]) -> tuple[Deployment, ...]:
        """Deployments from the pages of a DeploymentList."""
        return tuple(cls._from(item) for item in items(pages, _decoder))

    @classmethod
    def _from(cls, item: _Workload) -> Deployment:
        conditions = {condition.type: condition for condition in item.status.conditions or []}
        progress, failure = conditions.get("Progressing"), conditions.get("ReplicaFailure")
        return cls(
            name=full_name(item.metadata),
            wanted=1 if item.spec.replicas is None else item.spec.replicas,
            available=item.status.available_replicas,
            updated=item.status.updated_replicas,
            seen=item.status.observed_generation >= item.metadata.generation,
            paused=item.spec.paused,
            progress=(progress.reason or "") if progress else "",
            failure=(failure.message or "") if failure and failure.status == "True" else "",
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
                name=full_name(item.metadata),
                wanted=1 if item.spec.replicas is None else item.spec.replicas,
                ready=item.status.ready_replicas,
            )
            for item in items(pages, _decoder)
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
                name=full_name(item.metadata),
                wanted=item.status.desired_number_scheduled,
                ready=item.status.number_ready,
            )
            for item in items(pages, _decoder)
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
        return tuple(cls._from(item) for item in items(pages, _decoder))

    @classmethod
    def _from(cls, item: _Workload) -> Job:
        failed = next(
            (c for c in item.status.conditions or [] if c.type == "Failed" and c.status == "True"),
            None,
        )
        return cls(
            name=full_name(item.metadata),
            failed_because=(failed.reason or "Failed") if failed else "",
            message=(failed.message or "") if failed else "",
        )
