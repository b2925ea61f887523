"""Workloads have as many replicas as they want, and their volumes."""

from __future__ import annotations

from datetime import datetime

from sickbay.facts import Record
from sickbay.inventory.kubernetes import KubernetesEntry, KubernetesLimits
from sickbay.judge import offenders, worst
from sickbay.symptoms import symptom
from sickbay.targets.kubernetes.facts.claims import Volume, VolumeClaim
from sickbay.targets.kubernetes.facts.pods import Container, Pod
from sickbay.targets.kubernetes.facts.workloads import DaemonSet, Deployment, Job, StatefulSet

PODS_ILL = (
    "kubernetes.pod-crash-looping",
    "kubernetes.image-not-pulled",
    "kubernetes.container-not-created",
    "kubernetes.pod-unschedulable",
    "kubernetes.pod-not-placed",
    "kubernetes.pod-not-started",
    "kubernetes.pod-not-ready",
    "kubernetes.pod-failed",
    "kubernetes.node-not-ready",
    "kubernetes.controller-silent",
)


@symptom(
    "kubernetes.deployment-short",
    severity="critical",
    signals=[
        "neurallog:core-services-down/core-workloads-available",
        "neurallog:rolling-update-stuck/rollout-complete",
        "neurallog:service-outage/recent-rollouts-healthy",
        "sergas:high-error-rate/replicas-available",
    ],
    explained_by=["kubernetes.node-not-ready", "kubernetes.controller-silent"],
)
def test_deployments_have_their_replicas(
    deployments: tuple[Deployment, ...], limits: KubernetesLimits
) -> None:
    """A deployment that is short of replicas carries its load on fewer shoulders, or not at all."""
    assert worst(deployments, "short") <= limits.replicas_short


@test_deployments_have_their_replicas.cause(
    "its pods may not be created",
    remedy="Read the message: a quota, a limit range or an admission webhook refuses them.",
    because="kubernetes.quota-short",
)
def not_created(deployments: tuple[Deployment, ...]) -> object:
    return [d for d in deployments if d.failure]


@test_deployments_have_their_replicas.cause(
    "its containers do not start or do not stay up",
    remedy="See what holds them up: kubectl describe pod; kubectl logs POD --previous.",
    because=(
        "kubernetes.pod-crash-looping",
        "kubernetes.image-not-pulled",
        "kubernetes.container-not-created",
    ),
)
def containers_held_up(
    deployments: tuple[Deployment, ...], pods: tuple[Pod, ...], containers: tuple[Container, ...]
) -> object:
    behind = {pod.name for pod in _pods_behind(deployments, pods)}
    return [c for c in containers if c.pod in behind and c.waiting]


@test_deployments_have_their_replicas.cause(
    "its pods find no node",
    remedy="Read why: kubectl describe pod; lower the requests, or add a node.",
    because=("kubernetes.pod-unschedulable", "kubernetes.pod-not-placed"),
)
def pods_without_node(deployments: tuple[Deployment, ...], pods: tuple[Pod, ...]) -> object:
    return [p for p in _pods_behind(deployments, pods) if not p.node and p.phase == "Pending"]


@test_deployments_have_their_replicas.cause(
    "its pods run and do not get ready",
    remedy="Look at the readiness probe: kubectl describe pod; and at what it asks the service.",
    because="kubernetes.pod-not-ready",
)
def pods_not_ready(deployments: tuple[Deployment, ...], pods: tuple[Pod, ...]) -> object:
    return [pod for pod in _pods_behind(deployments, pods) if pod.running_unready]


@test_deployments_have_their_replicas.cause(
    "its pods have been given up",
    remedy="See why they failed: kubectl describe pod; their replacements may meet the same end.",
    because="kubernetes.pod-failed",
)
def pods_failed(deployments: tuple[Deployment, ...], pods: tuple[Pod, ...]) -> object:
    return [pod for pod in _pods_behind(deployments, pods) if pod.phase in {"Failed", "Unknown"}]


