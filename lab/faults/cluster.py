"""How the cluster of the lab is broken: real objects, servers and controllers.

There are no kubelets: what a kubelet would report of nodes and containers is written into their
statuses, which is all that any health test could see of it (``REPORTED``). What schedulers,
controllers and the API server make of it is real.
"""

from __future__ import annotations

import datetime as dt
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lab.certificates import Authority, Identity
from lab.fault import fault
from lab.front import ADDRESS
from lab.kubernetes import Cluster, ControlPlane, manifests
from lab.worlds.cluster import METRICS, USAGE, address_ingress, issue

REPORTED = "real, but for what a kubelet reports: its statuses are written by the lab"
METERED = "a resource of the lab's own stands for the metrics server, which needs kubelets to ask"
SHOP = "shop"
HOURS = dt.timedelta(hours=3)
_UNTIL_OVERDUE = 2.1
"""Seconds until something is older than a limit of 1 s, both being counted in whole seconds."""
_PATIENCE = 30.0


def wait_until(what: str, there: Callable[[], bool]) -> None:
    """Until the real controllers have done their part."""
    until = time.monotonic() + _PATIENCE
    while not there():
        if time.monotonic() > until:
            raise TimeoutError(f"waited in vain for {what}")
        time.sleep(0.1)


def settled(cluster: Cluster, *apps: str) -> None:
    """All apps as they were, and the events forgotten that would outlive the fault by an hour."""
    for app in apps:
        cluster.settle(SHOP, app)
    cluster.forget_events(SHOP)


# ---------------------------------------------------------------------- the control plane


def _stop_all(plane: ControlPlane, *first: str) -> None:
    """Controllers end by themselves when they lose the API server; so that all start anew, stop them."""
    for server in ("kube-scheduler", "kube-controller-manager", *first):
        plane.stop(server)


def _start_all(plane: ControlPlane, *first: str) -> None:
    for server in (*first, "kube-controller-manager", "kube-scheduler"):
        plane.start(server)


@fault(
    "kubernetes.unreachable",
    on=SHOP,
    cause="nothing listens at the server's address",
    proves=["neurallog:cluster-unhealthy/api-server-ready"],
)
def api_server_is_down(plane: ControlPlane) -> Iterator[None]:
    """The API server has been killed."""
    _stop_all(plane, "kube-apiserver")
    yield
    _start_all(plane, "kube-apiserver")


@fault(
    "kubernetes.unreachable",
    on=SHOP,
    cause="the API server has lost its store",
    proves=["neurallog:cluster-unhealthy/api-server-ready"],
)
def etcd_is_down(plane: ControlPlane) -> Iterator[None]:
    """etcd has been killed; the API server runs on, and can tell nothing."""
    _stop_all(plane, "etcd")
    yield
    _start_all(plane, "etcd")


@fault(
    "kubernetes.api-server-unready",
    on=SHOP,
    cause="it is shutting down",
    proves=["neurallog:cluster-unhealthy/api-server-ready"],
)
def api_server_shuts_down(plane: ControlPlane) -> Iterator[None]:
    """The API server has been told to end and still serves who has not noticed."""
    command = plane._commands["kube-apiserver"]
    plane._commands["kube-apiserver"] = [*command, "--shutdown-delay-duration=60s"]
    _stop_all(plane, "kube-apiserver")
    _start_all(plane, "kube-apiserver")
    os.kill(_process(plane, "kube-apiserver"), signal.SIGTERM)
    time.sleep(0.5)  # it takes note
    yield
    plane._commands["kube-apiserver"] = command
    _stop_all(plane, "kube-apiserver")
    _start_all(plane, "kube-apiserver")


def _process(plane: ControlPlane, server: str) -> int:
    for process in Path("/proc").glob("[0-9]*"):
        try:
            here = (process / "cwd").readlink() == plane.directory
            if here and (process / "exe").readlink().name == server:
                return int(process.name)
        except OSError:  # ended meanwhile, or not ours to look at
            continue
    raise LookupError(server)


@fault(
    "kubernetes.controller-silent",
    on=SHOP,
    cause="the scheduler does not run, or does not reach the API server",
    proves=["neurallog:cluster-unhealthy/controllers-alive"],
)
def scheduler_is_down(plane: ControlPlane) -> Iterator[None]:
    """The scheduler has been killed; its lease grows old."""
    plane.stop("kube-scheduler")
    time.sleep(10)
    yield
    plane.start("kube-scheduler")


@fault(
    "kubernetes.controller-silent",
    on=SHOP,
    cause="the controller manager does not run, or does not reach the API server",
    proves=["neurallog:cluster-unhealthy/controllers-alive"],
)
def controller_manager_is_down(plane: ControlPlane) -> Iterator[None]:
    """The controller manager has been killed; its lease grows old."""
    plane.stop("kube-controller-manager")
    time.sleep(10)
    yield
    plane.start("kube-controller-manager")


# ---------------------------------------------------------------------- nodes


@fault(
    "kubernetes.node-not-ready",
    on=SHOP,
    cause="the kubelet has stopped reporting",
    proves=["neurallog:cluster-unhealthy/nodes-ready"],
    how=REPORTED,
)
def node_falls_silent(cluster: Cluster) -> Iterator[None]:
    """A node has not been heard of for ten minutes; its pods are not ready."""
    cluster.node_silent("node1")
    yield
    cluster.node_healthy("node1")
    cluster.forget_events(SHOP)


@fault(
    "kubernetes.node-not-ready",
    on=SHOP,
    cause="the node's network is not set up",
    proves=["neurallog:cluster-unhealthy/nodes-ready"],
    how=REPORTED,
)
def node_without_network_plugin(cluster: Cluster) -> Iterator[None]:
    """A node reports that its network plugin is not initialised."""
    cluster.node_condition("node2", "Ready", "False")
    yield
    cluster.node_healthy("node2")


@fault(
    "kubernetes.node-not-ready",
    on=SHOP,
    cause="the node is short of a resource",
    also=["kubernetes.node-pressure@shop"],
    proves=["neurallog:cluster-unhealthy/nodes-ready"],
    how=REPORTED,
)
def node_drowns(cluster: Cluster) -> Iterator[None]:
    """A node under disk pressure stops being ready."""
    cluster.node_condition("node2", "DiskPressure", "True")
    cluster.node_condition("node2", "Ready", "False")
    yield
    cluster.node_healthy("node2")


