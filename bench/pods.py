"""10,000 pods in a real API server: time and memory of a run of the cluster's health tests.

python bench/pods.py [PODS]

Starts the lab's control plane (see lab.kubernetes) with enough nodes for so many pods, and runs
the suite on it in a process of its own, as a user does. The row without pods tells what a run
costs anyway.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from common import ROOT, Cost, pytest_cost

sys.path.insert(0, str(ROOT))

from lab.kubernetes import ControlPlane

PODS_A_NODE = 100
PEER = "k8sgpt, elsewhere: 0.5 to 0.7 s wall, 320 MiB"
"""For orientation: what a native program took for as many pods on another machine."""


def main() -> None:
    pods = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with ControlPlane() as plane, tempfile.TemporaryDirectory() as folder:
        nodes = [f"node{number:03}" for number in range(-(-pods // PODS_A_NODE))]
        for node in nodes:
            plane.cluster.node(node, cpu="32", memory="64Gi")
        plane.cluster.namespace("crowd")
        inventory = Path(folder) / "cluster.yaml"
        inventory.write_text(
            f"clusters:\n  crowd:\n    kubeconfig: {plane.kubeconfig_for('bench')}\n"
        )
        without = _run(inventory, Path(folder), 0)
        started = time.monotonic()
        plane.cluster.many_pods("crowd", pods, nodes)
        print(f"{pods} pods on {len(nodes)} nodes made in {time.monotonic() - started:.0f} s")
        with_pods = _run(inventory, Path(folder), pods)
    for label, (took, observing) in {"no pods": without, f"{pods} pods": with_pods}.items():
        print(f"{label:12} {took}  of it observing {observing:5.2f} s")
    more, most = with_pods[0].wall - without[0].wall, with_pods[0].peak - without[0].peak
    print(
        f"{'net':12} {more:7.2f} s wall {with_pods[0].cpu - without[0].cpu:7.2f} s cpu {most:7.0f} MiB"
    )
    print(PEER)


def _run(inventory: Path, folder: Path, pods: int) -> tuple[Cost, float]:
    """One run of the suite, which must have seen them all; and for how long it looked (s)."""
    reports = folder / f"reports-{pods}"
    took = pytest_cost(
        "-q", "-p", "no:cacheprovider", "tests/k8s",
        f"--hosts={inventory}", f"--reports-dir={reports}",
    )  # fmt: skip
    state = json.loads((reports / "latest/snapshot.json").read_text())["targets"]["crowd"]["state"]
    seen = len(state["facts"]["pods"]["value"])
    if seen != pods:
        raise SystemExit(f"the run saw {seen} pods of {pods}:\n{took.output[-2000:]}")
    return took, state["seconds"]


if __name__ == "__main__":
    main()