@test_deployments_have_their_replicas.cause(
    "its pods have a node and do not start",
    remedy="See what they wait for: kubectl describe pod.",
    because="kubernetes.pod-not-started",
)
def pods_not_started(deployments: tuple[Deployment, ...], pods: tuple[Pod, ...]) -> object:
    return [pod for pod in _pods_behind(deployments, pods) if pod.node and pod.phase == "Pending"]


def _pods_behind(deployments: tuple[Deployment, ...], pods: tuple[Pod, ...]) -> list[Pod]:
    """The pods of deployments that are short of replicas."""
    short = [d for d in deployments if d.short]
    return [pod for pod in pods if any(d.made(pod.name, pod.owner) for d in short)]


@symptom(
    "kubernetes.rollout-stuck",
    severity="major",
    signals=["neurallog:rolling-update-stuck/rollout-complete"],
    explained_by=["kubernetes.node-not-ready", "kubernetes.controller-silent"],
)
def test_rollouts_come_to_their_end(deployments: tuple[Deployment, ...]) -> None:
    """A release that does not get through leaves the old version in service, or half of each."""
    assert offenders(deployments, lambda d: d.progress == "ProgressDeadlineExceeded") == ()


@test_rollouts_come_to_their_end.cause(
    "the new version's pods do not get ready",
    remedy="kubectl rollout undo; then see what its pods wait for: kubectl describe pod.",
    because=PODS_ILL,
)
def new_pods_ill(deployments: tuple[Deployment, ...], pods: tuple[Pod, ...]) -> object:
    stuck = [d for d in deployments if d.progress == "ProgressDeadlineExceeded"]
    return [p for p in pods if not p.ready and any(d.made(p.name, p.owner) for d in stuck)]


@test_rollouts_come_to_their_end.cause(
    "the new version's pods may not be created",
    remedy="Read the message: a quota, a limit range or an admission webhook refuses them.",
    because="kubernetes.quota-short",
)
def new_pods_refused(deployments: tuple[Deployment, ...]) -> object:
    return [d for d in deployments if d.progress == "ProgressDeadlineExceeded" and d.failure]


