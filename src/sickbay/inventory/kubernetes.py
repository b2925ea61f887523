"""Kubernetes clusters."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from sickbay.inventory.base import Entry
from sickbay.inventory.limits import Limits, limit
from sickbay.inventory.units import Count, Duration


class KubernetesLimits(Limits):
    pod_restarts: Count = limit(5, "restarts of one container")
    pod_wait: Duration = limit("5 min", "how long a pod may take to be scheduled and become ready")
    pod_oom_window: Duration = limit(
        "1 h", "how far back an out-of-memory kill of a container counts"
    )
    claim_wait: Duration = limit("5 min", "how long a volume claim may stay unbound")
    replicas_short: Count = limit(0, "replicas of one workload that may be missing")


class KubernetesEntry(Entry):
    kind: ClassVar = "kubernetes"

    kubeconfig: str | None = Field(
        None, description="path; else $KUBECONFIG, ~/.kube/config or in-cluster"
    )
    context: str | None = Field(None, description="context in it; else its current one")
    namespaces: tuple[str, ...] = Field(
        (), description="namespaces to look at; all if none is named"
    )
    limits: KubernetesLimits = KubernetesLimits()
