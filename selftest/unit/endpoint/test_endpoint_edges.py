"""The rarer ways in which endpoints, their certificates and their bodies are odd."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lab.certificates import Authority, private_pem
from selftest.servers import Behaviour, answering, nobody, served
from selftest.unit.observing import observed
from sickbay.inventory.endpoint import EndpointEntry, Expectation
from sickbay.snapshot import TargetState
from sickbay.targets.endpoint.ask import Exchanged, Handshaken
from sickbay.targets.endpoint.facts.answer import HttpAnswer, HttpMismatch
from sickbay.targets.endpoint.facts.tls import Certificate

DEADLINE = 1.0
SLACK = 0.6
"""Seconds that a busy machine may take beside the deadline."""
_LARGE = 1 << 20


def _look(url: str, facts: tuple[str, ...] | None = None, **settings: Any) -> TargetState:
    return observed(EndpointEntry(url=url, deadline=DEADLINE, **settings), facts)


def _told(look: Callable[[], TargetState]) -> tuple[str, str]:
    """How a contact failed; that it says why, what to do, and in time, is checked on the way."""
    started = time.monotonic()
    contact = look().contact
    assert time.monotonic() - started < DEADLINE + SLACK
    assert contact.detail
    assert contact.remedy
    return contact.outcome, contact.failure


def _answer(got: bytes, sent: dict[str, str] | None = None, /, **expect: Any) -> Exchanged:
    return Exchanged(
        status=200,
        headers=sent or {},
        body=got,
        phases={"total": 0.1},
        redirects=(),
        expect=Expectation(**expect),
    )


# Bodies, headers and documents


def test_body_that_does_not_match_is_quoted_and_cut() -> None:
    """The beginning is evidence enough, also of a mebibyte."""
    (mismatch,) = HttpMismatch.parse(_answer(b"x" * _LARGE, body="^ready$"))
    assert (mismatch.part, mismatch.expected, mismatch.found) == ("body", "^ready$", "x" * 300)


@pytest.mark.parametrize("body", [b"\x00" * _LARGE, b"\xff" * _LARGE, b"[" * _LARGE])
def test_large_rubbish_is_no_document(body: bytes) -> None:
    """Neither its size nor its depth makes the parser fail, and none is read as healthy."""
    (mismatch,) = HttpMismatch.parse(_answer(body, json={"status": "up"}))
    assert (mismatch.name, len(mismatch.found)) == ("body", 300)


def test_large_document_with_the_value_is_fine() -> None:
    """What is looked for may stand at the end of a mebibyte."""
    body = b'{"pad": "' + b"x" * _LARGE + b'", "status": "up"}'
    assert HttpMismatch.parse(_answer(body, json={"status": "up"})) == ()


@pytest.mark.parametrize("value", ["", "v2\x1b[2J", "\u00ff" * 10_000, "v30"])
def test_header_of_another_value_is_a_mismatch(value: str) -> None:
    """Hostile values are no exception, and an empty header is not a missing one."""
    (mismatch,) = HttpMismatch.parse(
        _answer(b"", {"x-version": value}, headers={"X-Version": "^v3$"})
    )
    assert (mismatch.part, mismatch.missing) == ("header", False)


def test_document_path_through_a_negative_or_empty_step_is_missing() -> None:
    """Only the numbers of items lead into a list."""
    raw = _answer(b'{"a": [1]}', json={"a.-1": 1, "a.": 1, "": 1})
    assert all(one.missing for one in HttpMismatch.parse(raw))
    assert len(HttpMismatch.parse(raw)) == 3


def test_document_with_true_for_one_is_a_mismatch() -> None:
    """JSON tells them apart, and so does whoever wrote the inventory."""
    assert HttpMismatch.parse(_answer(b'{"a": true}', json={"a": 1}))
    assert HttpMismatch.parse(_answer(b'{"a": [0]}', json={"a": [False]}))
    assert not HttpMismatch.parse(_answer(b'{"a": 1.0}', json={"a": 1}))


def test_document_without_the_value_is_never_healthy() -> None:
    """Whatever stands for a missing value is no value that could be asked for."""
    assert HttpMismatch.parse(_answer(b"{}", json={"a": "(missing)"}))


@pytest.mark.parametrize(
    ("value", "bound", "fine"),
    [
        ("0.6", "<= 0.6", True),
        ("0.61", "<= 0.6", False),
        ('"0.42"', "<= 0.6", True),  # Prometheus writes numbers as text
        ('"NaN"', "<= 0.6", False),
        ('"much"', "<= 0.6", False),
        ("true", ">= 0", False),
        ("null", "<= 1", False),
        ("[1]", "<= 1", False),
        ("-3", ">= -3.5", True),
        ('"<= 0.6"', "<= 0.6", False),
    ],
)
def test_json_number_is_compared_with_a_bound(value: str, bound: str, *, fine: bool) -> None:
    """Only a number can be within bounds."""
    found = HttpMismatch.parse(_answer(f'{{"a": {value}}}'.encode(), json={"a": bound}))
    assert [one.is_bound for one in found] == ([] if fine else [True])


def test_answer_that_redirects_keeps_no_query_of_the_address() -> None:
    """A query may hold a key; the address without it is evidence enough."""
    raw = _answer(b"", {"location": "https://login.example/in?key=c4n4ry"}, status=302)
    assert "c4n4ry" not in str(HttpAnswer.parse(raw).headers)


# Certificates


def _self_signed(
    *, common_name: str = "localhost", alternative: bool = True
) -> tuple[bytes, bytes]:
    """A certificate of its own making, and its key; PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else [])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
    )
    if alternative:
        names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
        builder = builder.add_extension(names, critical=False)
    made = builder.sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM), private_pem(key)