def _used(cluster: Cluster, **usage: str) -> Iterator[None]:
    """What the metrics server tells of node1."""
    cluster.patch(METRICS, None, "node1", {"usage": USAGE | usage})
    yield
    cluster.patch(METRICS, None, "node1", {"usage": USAGE})


@fault(
    "kubernetes.node-busy",
    on=SHOP,
    cause="memory is nearly used up",
    proves=["neurallog:cluster-unhealthy/node-usage-headroom"],
    how=METERED,
)
def node_is_out_of_memory_soon(cluster: Cluster) -> Iterator[None]:
    """95 % of it."""
    yield from _used(cluster, memory="15564Mi")


@fault(
    "kubernetes.node-busy",
    on=SHOP,
    cause="the CPUs are nearly used up",
    proves=["neurallog:cluster-unhealthy/node-usage-headroom"],
    how=METERED,
)
def node_has_no_cpu_left(cluster: Cluster) -> Iterator[None]:
    """3.9 of 4 cores."""
    yield from _used(cluster, cpu="3900m")


@fault(
    "kubernetes.node-pressure",
    on=SHOP,
    cause="memory is short",
    proves=["neurallog:cluster-unhealthy/nodes-without-pressure"],
    how=REPORTED,
)
def node_short_of_memory(cluster: Cluster) -> Iterator[None]:
    """A node reports MemoryPressure."""
    cluster.node_condition("node1", "MemoryPressure", "True")
    yield
    cluster.node_healthy("node1")


@fault(
    "kubernetes.node-pressure",
    on=SHOP,
    cause="the disk is full",
    proves=["neurallog:cluster-unhealthy/nodes-without-pressure"],
    how=REPORTED,
)
def node_disk_full(cluster: Cluster) -> Iterator[None]:
    """A node reports DiskPressure."""
    cluster.node_condition("node3", "DiskPressure", "True")
    yield
    cluster.node_healthy("node3")


@fault(
    "kubernetes.node-pressure",
    on=SHOP,
    cause="process ids run out",
    proves=["neurallog:cluster-unhealthy/nodes-without-pressure"],
    how=REPORTED,
)
def node_out_of_process_ids(cluster: Cluster) -> Iterator[None]:
    """A node reports PIDPressure."""
    cluster.node_condition("node1", "PIDPressure", "True")
    yield
    cluster.node_healthy("node1")


@fault(
    "kubernetes.node-pressure",
    on=SHOP,
    cause="the node's network is unavailable",
    proves=["neurallog:cluster-unhealthy/nodes-without-pressure"],
    how=REPORTED,
)
def node_without_route(cluster: Cluster) -> Iterator[None]:
    """A node reports NetworkUnavailable."""
    cluster.node_condition("node2", "NetworkUnavailable", "True")
    yield
    cluster.node_healthy("node2")


@fault(
    "kubernetes.node-cordoned",
    on=SHOP,
    cause="a node was cordoned and never given back",
    proves=["neurallog:cluster-unhealthy/nodes-schedulable"],
)
def node_left_cordoned(cluster: Cluster) -> Iterator[None]:
    """One of three nodes takes nothing new."""
    cluster.cordon("node3")
    yield
    cluster.cordon("node3", on=False)


def _kubelet(cluster: Cluster, node: str, version: str) -> str:
    """Report another version of a node's kubelet; returns the one before."""
    info = cluster.get("nodes", None, node)["status"]["nodeInfo"]
    cluster.patch_status("nodes", None, node, {"nodeInfo": {**info, "kubeletVersion": version}})
    return str(info["kubeletVersion"])


@fault(
    "kubernetes.node-versions-differ",
    on=SHOP,
    cause="an upgrade of the nodes has not been finished",
    proves=["neurallog:cluster-unhealthy/node-versions-consistent"],
    how=REPORTED,
)
def node_left_behind(cluster: Cluster) -> Iterator[None]:
    """One node's kubelet is two minor versions behind the others."""
    before = _kubelet(cluster, "node2", "v1.33.1")
    yield
    _kubelet(cluster, "node2", before)


@fault(
    "kubernetes.node-versions-differ",
    on=SHOP,
    cause="nodes were upgraded before the control plane",
    proves=["neurallog:cluster-unhealthy/node-versions-consistent"],
    how=REPORTED,
)
def node_ahead_of_the_api_server(cluster: Cluster) -> Iterator[None]:
    """One node's kubelet is newer than the API server."""
    before = _kubelet(cluster, "node2", "v1.36.0")
    yield
    _kubelet(cluster, "node2", before)


def _bare_pod(
    cluster: Cluster, name: str, *, node: str | None = None, **spec: Any
) -> dict[str, Any]:
    """A pod without an owner, not yet running; ``spec`` replaces parts of its specification."""
    pod = manifests.pod(SHOP, name, "registry.example.com/shop:1.4.2", node)
    pod["spec"] |= spec
    return cluster.create("pods", pod)


def _asking(cpu: str | None, memory: str | None) -> list[dict[str, Any]]:
    """The containers of a pod that asks for so much, or leaves it open."""
    asked = {k: v for k, v in (("cpu", cpu), ("memory", memory)) if v is not None}
    container = {"name": "main", "image": "registry.example.com/shop:1.4.2"}
    return [{**container, "resources": {"requests": asked, "limits": asked}}]


@fault(
    "kubernetes.node-full",
    on=SHOP,
    cause="one pod asks for more than half of a node",
    proves=["neurallog:pod-startup/node-allocation-headroom"],
)
def node_is_given_away(cluster: Cluster) -> Iterator[None]:
    """A pod requests nearly all of a node's memory."""
    _bare_pod(cluster, "hog", node="node1", containers=_asking("100m", "15Gi"))
    cluster.settle(SHOP, "hog")
    yield
    cluster.delete("pods", SHOP, "hog")
    cluster.forget_events(SHOP)


# ---------------------------------------------------------------------- pods find a node


