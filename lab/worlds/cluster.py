"""A real control plane with a small web shop on three nodes (see lab.kubernetes)."""

from __future__ import annotations

import base64
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from pathlib import Path

from lab.certificates import Authority, Identity
from lab.front import ADDRESS, front
from lab.kubernetes import ApiError, Cluster, ControlPlane, furnish
from lab.kubernetes.roles import FRONT
from lab.world import World

# Waits are lowered, because a fault that is a second old has to show; all else is as shipped. The
# controllers of the lab renew their leases every second.
_INVENTORY = """\
limits:
  pod_wait: 1 s
  claim_wait: 1 s
  address_wait: 1 s
  namespace_end: 1 s
  lease_age: 8 s
endpoints:
  front:
    url: https://127.0.0.1:{port}/
    runs_on: shop
    ca_file: {authority}
clusters:
  shop:
    kubeconfig: {kubeconfig}
    workloads: {{shop/api: 2, shop/worker: 1}}
    certificates: [shop/{secret}]
"""

METRICS = "apis/metrics.k8s.io/v1beta1/nodes"
USAGE = {"cpu": "400m", "memory": "4Gi"}
"""Of each node; a tenth of its CPUs, a quarter of its memory."""
_PATIENCE = 30.0


@contextmanager
def opened() -> Iterator[World]:
    """The cluster ``shop``, observed by a user who may get and list, and no more.

    Parts: ``cluster``, whose objects faults break; ``plane``, whose servers they stop; and
    ``inventory``, the file that says what has to be there.
    """
    with ExitStack() as stack:
        plane = stack.enter_context(ControlPlane())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sickbay-cluster-")))
        furnish(plane.cluster)
        publish(plane.cluster)
        measure(plane.cluster)
        trusted = Authority("Sickbay lab authority")
        identity = trusted.server(ADDRESS)
        issue(plane.cluster, identity)
        (folder / "authority.pem").write_bytes(trusted.certificate)
        inventory = folder / "cluster.yaml"
        inventory.write_text(
            _INVENTORY.format(
                kubeconfig=plane.kubeconfig_for("sickbay"),
                secret=FRONT,
                port=stack.enter_context(front(identity, folder)),
                authority=folder / "authority.pem",
            )
        )
        parts = {
            "cluster": plane.cluster, "plane": plane, "inventory": inventory,
            "authority": trusted, "identity": identity,
        }  # fmt: skip
        yield World("cluster", inventory, parts)


def publish(cluster: Cluster) -> None:
    """An ingress for the shop's service api, with the address that a controller would give it."""
    backend = {"service": {"name": "api", "port": {"number": 80}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    rules = [{"host": "shop.example.com", "http": {"paths": [path]}}]
    meta = {"name": "public", "namespace": "shop"}
    cluster.create("ingresses", {"metadata": meta, "spec": {"rules": rules}})
    address_ingress(cluster)


def address_ingress(cluster: Cluster, *addresses: str) -> None:
    """What an ingress controller reports: where the ingress is reached."""
    given = [{"ip": address} for address in addresses or ("192.0.2.80",)]
    cluster.patch_status("ingresses", "shop", "public", {"loadBalancer": {"ingress": given}})


def issue(cluster: Cluster, identity: Identity) -> None:
    """Keep a certificate and its key in the Secret of the front, as cert-manager does."""
    pair = {"tls.crt": identity.certificate, "tls.key": identity.key}
    data = {name: base64.b64encode(pem).decode() for name, pem in pair.items()}
    if cluster.find("secrets", "shop", FRONT):
        cluster.patch("secrets", "shop", FRONT, {"data": data})
    else:
        meta = {"name": FRONT, "namespace": "shop"}
        cluster.create("secrets", {"metadata": meta, "type": "kubernetes.io/tls", "data": data})


def measure(cluster: Cluster) -> None:
    """What a metrics server tells of the nodes, served as a resource of its group and kind.

    A metrics server asks kubelets, which the lab has none of.
    """
    group, names = "metrics.k8s.io", {"plural": "nodes", "kind": "NodeMetrics"}
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1beta1", "served": True, "storage": True}
    cluster.create(
        "customresourcedefinitions",
        {
            "metadata": {
                "name": f"nodes.{group}",
                "annotations": {"api-approved.kubernetes.io": "unapproved, of the lab alone"},
            },
            "spec": {
                "group": group,
                "scope": "Cluster",
                "names": names,
                "versions": [version | {"schema": {"openAPIV3Schema": schema}}],
            },
        },
    )
    for node in cluster.all("nodes"):
        metrics = {"apiVersion": f"{group}/v1beta1", "kind": "NodeMetrics", "usage": USAGE}
        body = {**metrics, "metadata": {"name": node["metadata"]["name"]}}
        _when_served(lambda body=body: cluster.create(METRICS, body))  # type: ignore[misc]


def _when_served(create: Callable[[], object]) -> None:
    """The API server needs a moment until it serves a resource that it was just told of."""
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            create()
        except ApiError as refused:
            if refused.status != HTTPStatus.NOT_FOUND or time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return
