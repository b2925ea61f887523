"""A cluster's objects, made, broken and mended in one line each.

Everything is called by the name of its app: a Deployment's pods, its Service and a bare pod carry
the label ``app=NAME``. Each fault returns when the real controllers have taken notice, so that what
is observed next is of one piece; :meth:`Cluster.settle` makes an app healthy again and
:meth:`Cluster.node_healthy` a node.
"""

from __future__ import annotations

import datetime as dt
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from lab.kubernetes import manifests
from lab.kubernetes.api import Api, ApiError, Json, concurrently

ConditionType = Literal[
    "Ready", "MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable"
]
Status = Literal["True", "False", "Unknown"]
Effect = Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]

_NOW = dt.timedelta(0)
_A_WHILE = dt.timedelta(minutes=10)  # long enough ago for every "for more than 5 minutes"
_PATIENCE = 30.0  # seconds for the controllers to follow
_POLL = 0.05
_IMAGE = "registry.example.com/shop:1.4.2"  # nothing ever pulls it
# Taints that the node controller sets and lifts by itself, following the conditions.
_CONTROLLED = "node.kubernetes.io/"


class Cluster(Api):
    """The objects of a cluster, seen with an administrator's rights."""

    # --- making ---

    def namespace(self, name: str) -> None:
        """A namespace in which pods can be made at once."""
        self.create("namespaces", {"metadata": {"name": name}})
        self._wait(
            f"the default service account of {name}",
            lambda: self.find("serviceaccounts", name, "default") is not None,
        )

    def node(
        self,
        name: str,
        *,
        cpu: str = "4",
        memory: str = "16Gi",
        pods: int = 110,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        """A ready node that the scheduler uses."""
        status = manifests.node_status(cpu, memory, pods, _A_WHILE)
        made = self.create("nodes", manifests.node(name, dict(labels or {})) | {"status": status})
        self.create("leases", manifests.node_lease(name, made))
        self._await_taints(name, lambda taints: not taints)

    def deployment(
        self, namespace: str, name: str, *, replicas: int = 1, image: str = _IMAGE
    ) -> None:
        """A deployment whose pods run and are ready."""
        made = manifests.workload(namespace, name, image, replicas=replicas)
        self.create("deployments", made)
        self.settle(namespace, name)

    def pod(self, namespace: str, name: str, *, node: str | None = None) -> None:
        """A pod without an owner, running; on ``node``, else where the scheduler puts it."""
        self.create("pods", manifests.pod(namespace, name, _IMAGE, node))
        self.settle(namespace, name)

    def service(self, namespace: str, name: str, *, port: int = 80, target: int = 8080) -> None:
        """A service of the app of the same name, with its ready pods as endpoints."""
        self.create("services", manifests.service(namespace, name, port, target))
        self._await_step(namespace, name)

    def claim(self, namespace: str, name: str, *, size: str = "1Gi") -> None:
        """A volume and a claim that is bound to it."""
        room = {"storage": size}
        spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": "lab"}
        volume = {
            **spec,
            "capacity": room,
            "persistentVolumeReclaimPolicy": "Retain",
            "hostPath": {"path": "/nowhere"},
            "claimRef": {"namespace": namespace, "name": name},
        }
        self.create(
            "persistentvolumes", {"metadata": {"name": f"{namespace}-{name}"}, "spec": volume}
        )
        claim = {**spec, "resources": {"requests": room}}
        meta = {"name": name, "namespace": namespace}
        self.create("persistentvolumeclaims", {"metadata": meta, "spec": claim})

        def bound() -> bool:
            found = self.get("persistentvolumeclaims", namespace, name)
            return bool(found["status"].get("phase") == "Bound")

        self._wait(f"the binding of claim {namespace}/{name}", bound)

    def job(self, namespace: str, name: str, *, succeeds: bool = True) -> None:
        """A job that has come to its end, well or (after one attempt) not."""
        meta = {"name": name, "namespace": namespace}
        self.create("jobs", {"metadata": meta, "spec": manifests.job_spec(name, _IMAGE)})
        reason = "Completed" if succeeds else "Error"

        def over() -> bool:
            for pod in self.pods(namespace, name):
                if pod["spec"].get("nodeName") and pod["status"]["phase"] == "Pending":
                    ended = manifests.finished(pod, _NOW, reason=reason, exit_code=None)
                    self._report(pod, ended)
            conditions = self.get("jobs", namespace, name)["status"].get("conditions", [])
            wanted = "Complete" if succeeds else "Failed"
            return any(it["type"] == wanted and it["status"] == "True" for it in conditions)

        self._wait(f"the end of job {namespace}/{name}", over)

    def cronjob(
        self, namespace: str, name: str, *, ran: dt.timedelta = dt.timedelta(hours=12)
    ) -> None:
        """A daily cron job whose last run, ``ran`` ago, went well.

        Less than a day ago: a run that was missed would be made up for at once.
        """
        last = dt.datetime.now(dt.UTC).replace(second=0, microsecond=0) - ran
        spec = {
            "schedule": f"{last.minute} {last.hour} * * *",
            "timeZone": "Etc/UTC",
            "jobTemplate": {"spec": manifests.job_spec(name, _IMAGE)},
        }
        meta = {"name": name, "namespace": namespace}
        self.create("cronjobs", {"metadata": meta, "spec": spec})
        done = last.strftime("%Y-%m-%dT%H:%M:%SZ")
        status = {"lastScheduleTime": done, "lastSuccessfulTime": done}
        self.patch_status("cronjobs", namespace, name, status)

    def warn(
        self, namespace: str, kind: str, name: str, reason: str, message: str, *, count: int = 1
    ) -> None:
        """An event of type Warning about an object, as a kubelet records it."""
        involved = {"kind": kind, "namespace": namespace, "name": name, "apiVersion": "v1"}
        event = {
            "metadata": {"namespace": namespace, "name": f"{name}.{uuid.uuid4().hex[:16]}"},
            "involvedObject": involved,
            "type": "Warning",
            "reason": reason,
            "message": message,
            "count": count,
            "firstTimestamp": manifests.timestamp(_A_WHILE),
            "lastTimestamp": manifests.timestamp(),
            "source": {"component": "kubelet"},
        }
        self.create("events", event)

    def forget_events(self, namespace: str) -> None:
        """Delete a namespace's events, which would outlive what they tell of by an hour."""
        for event in self.all("events", namespace):
            self.delete("events", namespace, event["metadata"]["name"])

    def many_pods(
        self, namespace: str, count: int, nodes: Sequence[str], *, apps: int = 100
    ) -> None:
        """``count`` running pods without owners, spread over ``nodes`` and ``apps``, quickly.

        10,000 take about 40 seconds on two cores, nearly all of it the API server's own work.
        """

        def one(number: int) -> None:
            app, node = f"load-{number % apps}", nodes[number % len(nodes)]
            pod = manifests.pod(namespace, f"{app}-{number}", _IMAGE, node)
            pod["metadata"]["labels"] = {"app": app}
            made = self.create("pods", pod)
            self._report(made, manifests.running(made, _A_WHILE))

        concurrently(one, range(count))

    # --- nodes: faults, and the way back ---

    def node_condition(
        self, name: str, kind: ConditionType, status: Status, *, ago: dt.timedelta = _A_WHILE
    ) -> None:
        """What the node's kubelet says of itself: ``("node1", "MemoryPressure", "True")``.

        The real node controller adds and lifts the taints that belong to it.
        """
        healthy = manifests.HEALTHY_CONDITIONS[kind]
        told = manifests.ILL_CONDITIONS.get((kind, status), healthy[1:])
        fresh = manifests.condition(kind, status, *told, ago)
        fresh["lastHeartbeatTime"] = manifests.timestamp(ago if status == "Unknown" else _NOW)
        conditions = self.get("nodes", None, name)["status"]["conditions"]
        changed = [fresh if each["type"] == kind else each for each in conditions]
        self.patch_status("nodes", None, name, {"conditions": changed})
        ill = status != healthy[0]
        key = _CONTROLLED + _taint(kind, status)
        self._await_taints(name, lambda taints: any(each["key"] == key for each in taints) == ill)

    def node_silent(self, name: str, *, ago: dt.timedelta = _A_WHILE) -> None:
        """The node has not been heard of since ``ago``: stale lease, unknown, its pods not ready."""
        renewed = manifests.micro_timestamp(ago)
        lease = {"spec": {"renewTime": renewed, "leaseDurationSeconds": 40}}
        self.patch("leases", "kube-node-lease", name, lease)
        self.node_condition(name, "Ready", "Unknown", ago=ago)
        here = self.all("pods", fields=f"spec.nodeName={name},status.phase=Running")
        for pod in here:
            self._report(pod, manifests.running(pod, ago, ready=False))
        for namespace, app in _apps(here):
            self._await_step(namespace, app)

    def node_healthy(self, name: str) -> None:
        """Mend a node: conditions, lease, cordon and taints, and the pods that run on it."""
        self.patch("nodes", None, name, {"spec": {"unschedulable": None, "taints": None}})
        lease = {
            "renewTime": manifests.micro_timestamp(),
            "leaseDurationSeconds": manifests.LEASE_SECONDS,
        }
        self.patch("leases", "kube-node-lease", name, {"spec": lease})
        conditions = manifests.healthy_conditions(_A_WHILE)
        self.patch_status("nodes", None, name, {"conditions": conditions})
        self._await_taints(name, lambda taints: not taints)
        for namespace, app in _apps(self.all("pods", fields=f"spec.nodeName={name}")):
            if self.find("jobs", namespace, app) is None:
                self.settle(namespace, app)

    def cordon(self, name: str, *, on: bool = True) -> None:
        """Take the node out of scheduling, or (``on=False``) back in."""
        self.patch("nodes", None, name, {"spec": {"unschedulable": on or None}})
        self._await_taints(
            name, lambda taints: any(it["key"].endswith("/unschedulable") for it in taints) == on
        )

    def taint(self, name: str, key: str, effect: Effect = "NoSchedule") -> None:
        """An administrator's own taint; :meth:`node_healthy` lifts it."""
        taints = self.get("nodes", None, name)["spec"].get("taints", [])
        self.patch(
            "nodes", None, name, {"spec": {"taints": [*taints, {"key": key, "effect": effect}]}}
        )

    # --- apps: faults, and the way back ---

    def pods(self, namespace: str, app: str) -> list[Json]:
        """The app's pods that are not on their way out."""
        found = self.all("pods", namespace, labels=f"app={app}")
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def crash_loop(
        self,
        namespace: str,
        app: str,
        *,
        reason: str = "Error",
        exit_code: int | None = None,
        restarts: int = 12,
        ago: dt.timedelta = _NOW,
        pods: int | None = None,
    ) -> None:
        """The app's containers end and are started over and over, last ``ago``.

        ``reason`` of the last end: ``Error`` (exit code 1 unless told) or ``OOMKilled`` (137).
        ``pods``: only so many of them.
        """
        self._set(
            namespace,
            app,
            pods,
            lambda pod: manifests.crash_looping(
                pod, ago, restarts=restarts, reason=reason, exit_code=exit_code
            ),
        )

    def image_pull_backoff(self, namespace: str, app: str, *, pods: int | None = None) -> None:
        """The image cannot be had."""

        def told(pod: Json) -> Json:
            image = pod["spec"]["containers"][0]["image"]
            message = f'Back-off pulling image "{image}": ErrImagePull: {image}: not found'
            return manifests.held_up(pod, _A_WHILE, "ImagePullBackOff", message)

        self._set(namespace, app, pods, told)

    def held_up(
        self,
        namespace: str,
        app: str,
        reason: str,
        message: str,
        *,
        ago: dt.timedelta = _A_WHILE,
        pods: int | None = None,
    ) -> None:
        """Containers wait to be created: ``CreateContainerConfigError``, ``ErrImagePull``, ..."""
        self._set(namespace, app, pods, lambda pod: manifests.held_up(pod, ago, reason, message))

    def not_ready(
        self, namespace: str, app: str, *, ago: dt.timedelta = _A_WHILE, pods: int | None = None
    ) -> None:
        """The containers run, but their readiness probe says no."""
        self._set(namespace, app, pods, lambda pod: manifests.running(pod, ago, ready=False))

    def restarted(
        self,
        namespace: str,
        app: str,
        *,
        restarts: int,
        reason: str = "Error",
        ago: dt.timedelta = _A_WHILE,
        pods: int | None = None,
    ) -> None:
        """The containers run and are ready, after so many restarts, the last one ``ago``."""
        self._set(
            namespace,
            app,
            pods,
            lambda pod: manifests.running(pod, ago, restarts=restarts, reason=reason),
        )

    def failed(
        self, namespace: str, app: str, *, reason: str = "Error", pods: int | None = None
    ) -> None:
        """The pods have ended for good (phase Failed); an owner makes new ones, which wait."""
        self._set(
            namespace,
            app,
            pods,
            lambda pod: manifests.finished(pod, _NOW, reason=reason, exit_code=None),
        )

    def demand(self, namespace: str, deployment: str, *, cpu: str) -> None:
        """Roll out a request for so much CPU; where no node has it, a pod waits, Unschedulable.

        The way back is :meth:`settle` after a demand that can be met (``100m`` at first).
        """
        found = self.get("deployments", namespace, deployment)
        template = found["spec"]["template"]["spec"]
        for container in template["containers"]:
            container["resources"]["requests"]["cpu"] = cpu
            container["resources"]["limits"]["cpu"] = cpu
        change = {"spec": {"template": {"spec": {"containers": template["containers"]}}}}
        self.patch("deployments", namespace, deployment, change)

        def scheduled_or_told() -> bool:
            new = [
                pod
                for pod in self.pods(namespace, deployment)
                if pod["spec"]["containers"][0]["resources"]["requests"]["cpu"] == cpu
            ]
            return bool(new) and all(
                pod["spec"].get("nodeName") or pod["status"].get("conditions") for pod in new
            )

        self._wait(f"the scheduler's word on {namespace}/{deployment}", scheduled_or_told)
        self._await_step(namespace, deployment)

    def scale(self, namespace: str, deployment: str, replicas: int) -> None:
        """Want so many pods, and let them run."""
        self.patch("deployments", namespace, deployment, {"spec": {"replicas": replicas}})
        self.settle(namespace, deployment)

    def settle(self, namespace: str, app: str) -> None:
        """Let the app run as it should: play the kubelet until all its pods are ready.

        Needs room on a node for every pod. Counts of restarts begin anew.
        """

        def settled() -> bool:
            pods = self.pods(namespace, app)
            for pod in pods:
                if pod["spec"].get("nodeName") and not _is_well(pod):
                    self._report(pod, manifests.running(pod, _A_WHILE))
            whole = bool(pods) and all(_is_well(pod) for pod in pods)
            deployment = self.find("deployments", namespace, app)
            return whole if deployment is None else _is_complete(deployment)

        self._wait(f"{namespace}/{app} to settle", settled)
        self._await_step(namespace, app)

    # --- how it is done ---

    def _set(
        self, namespace: str, app: str, count: int | None, status: Callable[[Json], Json]
    ) -> None:
        """Report ``status`` for the first ``count`` scheduled pods of the app, or for all."""
        pods = [pod for pod in self.pods(namespace, app) if pod["spec"].get("nodeName")]
        if not pods or len(pods) < (count or 0):
            raise LookupError(f"{namespace}/{app} has {len(pods)} pods on a node")
        for pod in pods[:count]:
            self._report(pod, status(pod))
        self._await_step(namespace, app)

    def _report(self, pod: Json, status: Json) -> None:
        meta = pod["metadata"]
        try:
            self.patch_status("pods", meta["namespace"], meta["name"], status)
        except ApiError as refused:
            if refused.status != 404:  # a controller has deleted it meanwhile
                raise

    def _await_step(self, namespace: str, app: str) -> None:
        """Until the app's deployment and endpoints say the same as its pods."""

        def in_step() -> bool:
            ready = sum(_is_ready(pod) for pod in self.pods(namespace, app))
            if deployment := self.find("deployments", namespace, app):
                seen = deployment["status"]
                current = seen.get("observedGeneration") == deployment["metadata"]["generation"]
                if not current or seen.get("readyReplicas", 0) != ready:
                    return False
            return not self.find("services", namespace, app) or (
                self._endpoints(namespace, app) == (ready, ready)
            )

        self._wait(f"the controllers to follow {namespace}/{app}", in_step)

    def _endpoints(self, namespace: str, service: str) -> tuple[int, int]:
        """How many addresses are ready, by the old kind of endpoints and by the new one."""
        old = self.find("endpoints", namespace, service) or {}
        addresses = sum(len(subset.get("addresses", [])) for subset in old.get("subsets") or [])
        slices = self.all(
            "endpointslices", namespace, labels=f"kubernetes.io/service-name={service}"
        )
        ready = sum(
            bool(endpoint["conditions"].get("ready"))
            for part in slices
            for endpoint in part.get("endpoints") or []
        )
        return addresses, ready

    def _await_taints(self, node: str, fit: Callable[[list[Json]], bool]) -> None:
        self._wait(
            f"the taints of {node}",
            lambda: fit(self.get("nodes", None, node)["spec"].get("taints", [])),
        )

    def _wait(self, what: str, there: Callable[[], bool]) -> None:
        until = time.monotonic() + _PATIENCE
        while not there():
            if time.monotonic() > until:
                raise TimeoutError(f"waited {_PATIENCE:.0f} s in vain for {what}")
            time.sleep(_POLL)


def _taint(kind: ConditionType, status: Status) -> str:
    """The name of the taint by which the node controller marks a condition."""
    return {
        "Ready": "unreachable" if status == "Unknown" else "not-ready",
        "MemoryPressure": "memory-pressure",
        "DiskPressure": "disk-pressure",
        "PIDPressure": "pid-pressure",
        "NetworkUnavailable": "network-unavailable",
    }[kind]


def _apps(pods: list[Json]) -> list[tuple[str, str]]:
    """Namespace and app of these pods, each once."""
    labelled = [pod["metadata"] for pod in pods if "app" in pod["metadata"].get("labels", {})]
    return sorted({(meta["namespace"], meta["labels"]["app"]) for meta in labelled})


def _is_ready(pod: Json) -> bool:
    conditions = pod["status"].get("conditions", [])
    return any(it["type"] == "Ready" and it["status"] == "True" for it in conditions)


def _is_well(pod: Json) -> bool:
    """Ready, and without a past."""
    return _is_ready(pod) and not any(
        container["restartCount"] for container in pod["status"].get("containerStatuses", [])
    )


def _is_complete(deployment: Json) -> bool:
    """Rolled out as ``kubectl rollout status`` sees it."""
    seen, wanted = deployment["status"], deployment["spec"]["replicas"]
    return seen.get("observedGeneration") == deployment["metadata"]["generation"] and all(
        seen.get(count, 0) == wanted
        for count in ("replicas", "updatedReplicas", "availableReplicas")
    )
