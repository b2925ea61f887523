"""Observing endpoints that really answer, and that misbehave."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import dns.message
import dns.query
import dns.rcode
import dns.rrset
import pytest

from lab.certificates import Authority
from selftest.servers import (
    Behaviour,
    answering,
    dripping,
    garbage,
    hang_up,
    nobody,
    served,
    silent,
)
from selftest.unit.observing import facts_of, observed
from sickbay.inventory.endpoint import EndpointEntry
from sickbay.snapshot import TargetState
from sickbay.targets.endpoint import lookup

DEADLINE = 3.0
LONG = dt.timedelta(days=90)


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path.startswith("/hop/"):
            left = int(self.path.partition("?")[0].rpartition("/")[2])
            self.send_response(302)
            self.send_header("Location", f"/hop/{left - 1}?key=canary" if left else "/")
            self.end_headers()
            return
        if self.path == "/round":
            self.send_response(302)
            self.send_header("Location", "/round")
            self.end_headers()
            return
        body = f"you sent {self.headers.get('Authorization')}".encode()
        self.send_response(500 if self.path == "/ill" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@contextmanager
def _site(certificate: Path | None = None, **settings: Any) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        for name, value in settings.items():
            setattr(context, name, value)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def _look(url: str, facts: tuple[str, ...] | None = None, **settings: Any) -> TargetState:
    return observed(EndpointEntry(url=url, deadline=DEADLINE, **settings), facts)


class _Trust:
    """An authority, its certificate's file for clients to trust, and files of what it issues."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._authority = Authority(folder.name)
        self.path = folder / "authority.pem"
        self.path.write_bytes(self._authority.certificate)

    def issue(self, *names: str, **times: dt.timedelta) -> Path:
        path = self._folder / "site.pem"
        path.write_bytes(self._authority.server(*names, **times).both)
        return path


@pytest.fixture
def authority(tmp_path: Path) -> _Trust:
    return _Trust(tmp_path / "lab")


def test_healthy_http_endpoint_has_every_fact_but_tls() -> None:
    """Phases are timed apart and add up to no more than the whole."""
    with _site() as port:
        state = _look(f"http://127.0.0.1:{port}/")
    assert state.contact.outcome == "answered"
    answer = state.facts["http_answer"].value
    parts = (answer.resolve, answer.connect, answer.first_byte)
    assert all(part > 0 for part in parts)
    assert sum(parts) <= answer.seconds
    assert answer.tls == 0
    assert state.facts["certificates"].absent == "it is plain HTTP"
    assert state.facts["endpoint_addresses"].value[0].connected


def test_healthy_https_endpoint_shows_a_trusted_certificate(authority: _Trust) -> None:
    """The chain is checked against the file that the inventory names."""
    certificate = authority.issue("localhost", valid_for=LONG)
    with _site(certificate) as port:
        state = _look(f"https://localhost:{port}/", ca_file=str(authority.path))
    assert state.contact.outcome == "answered"
    assert state.facts["http_answer"].value.tls > 0
    (shown,) = state.facts["certificates"].value
    assert (shown.problem, shown.protocol, shown.names) == ("", "TLSv1.3", ("localhost",))


@pytest.mark.parametrize(
    ("names", "times", "trusted", "problem"),
    [
        (("localhost",), {"valid_for": dt.timedelta(days=-1)}, True, "expired"),
        (("localhost",), {"valid_for": LONG, "starts_in": dt.timedelta(days=1)}, True, "not-yet-valid"),
        (("elsewhere.example",), {"valid_for": LONG}, True, "wrong-name"),
        (("localhost",), {"valid_for": LONG}, False, "untrusted"),
    ],
)  # fmt: skip
def test_certificate_that_clients_refuse_is_told_although_nothing_answers(
    authority: _Trust,
    tmp_path: Path,
    *,
    names: tuple[str, ...],
    times: dict[str, dt.timedelta],
    trusted: bool,
    problem: str,
) -> None:
    """The exchange fails as it does for clients; the certificate says why."""
    trust = authority if trusted else _Trust(tmp_path / "somebody else")
    with _site(authority.issue(*names, **times)) as port:
        state = _look(f"https://localhost:{port}/", ca_file=str(trust.path))
    assert (state.contact.outcome, state.contact.failure) == ("unreachable", "tls-failed")
    assert [one.problem for one in state.facts["certificates"].value] == [problem]
    assert state.facts["http_answer"].gap is not None


