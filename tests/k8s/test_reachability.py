"""The cluster's API server answers and lets us in, and its other parts are alive."""

from __future__ import annotations

from datetime import datetime

from sickbay.inventory.kubernetes import KubernetesLimits
from sickbay.judge import offenders
from sickbay.symptoms import symptom
from sickbay.targets.kubernetes.facts.api_server import ReadinessCheck
from sickbay.targets.kubernetes.facts.leases import ControllerLease
from sickbay.targets.probe import Contact


@symptom(
    "kubernetes.unreachable",
    severity="critical",
    signals=["neurallog:cluster-unhealthy/api-server-ready"],
    explained_by=["host.unreachable"],
)
def test_cluster_answers(contact: Contact) -> None:
    """Nobody can see or change anything in a cluster whose API server does not answer."""
    assert contact.outcome == "answered"


@test_cluster_answers.cause(
    "nothing listens at the server's address",
    remedy="Start the API server, or correct the server address in the kubeconfig.",
)
def refused(contact: Contact) -> object:
    return contact if contact.failure == "refused" else None


@test_cluster_answers.cause(
    "the API server has lost its store",
    remedy="Bring etcd back: look at its log, its disk and its quorum (etcdctl endpoint status).",
)
def store_lost(contact: Contact) -> object:
    return contact if contact.failure == "store-lost" else None


@test_cluster_answers.cause(
    "the API server or a load balancer before it fails",
    remedy="Look at the API server's log and load: kubectl get --raw '/readyz?verbose'.",
)
def server_error(contact: Contact) -> object:
    return contact if contact.failure == "server-error" else None


@test_cluster_answers.cause(
    "the login is not accepted",
    remedy="Renew the token or client certificate in the kubeconfig.",
)
def login_refused(contact: Contact) -> object:
    return contact if contact.failure == "login-refused" else None


@test_cluster_answers.cause(
    "there is no usable kubeconfig",
    remedy="Set kubeconfig and context in the inventory, or export KUBECONFIG.",
)
def no_kubeconfig(contact: Contact) -> object:
    return contact if contact.failure == "no-kubeconfig" else None


@test_cluster_answers.cause(
    "the server's name is unknown",
    remedy="Correct the server address in the kubeconfig; look at this machine's DNS.",
)
def name_unknown(contact: Contact) -> object:
    return contact if contact.failure == "name-unknown" else None


@test_cluster_answers.cause(
    "the address is cut off or a firewall drops what is sent there",
    remedy="Look at the network between here and the API server: VPN, firewall, load balancer.",
)
def silent(contact: Contact) -> object:
    return contact if contact.failure in {"silent", "no-route"} else None


@test_cluster_answers.cause(
    "the server's certificate does not fit the kubeconfig",
    remedy="Take certificate-authority-data anew from the cluster; look at the certificate's expiry.",
)
def certificate(contact: Contact) -> object:
    return contact if contact.failure == "tls-failed" else None


@test_cluster_answers.cause(
    "what answers there is no Kubernetes API server",
    remedy="Correct the server address in the kubeconfig; look for a proxy in between.",
)
def garbage(contact: Contact) -> object:
    return contact if contact.failure in {"garbage", "broken-off", "proxy"} else None


@symptom(
    "kubernetes.api-server-unready",
    severity="critical",
    signals=["neurallog:cluster-unhealthy/api-server-ready"],
)
def test_api_server_is_ready(readiness_checks: tuple[ReadinessCheck, ...]) -> None:
    """An API server that fails one of its own checks is taken out of service, or should be."""
    assert offenders(readiness_checks, lambda check: not check.passes) == ()


@test_api_server_is_ready.cause(
    "it is shutting down",
    remedy="Wait for it to come back; see who restarts it.",
)
def shutting_down(readiness_checks: tuple[ReadinessCheck, ...]) -> object:
    return [c for c in readiness_checks if c.name == "shutdown" and not c.passes]


@test_api_server_is_ready.cause(
    "it has not finished starting",
    remedy="Look at its log for what it waits for: the hooks and informers that are named.",
)
def starting(readiness_checks: tuple[ReadinessCheck, ...]) -> object:
    words = ("poststarthook", "informer-sync")
    return [c for c in readiness_checks if not c.passes and c.name.startswith(words)]


@symptom(
    "kubernetes.controller-silent",
    severity="critical",
    signals=["neurallog:cluster-unhealthy/controllers-alive"],
    explained_by=["kubernetes.api-server-unready"],
)
def test_controllers_are_alive(
    controller_leases: tuple[ControllerLease, ...], limits: KubernetesLimits, now: datetime
) -> None:
    """Without scheduler no pod starts, without controller manager none that is lost is replaced."""
    assert offenders(controller_leases, lambda lease: _stale(lease, limits, now)) == ()


@test_controllers_are_alive.cause(
    "the scheduler does not run, or does not reach the API server",
    remedy="Look at its pod and log: kubectl -n kube-system logs -l component=kube-scheduler.",
)
def scheduler(
    controller_leases: tuple[ControllerLease, ...], limits: KubernetesLimits, now: datetime
) -> object:
    return [
        lease
        for lease in controller_leases
        if lease.name == "kube-scheduler" and _stale(lease, limits, now)
    ]


@test_controllers_are_alive.cause(
    "the controller manager does not run, or does not reach the API server",
    remedy="Look at its pod and log: kubectl -n kube-system logs -l component=kube-controller-manager.",
)
def controller_manager(
    controller_leases: tuple[ControllerLease, ...], limits: KubernetesLimits, now: datetime
) -> object:
    return [
        lease
        for lease in controller_leases
        if lease.name == "kube-controller-manager" and _stale(lease, limits, now)
    ]


def _stale(lease: ControllerLease, limits: KubernetesLimits, now: datetime) -> bool:
    return lease.renewed is None or (now - lease.renewed).total_seconds() > limits.lease_age
