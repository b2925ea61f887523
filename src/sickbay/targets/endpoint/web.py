"""One HTTP exchange through requests, its phases timed apart."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPResponse
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from sickbay.inventory.endpoint import EndpointEntry
from sickbay.targets.endpoint.ask import Exchanged

MOST_BODY = 1 << 20
"""Bytes of a body that are read; health documents are small."""
MOST_REDIRECTS = 10
"""More than these go in circles."""
_CHUNK = 1 << 14


def exchange(entry: EndpointEntry, seconds: float) -> Exchanged:
    """Ask once, in at most ``seconds``; raises requests' exceptions and TimeoutError."""
    clock = _Clock()
    with _Session(clock, entry) as session, clock.limited_to(seconds):
        started = time.monotonic()
        try:
            response = session.request(
                entry.method,
                entry.url.get_secret_value(),
                headers={name: value.get_secret_value() for name, value in entry.headers.items()},
                allow_redirects=entry.follow_redirects,
                timeout=seconds,
                stream=True,
            )
            body = b""
            for chunk in response.iter_content(_CHUNK):
                body += chunk
                if len(body) >= MOST_BODY:
                    break
        except requests.RequestException:
            if clock.over:
                raise TimeoutError(f"no complete answer within {seconds:g} s") from None
            raise
        if clock.over:
            raise TimeoutError(f"no complete answer within {seconds:g} s")
        clock.phases["total"] = time.monotonic() - started
        return Exchanged(
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=body[:MOST_BODY],
            phases={name: round(value, 6) for name, value in clock.phases.items()},
            redirects=tuple(
                _without_query(r.headers.get("location", "")) for r in response.history
            ),
            expect=entry.expect,
        )


def _without_query(location: str) -> str:
    return location.partition("?")[0]


class _Clock:
    """Times the phases of an exchange, and ends it when its time is over.

    A read timeout alone would let a server that drips bytes go on for ever.
    """

    def __init__(self) -> None:
        self.phases: dict[str, float] = {}
        self.over = False
        self._sockets: list[socket.socket] = []

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        try:
            yield
        finally:
            self.phases[name] = self.phases.get(name, 0.0) + time.monotonic() - started

    def watch(self, sock: socket.socket) -> None:
        self._sockets.append(sock)

    @contextmanager
    def limited_to(self, seconds: float) -> Iterator[None]:
        timer = threading.Timer(seconds, self._end)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _end(self) -> None:
        self.over = True
        for sock in self._sockets:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


class _Session(requests.Session):
    """A session that takes nothing from the environment: neither proxies nor CA bundles."""

    def __init__(self, clock: _Clock, entry: EndpointEntry) -> None:
        super().__init__()
        self.trust_env = False
        self.max_redirects = MOST_REDIRECTS
        self._own_headers = tuple(entry.headers)
        if entry.ca_file:
            self.verify = entry.ca_file
        self.headers["User-Agent"] = "sickbay"
        adapter = _Adapter(clock)
        self.mount("http://", adapter)
        self.mount("https://", adapter)

    def rebuild_auth(
        self, prepared_request: requests.PreparedRequest, response: requests.Response
    ) -> None:
        """Give the inventory's headers to nobody but whom they are for.

        requests itself keeps back Authorization only; a key may stand in any header.
        """
        super().rebuild_auth(prepared_request, response)  # type: ignore[no-untyped-call]
        old, new = response.request.url or "", prepared_request.url or ""
        if self.should_strip_auth(old, new):  # type: ignore[no-untyped-call]
            for name in self._own_headers:
                prepared_request.headers.pop(name, None)


class _Adapter(HTTPAdapter):
    def __init__(self, clock: _Clock) -> None:
        self._clock = clock
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        manager: urllib3.PoolManager = self.poolmanager
        manager.pool_classes_by_scheme = _timed_pools(self._clock)


class _Lines:
    """A response's stream that remembers the last line read from it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.last = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def readline(self, limit: int = -1) -> bytes:
        self.last = self._stream.readline(limit)
        return self.last


class _WholeHead(HTTPResponse):
    """A response whose head has to have an end; http.client takes a broken off one for complete."""

    def begin(self) -> None:
        lines = _Lines(self.fp)
        self.fp = lines  # type: ignore[assignment]
        super().begin()
        if lines.last not in {b"\r\n", b"\n"}:
            raise ConnectionResetError("it ended within the headers")


def _timed_pools(clock: _Clock) -> dict[str, Any]:
    """urllib3's pools, with connections that tell the clock what they do."""

    class Plain(HTTPConnection):
        response_class = _WholeHead

        def _new_conn(self) -> socket.socket:
            # A name that cannot be resolved is told by the connection itself, below.
            with clock.phase("resolve"), suppress(OSError):
                socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
            with clock.phase("connect"):
                made = super()._new_conn()
            clock.watch(made)
            return made

        def getresponse(self) -> Any:
            with clock.phase("first_byte"):
                return super().getresponse()

    class Secure(Plain, HTTPSConnection):
        def connect(self) -> None:
            before = clock.phases.get("resolve", 0.0) + clock.phases.get("connect", 0.0)
            started = time.monotonic()
            super().connect()
            after = clock.phases.get("resolve", 0.0) + clock.phases.get("connect", 0.0)
            clock.phases["tls"] = time.monotonic() - started - (after - before)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}