@fault(
    "kubernetes.pod-unschedulable",
    on=SHOP,
    cause="no node has enough CPU or memory left",
    proves=["neurallog:pod-startup/pods-scheduled"],
)
def pod_too_large(cluster: Cluster) -> Iterator[None]:
    """A release requests 64 CPUs, which no node has."""
    cluster.demand(SHOP, "worker", cpu="64")
    time.sleep(_UNTIL_OVERDUE)
    yield
    cluster.demand(SHOP, "worker", cpu="100m")
    settled(cluster, "worker")


@fault(
    "kubernetes.pod-unschedulable",
    on=SHOP,
    cause="no node has enough CPU or memory left",
    also=["kubernetes.node-full@shop"],
    proves=["neurallog:pod-startup/pods-scheduled"],
)
def nodes_are_full(cluster: Cluster) -> Iterator[None]:
    """All nodes are given away, and a pod more is wanted."""
    for number in (1, 2, 3):
        asked = _asking("3600m", "1Gi")
        _bare_pod(cluster, f"hog{number}", node=f"node{number}", containers=asked)
        cluster.settle(SHOP, f"hog{number}")
    _bare_pod(cluster, "latecomer", containers=_asking("1", "1Gi"))
    time.sleep(_UNTIL_OVERDUE)
    yield
    for name in ("latecomer", "hog1", "hog2", "hog3"):
        cluster.delete("pods", SHOP, name)
    cluster.forget_events(SHOP)


@fault(
    "kubernetes.pod-unschedulable",
    on=SHOP,
    cause="its selector, affinity or tolerations fit no node",
    proves=["neurallog:pod-startup/pods-scheduled"],
)
def pod_fits_no_node(cluster: Cluster) -> Iterator[None]:
    """A pod wants a node with a label that none has."""
    _bare_pod(cluster, "picky", nodeSelector={"disk": "nvme"})
    time.sleep(_UNTIL_OVERDUE)
    yield
    cluster.delete("pods", SHOP, "picky")
    cluster.forget_events(SHOP)


@fault(
    "kubernetes.pod-unschedulable",
    on=SHOP,
    cause="nodes are cordoned",
    also=["kubernetes.node-cordoned@shop"],
    proves=["neurallog:pod-startup/pods-scheduled"],
)
def all_nodes_cordoned(cluster: Cluster) -> Iterator[None]:
    """Nothing new is taken anywhere, and a pod more is wanted."""
    for node in ("node1", "node2", "node3"):
        cluster.cordon(node)
    _bare_pod(cluster, "latecomer")
    time.sleep(_UNTIL_OVERDUE)
    yield
    cluster.delete("pods", SHOP, "latecomer")
    for node in ("node1", "node2", "node3"):
        cluster.cordon(node, on=False)
    cluster.forget_events(SHOP)


@fault(
    "kubernetes.pod-unschedulable",
    on=SHOP,
    cause="its volume claim is not bound",
    also=["kubernetes.claim-unbound@shop"],
    proves=["neurallog:pod-startup/pods-scheduled"],
)
def pod_waits_for_its_volume(cluster: Cluster) -> Iterator[None]:
    """A pod uses a claim whose storage class does not exist."""
    _claim(cluster, "archive")
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "archive"}}
    _bare_pod(cluster, "archiver", volumes=[volume])
    time.sleep(_UNTIL_OVERDUE)
    yield
    cluster.delete("pods", SHOP, "archiver")
    _forget_claim(cluster, "archive")


@fault(
    "kubernetes.pod-not-placed",
    on=SHOP,
    proves=["neurallog:pod-startup/pods-scheduled"],
)
def pod_without_scheduler(cluster: Cluster) -> Iterator[None]:
    """A pod asks for a scheduler that is not there."""
    _bare_pod(cluster, "forgotten", schedulerName="batch-scheduler")
    time.sleep(_UNTIL_OVERDUE)
    yield
    cluster.delete("pods", SHOP, "forgotten")


# ---------------------------------------------------------------------- pods start and stay up


@fault(
    "kubernetes.pod-crash-looping",
    on=SHOP,
    cause="it runs out of memory",
    proves=["neurallog:pod-startup/containers-not-waiting"],
    how=REPORTED,
)
def crash_loop_for_memory(cluster: Cluster) -> Iterator[None]:
    """Both pods of the API outgrow their memory limit over and over."""
    cluster.crash_loop(SHOP, "api", reason="OOMKilled")
    time.sleep(_UNTIL_OVERDUE)
    yield
    settled(cluster, "api")


@fault(
    "kubernetes.pod-crash-looping",
    on=SHOP,
    cause="its process ends with an error",
    proves=["neurallog:pod-startup/containers-not-waiting"],
    how=REPORTED,
)
def crash_loop_with_an_error(cluster: Cluster) -> Iterator[None]:
    """Both pods of the API end with exit code 1 over and over."""
    cluster.crash_loop(SHOP, "api")
    time.sleep(_UNTIL_OVERDUE)
    yield
    settled(cluster, "api")


@fault(
    "kubernetes.pod-crash-looping",
    on=SHOP,
    cause="its process ends without an error, though it should stay",
    proves=["neurallog:pod-startup/containers-not-waiting"],
    how=REPORTED,
)
def crash_loop_without_an_error(cluster: Cluster) -> Iterator[None]:
    """The worker does its work and exits, again and again."""
    cluster.crash_loop(SHOP, "worker", reason="Completed")
    time.sleep(_UNTIL_OVERDUE)
    yield
    settled(cluster, "worker")


@fault(
    "kubernetes.image-not-pulled",
    on=SHOP,
    cause="there is no such image or tag",
    proves=["neurallog:pod-startup/containers-not-waiting"],
    how=REPORTED,
)
def image_does_not_exist(cluster: Cluster) -> Iterator[None]:
    """The image of one pod cannot be found."""
    cluster.image_pull_backoff(SHOP, "api", pods=1)
    time.sleep(_UNTIL_OVERDUE)
    yield
    settled(cluster, "api")


@fault(
    "kubernetes.image-not-pulled",
    on=SHOP,
    cause="the registry does not accept the login",
    proves=["neurallog:pod-startup/containers-not-waiting"],
    how=REPORTED,
)
def registry_refuses_the_login(cluster: Cluster) -> Iterator[None]:
    """The pull secret has expired."""
    told = 'failed to pull image "registry.example.com/shop:1.4.2": 401 Unauthorized'
    cluster.held_up(SHOP, "worker", "ErrImagePull", told)
    time.sleep(_UNTIL_OVERDUE)
    yield
    settled(cluster, "worker")


