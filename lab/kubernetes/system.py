"""The small healthy system that the lab's faults are set on."""

from __future__ import annotations

from lab.kubernetes.objects import Cluster

NODES = ("node1", "node2", "node3")


def furnish(cluster: Cluster) -> None:
    """Three ready nodes and, in namespace shop, a small web shop in good health.

    Deployments api (2 replicas, with a service) and worker (1), a bound claim data, a job migrate
    that is done and a cron job backup that ran 12 hours ago.
    """
    for name in NODES:
        cluster.node(name)
    cluster.namespace("shop")
    cluster.deployment("shop", "api", replicas=2)
    cluster.service("shop", "api")
    cluster.deployment("shop", "worker")
    cluster.claim("shop", "data")
    cluster.job("shop", "migrate")
    cluster.cronjob("shop", "backup")
