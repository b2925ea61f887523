"""Pods find a node, start, get ready and stay up."""

from __future__ import annotations

from datetime import datetime

from sickbay.inventory.kubernetes import KubernetesLimits
from sickbay.judge import offenders, worst
from sickbay.symptoms import symptom
from sickbay.targets.kubernetes.facts.nodes import Node
from sickbay.targets.kubernetes.facts.pods import Container, Pod

CRASHING = "CrashLoopBackOff"
NO_IMAGE = ("ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull")
NO_CONFIG = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")
OOM = "OOMKilled"
ALWAYS_OUT = 137
"""Exit code of a process ended by SIGKILL."""


def _seconds(since: datetime | None, now: datetime) -> float:
    return (now - since).total_seconds() if since else 0.0


@symptom(
    "kubernetes.pod-crash-looping",
    severity="critical",
    signals=[
        "neurallog:pod-startup/containers-not-waiting",
        "neurallog:pod-crashes/last-exit-clean",
    ],
    explained_by=["postgres.unreachable", "redis.unreachable"],
)
def test_containers_do_not_crash(containers: tuple[Container, ...]) -> None:
    """A container that crashes again and again does no work between its restarts."""
    assert offenders(containers, lambda c: c.waiting == CRASHING) == ()


@test_containers_do_not_crash.cause(
    "it runs out of memory",
    remedy="Raise its memory limit, or find what it fills its memory with.",
)
def out_of_memory(containers: tuple[Container, ...]) -> object:
    return [c for c in containers if c.waiting == CRASHING and c.last_reason == OOM]


@test_containers_do_not_crash.cause(
    "its process ends with an error",
    remedy="Read its last words: kubectl logs POD --previous; compare its settings with the last release.",
)
def ends_with_an_error(containers: tuple[Container, ...]) -> object:
    return [
        c
        for c in containers
        if c.waiting == CRASHING
        and c.last_reason != OOM
        and c.last_exit not in {None, 0, ALWAYS_OUT}
    ]


@test_containers_do_not_crash.cause(
    "its process ends without an error, though it should stay",
    remedy="Look at its command: it does its work and exits; a job fits better, or it lacks an argument.",
)
def ends_at_once(containers: tuple[Container, ...]) -> object:
    return [c for c in containers if c.waiting == CRASHING and c.last_exit == 0]


@symptom(
    "kubernetes.image-not-pulled",
    severity="critical",
    signals=["neurallog:pod-startup/containers-not-waiting"],
)
def test_images_are_pulled(containers: tuple[Container, ...]) -> None:
    """A container whose image cannot be had never starts."""
    assert offenders(containers, lambda c: c.waiting in NO_IMAGE) == ()


@test_images_are_pulled.cause(
    "there is no such image or tag",
    remedy="Correct the image's name and tag in the deployment; see whether the build pushed it.",
)
def no_such_image(containers: tuple[Container, ...]) -> object:
    return _image_says(containers, ("not found", "manifest unknown", "invalid reference"))


@test_images_are_pulled.cause(
    "the registry does not accept the login",
    remedy="Renew the pull secret (imagePullSecrets) of the namespace or service account.",
)
def login(containers: tuple[Container, ...]) -> object:
    return _image_says(containers, ("unauthorized", "denied", "authentication", "no basic auth"))


@test_images_are_pulled.cause(
    "the registry cannot be reached or refuses more pulls",
    remedy="Look at the node's way to the registry and at its rate limit (toomanyrequests).",
)
def registry(containers: tuple[Container, ...]) -> object:
    return _image_says(containers, ("timeout", "dial tcp", "no such host", "toomanyrequests"))


def _image_says(containers: tuple[Container, ...], words: tuple[str, ...]) -> list[Container]:
    return [
        c
        for c in containers
        if c.waiting in NO_IMAGE and any(word in c.message.lower() for word in words)
    ]


@symptom(
    "kubernetes.container-not-created",
    severity="critical",
    signals=["neurallog:pod-startup/containers-not-waiting"],
)
def test_containers_are_created(containers: tuple[Container, ...]) -> None:
    """A container whose settings refer to something that is not there is never created."""
    assert offenders(containers, lambda c: c.waiting in NO_CONFIG) == ()


@test_containers_are_created.cause(
    "a Secret or ConfigMap that it refers to is missing",
    remedy="Create it, or correct its name or key in the pod's template.",
)
def no_settings(containers: tuple[Container, ...]) -> object:
    return [c for c in containers if c.waiting in NO_CONFIG and "not found" in c.message]


