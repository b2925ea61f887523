"""Namespaces are there, have room left, and give no cause for warnings."""

from __future__ import annotations

from datetime import datetime

from sickbay.facts import Record
from sickbay.inventory.kubernetes import KubernetesEntry, KubernetesLimits
from sickbay.judge import offenders, worst
from sickbay.symptoms import symptom
from sickbay.targets.kubernetes.facts.events import WarningEvent
from sickbay.targets.kubernetes.facts.namespaces import Namespace, Quota
from sickbay.targets.kubernetes.facts.workloads import Deployment


class DeclaredNamespace(Record):
    """A namespace that the inventory names and that is not there."""

    name: str


def absent(
    entry: KubernetesEntry, namespaces: tuple[Namespace, ...]
) -> tuple[DeclaredNamespace, ...]:
    """The namespaces that the inventory names and the cluster does not have."""
    there = {namespace.name for namespace in namespaces}
    return tuple(DeclaredNamespace(name=name) for name in entry.namespaces if name not in there)


@symptom(
    "kubernetes.namespace-missing",
    severity="critical",
    signals=["neurallog:tenant-creation-stuck/tenant-namespace-active"],
)
def test_declared_namespaces_are_there(
    declared: KubernetesEntry, cluster_namespaces: tuple[Namespace, ...]
) -> None:
    """Nothing runs in a namespace that does not exist, and nothing ill is seen in it either."""
    assert offenders(absent(declared, cluster_namespaces), lambda _: True) == ()


@test_declared_namespaces_are_there.cause(
    "it was deleted or never created, or the inventory misspells it",
    remedy="Create it, or correct its name under namespaces: in the inventory.",
)
def not_there(declared: KubernetesEntry, cluster_namespaces: tuple[Namespace, ...]) -> object:
    return absent(declared, cluster_namespaces)


@symptom(
    "kubernetes.namespace-stuck",
    severity="major",
    signals=["neurallog:tenant-creation-stuck/tenant-namespace-active"],
    explained_by=["kubernetes.controller-silent"],
)
def test_namespaces_end(
    cluster_namespaces: tuple[Namespace, ...],
    limits: KubernetesLimits,
    declared: KubernetesEntry,
    now: datetime,
) -> None:
    """A namespace held in deletion can neither be used nor be made anew."""

    def stuck(namespace: Namespace) -> bool:
        ours = not declared.namespaces or namespace.name in declared.namespaces
        since = namespace.leaving
        return ours and since is not None and (now - since).total_seconds() > limits.namespace_end

    assert offenders(cluster_namespaces, stuck) == ()


@test_namespaces_end.cause(
    "finalizers hold what is left in it",
    remedy="Bring back the controller that owns the finalizers; remove them by hand only if it is gone.",
)
def finalizers(cluster_namespaces: tuple[Namespace, ...]) -> object:
    return [namespace for namespace in cluster_namespaces if "finalizer" in namespace.held_by]


@symptom(
    "kubernetes.quota-short",
    severity="major",
    signals=["neurallog:tenant-quota-exhausted/quota-headroom"],
)
def test_quotas_have_room(quotas: tuple[Quota, ...], limits: KubernetesLimits) -> None:
    """Once a quota is used up, no further pod, claim or service is made in its namespace."""
    assert worst(quotas, "used_fraction") < limits.quota_used


@test_quotas_have_room.cause(
    "more is wanted than the quota allows",
    remedy="Raise the quota (or the tenant's spec.resources), or lower what the pods request.",
)
def more_wanted(deployments: tuple[Deployment, ...]) -> object:
    return [d for d in deployments if "exceeded quota" in d.failure]


@test_quotas_have_room.cause(
    "what runs has nearly used it up",
    remedy="Compare requests with use (kubectl top pod) and lower them, or raise the quota in time.",
)
def nearly_used_up(quotas: tuple[Quota, ...], limits: KubernetesLimits) -> object:
    return [q for q in quotas if limits.quota_used <= (q.used_fraction or 0) <= 1]


@symptom(
    "kubernetes.warnings-recurring",
    severity="minor",
    signals=["neurallog:cluster-unhealthy/warning-events-quiet"],
    explained_by=[
        "kubernetes.node-not-ready",
        "kubernetes.node-pressure",
        "kubernetes.pod-crash-looping",
        "kubernetes.image-not-pulled",
        "kubernetes.container-not-created",
        "kubernetes.pod-unschedulable",
        "kubernetes.pod-not-started",
        "kubernetes.pod-not-ready",
        "kubernetes.pod-failed",
        "kubernetes.pod-restarted",
        "kubernetes.job-failed",
        "kubernetes.claim-unbound",
        "kubernetes.quota-short",
        "kubernetes.volume-unused",
        "kubernetes.deployment-short",
    ],
)
def test_warnings_do_not_recur(
    warning_events: tuple[WarningEvent, ...], limits: KubernetesLimits, now: datetime
) -> None:
    """What the cluster warns of again and again will not mend itself."""

    def recurring(event: WarningEvent) -> bool:
        lately = event.last is not None and (
            (now - event.last).total_seconds() < limits.event_window
        )
        return lately and event.count >= limits.event_repeats

    assert offenders(warning_events, recurring) == ()


@test_warnings_do_not_recur.cause(
    "a volume, Secret or ConfigMap cannot be mounted",
    remedy="Create what the warning names, or correct the name in the pod's template.",
)
def mounts(warning_events: tuple[WarningEvent, ...]) -> object:
    return [e for e in warning_events if e.reason in {"FailedMount", "FailedAttachVolume"}]


@test_warnings_do_not_recur.cause(
    "a probe fails now and then",
    remedy="See whether the container is too slow or the probe too strict: kubectl describe pod.",
)
def probes(warning_events: tuple[WarningEvent, ...]) -> object:
    return [event for event in warning_events if event.reason == "Unhealthy"]