def test_redirects_are_followed_only_where_wanted() -> None:
    """Their addresses are kept without what may be secret in them."""
    with _site() as port:
        url = f"http://127.0.0.1:{port}/hop/2"
        stays = _look(url, ("http_answer",)).facts["http_answer"].value
        follows = _look(url, ("http_answer",), follow_redirects=True).facts["http_answer"].value
    assert (stays.status, stays.redirects) == (302, ())
    assert (follows.status, follows.hops) == (200, 3)
    assert "canary" not in str(follows.redirects)


def test_environment_has_no_say(monkeypatch: pytest.MonkeyPatch, authority: _Trust) -> None:
    """Neither a proxy nor a CA bundle of the environment changes what is judged."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    monkeypatch.setenv("NO_PROXY", "")
    certificate = authority.issue("localhost", valid_for=LONG)
    with _site(certificate) as port:
        state = _look(f"https://localhost:{port}/", ("http_answer",), ca_file=str(authority.path))
    assert state.facts["http_answer"].value.status == 200


def test_header_that_a_page_gives_back_is_masked() -> None:
    """A secret of ours is kept out of the snapshot, whoever says it."""
    with _site() as port:
        state = _look(
            f"http://127.0.0.1:{port}/ill",
            ("http_answer",),
            headers={"Authorization": "Bearer c4n4ry-of-a-header"},
        )
    excerpt = state.facts["http_answer"].value.excerpt
    assert "you sent" in excerpt
    assert "c4n4ry" not in excerpt


_HALF_A_BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf"


@pytest.mark.parametrize(
    ("scheme", "behaviour", "outcome", "failures"),
    [
        ("http", silent, "timed_out", {"silent"}),
        ("https", silent, "timed_out", {"silent"}),
        ("http", dripping, "timed_out", {"silent"}),
        ("http", garbage, "unreadable", {"garbage"}),
        ("https", garbage, "unreachable", {"tls-failed"}),
        ("http", hang_up, "unreachable", {"broken-off"}),
        ("https", hang_up, "unreachable", {"broken-off", "tls-failed"}),
        ("http", answering(b"HTTP/1.1 200 OK\r\nContent-Le"), "unreachable", {"broken-off"}),
        ("http", answering(_HALF_A_BODY), "unreadable", {"garbage", "broken-off"}),
        ("http", answering(b"SSH-2.0-OpenSSH_9.2\r\n"), "unreadable", {"garbage"}),
        ("https", answering(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "unreachable", {"tls-failed"}),
    ],
)
def test_endpoint_that_misbehaves_is_never_taken_for_answering(
    scheme: str, behaviour: Behaviour, outcome: str, failures: set[str]
) -> None:
    """Each way has its name, says what to do, and ends within the deadline."""
    started = time.monotonic()
    with served(behaviour) as port:
        state = _look(f"{scheme}://127.0.0.1:{port}/")
    assert time.monotonic() - started < DEADLINE + 1
    assert (state.contact.outcome, state.contact.failure in failures) == (outcome, True), (
        state.contact
    )
    assert state.contact.detail
    assert state.contact.remedy
    assert state.facts["http_answer"].value is None
    assert state.facts["http_mismatches"].value is None


def test_endpoint_where_nobody_listens_is_refused() -> None:
    """The most frequent of all."""
    with nobody() as port:
        state = _look(f"http://127.0.0.1:{port}/")
    assert (state.contact.outcome, state.contact.failure) == ("unreachable", "refused")
    assert str(port) in state.contact.detail


def test_redirects_in_circles_are_told_as_such() -> None:
    """They end after a few, not after the deadline."""
    with _site() as port:
        state = _look(f"http://127.0.0.1:{port}/round", follow_redirects=True)
    assert state.contact.failure == "redirect-loop"


@pytest.mark.parametrize("url", ["ftp://example.com/", "example.com", "http://", "http:///path"])
def test_url_that_is_none_is_told_as_such(url: str) -> None:
    """Nothing is contacted for it."""
    state = _look(url)
    assert (state.contact.outcome, state.contact.failure) == ("unreachable", "bad-url")


def test_name_that_nobody_knows_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both by whoever wants to connect and by the name server."""

    def unknown(*_: object, **__: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with _name_server(lambda q: _reply(q, dns.rcode.NXDOMAIN)) as port:
        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        _ask_at(monkeypatch, port)
        state = _look("http://shop.example/")
    assert (state.contact.outcome, state.contact.failure) == ("unreachable", "name-unknown")
    assert state.facts["name_servers"].value[0].answer == "NXDOMAIN"


@contextmanager
def _name_server(
    answer: Callable[[dns.message.Message], dns.message.Message | None],
) -> Iterator[int]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def serve() -> None:
            try:
                while True:
                    data, client = server.recvfrom(4096)
                    reply = answer(dns.message.from_wire(data))
                    if reply is not None:
                        server.sendto(reply.to_wire(), client)
            except OSError:
                return

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


def _reply(
    query: dns.message.Message, code: dns.rcode.Rcode, *addresses: str
) -> dns.message.Message:
    reply = dns.message.make_response(query)
    reply.set_rcode(code)
    if addresses:
        name = query.question[0].name
        reply.answer.append(dns.rrset.from_text(name, 60, "IN", "A", *addresses))
    return reply


def _ask_at(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    real = dns.query.udp
    monkeypatch.setattr(lookup, "name_servers", lambda: ["127.0.0.1"])
    monkeypatch.setattr(
        dns.query,
        "udp",
        lambda query, server, timeout: real(query, server, timeout=timeout, port=port),
    )


@pytest.mark.parametrize(
    ("answer", "told", "addresses"),
    [
        (lambda q: _reply(q, dns.rcode.NOERROR, "192.0.2.8", "192.0.2.7"), "NOERROR", ("192.0.2.7", "192.0.2.8")),
        (lambda q: _reply(q, dns.rcode.NOERROR), "NOERROR", ()),
        (lambda q: _reply(q, dns.rcode.NXDOMAIN), "NXDOMAIN", ()),
        (lambda q: _reply(q, dns.rcode.SERVFAIL), "SERVFAIL", ()),
        (lambda _: None, "silent", ()),
    ],
    ids=["two", "none", "nxdomain", "servfail", "silent"],
)  # fmt: skip
def test_name_server_answer_is_told_as_it_came(
    monkeypatch: pytest.MonkeyPatch,
    answer: Callable[[dns.message.Message], dns.message.Message | None],
    told: str,
    addresses: tuple[str, ...],
) -> None:
    """Its code, its addresses in order, or its silence, in the time that it was given."""
    with _name_server(answer) as port:
        _ask_at(monkeypatch, port)
        started = time.monotonic()
        said = lookup.ask("127.0.0.1", "shop.example", 0.3)
    assert time.monotonic() - started < 1
    assert (said["answer"], said.get("addresses", ())) == (told, addresses)


def test_facts_of_an_endpoint_are_all_accounted_for() -> None:
    """Each is had, absent, or missing with a reason; none is simply not there."""
    with nobody() as port:
        state = _look(f"https://127.0.0.1:{port}/")
    assert set(state.facts) == set(facts_of("endpoint"))
    assert all(one.value is not None or one.gap or one.absent for one in state.facts.values())
