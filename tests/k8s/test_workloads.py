"""Workloads have as many replicas as they want, and their volumes."""

from __future__ import annotations

from datetime import datetime

from sickbay.inventory.kubernetes import KubernetesLimits
from sickbay.judge import offenders, worst
from sickbay.symptoms import symptom
from sickbay.targets.kubernetes.facts.claims import VolumeClaim
from sickbay.targets.kubernetes.facts.pods import Pod
from sickbay.targets.kubernetes.facts.workloads import DaemonSet, Deployment, Job, StatefulSet

_PODS_ILL = (
    "kubernetes.pod-crash-looping",
    "kubernetes.image-not-pulled",
    "kubernetes.container-not-created",
    "kubernetes.pod-unschedulable",
    "kubernetes.node-not-ready",
    "kubernetes.pod-failed",
)


@symptom(
    "kubernetes.deployment-short",
    severity="critical",
    signals=[
        "neurallog:core-services-down/core-workloads-available",
        "neurallog:rolling-update-stuck/rollout-complete",
        "sergas:high-error-rate/replicas-available",
    ],
    explained_by=_PODS_ILL,
)
def test_deployments_have_their_replicas(
    deployments: tuple[Deployment, ...], limits: KubernetesLimits
) -> None:
    """A deployment that is short of replicas carries its load on fewer shoulders, or not at all."""
    assert worst(deployments, "short") <= limits.replicas_short


@test_deployments_have_their_replicas.cause(
    "a rollout is stuck",
    remedy="kubectl rollout status; undo it if the new version cannot start: kubectl rollout undo.",
)
def rollout_stuck(deployments: tuple[Deployment, ...]) -> object:
    return [d for d in deployments if d.progress == "ProgressDeadlineExceeded"]


@test_deployments_have_their_replicas.cause(
    "its pods may not be created",
    remedy="Read the message: a quota, a limit range or an admission webhook refuses them.",
)
def not_created(deployments: tuple[Deployment, ...]) -> object:
    return [d for d in deployments if d.failure]


@test_deployments_have_their_replicas.cause(
    "its pods run and do not get ready",
    remedy="Look at the readiness probe: kubectl describe pod; and at what it asks the service.",
)
def pods_not_ready(pods: tuple[Pod, ...]) -> object:
    return [pod for pod in pods if pod.running_unready and pod.owner.startswith("ReplicaSet/")]


@symptom(
    "kubernetes.stateful-set-short",
    severity="critical",
    signals=["neurallog:service-outage/other-workloads-ready"],
    explained_by=(*_PODS_ILL, "kubernetes.claim-unbound"),
)
def test_stateful_sets_have_their_replicas(
    stateful_sets: tuple[StatefulSet, ...], limits: KubernetesLimits
) -> None:
    """A stateful set that is short of replicas has lost part of its data's copies."""
    assert worst(stateful_sets, "short") <= limits.replicas_short


@symptom(
    "kubernetes.daemon-set-short",
    severity="major",
    signals=["neurallog:service-outage/other-workloads-ready"],
    explained_by=_PODS_ILL,
)
def test_daemon_sets_run_everywhere(
    daemon_sets: tuple[DaemonSet, ...], limits: KubernetesLimits
) -> None:
    """A node without its agents has no network, logs or metrics."""
    assert worst(daemon_sets, "short") <= limits.replicas_short


@symptom(
    "kubernetes.job-failed",
    severity="major",
    signals=["neurallog:service-outage/other-workloads-ready"],
)
def test_jobs_have_not_failed(jobs: tuple[Job, ...]) -> None:
    """What a failed job was to do has not been done."""
    assert offenders(jobs, lambda job: bool(job.failed_because)) == ()


@test_jobs_have_not_failed.cause(
    "it failed more often than it may try again",
    remedy="Read the logs of its pods; mend the cause and start the job anew.",
)
def tried_too_often(jobs: tuple[Job, ...]) -> object:
    return [job for job in jobs if job.failed_because == "BackoffLimitExceeded"]


@test_jobs_have_not_failed.cause(
    "it took longer than it may", remedy="Raise activeDeadlineSeconds, or find what slows it down."
)
def took_too_long(jobs: tuple[Job, ...]) -> object:
    return [job for job in jobs if job.failed_because == "DeadlineExceeded"]


@symptom(
    "kubernetes.claim-unbound",
    severity="critical",
    signals=["neurallog:persistent-volume-problems/claims-bound"],
)
def test_volume_claims_are_bound(
    volume_claims: tuple[VolumeClaim, ...], limits: KubernetesLimits, now: datetime
) -> None:
    """A pod whose volume claim is not bound does not start."""

    def unbound(claim: VolumeClaim) -> bool:
        age = (now - claim.created).total_seconds() if claim.created else 0.0
        return claim.phase == "Lost" or (claim.phase == "Pending" and age > limits.claim_wait)

    assert offenders(volume_claims, unbound) == ()
