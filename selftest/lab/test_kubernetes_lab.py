"""The lab's Kubernetes: it starts, is healthy, can be made ill and mended, and leaves nothing."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import pytest

from lab.cache import Unavailable
from lab.kubernetes import ApiError, Cluster, ControlPlane, audited, furnish, read_only
from lab.kubernetes.api import path
from lab.kubernetes.binaries import SERVERS, binaries

ROOT = Path(__file__).parents[2]
SHOP = [("shop", "api"), ("shop", "worker")]


@pytest.fixture(scope="module")
def built() -> Path:
    try:
        return binaries()
    except Unavailable as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(f"nothing is skipped under CI=true: {missing}")
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def plane(built: Path) -> Iterator[ControlPlane]:
    with ControlPlane() as plane:
        furnish(plane.cluster)
        yield plane


@pytest.fixture
def cluster(plane: ControlPlane) -> Iterator[Cluster]:
    """The furnished cluster; a test that does not leave it healthy has failed."""
    yield plane.cluster
    assert ailments(plane.cluster) == []


def ailments(cluster: Cluster) -> list[str]:
    """Everything that a look at the objects themselves finds wrong."""
    found = []
    for node in cluster.all("nodes"):
        healthy = {"Ready": "True"}
        found += [
            f"{node['metadata']['name']}: {it['type']} {it['status']}"
            for it in node["status"]["conditions"]
            if it["status"] != healthy.get(it["type"], "False")
        ]
        found += [f"{node['metadata']['name']}: {it}" for it in node["spec"].get("taints", [])]
    found += [
        f"{pod['metadata']['name']}: {pod['status']}"
        for pod in cluster.all("pods")
        if not is_ready(pod) and pod["status"]["phase"] != "Succeeded"
    ]
    found += [
        f"{it['metadata']['name']}: {it['status']}"
        for it in cluster.all("deployments")
        if it["status"].get("availableReplicas") != it["spec"]["replicas"]
    ]
    return found


def is_ready(pod: dict[str, Any]) -> bool:
    return condition(pod, "Ready").get("status") == "True"


def condition(thing: dict[str, Any], kind: str) -> dict[str, Any]:
    return next((it for it in thing["status"].get("conditions", []) if it["type"] == kind), {})


def available(cluster: Cluster, app: str) -> int:
    return int(cluster.get("deployments", "shop", app)["status"].get("availableReplicas", 0))


def endpoints(cluster: Cluster, service: str) -> int:
    subsets = cluster.get("endpoints", "shop", service).get("subsets") or []
    return sum(len(subset.get("addresses", [])) for subset in subsets)


def test_furnished_healthy(cluster: Cluster) -> None:
    assert ailments(cluster) == []
    assert [node["metadata"]["name"] for node in cluster.all("nodes")] == [
        "node1",
        "node2",
        "node3",
    ]
    assert {name: available(cluster, name) for _, name in SHOP} == {"api": 2, "worker": 1}
    assert endpoints(cluster, "api") == 2
    assert cluster.get("persistentvolumeclaims", "shop", "data")["status"]["phase"] == "Bound"
    assert cluster.get("jobs", "shop", "migrate")["status"]["succeeded"] == 1
    assert cluster.get("cronjobs", "shop", "backup")["status"]["lastSuccessfulTime"]
    version = json.loads(cluster.request("GET", "/version"))
    assert version["gitVersion"] == "v1.35.3"


@pytest.mark.parametrize(("reason", "code"), [("Error", 1), ("OOMKilled", 137)])
def test_crash_loop_and_back(cluster: Cluster, reason: str, code: int) -> None:
    cluster.crash_loop("shop", "api", reason=reason, restarts=14)
    for pod in cluster.pods("shop", "api"):
        (container,) = pod["status"]["containerStatuses"]
        assert container["restartCount"] == 14
        assert container["state"]["waiting"]["reason"] == "CrashLoopBackOff"
        assert container["lastState"]["terminated"]["reason"] == reason
        assert container["lastState"]["terminated"]["exitCode"] == code
    assert available(cluster, "api") == 0
    assert endpoints(cluster, "api") == 0
    assert available(cluster, "worker") == 1

    cluster.settle("shop", "api")
    assert available(cluster, "api") == 2
    assert endpoints(cluster, "api") == 2
    for pod in cluster.pods("shop", "api"):
        assert pod["status"]["containerStatuses"][0]["lastState"] == {}


def test_one_pod_of_two(cluster: Cluster) -> None:
    cluster.image_pull_backoff("shop", "api", pods=1)
    reasons = [
        pod["status"]["containerStatuses"][0]["state"].get("waiting", {}).get("reason")
        for pod in cluster.pods("shop", "api")
    ]
    assert sorted(map(str, reasons)) == ["ImagePullBackOff", "None"]
    assert available(cluster, "api") == 1
    cluster.settle("shop", "api")


def test_further_ways_for_an_app_to_be_ill(cluster: Cluster) -> None:
    cluster.not_ready("shop", "worker")
    assert available(cluster, "worker") == 0
    cluster.settle("shop", "worker")

    cluster.restarted("shop", "worker", restarts=7, reason="OOMKilled")
    (pod,) = cluster.pods("shop", "worker")
    assert is_ready(pod)
    assert pod["status"]["containerStatuses"][0]["lastState"]["terminated"]["exitCode"] == 137
    cluster.settle("shop", "worker")

    cluster.failed("shop", "worker", reason="Error")
    assert "Failed" in {pod["status"]["phase"] for pod in cluster.pods("shop", "worker")}
    cluster.settle("shop", "worker")
    assert len(cluster.pods("shop", "worker")) == 1

    cluster.scale("shop", "worker", 3)
    assert available(cluster, "worker") == 3
    cluster.scale("shop", "worker", 1)


def test_pod_without_owner(cluster: Cluster) -> None:
    cluster.pod("shop", "toolbox", node="node2")
    cluster.crash_loop("shop", "toolbox")
    (pod,) = cluster.pods("shop", "toolbox")
    assert pod["spec"]["nodeName"] == "node2"
    assert not is_ready(pod)
    cluster.delete("pods", "shop", "toolbox")
    assert cluster.pods("shop", "toolbox") == []


def test_the_real_scheduler_finds_no_room(cluster: Cluster) -> None:
    cluster.demand("shop", "worker", cpu="64")
    told = [condition(pod, "PodScheduled") for pod in cluster.pods("shop", "worker")]
    (pending,) = [it for it in told if it["status"] == "False"]
    assert pending["reason"] == "Unschedulable"
    assert "3 Insufficient cpu" in pending["message"]
    cluster.demand("shop", "worker", cpu="100m")
    cluster.settle("shop", "worker")
    cluster.forget_events("shop")
    assert cluster.all("events", "shop") == []


@pytest.mark.parametrize(
    ("kind", "status", "taint"),
    [
        ("Ready", "False", "not-ready"),
        ("MemoryPressure", "True", "memory-pressure"),
        ("DiskPressure", "True", "disk-pressure"),
    ],
)
def test_node_condition_and_back(cluster: Cluster, kind: Any, status: Any, taint: str) -> None:
    cluster.node_condition("node1", kind, status)
    node = cluster.get("nodes", None, "node1")
    assert condition(node, kind)["status"] == status
    assert f"node.kubernetes.io/{taint}" in {it["key"] for it in node["spec"]["taints"]}
    time.sleep(1.5)  # longer than the node controller's period: what we wrote stands
    assert condition(cluster.get("nodes", None, "node1"), kind)["status"] == status
    cluster.node_healthy("node1")


def test_node_silent_and_back(cluster: Cluster) -> None:
    cluster.node_silent("node1")
    here = cluster.all("pods", fields="spec.nodeName=node1,status.phase=Running")
    assert here
    assert not any(map(is_ready, here))
    cluster.node_healthy("node1")


def test_cordon_and_taint_and_back(cluster: Cluster) -> None:
    cluster.cordon("node3")
    assert cluster.get("nodes", None, "node3")["spec"]["unschedulable"]
    cluster.cordon("node3", on=False)
    cluster.taint("node3", "example.com/maintenance")
    assert ailments(cluster)
    cluster.node_healthy("node3")


def test_failed_job(cluster: Cluster) -> None:
    cluster.job("shop", "import", succeeds=False)
    assert cluster.get("jobs", "shop", "import")["status"]["failed"] == 1
    cluster.delete("jobs", "shop", "import")
    wait_until(lambda: not cluster.pods("shop", "import"))


def test_events(cluster: Cluster) -> None:
    cluster.warn("shop", "Pod", "api-1", "FailedMount", 'secret "tls" not found', count=12)
    (event,) = cluster.all("events", "shop", fields="reason=FailedMount")
    assert event["count"] == 12
    cluster.forget_events("shop")


def test_users_may_do_what_they_are_granted(plane: ControlPlane) -> None:
    reader = get_as(plane.kubeconfig_for("reader"))
    assert reader("pods") == reader("nodes") == reader("events") == 200
    assert reader("secrets") == 403

    no_nodes = get_as(plane.kubeconfig_for("no-nodes", read_only(without={"nodes"})))
    assert no_nodes("pods") == 200
    assert no_nodes("nodes") == 403

    assert get_as(plane.kubeconfig_for("nobody", []))("pods") == 403
    assert get_as(plane.kubeconfig_refused())("pods") == 401

    with pytest.raises(ValueError, match="podz"):
        read_only(without={"podz"})


def test_audit_log_tells_who_did_what(plane: ControlPlane) -> None:
    get_as(plane.kubeconfig_for("watched"))("pods")
    wait_until(lambda: bool(audited(plane.audit_log, "watched")))
    (record,) = audited(plane.audit_log, "watched")
    assert record["verb"] == "list"
    assert record["objectRef"]["resource"] == "pods"
    assert record["responseStatus"]["code"] == 200
    # and a change could not hide
    assert {"create", "patch"} <= {it["verb"] for it in audited(plane.audit_log, "lab-admin")}


def test_refusals_are_errors(cluster: Cluster) -> None:
    with pytest.raises(ApiError, match="404 NotFound") as refused:
        cluster.get("pods", "shop", "none")
    assert refused.value.status == 404
    assert cluster.find("pods", "shop", "none") is None
    with pytest.raises(LookupError, match="shop/none"):
        cluster.crash_loop("shop", "none")


def test_many_pods(cluster: Cluster) -> None:
    cluster.namespace("crowd")
    cluster.many_pods("crowd", 60, ["node1", "node2"], apps=6)
    pods = cluster.all("pods", "crowd")
    assert len(pods) == 60
    assert all(map(is_ready, pods))
    cluster.delete("namespaces", None, "crowd")
    wait_until(lambda: cluster.find("namespaces", None, "crowd") is None)


def test_a_server_can_be_stopped(plane: ControlPlane, cluster: Cluster) -> None:
    plane.stop("kube-scheduler")
    cluster.patch("deployments", "shop", "worker", {"spec": {"replicas": 2}})
    wait_until(lambda: len(cluster.pods("shop", "worker")) == 2)
    time.sleep(0.5)
    assert None in [pod["spec"].get("nodeName") for pod in cluster.pods("shop", "worker")]
    plane.start("kube-scheduler")
    cluster.scale("shop", "worker", 2)
    cluster.scale("shop", "worker", 1)


def test_nothing_is_left_behind(built: Path) -> None:
    with ControlPlane() as plane:
        directory, port = plane.directory, int(plane.url.rpartition(":")[2])
        running = servers_in(directory)
        assert sorted(running.values()) == sorted(SERVERS)
    assert not directory.exists()
    assert not any(Path(f"/proc/{pid}").exists() for pid in running)
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        pass


def test_nothing_is_left_when_the_tests_are_killed(built: Path) -> None:
    program = (
        "from lab.kubernetes import ControlPlane\n"
        "import time\n"
        "with ControlPlane() as plane:\n"
        "    print(plane.directory, flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as tests:
        assert tests.stdout
        directory = Path(tests.stdout.readline().strip())
        running = servers_in(directory)
        assert len(running) == len(SERVERS)
        tests.send_signal(signal.SIGKILL)
    wait_until(lambda: not directory.exists())
    assert not any(Path(f"/proc/{pid}").exists() for pid in running)


def test_without_go_one_clear_word(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SICKBAY_LAB_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("lab.kubernetes.binaries._GO_PLACES", ())
    with pytest.raises(Unavailable, match=r"needs Go, and there is no go command"):
        binaries()


def test_with_an_old_go_one_clear_word(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    old = tmp_path / "go"
    refusal = '{"Error": "no module proxy here"}'
    old.write_text(f"#!/bin/sh\n[ $1 = mod ] && echo '{refusal}' || echo go1.19.8\n")
    old.chmod(0o755)
    monkeypatch.setenv("SICKBAY_LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("lab.kubernetes.binaries._GO_PLACES", ())
    with pytest.raises(Unavailable, match=r"could not fetch .*toolchain.*no module proxy here"):
        binaries()


def get_as(kubeconfig: Path) -> Callable[[str], int]:
    """How a LIST of a kind is answered, to a client that knows no more than the kubeconfig."""
    held = json.loads(kubeconfig.read_text())
    cluster, user = held["clusters"][0]["cluster"], held["users"][0]["user"]
    tls = ssl.create_default_context(cadata=decoded(cluster["certificate-authority-data"]))
    with tempfile.NamedTemporaryFile("w") as pem:
        pem.write(decoded(user["client-certificate-data"]) + decoded(user["client-key-data"]))
        pem.flush()
        tls.load_cert_chain(pem.name)

    def status(kind: str) -> int:
        address = cluster["server"].removeprefix("https://")
        connection = HTTPSConnection(address, context=tls, timeout=10)
        connection.request("GET", path(kind))
        code = connection.getresponse().status
        connection.close()
        return code

    return status


def decoded(data: str) -> str:

    return base64.b64decode(data).decode()


def servers_in(directory: Path) -> dict[int, str]:
    """The processes that run in a directory, by their ids."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == directory:
                found[int(process.name)] = Path((process / "exe").readlink()).name
        except OSError:  # ended meanwhile, or not ours to look at
            continue
    return found


def wait_until(there: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not there():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)
