"""Record what the tests of this folder read: real pages of a real API server, small.

python -m selftest.unit.kubernetes.record

Starts the lab's control plane, makes its cluster ill in several ways at once, and writes the answer
to every request that facts are made of, page by page, to data/.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from lab.kubernetes import ControlPlane, furnish, manifests
from lab.worlds.cluster import measure, publish
from sickbay.targets.kinds import known_facts
from sickbay.targets.kubernetes.listing import Document, Listing

DATA = Path(__file__).with_name("data")
PAGE = 3
"""Objects a page, so that a small cluster has several."""


def stem(listing: Listing) -> str:
    """What the files of a listing are called; nodes are there twice."""
    return listing.resource if not listing.optional else f"metrics-{listing.resource}"


def main() -> None:
    requests = {
        spec.request
        for spec in known_facts().values()
        if isinstance(spec.request, Listing | Document)
    }
    DATA.mkdir(exist_ok=True)
    with ControlPlane() as plane:
        _furnish(plane)
        for request in requests:
            if isinstance(request, Document):
                name = request.path.strip("/").partition("?")[0]
                body = plane.cluster.request("GET", request.path)
                (DATA / f"{name}.txt").write_bytes(body)
            else:
                _record(plane, request)


def _furnish(plane: ControlPlane) -> None:
    cluster = plane.cluster
    furnish(cluster)
    publish(cluster)
    measure(cluster)
    image = "registry.example.com/agent:3"
    cluster.create("daemonsets", manifests.workload("shop", "agent", image))
    more = {"replicas": 1, "serviceName": "db"}
    cluster.create("statefulsets", manifests.workload("shop", "db", image, **more))
    quota = {"metadata": {"name": "team", "namespace": "shop"}}
    cluster.create("resourcequotas", {**quota, "spec": {"hard": {"requests.cpu": "200"}}})
    time.sleep(2)  # the controllers make and count what belongs to these
    cluster.settle("shop", "agent")
    cluster.crash_loop("shop", "api", reason="OOMKilled", restarts=7, pods=1)
    cluster.demand("shop", "worker", cpu="64")
    cluster.node_condition("node2", "MemoryPressure", "True")
    cluster.node_silent("node3")
    cluster.warn("shop", "Pod", "api-1", "FailedMount", 'secret "tls" not found', count=12)


def _record(plane: ControlPlane, listing: Listing) -> None:
    for stale in DATA.glob(f"{stem(listing)}-*.json"):
        stale.unlink()
    query, number = {"limit": str(PAGE), "fieldSelector": listing.fields}, 0
    while number == 0 or query.get("continue"):
        body = plane.cluster.request("GET", listing.paths(())[0], query=query)
        number += 1
        (DATA / f"{stem(listing)}-{number}.json").write_bytes(body)
        query["continue"] = json.loads(body)["metadata"].get("continue", "")


if __name__ == "__main__":
    main()