@fault(
    "kubernetes.image-not-pulled",
    on=SHOP,
    cause="the registry cannot be reached or refuses more pulls",
    proves=["neurallog:pod-startup/containers-not-waiting"],
    how=REPORTED,
)
def registry_is_out_of_reach(cluster: Cluster) -> Iterator[None]:
    """The node does not get through to the registry."""
    told = 'Back-off pulling image "shop:1.4.2": dial tcp 192.0.2.5:443: i/o timeout'
    cluster.held_up(SHOP, "worker", "ImagePullBackOff", told)
    time.sleep(_UNTIL_OVERDUE)
    yield
    settled(cluster, "worker")


@fault(
    "kubernetes.container-not-created",
    on=SHOP,
    cause="a Secret or ConfigMap that it refers to is missing",
    proves=["neurallog:pod-startup/containers-not-waiting"],
    how=REPORTED,
)
def settings_are_missing(cluster: Cluster) -> Iterator[None]:
    """The API's environment comes from a Secret that is not there."""
    cluster.held_up(SHOP, "api", "CreateContainerConfigError", 'secret "api-keys" not found')
    time.sleep(_UNTIL_OVERDUE)
    yield
    settled(cluster, "api")


@fault(
    "kubernetes.container-not-created",
    on=SHOP,
    cause="its command cannot be run",
    proves=["neurallog:pod-startup/containers-not-waiting"],
    how=REPORTED,
)
def command_is_missing(cluster: Cluster) -> Iterator[None]:
    """The worker's image lacks the program that it is to run."""
    told = 'failed to create containerd task: exec: "work": executable file not found in $PATH'
    cluster.held_up(SHOP, "worker", "RunContainerError", told)
    time.sleep(_UNTIL_OVERDUE)
    yield
    settled(cluster, "worker")


@fault(
    "kubernetes.pod-not-started",
    on=SHOP,
    cause="a volume, Secret or ConfigMap that it mounts is not to be had",
    proves=["neurallog:pod-startup/pods-ready"],
    how=REPORTED,
)
def volume_cannot_be_mounted(cluster: Cluster) -> Iterator[None]:
    """The worker mounts a Secret that is not there, and waits in ContainerCreating."""
    cluster.held_up(SHOP, "worker", "ContainerCreating", "")
    (pod,) = cluster.pods(SHOP, "worker")
    told = 'MountVolume.SetUp failed for volume "tls" : secret "worker-tls" not found'
    cluster.warn(SHOP, "Pod", pod["metadata"]["name"], "FailedMount", told, count=12)
    time.sleep(_UNTIL_OVERDUE)
    yield
    settled(cluster, "worker")


@fault(
    "kubernetes.pod-not-started",
    on=SHOP,
    cause="the node cannot give it a network",
    proves=["neurallog:pod-startup/pods-ready"],
    how=REPORTED,
)
def pod_gets_no_network(cluster: Cluster) -> Iterator[None]:
    """The worker's sandbox cannot be set up."""
    cluster.held_up(SHOP, "worker", "ContainerCreating", "")
    (pod,) = cluster.pods(SHOP, "worker")
    told = 'Failed to create pod sandbox: plugin type="calico" failed (add): no address left'
    cluster.warn(SHOP, "Pod", pod["metadata"]["name"], "FailedCreatePodSandBox", told, count=2)
    time.sleep(_UNTIL_OVERDUE)
    yield
    settled(cluster, "worker")


@fault(
    "kubernetes.pod-not-ready",
    on=SHOP,
    cause="its readiness probe fails",
    proves=["neurallog:pod-startup/pods-ready"],
    how=REPORTED,
)
def pod_is_not_ready(cluster: Cluster) -> Iterator[None]:
    """One pod of the API runs and has not been ready for ten minutes."""
    cluster.not_ready(SHOP, "api", pods=1)
    yield
    settled(cluster, "api")


@fault(
    "kubernetes.pod-failed",
    on=SHOP,
    proves=["neurallog:service-outage/pods-in-good-phase"],
    how=REPORTED,
)
def pod_has_failed(cluster: Cluster) -> Iterator[None]:
    """A pod without an owner ended with an error, and nobody replaces it."""
    cluster.pod(SHOP, "toolbox")
    cluster.failed(SHOP, "toolbox")
    yield
    cluster.delete("pods", SHOP, "toolbox")


@fault(
    "kubernetes.pod-failed",
    on=SHOP,
    cause="its node evicted it",
    also=["kubernetes.node-pressure@shop"],
    proves=["neurallog:service-outage/pods-in-good-phase"],
    how=REPORTED,
)
def pod_is_evicted(cluster: Cluster) -> Iterator[None]:
    """A node short of memory evicted a pod."""
    cluster.pod(SHOP, "toolbox", node="node2")
    cluster.node_condition("node2", "MemoryPressure", "True")
    told = {"phase": "Failed", "reason": "Evicted", "message": "The node was low on memory."}
    cluster.patch_status("pods", SHOP, "toolbox", {**told, "conditions": []})
    yield
    cluster.delete("pods", SHOP, "toolbox")
    cluster.node_healthy("node2")


@fault(
    "kubernetes.pod-failed",
    on=SHOP,
    cause="its node is lost",
    also=["kubernetes.node-not-ready@shop"],
    proves=["neurallog:service-outage/pods-in-good-phase"],
    how=REPORTED,
)
def pod_is_lost_with_its_node(cluster: Cluster) -> Iterator[None]:
    """What became of a pod on a silent node cannot be told."""
    cluster.pod(SHOP, "toolbox", node="node3")
    cluster.node_silent("node3")
    cluster.patch_status("pods", SHOP, "toolbox", {"phase": "Unknown", "reason": "NodeLost"})
    yield
    cluster.delete("pods", SHOP, "toolbox")
    cluster.node_healthy("node3")
    cluster.forget_events(SHOP)


@fault(
    "kubernetes.pod-restarting",
    on=SHOP,
    cause="its process ends with an error",
    proves=["neurallog:pod-crashes/restart-count-stable"],
    how=REPORTED,
)
def container_restarts_often(cluster: Cluster) -> Iterator[None]:
    """The worker has been restarted 14 times, the last time three hours ago."""
    cluster.restarted(SHOP, "worker", restarts=14, ago=HOURS)
    yield
    settled(cluster, "worker")