@pytest.mark.parametrize("common_name", ["localhost", ""])
def test_certificate_without_names_is_read(common_name: str) -> None:
    """Old certificates have a common name only, which clients no longer take for one."""
    pem, _ = _self_signed(common_name=common_name, alternative=False)
    der = ssl.PEM_cert_to_DER_cert(pem.decode())
    (one,) = Certificate.parse([Handshaken("192.0.2.7", "localhost", "TLSv1.3", der)])
    assert (one.names, one.issuer) == ((), common_name)
    assert one.not_after is not None


@contextmanager
def _secure(pem: bytes, folder: Path, newest: ssl.TLSVersion | None = None) -> Iterator[int]:
    """A loopback port that shakes hands and answers every request with an empty 200."""
    path = folder / "server.pem"
    path.write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    if newest is not None:
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = newest

    def behave(client: socket.socket) -> None:
        with context.wrap_socket(client, server_side=True) as secure:
            secure.recv(65536)
            secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with served(behave) as port:
        yield port


def test_self_signed_certificate_is_told_as_such(tmp_path: Path) -> None:
    """Nobody vouches for it; the exchange fails as it does for clients."""
    pem, key = _self_signed()
    with _secure(key + pem, tmp_path) as port:
        state = _look(f"https://localhost:{port}/")
    assert (state.contact.outcome, state.contact.failure) == ("unreachable", "tls-failed")
    assert state.contact.detail
    assert state.contact.remedy
    assert [one.problem for one in state.facts["certificates"].value] == ["self-signed"]


@pytest.mark.parametrize(
    ("newest", "protocol"),
    [
        pytest.param(ssl.TLSVersion.TLSv1, "TLSv1", marks=pytest.mark.filterwarnings("ignore")),
        pytest.param(ssl.TLSVersion.TLSv1_1, "TLSv1.1", marks=pytest.mark.filterwarnings("ignore")),
    ],
)
def test_server_of_old_tls_only_is_seen_but_not_talked_to(
    tmp_path: Path, newest: ssl.TLSVersion, protocol: str
) -> None:
    """Its certificate and protocol are told, though the exchange fails as it does for clients."""
    authority = Authority("old")
    trusted = tmp_path / "authority.pem"
    trusted.write_bytes(authority.certificate)
    with _secure(authority.server("localhost").both, tmp_path, newest) as port:
        state = _look(f"https://localhost:{port}/", ca_file=str(trusted))
    assert (state.contact.outcome, state.contact.failure) == ("unreachable", "tls-failed")
    assert state.contact.remedy
    (shown,) = state.facts["certificates"].value
    assert (shown.problem, shown.protocol) == ("", protocol)


def test_phases_of_https_add_up_to_no_more_than_the_whole(tmp_path: Path) -> None:
    """Each of them takes its time, and none is counted twice."""
    authority = Authority("phases")
    trusted = tmp_path / "authority.pem"
    trusted.write_bytes(authority.certificate)
    with _secure(authority.server("localhost").both, tmp_path) as port:
        state = _look(f"https://localhost:{port}/", ("http_answer",), ca_file=str(trusted))
    answer = state.facts["http_answer"].value
    parts = (answer.resolve, answer.connect, answer.tls, answer.first_byte)
    assert all(part > 0 for part in parts)
    assert sum(parts) <= answer.seconds


# Servers that are odd


