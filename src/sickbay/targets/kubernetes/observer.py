"""Observe a cluster: one paginated LIST per kind of object, through the kubernetes package.

The package reads the kubeconfig and knows how to log in; requests go through its connection pool,
and the JSON that comes back straight into facts: the typed client takes a hundred times as long.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from urllib.parse import quote

import msgspec
from kubernetes import config
from kubernetes.client import Configuration
from kubernetes.client.rest import RESTClientObject
from urllib3 import BaseHTTPResponse, Timeout
from urllib3 import exceptions as http

from sickbay.errors import (
    Denied,
    Missing,
    NotApplicable,
    TimedOut,
    Unreachable,
    Unreadable,
    Unsupported,
)
from sickbay.inventory.kubernetes import KubernetesEntry
from sickbay.targets.kubernetes.listing import (
    READINESS,
    VERSION,
    Document,
    Held,
    Listing,
    Request,
    Secrets,
)
from sickbay.targets.probe import Probe
from sickbay.targets.threads import in_thread

PAGE = 500
"""Objects a page, as kubectl asks for."""
MOST_PAGES = 1000
"""An API server that never stops handing out a continue token must not keep us for ever."""
MOST_BYTES = 1 << 28
"""Of one answer. A page of 500 large pods has some 10 MB."""
SIDE_BY_SIDE = 4
"""Lists that are read at once, each over a connection of its own."""
_PATIENCE = 0.8
"""The part of the deadline after which we stop by ourselves, so as to say what we waited for."""
_CONNECT = 0.4
"""The part of the deadline that a connection may take to come about."""
_CHUNK = 1 << 16

_ANONYMOUS = "system:anonymous"
_NO_LOGIN = (
    "the kubeconfig gave no login: see that its user has a token or certificate, "
    "and that its credential plugin works by hand"
)

_OK, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 200, 401, 403, 404
_GONE, _BUSY, _SERVER_ERROR = 410, 429, 500


class _ExpiredError(Exception):
    """The API server has forgotten the state that a list was being read of."""


class _Head(msgspec.Struct):
    """What every answer of an API server has in common; the rest is skipped unread."""

    kind: str | None = ""
    message: str | None = ""
    gitVersion: str | None = ""  # noqa: N815 (the API's own name)
    metadata: _Metadata | None = None


class _Metadata(msgspec.Struct):
    next: str | None = msgspec.field(default="", name="continue")


class _Secret(msgspec.Struct):
    data: dict[str, str] | None = None


_heads = msgspec.json.Decoder(_Head)


async def observe(probe: Probe) -> None:
    """Have every wanted fact; what may not be listed, or fails by itself, hides only itself."""
    entry = probe.target.entry
    assert isinstance(entry, KubernetesEntry)
    server = await in_thread(_server, entry, time.monotonic() + probe.deadline, probe.deadline)
    try:
        await in_thread(server.greet)
        probe.reached()
        free = asyncio.Semaphore(SIDE_BY_SIDE)

        async def have(request: Request) -> None:
            async with free:
                await in_thread(_have, server, probe, request)

        wanted = dict.fromkeys(spec.request for spec in probe.wanted)
        asked = (r for r in wanted if isinstance(r, Request))
        await asyncio.gather(*map(have, asked))
    finally:
        server.close()


def _have(server: _Server, probe: Probe, request: Request) -> None:
    """Ask for one thing, and give the answer to all facts that come from it."""
    entry = probe.target.entry
    assert isinstance(entry, KubernetesEntry)
    specs = [spec for spec in probe.wanted if spec.request == request]
    raw: bytes | list[bytes] | list[Held]
    try:
        if isinstance(request, Document):
            raw = server.document(request)
        elif isinstance(request, Secrets):
            raw = [server.held(place) for place in entry.certificates]
        else:
            paths = request.paths(entry.namespaces)
            raw = [page for path in paths for page in server.pages(path, request)]
    except Missing as missing:
        lacks = request.optional if isinstance(request, Listing) else ""
        for spec in specs:
            if lacks and isinstance(missing, Unsupported):
                probe.absent(spec, NotApplicable(f"the cluster has no {lacks}"))
            else:
                probe.miss(spec, missing)
        return
    for spec in specs:
        probe.answer(spec, raw)


class _Server:
    """Read-only access to one API server. Every method raises Missing where there is no answer."""

    def __init__(self, configuration: Configuration, until: float, deadline: float) -> None:
        """``until`` is the moment (time.monotonic) when the observation is over."""
        self._configuration = configuration
        self._pool = RESTClientObject(configuration).pool_manager
        self._until = until - deadline * (1 - _PATIENCE)
        self._connect = deadline * _CONNECT
        self._known: dict[str, bytes] = {}

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def greet(self) -> None:
        """See that a Kubernetes API server is there, that it lets us in and can tell anything.

        One that has lost its store still answers, but for minutes, or not at all, to a LIST.
        """
        status, body = self._get(VERSION.path)
        if status not in {_OK, _FORBIDDEN}:
            raise self._refusal(status, body, "its version", VERSION.grant)
        head = self._head(body)
        if not head.gitVersion and head.kind != "Status":
            raise self._stranger(body)
        if status == _OK:
            self._known[VERSION.path] = body
        status, body = self._get(READINESS.path)
        if status in {_OK, _SERVER_ERROR}:
            self._known[READINESS.path] = body
        if status == _SERVER_ERROR and b"[-]etcd" in body:
            raise Unreachable(
                f"the API server at {self._configuration.host} has lost its store: "
                "its check etcd fails",
                "see that etcd runs and is reached from the API server",
                failure="store-lost",
            )

    def document(self, request: Document) -> bytes:
        """The text at a path."""
        if request.path in self._known:
            return self._known[request.path]
        status, body = self._get(request.path)
        if status != _OK:
            raise self._refusal(status, body, request.path, request.grant)
        return body

    def held(self, place: str) -> Held:
        """The certificate in a Secret, NAMESPACE/NAME; its key is dropped at once."""
        namespace, _, name = place.partition("/")
        status, body = self._get(f"/api/v1/namespaces/{namespace}/secrets/{name}")
        if status == _NOT_FOUND and self._head(body).kind == "Status":
            return Held(place, there=False)
        if status != _OK:
            raise self._refusal(status, body, f"the Secret {place}", Secrets.grant(name))
        self._head(body)
        try:
            data = msgspec.json.decode(body, type=_Secret).data or {}
        except msgspec.MsgspecError:
            raise Unreadable(f"the Secret {place} is of another form than the API says") from None
        return Held(place, there=True, certificate=data.get("tls.crt", ""))

    def pages(self, path: str, listing: Listing) -> list[bytes]:
        """Every page of a list; from the start again where it grew too old while it was read."""
        try:
            return list(self._pages(path, listing))
        except _ExpiredError:
            pass
        try:
            return list(self._pages(path, listing))
        except _ExpiredError:
            raise Unreadable(
                f"the list of {listing.resource} grew too old twice while it was read (410 Gone)",
                "name the namespaces that matter, or look at what makes the API server so slow",
            ) from None

    def _pages(self, path: str, listing: Listing) -> Iterator[bytes]:
        query = f"?limit={PAGE}"
        if listing.fields:
            query += f"&fieldSelector={quote(listing.fields)}"
        token = ""
        for _ in range(MOST_PAGES):
            more = f"&continue={quote(token)}" if token else ""
            status, body = self._get(f"{path}{query}{more}")
            if status == _GONE and token:
                raise _ExpiredError
            if status != _OK:
                raise self._refusal(status, body, listing.resource, listing.grant)
            head = self._head(body)
            yield body
            previous, token = token, (head.metadata and head.metadata.next) or ""
            if not token:
                return
            if token == previous:
                raise Unreadable(f"the list of {listing.resource} goes on with the same page")
        raise Unreadable(f"the list of {listing.resource} did not end after {MOST_PAGES} pages")

    def _get(self, path: str) -> tuple[int, bytes]:
        """Status and body of an answer, whatever the status."""
        left = max(0.01, self._until - time.monotonic())
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "sickbay"}
        if token := self._configuration.get_api_key_with_prefix("BearerToken", "authorization"):
            headers["Authorization"] = token
        try:
            response = self._pool.request(
                "GET",
                self._configuration.host + path,
                headers=headers,
                retries=False,
                redirect=False,
                preload_content=False,
                timeout=Timeout(connect=min(left, self._connect), read=left),
            )
            try:
                return response.status, self._body(response, path)
            finally:
                response.close()  # gives the connection back where all was read, else hangs up
        except (http.HTTPError, OSError) as error:
            raise _unreachable(error, self._configuration.host) from None

    def _body(self, response: BaseHTTPResponse, path: str) -> bytes:
        """The whole body, read under the clock: a server may send a byte now and then for ever."""
        body = bytearray()
        # read1 gives what is there; stream would wait, past all clocks, until a chunk is full.
        while part := response.read1(_CHUNK, decode_content=True):
            body += part
            if time.monotonic() > self._until:
                raise TimedOut(
                    f"the answer to {path} had not ended when time was up ({len(body)} bytes)",
                    "raise the target's deadline, or name the namespaces that matter",
                    failure="silent",
                )
            if len(body) > MOST_BYTES:
                raise Unreadable(f"the answer to {path} is longer than {MOST_BYTES >> 20} MiB")
        response.release_conn()
        return bytes(body)

    def _head(self, body: bytes) -> _Head:
        try:
            return _heads.decode(body)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            raise self._stranger(body) from None

    def _stranger(self, body: bytes) -> Missing:
        return Unreadable(
            f"what answers at {self._configuration.host} is not a Kubernetes API server, "
            f"or the answer is damaged: it began with {body[:80]!r}",
            "check the server address in the kubeconfig, and whether a proxy answers for it",
            failure="garbage",
        )

    def _refusal(self, status: int, body: bytes, what: str, grant: str) -> Missing:
        """What an answer other than 200 means."""
        try:
            head = _heads.decode(body)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            head = _Head()
        message = (head.message or "").strip()
        if status >= _SERVER_ERROR or status == _BUSY:
            busy = "the API server refuses requests to protect itself: look at its load"
            return Unreachable(
                f"the server answered {status} when asked for {what}: {message or body[:80]!r}",
                busy if status == _BUSY else "look at the API server's log",
                failure="server-error",
            )
        if status == _UNAUTHORIZED:
            return Denied(
                f"the cluster does not accept the login: {message or 'Unauthorized'}",
                "renew the token or certificate in the kubeconfig",
                failure="login-refused",
            )
        if head.kind != "Status" and status != _NOT_FOUND:
            return self._stranger(body)
        if status == _FORBIDDEN:
            nobody = _ANONYMOUS in message  # a login that failed silently, no matter of a role
            return Denied(f"may not see {what}: {message}", _NO_LOGIN if nobody else grant)
        if status == _NOT_FOUND and (head.kind == "Status" or body.startswith(b"404 page not")):
            return Unsupported(f"this API server does not serve {what}")
        return self._stranger(body)


def _server(entry: KubernetesEntry, until: float, deadline: float) -> _Server:
    """The entry's cluster, by a kubeconfig or from within a pod."""
    configuration = Configuration()
    try:
        if entry.kubeconfig is not None or entry.context is not None:
            config.load_kube_config(
                entry.kubeconfig, entry.context, client_configuration=configuration
            )
        else:
            _found(configuration)
        configuration.connection_pool_maxsize = SIDE_BY_SIDE
        return _Server(configuration, until, deadline)
    except Exception as error:  # noqa: BLE001 (YAML, base64, types, files: a broken one fails in many ways)
        told = " ".join(f"{type(error).__name__}: {error}".split())
        raise Unreachable(
            f"no usable kubeconfig{f' at {entry.kubeconfig}' if entry.kubeconfig else ''}: {told}",
            "set kubeconfig and context in the inventory, or KUBECONFIG, or run inside the cluster",
            failure="no-kubeconfig",
        ) from None