@fault(
    "kubernetes.pod-restarting",
    on=SHOP,
    cause="it runs out of memory",
    proves=["neurallog:pod-crashes/restart-count-stable"],
    how=REPORTED,
)
def container_restarts_often_for_memory(cluster: Cluster) -> Iterator[None]:
    """The worker has been killed for memory 14 times, the last time three hours ago."""
    cluster.restarted(SHOP, "worker", restarts=14, reason="OOMKilled", ago=HOURS)
    yield
    settled(cluster, "worker")


@fault(
    "kubernetes.pod-restarted",
    on=SHOP,
    cause="its process ended with an error",
    proves=["neurallog:pod-crashes/restart-count-stable"],
    how=REPORTED,
)
def container_restarted_lately(cluster: Cluster) -> Iterator[None]:
    """The worker was restarted ten minutes ago."""
    cluster.restarted(SHOP, "worker", restarts=1)
    yield
    settled(cluster, "worker")


@fault(
    "kubernetes.pod-restarted",
    on=SHOP,
    cause="its liveness probe fails",
    proves=["neurallog:pod-crashes/restart-count-stable"],
    how=REPORTED,
)
def liveness_probe_fails(cluster: Cluster) -> Iterator[None]:
    """The worker was killed by its liveness probe ten minutes ago."""
    cluster.restarted(SHOP, "worker", restarts=2)
    (pod,) = cluster.pods(SHOP, "worker")
    told = "Liveness probe failed: HTTP probe failed with statuscode: 500"
    cluster.warn(SHOP, "Pod", pod["metadata"]["name"], "Unhealthy", told, count=6)
    yield
    settled(cluster, "worker")


@fault(
    "kubernetes.pod-ended-badly",
    on=SHOP,
    cause="its process ended with an error",
    proves=["neurallog:pod-crashes/last-exit-clean"],
    how=REPORTED,
)
def container_ended_with_an_error(cluster: Cluster) -> Iterator[None]:
    """The worker ended with exit code 1 three hours ago, and has been running since."""
    cluster.restarted(SHOP, "worker", restarts=1, ago=HOURS)
    yield
    settled(cluster, "worker")


@fault(
    "kubernetes.pod-oom-killed",
    on=SHOP,
    cause="its memory limit is below what it needs, or it leaks",
    proves=["neurallog:high-memory/no-oom-kills", "sergas:high-memory-usage/pod-oom-kills"],
    how=REPORTED,
)
def container_killed_for_memory(cluster: Cluster) -> Iterator[None]:
    """One pod of the API was killed for memory ten minutes ago, and runs again."""
    cluster.restarted(SHOP, "api", restarts=1, reason="OOMKilled", pods=1)
    yield
    settled(cluster, "api")


@fault(
    "kubernetes.memory-unbounded",
    on=SHOP,
    cause="its template says nothing of memory",
    proves=[
        "neurallog:pod-crashes/memory-limits-set",
        "sergas:high-memory-usage/deployment-memory-limit",
    ],
)
def container_without_memory_limit(cluster: Cluster) -> Iterator[None]:
    """A pod says how much CPU it needs, and nothing of memory."""
    _bare_pod(cluster, "careless", node="node1", containers=_asking("100m", None))
    cluster.settle(SHOP, "careless")
    yield
    cluster.delete("pods", SHOP, "careless")


@fault(
    "kubernetes.cpu-undeclared",
    on=SHOP,
    cause="its template says nothing of CPU",
    proves=[
        "neurallog:high-cpu/cpu-resources-set",
        "neurallog:tenant-quota-exhausted/tenant-pods-declare-requests",
    ],
)
def container_without_cpu_request(cluster: Cluster) -> Iterator[None]:
    """A pod says how much memory it needs, and nothing of CPU."""
    _bare_pod(cluster, "careless", node="node1", containers=_asking(None, "64Mi"))
    cluster.settle(SHOP, "careless")
    yield
    cluster.delete("pods", SHOP, "careless")


# ---------------------------------------------------------------------- workloads


@fault(
    "kubernetes.rollout-stuck",
    on=SHOP,
    cause="the new version's pods do not get ready",
    also=["kubernetes.pod-not-ready@shop"],
    proves=["neurallog:rolling-update-stuck/rollout-complete"],
    how=REPORTED,
)
def release_does_not_get_through(cluster: Cluster) -> Iterator[None]:
    """A release whose pods run and never get ready, past its progress deadline."""
    old = cluster.get("deployments", SHOP, "worker")["spec"]
    containers = old["template"]["spec"]["containers"]
    bad = [{**containers[0], "image": "registry.example.com/shop:1.5.0"}]
    _roll_out(cluster, bad, deadline=2)

    def new() -> list[dict[str, Any]]:
        found = cluster.pods(SHOP, "worker")
        return [p for p in found if p["spec"]["containers"][0]["image"] == bad[0]["image"]]

    wait_until("the new pod", lambda: any(pod["spec"].get("nodeName") for pod in new()))
    for pod in new():
        unready = manifests.running(pod, dt.timedelta(minutes=10), ready=False)
        cluster.patch_status("pods", SHOP, pod["metadata"]["name"], unready)
    wait_until("the deadline", lambda: _progress(cluster) == "ProgressDeadlineExceeded")
    yield
    _roll_out(cluster, containers, deadline=old["progressDeadlineSeconds"])
    settled(cluster, "worker")
    wait_until("the rollout", lambda: _progress(cluster) == "NewReplicaSetAvailable")


def _roll_out(cluster: Cluster, containers: list[dict[str, Any]], deadline: int) -> None:
    spec = {
        "progressDeadlineSeconds": deadline,
        "template": {"spec": {"containers": containers}},
    }
    cluster.patch("deployments", SHOP, "worker", {"spec": spec})


def _progress(cluster: Cluster) -> str:
    conditions = cluster.get("deployments", SHOP, "worker")["status"].get("conditions", [])
    return next((str(it["reason"]) for it in conditions if it["type"] == "Progressing"), "")


