"""Observe a cluster: one paginated LIST per kind of object, through the kubernetes package."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from sickbay.errors import Denied, Missing, Unreachable, Unreadable, Unsupported
from sickbay.inventory.kubernetes import KubernetesEntry
from sickbay.targets.kubernetes.listing import Listing
from sickbay.targets.probe import Probe
from sickbay.targets.threads import in_thread

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

PAGE = 500
"""Objects a page, as kubectl asks for."""
MOST_PAGES = 1000
"""An API server that never stops handing out a continue token must not keep us for ever."""
_REACHABLE = "/api"
"""What is asked for when nothing but the contact is wanted; every identity may see it."""

_OK, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 200, 401, 403, 404


class _Next(msgspec.Struct):
    """Where a list goes on; the rest of the page is skipped unread."""

    metadata: dict[str, Any] = {}
    kind: str = ""


_CONNECTIONS = 8
"""Lists that are read side by side."""

_next = msgspec.json.Decoder(_Next)


async def observe(probe: Probe) -> None:
    """Have every wanted fact; a kind that may not be listed hides only itself."""
    entry = probe.target.entry
    assert isinstance(entry, KubernetesEntry)
    client = await in_thread(partial(_client, entry))
    cluster = _Cluster(client, probe)
    try:
        listings = {
            spec.request: None for spec in probe.wanted if isinstance(spec.request, Listing)
        }
        if not listings:
            await in_thread(partial(cluster.get, _REACHABLE))
        await asyncio.gather(*(_list(cluster, probe, entry, listing) for listing in listings))
    finally:
        client.close()


async def _list(cluster: _Cluster, probe: Probe, entry: KubernetesEntry, listing: Listing) -> None:
    specs = [spec for spec in probe.wanted if spec.request == listing]
    pages: list[bytes] = []
    try:
        for path in listing.paths(entry.namespaces):
            pages += await in_thread(partial(list, cluster.pages(path, listing)))
    except Missing as missing:
        if probe.contact is None:
            raise
        for spec in specs:
            probe.miss(spec, missing)
        return
    for spec in specs:
        probe.answer(spec, pages)


class _Cluster:
    """Read-only access to one API server."""

    def __init__(self, client: ApiClient, probe: Probe) -> None:
        self._client = client
        self._probe = probe
        self._lock = threading.Lock()

    def pages(self, path: str, listing: Listing) -> Iterator[bytes]:
        """Every page of a list."""
        token = ""
        for _ in range(MOST_PAGES):
            page = self.get(
                f"{path}?limit={PAGE}&continue={token}" if token else f"{path}?limit={PAGE}",
                listing,
            )
            yield page
            token = str(_next.decode(page).metadata.get("continue") or "")
            if not token:
                return
        raise Unreadable(f"the list of {listing.resource} did not end after {MOST_PAGES} pages")

    def get(self, path: str, listing: Listing | None = None) -> bytes:
        """The body of an answer; raises Missing for everything that is none."""
        import urllib3  # noqa: PLC0415 (comes with the optional layer)

        configuration, seconds = self._client.configuration, self._probe.deadline
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "sickbay"}
        if token := configuration.get_api_key_with_prefix("BearerToken", "authorization"):
            headers["Authorization"] = token
        try:
            response = self._client.rest_client.pool_manager.request(
                "GET",
                configuration.host + path,
                headers=headers,
                retries=False,
                redirect=False,
                timeout=urllib3.Timeout(connect=seconds / 2, read=seconds),
            )
        except urllib3.exceptions.HTTPError as error:
            raise _unreachable(error, configuration.host) from None
        body: bytes = response.data
        if response.status not in {_OK, _FORBIDDEN}:
            raise _refused(response.status, body, listing)
        self._reached(body, configuration.host)
        if response.status == _FORBIDDEN:
            raise _refused(response.status, body, listing)
        return body

    def _reached(self, body: bytes, host: str) -> None:
        """An API server's answers are JSON objects with a kind; anything else is not one."""
        try:
            kind = _next.decode(body).kind
        except msgspec.MsgspecError:
            kind = ""
        if not kind:
            raise Unreadable(
                f"what answers at {host} is not a Kubernetes API server (it said {body[:80]!r})",
                "check the server address in the kubeconfig",
                failure="garbage",
            )
        with self._lock:
            if self._probe.contact is None:
                self._probe.reached()


def _client(entry: KubernetesEntry) -> ApiClient:
    """A client for the entry's cluster, from a kubeconfig or from within a pod."""
    from kubernetes import client, config  # noqa: PLC0415 (an optional layer, imported where it is used)

    configuration = client.Configuration()
    try:
        if entry.kubeconfig is None and entry.context is None:
            try:
                config.load_kube_config(client_configuration=configuration)
            except config.ConfigException:
                config.load_incluster_config(client_configuration=configuration)
        else:
            config.load_kube_config(
                entry.kubeconfig, entry.context, client_configuration=configuration
            )
    except (config.ConfigException, OSError) as error:
        raise Unreachable(
            f"no usable kubeconfig: {error}",
            "set kubeconfig and context in the inventory, or KUBECONFIG, or run inside the cluster",
            failure="no-kubeconfig",
        ) from None
    configuration.connection_pool_maxsize = _CONNECTIONS
    return client.ApiClient(configuration)


def _message(body: bytes) -> str:
    try:
        return str(msgspec.json.decode(body).get("message", ""))
    except (msgspec.MsgspecError, AttributeError):
        return repr(body[:80])


def _refused(status: int, body: bytes, listing: Listing | None) -> Missing:
    what, message = listing.resource if listing else "the API", _message(body)
    if status == _UNAUTHORIZED:
        return Denied(
            f"the cluster does not accept the login: {message or 'Unauthorized'}",
            "renew the token or certificate in the kubeconfig",
            failure="login-refused",
        )
    if status == _FORBIDDEN:
        return Denied(f"may not list {what}: {message}", listing.grant if listing else "")
    if status == _NOT_FOUND:
        return Unsupported(f"this server does not serve {what}", failure="garbage")
    return Unreachable(
        f"the API server answered {status} for {what}: {message}", failure="server-error"
    )


def _unreachable(error: Exception, host: str) -> Missing:
    """What went wrong below HTTP."""
    from urllib3 import exceptions as http  # noqa: PLC0415 (comes with the optional layer)

    reason = getattr(error, "reason", None) or error
    if isinstance(reason, http.NameResolutionError):
        return Unreachable(f"the name in {host} is unknown", failure="name-unknown")
    if isinstance(reason, http.ConnectTimeoutError | http.ReadTimeoutError):
        return Unreachable(f"{host} does not answer", failure="silent")
    if isinstance(reason, http.NewConnectionError):
        failure = (
            "no-route" if "route" in str(reason) or "unreachable" in str(reason) else "refused"
        )
        return Unreachable(f"{host}: {str(reason).rpartition(': ')[2]}", failure=failure)
    if isinstance(reason, http.SSLError):
        return Unreachable(
            f"{host}: TLS failed: {reason}",
            "check certificate-authority-data in the kubeconfig",
            failure="tls-failed",
        )
    return Unreachable(
        f"{host}: the connection broke off or is not HTTP: {reason}", failure="broken-off"
    )