def _drip_forever(start: bytes) -> Behaviour:
    """Begin so, and go on with a byte now and then."""

    def behave(client: socket.socket) -> None:
        with suppress(OSError):
            client.sendall(start)
            while True:
                client.sendall(b"a")
                time.sleep(0.05)

    return behave


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nX-Long: "])
def test_drips_before_the_body_end_in_time(start: bytes) -> None:
    """The clock is not wound up again by every byte."""
    with served(_drip_forever(start)) as port:
        assert _told(lambda: _look(f"http://127.0.0.1:{port}/")) == ("timed_out", "silent")


def test_drips_within_the_handshake_end_in_time() -> None:
    """A record that is announced and never complete holds nobody up."""
    with served(_drip_forever(b"\x16\x03\x03\x40\x00")) as port:
        outcome, failure = _told(lambda: _look(f"https://127.0.0.1:{port}/"))
    assert (outcome, failure) == ("timed_out", "silent")


def test_body_without_end_is_read_to_its_limit() -> None:
    """A server that sends for ever has answered; only the beginning is taken."""

    def behave(client: socket.socket) -> None:
        client.recv(65536)
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            client.sendall(b"x" * 65536)

    with served(behave) as port:
        state = _look(f"http://127.0.0.1:{port}/", ("http_answer", "http_mismatches"))
    assert state.facts["http_answer"].value.status == 200


@pytest.mark.parametrize(
    ("answer", "failures"),
    [
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nrubb",
            {"garbage"},
        ),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", {"garbage", "broken-off"}),
        (b"HTTP/1.1 999999 \xff\r\n\r\n", {"garbage"}),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n", {"garbage", "broken-off"}),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", {"garbage", "broken-off"}),
    ],
    ids=["gzip", "chunks", "status", "many-headers", "long-header"],
)
def test_answer_that_breaks_the_rules_is_not_taken_for_one(
    answer: bytes, failures: set[str]
) -> None:
    """Compression, chunks, status and headers are what clients choke on."""
    with served(answering(answer)) as port:
        outcome, failure = _told(lambda: _look(f"http://127.0.0.1:{port}/"))
    assert outcome in {"unreadable", "unreachable"}
    assert failure in failures


def test_refused_circles_and_bad_urls_say_what_to_do() -> None:
    """Every failure comes with its reason and its remedy."""
    circle = answering(b"HTTP/1.1 302 Found\r\nLocation: /\r\nConnection: close\r\n\r\n")
    with nobody() as port:
        assert _told(lambda: _look(f"https://127.0.0.1:{port}/")) == ("unreachable", "refused")
    with served(circle) as port:
        look = lambda: _look(f"http://127.0.0.1:{port}/", follow_redirects=True)  # noqa: E731
        assert _told(look) == ("unreadable", "redirect-loop")
    assert _told(lambda: _look("gopher://127.0.0.1/")) == ("unreachable", "bad-url")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:99999/", "http://127.0.0.1:port/", "http://[::1/"]
)
def test_url_that_cannot_be_taken_apart_is_told_as_bad(url: str) -> None:
    """A port that is none is the inventory's fault, not the endpoint's."""
    assert _told(lambda: _look(url)) == ("unreachable", "bad-url")


def test_authority_file_that_is_not_there_is_told_as_such(tmp_path: Path) -> None:
    """It is the inventory's fault: nothing broke off, and the service's log says nothing."""
    pem, key = _self_signed()
    with _secure(key + pem, tmp_path) as port:
        state = _look(f"https://localhost:{port}/", ca_file=str(tmp_path / "none.pem"))
    assert state.contact.outcome != "answered"
    assert state.contact.failure != "broken-off"
    assert "none.pem" in state.contact.detail


# Secrets on the way


def test_secret_header_is_not_given_to_where_a_redirect_leads() -> None:
    """Another port is another service, and it has no right to our keys."""
    heard: list[bytes] = []
    lock = threading.Lock()

    def listen(client: socket.socket) -> None:
        data = client.recv(65536)
        with lock:
            heard.append(data)
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with served(listen) as other:
        away = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/\r\n\r\n" % other
        with served(answering(away)) as port:
            state = _look(
                f"http://127.0.0.1:{port}/",
                ("http_answer",),
                follow_redirects=True,
                headers={"Authorization": "Bearer c4n4ry-one", "X-Api-Key": "c4n4ry-two"},
            )
    assert state.facts["http_answer"].value.status == 200
    assert b"c4n4ry-one" not in b"".join(heard)
    assert b"c4n4ry-two" not in b"".join(heard)