@fault(
    "kubernetes.deployment-short",
    on=SHOP,
    cause="its pods run and do not get ready",
    also=["kubernetes.pod-not-ready@shop"],
    proves=[
        "neurallog:core-services-down/core-workloads-available",
        "neurallog:service-outage/recent-rollouts-healthy",
        "sergas:high-error-rate/replicas-available",
    ],
    how=REPORTED,
)
def service_has_no_ready_pod(cluster: Cluster) -> Iterator[None]:
    """Both pods of the API run, and none is ready: its service and the ingress are dead too."""
    cluster.not_ready(SHOP, "api")
    yield
    settled(cluster, "api")


@fault(
    "kubernetes.deployment-short",
    on=SHOP,
    cause="its pods may not be created",
    also=["kubernetes.quota-short@shop"],
    proves=["neurallog:core-services-down/core-workloads-available"],
)
def quota_refuses_pods(cluster: Cluster) -> Iterator[None]:
    """The namespace's quota is used up when the worker is scaled out."""
    _quota(cluster, "300m")
    cluster.patch("deployments", SHOP, "worker", {"spec": {"replicas": 2}})

    def refused() -> bool:
        conditions = cluster.get("deployments", SHOP, "worker")["status"].get("conditions", [])
        return any(it["type"] == "ReplicaFailure" for it in conditions)

    wait_until("the refusal", refused)
    yield
    cluster.patch("deployments", SHOP, "worker", {"spec": {"replicas": 1}})
    cluster.delete("resourcequotas", SHOP, "team")
    settled(cluster, "worker")
    wait_until("the end of the refusal", lambda: not refused())


@fault(
    "kubernetes.quota-short",
    on=SHOP,
    cause="what runs has nearly used it up",
    proves=["neurallog:tenant-quota-exhausted/quota-headroom"],
)
def quota_is_nearly_used_up(cluster: Cluster) -> Iterator[None]:
    """Running pods request 300m of the 320m that the quota allows."""
    _quota(cluster, "320m")
    yield
    cluster.delete("resourcequotas", SHOP, "team")


def _quota(cluster: Cluster, cpu: str) -> None:
    meta = {"name": "team", "namespace": SHOP}
    cluster.create("resourcequotas", {"metadata": meta, "spec": {"hard": {"requests.cpu": cpu}}})

    def counted() -> bool:
        status = cluster.get("resourcequotas", SHOP, "team")["status"]
        return bool(status.get("used", {}).get("requests.cpu") == "300m")

    wait_until("the quota's count", counted)


@fault(
    "kubernetes.stateful-set-short",
    on=SHOP,
    also=["kubernetes.pod-not-ready@shop"],
    proves=["neurallog:service-outage/other-workloads-ready"],
    how=REPORTED,
)
def stateful_set_is_short(cluster: Cluster) -> Iterator[None]:
    """One of two replicas of a database is not ready."""
    image = "registry.example.com/db:16"
    more = {"replicas": 2, "serviceName": "db", "podManagementPolicy": "Parallel"}
    cluster.create("statefulsets", manifests.workload(SHOP, "db", image, **more))
    wait_until("its pods", lambda: len(cluster.pods(SHOP, "db")) == 2)
    cluster.settle(SHOP, "db")
    cluster.not_ready(SHOP, "db", pods=1)
    yield
    cluster.delete("statefulsets", SHOP, "db")
    wait_until("the end of its pods", lambda: not cluster.pods(SHOP, "db"))


@fault(
    "kubernetes.daemon-set-short",
    on=SHOP,
    also=["kubernetes.pod-not-ready@shop"],
    proves=["neurallog:service-outage/other-workloads-ready"],
    how=REPORTED,
)
def daemon_set_is_short(cluster: Cluster) -> Iterator[None]:
    """One node of three is without its ready agent."""
    cluster.create("daemonsets", manifests.workload(SHOP, "agent", "registry.example.com/agent:3"))
    wait_until("its pods", lambda: len(cluster.pods(SHOP, "agent")) == 3)
    cluster.settle(SHOP, "agent")
    cluster.not_ready(SHOP, "agent", pods=1)
    yield
    cluster.delete("daemonsets", SHOP, "agent")
    wait_until("the end of its pods", lambda: not cluster.pods(SHOP, "agent"))


@fault(
    "kubernetes.job-failed",
    on=SHOP,
    cause="it failed more often than it may try again",
    proves=["neurallog:service-outage/other-workloads-ready"],
    how=REPORTED,
)
def job_fails(cluster: Cluster) -> Iterator[None]:
    """A job has failed at its only attempt."""
    cluster.job(SHOP, "import", succeeds=False)
    yield
    _forget_job(cluster, "import")


@fault(
    "kubernetes.job-failed",
    on=SHOP,
    cause="it took longer than it may",
    proves=["neurallog:service-outage/other-workloads-ready"],
)
def job_takes_too_long(cluster: Cluster) -> Iterator[None]:
    """A job that did not end within a second, which is all that it was given."""
    spec = manifests.job_spec("import", "registry.example.com/shop:1.4.2")
    meta = {"name": "import", "namespace": SHOP}
    cluster.create("jobs", {"metadata": meta, "spec": {**spec, "activeDeadlineSeconds": 1}})

    def ended() -> bool:
        conditions = cluster.get("jobs", SHOP, "import")["status"].get("conditions", [])
        return any(it["type"] == "Failed" for it in conditions)

    wait_until("the job's deadline", ended)
    yield
    _forget_job(cluster, "import")


def _forget_job(cluster: Cluster, name: str) -> None:
    cluster.delete("jobs", SHOP, name)
    wait_until("the end of its pods", lambda: not cluster.pods(SHOP, name))
    cluster.forget_events(SHOP)


@fault(
    "kubernetes.workload-missing",
    on=SHOP,
    cause="it does not exist",
    proves=[
        "neurallog:core-services-down/core-workloads-available",
        "neurallog:certificate-problems/cert-manager-running",
        "neurallog:log-ingestion-stalled/log-server-available",
        "neurallog:tenant-creation-stuck/operator-available",
    ],
)
def deployment_was_deleted(cluster: Cluster) -> Iterator[None]:
    """A deployment that the inventory counts on is gone."""
    cluster.delete("deployments", SHOP, "worker")
    wait_until("the end of its pods", lambda: not cluster.pods(SHOP, "worker"))
    yield
    cluster.deployment(SHOP, "worker")


