"""A real control plane with a small web shop on three nodes (see lab.kubernetes)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.kubernetes import ControlPlane, furnish
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

    Parts: ``cluster``, whose objects faults break, and ``plane``, whose servers they stop.
    """
    with ControlPlane() as plane, tempfile.TemporaryDirectory(prefix="sickbay-cluster-") as folder:
        furnish(plane.cluster)
        inventory = Path(folder) / "cluster.yaml"
        inventory.write_text(_INVENTORY.format(kubeconfig=plane.kubeconfig_for("sickbay")))
        yield World("cluster", inventory, {"cluster": plane.cluster, "plane": plane})