@symptom(
    "kubernetes.stateful-set-short",
    severity="critical",
    signals=[
        "neurallog:service-outage/other-workloads-ready",
        "neurallog:core-services-down/core-workloads-available",
    ],
    explained_by=(*PODS_ILL, "kubernetes.claim-unbound", "kubernetes.quota-short"),
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
    explained_by=(*PODS_ILL, "kubernetes.quota-short"),
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


class Declared(Record):
    """A workload that the inventory says has to be there, against what is."""

    name: str
    least: int
    wanted: int | None = None
    """None: there is no such workload."""
    available: int = 0

    @property
    def missing(self) -> int:
        """Replicas that it lacks to what the inventory asks for."""
        return max(0, self.least - self.available)


def declared_workloads(
    entry: KubernetesEntry,
    deployments: tuple[Deployment, ...],
    stateful_sets: tuple[StatefulSet, ...],
    daemon_sets: tuple[DaemonSet, ...],
) -> list[Declared]:
    """Every workload named in the inventory, with the replicas that it has."""
    has = {it.name: (it.wanted, it.ready) for it in daemon_sets}
    has |= {it.name: (it.wanted, it.ready) for it in stateful_sets}
    has |= {it.name: (it.wanted, it.available) for it in deployments}
    return [
        Declared(name=name, least=least, wanted=wanted, available=available)
        for name, least in entry.workloads.items()
        for wanted, available in (has.get(name, (None, 0)),)
    ]


@symptom(
    "kubernetes.workload-missing",
    severity="critical",
    signals=[
        "neurallog:core-services-down/core-workloads-available",
        "neurallog:certificate-problems/cert-manager-running",
        "neurallog:diagnostic-tooling-missing/probe-deployment-available",
        "neurallog:external-access-failures/ingress-controller-running",
        "neurallog:log-ingestion-stalled/log-server-available",
        "neurallog:missing-metrics/monitoring-workloads-available",
        "neurallog:slow-api-responses/gateway-replicas-available",
        "neurallog:tenant-creation-stuck/operator-available",
        "sergas:high-error-rate/replicas-available",
    ],
    explained_by=[
        "kubernetes.deployment-short",
        "kubernetes.stateful-set-short",
        "kubernetes.daemon-set-short",
    ],
)
def test_declared_workloads_are_there(
    declared: KubernetesEntry,
    deployments: tuple[Deployment, ...],
    stateful_sets: tuple[StatefulSet, ...],
    daemon_sets: tuple[DaemonSet, ...],
) -> None:
    """What the inventory counts on (``workloads:``) was deleted, scaled down, or is not available."""
    found = declared_workloads(declared, deployments, stateful_sets, daemon_sets)
    assert offenders(found, lambda workload: workload.missing > 0) == ()


@test_declared_workloads_are_there.cause(
    "it does not exist",
    remedy="Deploy it, or correct its name under workloads: in the inventory.",
)
def deleted(
    declared: KubernetesEntry,
    deployments: tuple[Deployment, ...],
    stateful_sets: tuple[StatefulSet, ...],
    daemon_sets: tuple[DaemonSet, ...],
) -> object:
    found = declared_workloads(declared, deployments, stateful_sets, daemon_sets)
    return [workload for workload in found if workload.wanted is None]


@test_declared_workloads_are_there.cause(
    "it was scaled down",
    remedy="kubectl scale it to what the inventory asks for; see whether an autoscaler's floor is lower.",
)
def scaled_down(
    declared: KubernetesEntry,
    deployments: tuple[Deployment, ...],
    stateful_sets: tuple[StatefulSet, ...],
    daemon_sets: tuple[DaemonSet, ...],
) -> object:
    found = declared_workloads(declared, deployments, stateful_sets, daemon_sets)
    return [w for w in found if w.wanted is not None and w.wanted < w.least]


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
        return claim.phase != "Bound" and (claim.phase != "Pending" or age > limits.claim_wait)

    assert offenders(volume_claims, unbound) == ()


@test_volume_claims_are_bound.cause(
    "its volume is gone",
    remedy="Restore the volume from a backup; the claim alone does not bring the data back.",
)
def lost(volume_claims: tuple[VolumeClaim, ...]) -> object:
    return [claim for claim in volume_claims if claim.phase == "Lost"]


@test_volume_claims_are_bound.cause(
    "no volume of its storage class is free, and none is made",
    remedy="See whether the class exists and its provisioner runs: kubectl get storageclass; "
    "kubectl describe pvc.",
)
def no_volume(volume_claims: tuple[VolumeClaim, ...], volumes: tuple[Volume, ...]) -> object:
    free = any(volume.phase == "Available" for volume in volumes)
    return None if free else [claim for claim in volume_claims if claim.phase == "Pending"]


@symptom(
    "kubernetes.volume-unused",
    severity="major",
    signals=[
        "neurallog:persistent-volume-problems/volumes-bound",
        "neurallog:persistent-volume-problems/volume-claims-exist",
    ],
)
def test_volumes_have_their_claims(
    volumes: tuple[Volume, ...], volume_claims: tuple[VolumeClaim, ...], declared: KubernetesEntry
) -> None:
    """A volume that lost its claim keeps data that nothing uses, and that nobody may know of."""
    claims = {claim.name for claim in volume_claims}

    def astray(volume: Volume) -> bool:
        namespace = volume.claim.partition("/")[0]
        known = not declared.namespaces or namespace in declared.namespaces
        lost = volume.phase == "Bound" and known and volume.claim not in claims
        return lost or volume.phase not in {"Bound", "Available"}

    assert offenders(volumes, astray) == ()


@test_volumes_have_their_claims.cause(
    "its claim was deleted",
    remedy="Save what is needed; then delete the volume, or clear its claimRef to use it again.",
)
def claim_deleted(volumes: tuple[Volume, ...]) -> object:
    return [volume for volume in volumes if volume.phase == "Released"]


@test_volumes_have_their_claims.cause(
    "it could not be reclaimed",
    remedy="Read the volume's message; delete the storage behind it by hand.",
)
def not_reclaimed(volumes: tuple[Volume, ...]) -> object:
    return [volume for volume in volumes if volume.phase == "Failed"]