@fault(
    "kubernetes.workload-missing",
    on=SHOP,
    cause="it was scaled down",
    proves=[
        "neurallog:slow-api-responses/gateway-replicas-available",
        "neurallog:diagnostic-tooling-missing/probe-deployment-available",
        "neurallog:external-access-failures/ingress-controller-running",
        "neurallog:missing-metrics/monitoring-workloads-available",
        "sergas:high-error-rate/replicas-available",
    ],
)
def deployment_was_scaled_down(cluster: Cluster) -> Iterator[None]:
    """One replica where the inventory asks for two."""
    cluster.scale(SHOP, "api", 1)
    yield
    cluster.scale(SHOP, "api", 2)


# ---------------------------------------------------------------------- volumes


def _claim(cluster: Cluster, name: str) -> None:
    """A claim of a storage class that does not exist."""
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "no-such-class",
        "resources": {"requests": {"storage": "1Gi"}},
    }
    meta = {"name": name, "namespace": SHOP}
    cluster.create("persistentvolumeclaims", {"metadata": meta, "spec": spec})


def _forget_claim(cluster: Cluster, name: str) -> None:
    cluster.delete("persistentvolumeclaims", SHOP, name)
    wait_until("its end", lambda: cluster.find("persistentvolumeclaims", SHOP, name) is None)
    cluster.forget_events(SHOP)


@fault(
    "kubernetes.claim-unbound",
    on=SHOP,
    cause="no volume of its storage class is free, and none is made",
    proves=["neurallog:persistent-volume-problems/claims-bound"],
)
def claim_stays_pending(cluster: Cluster) -> Iterator[None]:
    """A claim of a storage class that does not exist."""
    _claim(cluster, "archive")
    time.sleep(_UNTIL_OVERDUE)
    yield
    _forget_claim(cluster, "archive")


@fault(
    "kubernetes.claim-unbound",
    on=SHOP,
    cause="its volume is gone",
    proves=["neurallog:persistent-volume-problems/claims-bound"],
)
def claim_has_lost_its_volume(cluster: Cluster) -> Iterator[None]:
    """A bound volume was deleted by force."""
    cluster.claim(SHOP, "archive")
    cluster.delete("persistentvolumes", None, "shop-archive")
    cluster.patch("persistentvolumes", None, "shop-archive", {"metadata": {"finalizers": None}})

    def lost() -> bool:
        claim = cluster.get("persistentvolumeclaims", SHOP, "archive")
        return bool(claim["status"]["phase"] == "Lost")

    wait_until("the loss to be seen", lost)
    yield
    _forget_claim(cluster, "archive")


@fault(
    "kubernetes.volume-unused",
    on=SHOP,
    cause="its claim was deleted",
    proves=[
        "neurallog:persistent-volume-problems/volumes-bound",
        "neurallog:persistent-volume-problems/volume-claims-exist",
    ],
)
def volume_is_left_over(cluster: Cluster) -> Iterator[None]:
    """A claim was deleted; its volume is kept, released."""
    cluster.claim(SHOP, "archive")
    _forget_claim(cluster, "archive")
    _wait_for_phase(cluster, "Released")
    yield
    cluster.delete("persistentvolumes", None, "shop-archive")


@fault(
    "kubernetes.volume-unused",
    on=SHOP,
    cause="it could not be reclaimed",
    proves=["neurallog:persistent-volume-problems/volumes-bound"],
)
def volume_cannot_be_reclaimed(cluster: Cluster) -> Iterator[None]:
    """A claim was deleted, and the storage behind its volume cannot be removed."""
    cluster.claim(SHOP, "archive")
    delete = {"spec": {"persistentVolumeReclaimPolicy": "Delete"}}
    cluster.patch("persistentvolumes", None, "shop-archive", delete)
    _forget_claim(cluster, "archive")
    _wait_for_phase(cluster, "Failed")
    yield
    cluster.delete("persistentvolumes", None, "shop-archive")


def _wait_for_phase(cluster: Cluster, phase: str) -> None:
    def is_so() -> bool:
        volume = cluster.get("persistentvolumes", None, "shop-archive")
        return bool(volume["status"]["phase"] == phase)

    wait_until(f"the volume to be {phase}", is_so)


# ---------------------------------------------------------------------- traffic


@fault(
    "kubernetes.service-without-endpoints",
    on=SHOP,
    cause="its selector fits no pod",
    proves=["neurallog:core-services-down/services-have-endpoints"],
)
def service_selects_nothing(cluster: Cluster) -> Iterator[None]:
    """The service's selector names a label that no pod carries."""
    cluster.patch("services", SHOP, "api", {"spec": {"selector": {"app": "apy"}}})
    wait_until("the endpoints to go", lambda: cluster._endpoints(SHOP, "api") == (0, 0))
    yield
    cluster.patch("services", SHOP, "api", {"spec": {"selector": {"app": "api"}}})
    settled(cluster, "api")


@fault(
    "kubernetes.service-without-endpoints",
    on=SHOP,
    cause="none of the pods behind it is ready",
    also=["kubernetes.pod-not-ready@shop"],
    proves=["neurallog:core-services-down/services-have-endpoints"],
    how=REPORTED,
)
def service_has_only_unready_endpoints(cluster: Cluster) -> Iterator[None]:
    """A service in front of one pod, which is not ready."""
    cluster.service(SHOP, "worker")
    cluster.not_ready(SHOP, "worker")
    yield
    cluster.delete("services", SHOP, "worker")
    settled(cluster, "worker")


def _route(cluster: Cluster, service: str, port: int) -> None:
    """Where the ingress leads."""
    rules = cluster.get("ingresses", SHOP, "public")["spec"]["rules"]
    backend = {"service": {"name": service, "port": {"number": port}}}
    rules[0]["http"]["paths"][0]["backend"] = backend
    cluster.patch("ingresses", SHOP, "public", {"spec": {"rules": rules}})


@fault(
    "kubernetes.ingress-backend-dead",
    on=SHOP,
    cause="its service has no such port",
    proves=["neurallog:external-access-failures/ingress-backends-live"],
)
def ingress_names_a_wrong_port(cluster: Cluster) -> Iterator[None]:
    """The rule names port 8081 where the service offers 80."""
    _route(cluster, "api", 8081)
    yield
    _route(cluster, "api", 80)


