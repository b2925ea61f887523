"""The cluster's API server answers and lets us in."""

from __future__ import annotations

from sickbay.symptoms import symptom
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
    return contact if contact.failure in {"garbage", "broken-off"} else None