def _found(configuration: Configuration) -> None:
    """Fill in the configuration as kubectl would: its usual file, else the pod's own account."""
    try:
        config.load_kube_config(client_configuration=configuration)
    except config.ConfigException as without_file:
        try:
            config.load_incluster_config(client_configuration=configuration)
        except config.ConfigException:
            raise without_file from None


def _unreachable(error: Exception, host: str) -> Missing:
    """What went wrong below HTTP."""
    told = " ".join(str(error).split())
    if isinstance(error, http.NewConnectionError):
        return _not_connected(error, told, host)
    if isinstance(error, http.SSLError):
        return _no_tls(told, host)
    if isinstance(error, http.TimeoutError):
        return TimedOut(
            f"{host} does not answer",
            "look at the network between here and the API server; raise the target's deadline",
            failure="silent",
        )
    odd = http.DecodeError | http.InvalidHeader | http.LocationValueError
    if isinstance(error, odd) or "BadStatusLine" in told:
        return Unreadable(
            f"{host} does not speak HTTP: {told}",
            "check the server address in the kubeconfig",
            failure="garbage",
        )
    return Unreachable(
        f"{host}: the connection broke off: {told}",
        "look for a proxy or load balancer in between, and at the API server's log",
        failure="broken-off",
    )


def _not_connected(error: Exception, told: str, host: str) -> Missing:
    if isinstance(error, http.NameResolutionError):
        return Unreachable(
            f"the name in {host} is unknown",
            "check the server address in the kubeconfig and this machine's DNS",
            failure="name-unknown",
        )
    lost = "route" in told or "unreachable" in told
    return Unreachable(
        f"{host}: {told.rpartition('] ')[2] or told}",
        "look at the way to the API server" if lost else "see that the API server runs",
        failure="no-route" if lost else "refused",
    )


def _no_tls(told: str, host: str) -> Missing:
    if "WRONG_VERSION_NUMBER" in told or "RECORD_LAYER" in told:
        return Unreadable(
            f"{host} does not speak TLS",
            "check the server address in the kubeconfig",
            failure="garbage",
        )
    return Unreachable(
        f"{host}: TLS failed: {told}",
        "check certificate-authority-data in the kubeconfig, and the certificate's expiry",
        failure="tls-failed",
    )
