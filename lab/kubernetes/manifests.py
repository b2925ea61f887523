"""What Kubernetes objects look like, as plain JSON: pure functions, no requests."""

from __future__ import annotations

import datetime as dt

from lab.kubernetes.api import Json
from lab.kubernetes.binaries import KUBERNETES

HEALTHY_CONDITIONS = {
    "MemoryPressure": ("False", "KubeletHasSufficientMemory", "kubelet has sufficient memory"),
    "DiskPressure": ("False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    "PIDPressure": ("False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    "NetworkUnavailable": ("False", "RouteCreated", "the network of the node is set up"),
    "Ready": ("True", "KubeletReady", "kubelet is posting ready status"),
}
ILL_CONDITIONS = {
    ("MemoryPressure", "True"): (
        "KubeletHasInsufficientMemory",
        "kubelet has insufficient memory available",
    ),
    ("DiskPressure", "True"): ("KubeletHasDiskPressure", "kubelet has disk pressure"),
    ("PIDPressure", "True"): (
        "KubeletHasInsufficientPID",
        "kubelet has insufficient PID available",
    ),
    ("NetworkUnavailable", "True"): ("NoRouteCreated", "the node has no route to its pods"),
    ("Ready", "False"): (
        "KubeletNotReady",
        "container runtime network not ready: cni plugin not initialized",
    ),
    ("Ready", "Unknown"): ("NodeStatusUnknown", "Kubelet stopped posting node status."),
}
_EXIT_CODES = {"OOMKilled": 137, "Completed": 0}
LEASE_SECONDS = 86_400


def timestamp(ago: dt.timedelta = dt.timedelta(0)) -> str:
    """A time in the API's own format; of the past by ``ago``."""
    return (dt.datetime.now(dt.UTC) - ago).strftime("%Y-%m-%dT%H:%M:%SZ")


def condition(kind: str, status: str, reason: str, message: str, ago: dt.timedelta) -> Json:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": timestamp(ago),
    }


# --- nodes ---


def node(name: str, labels: dict[str, str]) -> Json:
    known = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
    }
    return {"metadata": {"name": name, "labels": known | labels}, "spec": {}}


def node_status(cpu: str, memory: str, pods: int, ago: dt.timedelta) -> Json:
    """A healthy node's whole status. ``cpu`` and ``memory`` as Kubernetes writes quantities."""
    room = {"cpu": cpu, "memory": memory, "pods": str(pods), "ephemeral-storage": "100Gi"}
    return {
        "capacity": room,
        "allocatable": room,
        "conditions": healthy_conditions(ago),
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "nodeInfo": {
            "kubeletVersion": KUBERNETES,
            "kubeProxyVersion": "",
            "containerRuntimeVersion": "containerd://2.1.4",
            "kernelVersion": "6.1.0-39-amd64",
            "osImage": "Debian GNU/Linux 12 (bookworm)",
            "operatingSystem": "linux",
            "architecture": "amd64",
            "machineID": "",
            "systemUUID": "",
            "bootID": "",
        },
    }


def healthy_conditions(ago: dt.timedelta) -> list[Json]:
    return [
        condition(kind, *told, ago) | {"lastHeartbeatTime": timestamp()}
        for kind, told in HEALTHY_CONDITIONS.items()
    ]


def node_lease(name: str, owner: Json) -> Json:
    """The node's heartbeat, good for a day, since nobody renews it."""
    return {
        "metadata": {
            "name": name,
            "namespace": "kube-node-lease",
            "ownerReferences": [
                {"apiVersion": "v1", "kind": "Node", "name": name, "uid": owner["metadata"]["uid"]}
            ],
        },
        "spec": {
            "holderIdentity": name,
            "leaseDurationSeconds": LEASE_SECONDS,
            "renewTime": micro_timestamp(),
        },
    }


def micro_timestamp(ago: dt.timedelta = dt.timedelta(0)) -> str:
    """The format of the newer APIs, leases and events, which want microseconds."""
    return (dt.datetime.now(dt.UTC) - ago).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


# --- workloads ---


def container(name: str, image: str, cpu: str = "100m", memory: str = "64Mi") -> Json:
    resources = {"cpu": cpu, "memory": memory}
    return {
        "name": name,
        "image": image,
        "resources": {"requests": resources, "limits": resources},
    }


def pod_spec(name: str, image: str) -> Json:
    return {
        "containers": [container(name, image)],
        # A pod with a period of grace waits for its kubelet to confirm the end, here for ever.
        "terminationGracePeriodSeconds": 0,
    }


def pod(namespace: str, name: str, image: str, node_name: str | None) -> Json:
    spec = pod_spec("main", image) | ({"nodeName": node_name} if node_name else {})
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "spec": spec,
    }


