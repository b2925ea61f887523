"""Kubernetes clusters."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from sickbay.inventory.base import Entry
from sickbay.inventory.limits import Limits, limit
from sickbay.inventory.units import Count


class KubernetesLimits(Limits):
    pod_restarts: Count = limit(5, "restarts of one container within the observed window")


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