@fault(
    "kubernetes.ingress-backend-dead",
    on=SHOP,
    cause="its service does not exist",
    proves=["neurallog:external-access-failures/ingress-backends-live"],
)
def ingress_names_a_missing_service(cluster: Cluster) -> Iterator[None]:
    """The rule names a service that is not there."""
    _route(cluster, "shop-api", 80)
    yield
    _route(cluster, "api", 80)


@fault(
    "kubernetes.ingress-backend-dead",
    on=SHOP,
    cause="its service has no ready endpoint",
    also=["kubernetes.service-without-endpoints@shop"],
    proves=["neurallog:external-access-failures/ingress-backends-live"],
)
def ingress_leads_to_an_empty_service(cluster: Cluster) -> Iterator[None]:
    """The service behind the rule selects no pod."""
    cluster.patch("services", SHOP, "api", {"spec": {"selector": {"app": "apy"}}})
    wait_until("the endpoints to go", lambda: cluster._endpoints(SHOP, "api") == (0, 0))
    yield
    cluster.patch("services", SHOP, "api", {"spec": {"selector": {"app": "api"}}})
    settled(cluster, "api")


@fault(
    "kubernetes.address-pending",
    on=SHOP,
    cause="the load balancer gives no address",
    proves=["neurallog:external-access-failures/load-balancer-address-assigned"],
)
def load_balancer_gives_no_address(cluster: Cluster) -> Iterator[None]:
    """A service of type LoadBalancer in a cluster where nobody gives it an address."""
    cluster.patch("services", SHOP, "api", {"spec": {"type": "LoadBalancer"}})
    time.sleep(_UNTIL_OVERDUE)
    yield
    cluster.patch("services", SHOP, "api", {"spec": {"type": "ClusterIP"}})


@fault(
    "kubernetes.address-pending",
    on=SHOP,
    cause="no controller takes care of the ingress",
    proves=["neurallog:external-access-failures/ingress-has-address"],
)
def ingress_gets_no_address(cluster: Cluster) -> Iterator[None]:
    """The ingress has lost the address that its controller gave it."""
    cluster.patch_status("ingresses", SHOP, "public", {"loadBalancer": {"ingress": None}})
    yield
    address_ingress(cluster)


# ---------------------------------------------------------------------- namespaces and warnings


@fault(
    "kubernetes.namespace-missing",
    on=SHOP,
    cause="it was deleted or never created, or the inventory misspells it",
    proves=["neurallog:tenant-creation-stuck/tenant-namespace-active"],
)
def namespace_is_missing(inventory: Path) -> Iterator[None]:
    """The inventory names a namespace that the cluster does not have."""
    before = inventory.read_text()
    inventory.write_text(f"{before}    namespaces: [shop, staging]\n")
    yield
    inventory.write_text(before)


@fault(
    "kubernetes.namespace-stuck",
    on=SHOP,
    cause="finalizers hold what is left in it",
    proves=["neurallog:tenant-creation-stuck/tenant-namespace-active"],
)
def namespace_does_not_end(cluster: Cluster) -> Iterator[None]:
    """A namespace is held in deletion by an object whose finalizer nobody removes."""
    cluster.namespace("old")
    meta = {"name": "anchor", "namespace": "old", "finalizers": ["example.com/hold"]}
    cluster.create("configmaps", {"metadata": meta})
    cluster.delete("namespaces", None, "old")

    def told() -> bool:
        status = cluster.get("namespaces", None, "old")["status"]
        return any(
            it["type"] == "NamespaceFinalizersRemaining" and it["status"] == "True"
            for it in status.get("conditions", [])
        )

    wait_until("what holds it to be told", told)
    time.sleep(_UNTIL_OVERDUE)
    yield
    cluster.patch("configmaps", "old", "anchor", {"metadata": {"finalizers": None}})
    wait_until("its end", lambda: cluster.find("namespaces", None, "old") is None)


@fault(
    "kubernetes.warnings-recurring",
    on=SHOP,
    cause="a probe fails now and then",
    proves=["neurallog:cluster-unhealthy/warning-events-quiet"],
    how=REPORTED,
)
def probe_fails_now_and_then(cluster: Cluster) -> Iterator[None]:
    """A readiness probe has failed twelve times, though the pod is ready now."""
    (pod,) = cluster.pods(SHOP, "worker")
    told = "Readiness probe failed: context deadline exceeded"
    cluster.warn(SHOP, "Pod", pod["metadata"]["name"], "Unhealthy", told, count=12)
    yield
    cluster.forget_events(SHOP)


@fault(
    "kubernetes.warnings-recurring",
    on=SHOP,
    cause="a volume, Secret or ConfigMap cannot be mounted",
    proves=["neurallog:cluster-unhealthy/warning-events-quiet"],
    how=REPORTED,
)
def mount_fails_now_and_then(cluster: Cluster) -> Iterator[None]:
    """A Secret that a pod mounts was missing for a while."""
    (pod,) = cluster.pods(SHOP, "worker")
    told = 'MountVolume.SetUp failed for volume "tls" : secret "worker-tls" not found'
    cluster.warn(SHOP, "Pod", pod["metadata"]["name"], "FailedMount", told, count=12)
    yield
    cluster.forget_events(SHOP)


@fault(
    "endpoint.certificate-not-issued-one",
    on="front",
    cause="it was renewed, and what serves it has not read it again",
    proves=["neurallog:certificate-problems/served-is-issued-one"],
)
def certificate_was_renewed_and_not_loaded(
    cluster: Cluster, authority: Authority, identity: Identity
) -> Iterator[None]:
    """The Secret holds a new one."""
    issue(cluster, authority.server(ADDRESS, starts_in=-dt.timedelta(minutes=1)))
    yield
    issue(cluster, identity)


@fault(
    "endpoint.certificate-not-issued-one",
    on="front",
    cause="something else serves another certificate for the name",
)
def front_has_a_certificate_of_its_own(
    cluster: Cluster, authority: Authority, identity: Identity
) -> Iterator[None]:
    """It was given one by hand, later than the cluster's was issued."""
    issue(cluster, authority.server(ADDRESS, starts_in=-dt.timedelta(days=4000)))
    yield
    issue(cluster, identity)
