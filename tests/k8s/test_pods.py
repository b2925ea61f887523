"""Pods find a node, start, get ready and stay up."""

from __future__ import annotations

from datetime import datetime

from sickbay.inventory.kubernetes import KubernetesLimits
from sickbay.judge import offenders, worst
from sickbay.symptoms import symptom
from sickbay.targets.kubernetes.facts.events import WarningEvent
from sickbay.targets.kubernetes.facts.nodes import Node
from sickbay.targets.kubernetes.facts.pods import Container, Pod

CRASHING = "CrashLoopBackOff"
NO_IMAGE = ("ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull")
NO_CONFIG = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")
OOM = "OOMKilled"
TOLD_TO_STOP = 143
"""Exit code of a process ended by SIGTERM, which is how a kubelet asks it to stop."""


def _seconds(since: datetime | None, now: datetime) -> float:
    return (now - since).total_seconds() if since else 0.0


@symptom(
    "kubernetes.pod-crash-looping",
    severity="critical",
    signals=["neurallog:pod-startup/containers-not-waiting"],
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
        if c.waiting == CRASHING and c.last_reason != OOM and c.last_exit not in {None, 0}
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
    words = ("timeout", "dial tcp", "no such host", "toomanyrequests", "too many requests")
    return _image_says(containers, words)


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
    words = ("not found", "couldn't find key")
    return [c for c in containers if c.waiting in NO_CONFIG and any(w in c.message for w in words)]


@test_containers_are_created.cause(
    "its command cannot be run",
    remedy="Correct command and args in the pod's template: the image does not have that program.",
)
def no_command(containers: tuple[Container, ...]) -> object:
    words = ("exec:", "executable file", "no such file", "permission denied")
    return [c for c in containers if c.waiting in NO_CONFIG and any(w in c.message for w in words)]


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
    because="kubernetes.node-full",
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
    words = ("PersistentVolumeClaim", "persistentvolumeclaim")
    return [pod for pod in pods if any(word in pod.unscheduled for word in words)]


@test_pods_find_a_node.cause(
    "nodes are cordoned",
    remedy="kubectl uncordon NODE once its maintenance is over.",
    because="kubernetes.node-cordoned",
)
def cordoned(nodes: tuple[Node, ...], pods: tuple[Pod, ...]) -> object:
    named = any("unschedulable" in pod.unscheduled for pod in pods)
    return [node for node in nodes if node.cordoned] if named else None


@symptom(
    "kubernetes.pod-not-placed",
    severity="critical",
    signals=["neurallog:pod-startup/pods-scheduled"],
    explained_by=["kubernetes.controller-silent"],
)
def test_pods_are_looked_at(pods: tuple[Pod, ...], limits: KubernetesLimits, now: datetime) -> None:
    """A pod that no scheduler has even looked at waits for ever, and nothing says why."""

    def ignored(pod: Pod) -> bool:
        waits = pod.phase == "Pending" and not pod.node and not pod.unscheduled
        return waits and _seconds(pod.created, now) > limits.pod_wait

    assert offenders(pods, ignored) == ()


@symptom(
    "kubernetes.pod-not-started",
    severity="critical",
    signals=["neurallog:pod-startup/pods-ready"],
    explained_by=[
        "kubernetes.image-not-pulled",
        "kubernetes.container-not-created",
        "kubernetes.pod-crash-looping",
        "kubernetes.node-not-ready",
    ],
)
def test_pods_start(pods: tuple[Pod, ...], limits: KubernetesLimits, now: datetime) -> None:
    """A pod that has a node and does not start waits for an image, a volume or its settings."""

    def stuck(pod: Pod) -> bool:
        placed = pod.phase == "Pending" and bool(pod.node) and not pod.leaving
        return placed and _seconds(pod.created, now) > limits.pod_wait

    assert offenders(pods, stuck) == ()


@test_pods_start.cause(
    "a volume, Secret or ConfigMap that it mounts is not to be had",
    remedy="Create what the warning names, or correct the name in the pod's template.",
)
def not_mounted(warning_events: tuple[WarningEvent, ...], pods: tuple[Pod, ...]) -> object:
    reasons = {"FailedMount", "FailedAttachVolume", "FailedMapVolume"}
    waiting = [pod.name for pod in pods if pod.phase == "Pending" and pod.node]
    return [
        e
        for e in warning_events
        if e.reason in reasons and any(e.name == f"{_as_object(n)} {e.reason}" for n in waiting)
    ]


@test_pods_start.cause(
    "the node cannot give it a network",
    remedy="Look at the pods of the network plugin on that node.",
)
def no_sandbox(warning_events: tuple[WarningEvent, ...]) -> object:
    return [e for e in warning_events if e.reason == "FailedCreatePodSandBox"]


def _as_object(pod: str) -> str:
    """How events name a pod."""
    namespace, _, name = pod.partition("/")
    return f"{namespace}/Pod/{name}"


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


@test_running_pods_are_ready.cause(
    "its readiness probe fails",
    remedy="Ask what the probe asks (kubectl describe pod); look at what the service behind needs.",
)
def probe_fails(pods: tuple[Pod, ...], containers: tuple[Container, ...]) -> object:
    held_up = {c.pod for c in containers if c.waiting}
    return [pod for pod in pods if pod.running_unready and pod.name not in held_up]


@symptom(
    "kubernetes.pod-failed",
    severity="critical",
    signals=["neurallog:service-outage/pods-in-good-phase"],
    explained_by=["kubernetes.job-failed"],
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


@test_pods_have_not_failed.cause(
    "its node is lost",
    remedy="Bring the node back, or delete it, so that its pods are made anew elsewhere.",
    because="kubernetes.node-not-ready",
)
def node_lost(pods: tuple[Pod, ...]) -> object:
    return [p for p in pods if p.phase == "Unknown" or p.reason in {"NodeLost", "NodeShutdown"}]


@symptom(
    "kubernetes.pod-restarting",
    severity="major",
    signals=["neurallog:pod-crashes/restart-count-stable"],
    explained_by=["kubernetes.pod-crash-looping", "kubernetes.pod-oom-killed"],
)
def test_containers_stay_up(containers: tuple[Container, ...], limits: KubernetesLimits) -> None:
    """Each restart drops what the container was doing."""
    assert worst(containers, "restarts") <= limits.pod_restarts


@test_containers_stay_up.cause(
    "it runs out of memory",
    remedy="Raise its memory limit, or find what it fills its memory with.",
)
def restarts_for_memory(containers: tuple[Container, ...], limits: KubernetesLimits) -> object:
    return [c for c in containers if c.restarts > limits.pod_restarts and c.last_reason == OOM]


@test_containers_stay_up.cause(
    "its process ends with an error",
    remedy="Read its last words: kubectl logs POD --previous; compare its settings with the last release.",
)
def restarts_for_an_error(containers: tuple[Container, ...], limits: KubernetesLimits) -> object:
    often = [c for c in containers if c.restarts > limits.pod_restarts]
    return [c for c in often if c.last_reason != OOM and c.last_exit not in {None, 0}]


@symptom(
    "kubernetes.pod-restarted",
    severity="major",
    signals=["neurallog:pod-crashes/restart-count-stable"],
    explained_by=["kubernetes.pod-crash-looping", "kubernetes.pod-oom-killed"],
)
def test_containers_have_not_restarted_lately(
    containers: tuple[Container, ...], limits: KubernetesLimits, now: datetime
) -> None:
    """A container that has just been started anew may be about to do it again."""
    lately = offenders(
        containers,
        lambda c: (
            c.restarts > 0
            and c.last_finished is not None
            and _seconds(c.last_finished, now) < limits.pod_restart_window
        ),
    )
    assert lately == ()


@test_containers_have_not_restarted_lately.cause(
    "its liveness probe fails",
    remedy="See whether it is too slow or the probe too strict: timeoutSeconds, failureThreshold.",
)
def liveness(warning_events: tuple[WarningEvent, ...]) -> object:
    said = [e for e in warning_events if e.reason == "Unhealthy"]
    return [event for event in said if "Liveness" in event.message]


@test_containers_have_not_restarted_lately.cause(
    "its process ended with an error",
    remedy="Read its last words: kubectl logs POD --previous.",
)
def ended_lately(
    containers: tuple[Container, ...], limits: KubernetesLimits, now: datetime
) -> object:
    return [
        c
        for c in containers
        if c.restarts and _bad_end(c) and _seconds(c.last_finished, now) < limits.pod_restart_window
    ]


def _bad_end(container: Container) -> bool:
    return container.last_exit not in {None, 0, TOLD_TO_STOP} and container.last_reason != OOM


@symptom(
    "kubernetes.pod-ended-badly",
    severity="minor",
    signals=["neurallog:pod-crashes/last-exit-clean"],
    explained_by=[
        "kubernetes.pod-crash-looping",
        "kubernetes.pod-restarting",
        "kubernetes.pod-restarted",
    ],
)
def test_containers_end_well(
    containers: tuple[Container, ...], limits: KubernetesLimits, now: datetime
) -> None:
    """A container that runs again after an error hides a defect that will come back."""
    badly = offenders(
        containers,
        lambda c: (
            _bad_end(c)
            and not c.waiting
            and c.last_finished is not None
            and _seconds(c.last_finished, now) < limits.pod_exit_window
        ),
    )
    assert badly == ()


@test_containers_end_well.cause(
    "it was killed",
    remedy="Exit code 137 is SIGKILL: the kubelet (liveness probe) or the node's kernel ended it.",
)
def killed(containers: tuple[Container, ...]) -> object:
    return [c for c in containers if _bad_end(c) and not c.waiting and c.last_exit == 128 + 9]


@test_containers_end_well.cause(
    "its process ended with an error",
    remedy="Read its last words: kubectl logs POD --previous.",
)
def ended_with_an_error(containers: tuple[Container, ...]) -> object:
    return [c for c in containers if _bad_end(c) and not c.waiting and c.last_exit != 128 + 9]


@symptom(
    "kubernetes.pod-oom-killed",
    severity="major",
    signals=["neurallog:high-memory/no-oom-kills", "sergas:high-memory-usage/pod-oom-kills"],
    explained_by=["kubernetes.pod-crash-looping"],
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


@test_containers_are_not_killed_for_memory.cause(
    "its memory limit is below what it needs, or it leaks",
    remedy="Compare its use with its limit (kubectl top pod); raise the limit, or find the leak.",
)
def outgrows_its_limit(containers: tuple[Container, ...]) -> object:
    return [c for c in containers if c.last_reason == OOM and "memory limit" not in c.undeclared]


@test_containers_are_not_killed_for_memory.cause(
    "it has no memory limit and its node ran out",
    remedy="Give it a memory request and limit, so that it does not compete with the whole node.",
)
def without_limit(containers: tuple[Container, ...]) -> object:
    return [c for c in containers if c.last_reason == OOM and "memory limit" in c.undeclared]


@symptom(
    "kubernetes.memory-unbounded",
    severity="minor",
    signals=[
        "neurallog:pod-crashes/memory-limits-set",
        "neurallog:tenant-quota-exhausted/tenant-pods-declare-requests",
        "sergas:high-memory-usage/deployment-memory-limit",
    ],
)
def test_containers_declare_their_memory(containers: tuple[Container, ...]) -> None:
    """A container without a memory limit can take down what runs beside it."""

    def open_ended(container: Container) -> bool:
        return any(name.startswith("memory") for name in container.undeclared)

    assert offenders(containers, open_ended) == ()


@test_containers_declare_their_memory.cause(
    "its template says nothing of memory",
    remedy="Set resources.requests.memory and resources.limits.memory in the pod's template.",
)
def no_memory_told(containers: tuple[Container, ...]) -> object:
    return [c for c in containers if any(name.startswith("memory") for name in c.undeclared)]


@symptom(
    "kubernetes.cpu-undeclared",
    severity="minor",
    signals=[
        "neurallog:high-cpu/cpu-resources-set",
        "neurallog:tenant-quota-exhausted/tenant-pods-declare-requests",
    ],
)
def test_containers_declare_their_cpu(containers: tuple[Container, ...]) -> None:
    """A container that does not say how much CPU it needs starves, or starves its neighbours."""

    def open_ended(container: Container) -> bool:
        return any(name.startswith("cpu") for name in container.undeclared)

    assert offenders(containers, open_ended) == ()


@test_containers_declare_their_cpu.cause(
    "its template says nothing of CPU",
    remedy="Set resources.requests.cpu and resources.limits.cpu in the pod's template.",
)
def no_cpu_told(containers: tuple[Container, ...]) -> object:
    return [c for c in containers if any(name.startswith("cpu") for name in c.undeclared)]
