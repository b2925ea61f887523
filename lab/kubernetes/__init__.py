"""A real Kubernetes control plane of the lab's own, on loopback and without root.

etcd, API server, controller manager and scheduler are the real ones; there are no kubelets. What
kubelets would report (node conditions, container states) is written by :class:`Cluster`.

    with ControlPlane() as plane:
        cluster = plane.cluster
        furnish(cluster)
        cluster.crash_loop("shop", "api")
        ...                                # look at it with plane.kubeconfig_for("sickbay")
        cluster.settle("shop", "api")      # healthy again
"""

from lab.kubernetes.api import ApiError, audited
from lab.kubernetes.control_plane import ControlPlane
from lab.kubernetes.objects import Cluster
from lab.kubernetes.roles import read_only
from lab.kubernetes.system import furnish

__all__ = [
    "ApiError",
    "Cluster",
    "ControlPlane",
    "audited",
    "furnish",
    "read_only",
]