def workload(namespace: str, name: str, image: str, **spec: object) -> Json:
    """A Deployment, StatefulSet or DaemonSet: pods labelled ``app=NAME``, container ``NAME``."""
    labels = {"app": name}
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod_spec(name, image)},
            **spec,
        },
    }


def job_spec(name: str, image: str) -> Json:
    spec = pod_spec(name, image) | {"restartPolicy": "Never"}
    return {
        "backoffLimit": 0,
        "template": {"metadata": {"labels": {"app": name}}, "spec": spec},
    }


def service(namespace: str, name: str, port: int, target: int) -> Json:
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "spec": {"selector": {"app": name}, "ports": [{"port": port, "targetPort": target}]},
    }


# --- what a kubelet says about a pod ---


def running(
    of: Json,
    ago: dt.timedelta,
    *,
    ready: bool = True,
    restarts: int = 0,
    reason: str = "Error",
) -> Json:
    """All containers run, since ``ago``, after so many ends for this reason."""
    state = {"running": {"startedAt": timestamp(ago)}}
    last = ended(reason, None, ago) if restarts else None
    return _status(of, "Running", state, ago, ready=ready, restarts=restarts, last=last)


def crash_looping(
    of: Json, ago: dt.timedelta, *, restarts: int, reason: str, exit_code: int | None
) -> Json:
    """The last run ended ``ago`` and the next one has to wait."""
    meta = of["metadata"]
    told = "back-off 5m0s restarting failed container={name} pod={pod}_{namespace}({uid})"
    message = told.format(
        name=of["spec"]["containers"][0]["name"],
        pod=meta["name"],
        namespace=meta["namespace"],
        uid=meta["uid"],
    )
    return _status(
        of,
        "Running",
        waiting("CrashLoopBackOff", message),
        ago,
        ready=False,
        restarts=restarts,
        last=ended(reason, exit_code, ago),
    )


def held_up(of: Json, ago: dt.timedelta, reason: str, message: str) -> Json:
    """The containers never started: ``ImagePullBackOff``, ``CreateContainerConfigError``, ..."""
    return _status(of, "Pending", waiting(reason, message), ago, ready=False)


def finished(of: Json, ago: dt.timedelta, *, reason: str, exit_code: int | None) -> Json:
    """The pod has come to its end, well with exit code 0, else failed."""
    state = ended(reason, exit_code, ago)
    phase = "Failed" if state["terminated"]["exitCode"] else "Succeeded"
    return _status(of, phase, state, ago, ready=False)


def waiting(reason: str, message: str) -> Json:
    return {"waiting": {"reason": reason, "message": message}}


def ended(reason: str, exit_code: int | None, ago: dt.timedelta) -> Json:
    """A terminated container's state; without an exit code, the usual one for the reason."""
    return {
        "terminated": {
            "reason": reason,
            "exitCode": _EXIT_CODES.get(reason, 1) if exit_code is None else exit_code,
            "startedAt": timestamp(ago + dt.timedelta(seconds=20)),
            "finishedAt": timestamp(ago),
        }
    }


def _status(
    of: Json,
    phase: str,
    state: Json,
    ago: dt.timedelta,
    *,
    ready: bool,
    restarts: int = 0,
    last: Json | None = None,
) -> Json:
    """A whole status, so that nothing of an earlier one is left behind by a merge patch."""
    over = phase == "Succeeded"
    why = ("", "") if ready else ("PodCompleted", "") if over else ("ContainersNotReady", "")
    held = [name["name"] for name in of["spec"]["containers"]]
    if why[0] == "ContainersNotReady":
        why = (why[0], f"containers with unready status: [{' '.join(held)}]")
    yes_or_no = str(ready)
    address = f"10.244.{int(of['metadata']['uid'][:2], 16)}.{int(of['metadata']['uid'][2:4], 16)}"
    started = phase != "Pending"
    return {
        "phase": phase,
        "reason": None,
        "message": None,
        "hostIP": "127.0.0.1",
        "podIP": address if started else None,
        "podIPs": [{"ip": address}] if started else None,
        "startTime": timestamp(ago),
        "conditions": [
            condition("PodScheduled", "True", "", "", ago),
            condition("Initialized", "True", "PodCompleted" if over else "", "", ago),
            condition("ContainersReady", yes_or_no, *why, ago),
            condition("Ready", yes_or_no, *why, ago),
        ],
        "containerStatuses": [
            {
                "name": each["name"],
                "image": each["image"],
                "imageID": f"{each['image']}@sha256:{'0' * 64}" if started else "",
                "containerID": f"containerd://{of['metadata']['uid']}" if started else None,
                "ready": ready,
                "started": "running" in state,
                "restartCount": restarts,
                "state": state,
                "lastState": last or {},
            }
            for each in of["spec"]["containers"]
        ],
    }
