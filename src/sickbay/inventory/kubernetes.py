"""Kubernetes clusters."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from sickbay.inventory.base import Entry
from sickbay.inventory.limits import Limits, limit
from sickbay.inventory.units import Count, Duration, Fraction


class KubernetesLimits(Limits):
    pod_restarts: Count = limit(5, "restarts of one container")
    pod_restart_window: Duration = limit("1 h", "how far back a restart of a container counts")
    pod_exit_window: Duration = limit(
        "1 d", "how far back a container's end with an error counts, though it runs again"
    )
    pod_wait: Duration = limit("5 min", "how long a pod may take to be scheduled and become ready")
    pod_oom_window: Duration = limit(
        "1 h", "how far back an out-of-memory kill of a container counts"
    )
    claim_wait: Duration = limit("5 min", "how long a volume claim may stay unbound")
    replicas_short: Count = limit(0, "replicas of one workload that may be missing")
    node_requested: Fraction = limit(
        "85 %", "share of a node's CPU or memory that pods may have requested"
    )
    node_used: Fraction = limit("80 %", "share of a node's CPU or memory that is in use")
    kubelet_skew: Count = limit(0, "minor versions that the nodes' kubelets may lie apart")
    lease_age: Duration = limit(
        "60 s", "how long ago scheduler and controller manager may have renewed their leases"
    )
    quota_used: Fraction = limit("90 %", "share of a resource quota that may be used")
    address_wait: Duration = limit("5 min", "how long a load balancer may take to give an address")
    namespace_end: Duration = limit("10 min", "how long a namespace may take to end")
    event_repeats: Count = limit(3, "how often the same warning may come within the event window")
    event_window: Duration = limit("30 min", "how far back a warning of the cluster counts")


class KubernetesEntry(Entry):
    kind: ClassVar = "kubernetes"

    kubeconfig: str | None = Field(
        None, description="path; else $KUBECONFIG, ~/.kube/config or in-cluster"
    )
    context: str | None = Field(None, description="context in it; else its current one")
    namespaces: tuple[str, ...] = Field(
        (), description="namespaces to look at, which have to exist; all if none is named"
    )
    workloads: dict[
        Annotated[str, Field(pattern=r"^[^/\s]+/[^/\s]+$")], Annotated[int, Field(ge=1)]
    ] = Field(
        {},
        description="deployments, stateful and daemon sets that have to be there, namespace/name, "
        "and how many available replicas each needs at least",
    )
    certificates: tuple[Annotated[str, Field(pattern=r"^[a-z0-9.-]+/[a-z0-9.-]+$")], ...] = Field(
        (),
        description="Secrets, namespace/name, with the certificates that endpoints on this cluster serve",
        examples=[["shop/api-tls"]],
    )
    limits: KubernetesLimits = KubernetesLimits()

    @model_validator(mode="after")
    def _workloads_are_looked_at(self) -> Self:
        if self.namespaces:
            for name in self.workloads:
                if name.partition("/")[0] not in self.namespaces:
                    raise ValueError(f"workload {name} lies in none of the namespaces named here")
        return self
