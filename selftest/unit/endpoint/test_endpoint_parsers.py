"""What an endpoint's answers, certificates and names are read as."""

from __future__ import annotations

import datetime as dt
import json
import ssl
from typing import Any

import pytest

from lab.certificates import Authority
from sickbay.errors import Unreachable
from sickbay.inventory.endpoint import Expectation
from sickbay.targets.endpoint.ask import Exchanged, Handshaken
from sickbay.targets.endpoint.facts.answer import HttpAnswer, HttpMismatch
from sickbay.targets.endpoint.facts.names import EndpointAddress, NameServer
from sickbay.targets.endpoint.facts.tls import Certificate

PHASES = {"resolve": 0.01, "connect": 0.02, "tls": 0.03, "first_byte": 0.2, "total": 0.3}


def _answer(
    body: bytes = b"", got: int = 200, headers: dict[str, str] | None = None, **expect: Any
) -> Exchanged:
    return Exchanged(
        status=got,
        headers=headers or {},
        body=body,
        phases=PHASES,
        redirects=(),
        expect=Expectation(**expect),
    )


def _mismatches(raw: Exchanged) -> list[tuple[str, str, str]]:
    return [(one.part, one.name, one.found) for one in HttpMismatch.parse(raw)]


def test_answer_as_expected_keeps_no_body() -> None:
    """What is fine needs no evidence, and a body may hold data of users."""
    answer = HttpAnswer.parse(_answer(b"hello", headers={"server": "nginx", "x-secret": "1"}))
    assert (answer.status, answer.excerpt, answer.unexpected) == (200, "", False)
    assert answer.headers == {"server": "nginx"}
    assert answer.seconds == PHASES["total"]


@pytest.mark.parametrize(
    ("status", "expected", "unexpected", "failed"),
    [
        (200, 200, False, False),
        (204, (200, 204), False, False),
        (404, 200, True, False),
        (502, 200, True, True),
        (503, 503, False, False),
        (200, 401, True, False),
    ],
)
def test_answer_is_judged_by_what_is_expected(
    status: int, expected: int | tuple[int, ...], unexpected: bool, failed: bool
) -> None:
    """A maintenance page may be what is wanted, and a 200 may be the alarm."""
    answer = HttpAnswer.parse(_answer(b"text", status, status=expected))
    assert (answer.unexpected, answer.failed) == (unexpected, failed)
    assert bool(answer.excerpt) is unexpected


def test_answer_of_binary_rubbish_is_quoted_as_text() -> None:
    """Bytes that are no UTF-8 are shown as such, and cut."""
    answer = HttpAnswer.parse(_answer(b"\xff\x00\x1b[31m" * 1000, 500))
    assert len(answer.excerpt) == 300
    assert "\ufffd" in answer.excerpt


@pytest.mark.parametrize(
    ("document", "path", "expected", "found"),
    [
        ({"a": {"b": 1}}, "a.b", 1, None),
        ({"a": {"b": 1}}, "a.b", 2, "1"),
        ({"a": {"b": 1}}, "a.c", 1, "(missing)"),
        ({"a": [{"b": "x"}]}, "a.0.b", "x", None),
        ({"a": [{"b": "x"}]}, "a.1.b", "x", "(missing)"),
        ({"a": None}, "a", None, None),
        ({"a": "1"}, "a", 1, '"1"'),
        ([1, 2], "0", 1, None),
        ({"a": {"b": 1}}, "a", {"b": 1}, None),
        ("text", "a.b", 1, "(missing)"),
    ],
)
def test_json_value_at_a_path(document: Any, path: str, expected: Any, found: str | None) -> None:
    """Dotted paths, list items by number; types count, and absent is not null."""
    raw = _answer(json.dumps(document).encode(), json={path: expected})
    assert _mismatches(raw) == ([] if found is None else [("json", path, found)])


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a": 1', b"\xff\xfe", b"[" * 100_000])
def test_json_that_is_none_is_one_mismatch(body: bytes) -> None:
    """Whatever is no document is told once, not once per path."""
    (mismatch,) = HttpMismatch.parse(_answer(body, json={"a": 1, "b": 2}))
    assert (mismatch.part, mismatch.name, mismatch.expected) == ("json", "body", "a JSON document")


def test_header_and_body_are_matched_by_patterns() -> None:
    """A missing header is told as missing; patterns are searched, not matched whole."""
    raw = Exchanged(
        status=200,
        headers={"x-version": "v2.1"},
        body=b"<title>Shop</title>",
        phases=PHASES,
        redirects=(),
        expect=Expectation(headers={"X-Version": "^v3", "X-Other": "."}, body="Sho[a-z]"),
    )
    assert _mismatches(raw) == [
        ("header", "X-Version", "v2.1"),
        ("header", "X-Other", "(missing)"),
    ]


def _certificate(*names: str) -> bytes:
    authority = Authority("Sickbay lab authority")
    issued = authority.server(*names, valid_for=dt.timedelta(days=9))
    return ssl.PEM_cert_to_DER_cert(issued.certificate.decode())


def test_certificate_tells_names_issuer_and_time() -> None:
    """What people compare when they look at it by hand."""
    der = _certificate("a.example", "192.0.2.7")
    (one,) = Certificate.parse([Handshaken("192.0.2.7", "a.example", "TLSv1.3", der)])
    now = dt.datetime.now(dt.UTC)
    assert one.names == ("a.example", "192.0.2.7")
    assert one.issuer == "Sickbay lab authority"
    assert not one.expired(now)
    assert one.expired(now + dt.timedelta(days=10))
    left = one.at(now).valid_for
    assert left is not None
    assert dt.timedelta(days=8, hours=23) < dt.timedelta(seconds=left) <= dt.timedelta(days=9)


def test_certificates_of_no_handshake_at_all_are_not_had() -> None:
    """Where no address shakes hands there is no certificate to be called good."""
    silent = Handshaken("192.0.2.7", "a.example", problem="no-handshake", detail="timed out")
    with pytest.raises(Unreachable, match="timed out"):
        Certificate.parse([silent])


def test_certificates_of_some_handshakes_name_the_address_without() -> None:
    """One address that completes no handshake stands out among others that do."""
    good = Handshaken("192.0.2.7", "a.example", "TLSv1.3", _certificate("a.example"))
    silent = Handshaken("192.0.2.8", "a.example", problem="no-handshake", detail="reset")
    assert [one.problem for one in Certificate.parse([good, silent])] == ["", "no-handshake"]


def test_certificate_that_is_garbage_is_unreadable() -> None:
    """What is no certificate is not taken for one."""
    with pytest.raises(ValueError, match=r".+"):
        Certificate.parse([Handshaken("192.0.2.7", "a.example", "TLSv1.3", b"\x30\x03garbage")])


def test_addresses_and_name_servers_are_taken_over() -> None:
    """They come as they are; silence is no answer."""
    dead = {"address": "192.0.2.7", "connected": False, "failure": "refused"}
    assert EndpointAddress.parse([dead, {"address": "192.0.2.8", "connected": True}])[0].failure
    with pytest.raises(Unreachable, match="refused"):
        EndpointAddress.parse([dead])
    servers = NameServer.parse(
        [
            {"server": "a", "answer": "silent"},
            {"server": "b", "answer": "NXDOMAIN", "addresses": ()},
        ]
    )
    assert [server.answered for server in servers] == [False, True]