@symptom(
    "kubernetes.pod-unschedulable",
    severity="critical",
    signals=["neurallog:pod-startup/pods-scheduled"],
    explained_by=["kubernetes.node-not-ready", "kubernetes.node-pressure"],
)
def test_pods_find_a_node(pods: tuple[Pod, ...], limits: KubernetesLimits, now: datetime) -> None:
    """A pod that fits on no node waits for ever."""
    waiting = offenders(
        pods, lambda pod: bool(pod.unscheduled) and _seconds(pod.created, now) > limits.pod_wait
    )
    assert waiting == ()


@test_pods_find_a_node.cause(
    "no node has enough CPU or memory left",
    remedy="Lower the pod's requests, remove what is not needed, or add a node.",
)
def too_large(pods: tuple[Pod, ...]) -> object:
    return [pod for pod in pods if "Insufficient" in pod.unscheduled]


@test_pods_find_a_node.cause(
    "its selector, affinity or tolerations fit no node",
    remedy="Compare nodeSelector, affinity and tolerations with the nodes' labels and taints.",
)
def fits_nowhere(pods: tuple[Pod, ...]) -> object:
    words = ("node affinity", "selector", "untolerated taint", "didn't match")
    return [pod for pod in pods if any(word in pod.unscheduled for word in words)]


@test_pods_find_a_node.cause(
    "its volume claim is not bound",
    remedy="Look at the claim: kubectl describe pvc.",
    because="kubernetes.claim-unbound",
)
def unbound_claim(pods: tuple[Pod, ...]) -> object:
    return [pod for pod in pods if "PersistentVolumeClaim" in pod.unscheduled]


@test_pods_find_a_node.cause(
    "nodes are cordoned",
    remedy="kubectl uncordon NODE once its maintenance is over.",
    because="kubernetes.node-cordoned",
)
def cordoned(nodes: tuple[Node, ...], pods: tuple[Pod, ...]) -> object:
    named = any("unschedulable" in pod.unscheduled for pod in pods)
    return [node for node in nodes if node.cordoned] if named else None


@symptom(
    "kubernetes.pod-not-ready",
    severity="major",
    signals=["neurallog:pod-startup/pods-ready"],
    explained_by=["kubernetes.pod-crash-looping", "kubernetes.node-not-ready"],
)
def test_running_pods_are_ready(
    pods: tuple[Pod, ...], limits: KubernetesLimits, now: datetime
) -> None:
    """A pod that runs without getting ready takes no traffic."""
    late = offenders(
        pods,
        lambda pod: (
            pod.running_unready and _seconds(pod.since or pod.created, now) > limits.pod_wait
        ),
    )
    assert late == ()


@symptom(
    "kubernetes.pod-failed",
    severity="critical",
    signals=["neurallog:service-outage/pods-in-good-phase"],
    explained_by=["kubernetes.node-pressure", "kubernetes.job-failed"],
)
def test_pods_have_not_failed(pods: tuple[Pod, ...]) -> None:
    """A failed pod is one that the cluster has given up, or evicted."""
    assert offenders(pods, lambda pod: pod.phase in {"Failed", "Unknown"}) == ()


@test_pods_have_not_failed.cause(
    "its node evicted it",
    remedy="Give the pod requests that fit what it uses; relieve the node.",
    because="kubernetes.node-pressure",
)
def evicted(pods: tuple[Pod, ...]) -> object:
    return [pod for pod in pods if pod.reason == "Evicted"]


@symptom(
    "kubernetes.pod-restarting",
    severity="major",
    signals=["neurallog:pod-crashes/restart-count-stable"],
    explained_by=["kubernetes.pod-crash-looping", "kubernetes.pod-oom-killed"],
)
def test_containers_stay_up(containers: tuple[Container, ...], limits: KubernetesLimits) -> None:
    """Each restart drops what the container was doing."""
    assert worst(containers, "restarts") <= limits.pod_restarts


@symptom(
    "kubernetes.pod-oom-killed",
    severity="major",
    signals=["neurallog:high-memory/no-oom-kills", "sergas:high-memory-usage/pod-oom-kills"],
)
def test_containers_are_not_killed_for_memory(
    containers: tuple[Container, ...], limits: KubernetesLimits, now: datetime
) -> None:
    """The kernel ends a container that outgrows its memory limit, in the middle of its work."""
    killed = offenders(
        containers,
        lambda c: (
            c.last_reason == OOM
            and c.last_finished is not None
            and _seconds(c.last_finished, now) < limits.pod_oom_window
        ),
    )
    assert killed == ()
