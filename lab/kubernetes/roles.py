"""What a user of the lab's cluster may do."""

from __future__ import annotations

from collections.abc import Collection

from lab.kubernetes.api import Json

FRONT = "front-tls"
"""The Secret with the certificate that the shop's front serves."""
_READABLE = {
    "": "namespaces nodes pods services endpoints events persistentvolumes persistentvolumeclaims "
    "replicationcontrollers resourcequotas limitranges serviceaccounts configmaps",
    "apps": "deployments replicasets statefulsets daemonsets",
    "autoscaling": "horizontalpodautoscalers",
    "batch": "jobs cronjobs",
    "coordination.k8s.io": "leases",
    "discovery.k8s.io": "endpointslices",
    "events.k8s.io": "events",
    "metrics.k8s.io": "nodes",
    "networking.k8s.io": "ingresses networkpolicies",
    "policy": "poddisruptionbudgets",
    "storage.k8s.io": "storageclasses",
}


def read_only(*, without: Collection[str] = ()) -> list[Json]:
    """The rules of a ClusterRole that may get and list what a health test looks at.

    ``without`` names kinds to leave out (``{"nodes"}``). Of Secrets it is the one
    that the front's certificate lies in, and watch is never among them.
    """
    unknown = set(without) - set(" ".join(_READABLE.values()).split())
    if unknown:
        raise ValueError(f"no rule to leave out: {', '.join(sorted(unknown))}")
    certificate = {
        "apiGroups": [""], "resources": ["secrets"], "resourceNames": [FRONT], "verbs": ["get"],
    }  # fmt: skip
    return [
        certificate,
        *(
            {
                "apiGroups": [group],
                "resources": [kind for kind in kinds.split() if kind not in without],
                "verbs": ["get", "list"],
            }
            for group, kinds in _READABLE.items()
            if set(kinds.split()) - set(without)
        ),
    ]
