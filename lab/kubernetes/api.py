"""The Kubernetes API as one user sees it: small, concurrent, and strict about refusals."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPSConnection, RemoteDisconnected
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import urlencode, urlsplit

from lab.certificates import Identity

Json = dict[str, Any]
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Item = TypeVar("Item")

_TIMEOUT = 30  # seconds per request; a loaded machine answers late, not never
_WORKERS = 16  # requests under way at once; more only queue in the server

# Where the API keeps what the lab makes. A kind that is not here is reached by its full path.
_GROUPS = {
    "api/v1": "namespaces nodes pods services endpoints events persistentvolumes secrets configmaps "
    "persistentvolumeclaims serviceaccounts resourcequotas limitranges",
    "apis/apps/v1": "deployments replicasets statefulsets daemonsets",
    "apis/batch/v1": "jobs cronjobs",
    "apis/coordination.k8s.io/v1": "leases",
    "apis/discovery.k8s.io/v1": "endpointslices",
    "apis/networking.k8s.io/v1": "ingresses networkpolicies",
    "apis/policy/v1": "poddisruptionbudgets",
    "apis/autoscaling/v2": "horizontalpodautoscalers",
    "apis/storage.k8s.io/v1": "storageclasses",
    "apis/scheduling.k8s.io/v1": "priorityclasses",
    "apis/authorization.k8s.io/v1": "subjectaccessreviews",
    "apis/rbac.authorization.k8s.io/v1": "roles rolebindings clusterroles clusterrolebindings",
    "apis/apiextensions.k8s.io/v1": "customresourcedefinitions",
    "apis/apiregistration.k8s.io/v1": "apiservices",
}
_HOME = {kind: group for group, kinds in _GROUPS.items() for kind in kinds.split()}


class ApiError(Exception):
    """The API server refused; ``status`` is its HTTP status, ``reason`` its word for it."""

    def __init__(self, asked: str, status: int, answer: bytes) -> None:
        try:
            told = json.loads(answer)
            self.reason, message = str(told.get("reason", "")), str(told.get("message", ""))
        except (ValueError, AttributeError):
            self.reason, message = "", answer.decode(errors="replace")
        self.status = status
        super().__init__(f"{asked}: {status} {self.reason}: {message}")


def path(kind: str, namespace: str | None = None, name: str | None = None, *more: str) -> str:
    """``/api/v1/namespaces/shop/pods/api-1/status`` from ``("pods", "shop", "api-1", "status")``.

    ``kind`` is the plural; for one that the lab does not know its group comes with it, as in
    ``apis/example.com/v1/tenants``.
    """
    group, _, plural = kind.rpartition("/")
    parts = [group or _HOME[plural], *(("namespaces", namespace) if namespace else ())]
    return "/" + "/".join([*parts, plural, *((name,) if name else ()), *more])


@dataclass(frozen=True)
class Access:
    """How one user reaches the API server: ``url``, and PEM of the authority and of the user."""

    url: str
    authority: bytes
    identity: Identity

    def kubeconfig(self) -> str:
        """A kubeconfig that needs no other file (JSON, which is YAML)."""

        def text(pem: bytes) -> str:
            return base64.b64encode(pem).decode()

        name = "sickbay-lab"
        cluster = {"server": self.url, "certificate-authority-data": text(self.authority)}
        user = {
            "client-certificate-data": text(self.identity.certificate),
            "client-key-data": text(self.identity.key),
        }
        whole = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": cluster}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }
        return json.dumps(whole, indent=1)


class Api:
    """Requests as one user; may be used by many threads, each has a connection of its own."""

    def __init__(self, access: Access, directory: Path) -> None:
        """``directory`` takes the certificate and key: TLS reads them from files only."""
        self._address = urlsplit(access.url).netloc
        self._tls = ssl.create_default_context(cadata=access.authority.decode())
        self._tls.load_cert_chain(*access.identity.write(directory, "api-user"))
        self._mine = threading.local()

    def request(
        self,
        method: Method,
        where: str,
        body: Json | None = None,
        query: Mapping[str, str] | None = None,
    ) -> bytes:
        """The answer's body. Raises :class:`ApiError`, or ``OSError`` when there is no answer."""
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        payload = None if body is None else json.dumps(body).encode()
        target = where + ("?" + urlencode(query) if query else "")
        known: HTTPSConnection | None = getattr(self._mine, "connection", None)
        if known is not None:
            try:
                return self._send(known, method, target, kind, payload)
            except (RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                known.close()  # idle for so long that the server hung up
        fresh = HTTPSConnection(self._address, context=self._tls, timeout=_TIMEOUT)
        answer = self._send(fresh, method, target, kind, payload)
        self._mine.connection = fresh
        return answer

    def _send(
        self, connection: HTTPSConnection, method: str, target: str, kind: str, body: bytes | None
    ) -> bytes:
        try:
            connection.request(method, target, body, {"Content-Type": kind})
            response = connection.getresponse()
            answer = response.read()
        except BaseException:
            connection.close()  # half an exchange is of no use to the next one
            raise
        if response.status >= 300:
            raise ApiError(f"{method} {target}", response.status, answer)
        return answer

    def _json(
        self,
        method: Method,
        where: str,
        body: Json | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Json:
        answer: Json = json.loads(self.request(method, where, body, query))
        return answer

    def get(self, kind: str, namespace: str | None, name: str) -> Json:
        return self._json("GET", path(kind, namespace, name))

    def find(self, kind: str, namespace: str | None, name: str) -> Json | None:
        """The object, or None when there is none of that name."""
        try:
            return self.get(kind, namespace, name)
        except ApiError as refused:
            if refused.status != 404:
                raise
            return None

    def all(
        self, kind: str, namespace: str | None = None, *, labels: str = "", fields: str = ""
    ) -> list[Json]:
        """All objects of a kind, in one or all namespaces, by label and field selector."""
        query = {"labelSelector": labels, "fieldSelector": fields}
        chosen = {key: value for key, value in query.items() if value}
        items: list[Json] = self._json("GET", path(kind, namespace), query=chosen)["items"]
        return items

    def create(self, kind: str, body: Json) -> Json:
        return self._json("POST", path(kind, body["metadata"].get("namespace")), body)

    def patch(self, kind: str, namespace: str | None, name: str, change: Json) -> Json:
        """JSON merge patch: what is named is replaced (lists as a whole), ``None`` removes."""
        return self._json("PATCH", path(kind, namespace, name), change)

    def patch_status(self, kind: str, namespace: str | None, name: str, status: Json) -> Json:
        """The same for the status, which only its own subresource changes."""
        return self._json("PATCH", path(kind, namespace, name, "status"), {"status": status})

    def delete(self, kind: str, namespace: str | None, name: str) -> None:
        """At once: no kubelet would ever confirm a graceful end. Absent is as good as deleted."""
        try:
            at_once = {"gracePeriodSeconds": "0", "propagationPolicy": "Background"}
            self.request("DELETE", path(kind, namespace, name), query=at_once)
        except ApiError as refused:
            if refused.status != 404:
                raise


def concurrently(work: Callable[[Item], object], items: Iterable[Item]) -> None:
    """``work`` for every item, many at once; the first failure is raised."""
    with ThreadPoolExecutor(_WORKERS) as pool:
        for _ in pool.map(work, items):
            pass


def audited(log: Path, user: str) -> list[Json]:
    """The requests that ``user`` has made, oldest first, as the audit log has them.

    Of use are ``verb``, ``requestURI``, ``objectRef`` and ``responseStatus.code``. A record is
    written when its request ends, which may be a moment after its answer has arrived.
    """
    with log.open() as lines:
        records = [
            json.loads(line) for line in lines if f'"{user}"' in line and line.endswith("\n")
        ]
    return [record for record in records if record["user"]["username"] == user]
