"""A real control plane with a small web shop on three nodes (see lab.kubernetes)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.kubernetes import Cluster, ControlPlane, furnish
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
clusters:
  shop:
    kubeconfig: {kubeconfig}
    workloads: {{shop/api: 2, shop/worker: 1}}
"""


@contextmanager
def opened() -> Iterator[World]:
    """The cluster ``shop``, observed by a user who may get and list, and no more.

    Parts: ``cluster``, whose objects faults break; ``plane``, whose servers they stop; and
    ``inventory``, the file that says what has to be there.
    """
    with ControlPlane() as plane, tempfile.TemporaryDirectory(prefix="sickbay-cluster-") as folder:
        furnish(plane.cluster)
        publish(plane.cluster)
        inventory = Path(folder) / "cluster.yaml"
        inventory.write_text(_INVENTORY.format(kubeconfig=plane.kubeconfig_for("sickbay")))
        parts = {"cluster": plane.cluster, "plane": plane, "inventory": inventory}
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
