"""What the endpoint answers: status, headers, body, and how long each phase took."""

from __future__ import annotations

import json
import re
from typing import Any

from sickbay.facts import Record, fact
from sickbay.inventory.bounds import fulfils, is_bound
from sickbay.targets.endpoint.ask import Exchange, Exchanged

_SHOWN = 300
"""Characters of an unexpected body that are kept as evidence."""
_HEADERS = ("content-type", "location", "retry-after", "server", "www-authenticate")
_MISSING = "(missing)"
_ABSENT = object()
"""What a path leads to where the document has no such value; equal to nothing that it could have."""
_SERVER_ERROR = 500


@fact("http_answer", Exchange())
class HttpAnswer(Record):
    """An HTTP answer (RFC 9110). Times in seconds: resolving the name, connecting, TLS, waiting for
    the first byte, and all of it.

    ``expected`` are the statuses that the inventory takes for healthy; ``excerpt`` is the beginning of
    the body where the status is none of them; ``headers`` are a few telling ones.
    """

    status: int
    seconds: float
    expected: tuple[int, ...] = (200,)
    resolve: float = 0.0
    connect: float = 0.0
    tls: float = 0.0
    first_byte: float = 0.0
    redirects: tuple[str, ...] = ()
    headers: dict[str, str] = {}
    excerpt: str = ""

    @property
    def label(self) -> str:
        return f"HTTP {self.status}"

    @property
    def hops(self) -> int:
        """How many redirects led to it."""
        return len(self.redirects)

    @property
    def unexpected(self) -> bool:
        """Whether the status is none of those expected."""
        return self.status not in self.expected

    @property
    def failed(self) -> bool:
        """Whether the server says that it failed (RFC 9110, section 15.6), unless that is expected."""
        return self.unexpected and self.status >= _SERVER_ERROR

    @classmethod
    def parse(cls, raw: Exchanged) -> HttpAnswer:
        """Take from an answer what is worth keeping."""
        fine = raw.status in raw.expect.statuses
        return cls(
            status=raw.status,
            seconds=raw.phases["total"],
            expected=raw.expect.statuses,
            resolve=raw.phases.get("resolve", 0.0),
            connect=raw.phases.get("connect", 0.0),
            tls=raw.phases.get("tls", 0.0),
            first_byte=raw.phases.get("first_byte", 0.0),
            redirects=raw.redirects,
            headers={
                name: _without_query(raw.headers[name]) if name == "location" else raw.headers[name]
                for name in _HEADERS
                if name in raw.headers
            },
            excerpt="" if fine else _text(raw.body)[:_SHOWN],
        )


@fact("http_mismatches", Exchange())
class HttpMismatch(Record):
    """A part of an answer that is not what the inventory expects of it: ``part`` is json, header or
    body; ``name`` the path or header.
    """

    name: str
    part: str
    expected: str
    found: str

    @property
    def missing(self) -> bool:
        """Whether the answer has no such header, or the document no such value."""
        return self.found == _MISSING

    @property
    def is_bound(self) -> bool:
        """Whether a number within bounds is expected."""
        return is_bound(self.expected.strip('"'))

    @classmethod
    def parse(cls, raw: Exchanged) -> tuple[HttpMismatch, ...]:
        """Compare an answer with what is expected."""
        found = [*_json_mismatches(raw), *_header_mismatches(raw)]
        pattern = raw.expect.body
        if pattern is not None and not re.search(pattern, _text(raw.body)):
            found.append(
                cls(name="body", part="body", expected=pattern, found=_text(raw.body)[:_SHOWN])
            )
        return tuple(found)


def _json_mismatches(raw: Exchanged) -> list[HttpMismatch]:
    if not raw.expect.json_values:
        return []
    try:
        document = json.loads(raw.body)
    except (ValueError, RecursionError):
        return [
            HttpMismatch(
                name="body", part="json", expected="a JSON document", found=_text(raw.body)[:_SHOWN]
            )
        ]
    mismatches = []
    for path, expected in raw.expect.json_values.items():
        found = _at(document, path)
        if not _same(found, expected):
            shown = _MISSING if found is _ABSENT else json.dumps(found)
            mismatches.append(
                HttpMismatch(
                    name=path, part="json", expected=json.dumps(expected), found=shown[:_SHOWN]
                )
            )
    return mismatches


def _header_mismatches(raw: Exchanged) -> list[HttpMismatch]:
    mismatches = []
    for name, pattern in raw.expect.headers.items():
        found = raw.headers.get(name.lower())
        if found is None or not re.search(pattern, found):
            shown = _MISSING if found is None else found
            mismatches.append(HttpMismatch(name=name, part="header", expected=pattern, found=shown))
    return mismatches


def _at(document: Any, path: str) -> Any:
    """The value at a dotted path; list items by their number."""
    for step in path.split("."):
        if isinstance(document, dict) and step in document:
            document = document[step]
        elif isinstance(document, list) and step.isdigit() and int(step) < len(document):
            document = document[int(step)]
        else:
            return _ABSENT
    return document


def _same(found: Any, expected: Any) -> bool:
    """Whether two JSON values are equal, or one is a number within a bound such as ``<= 0.6``.

    Python takes true for 1, and JSON does not.
    """
    if isinstance(found, bool) or isinstance(expected, bool):
        return found is expected
    if is_bound(expected):
        return fulfils(found, expected)
    if isinstance(found, list) and isinstance(expected, list):
        return len(found) == len(expected) and all(map(_same, found, expected))
    if isinstance(found, dict) and isinstance(expected, dict):
        return found.keys() == expected.keys() and all(
            _same(value, expected[key]) for key, value in found.items()
        )
    return bool(found == expected)


def _without_query(location: str) -> str:
    """An address without what may hold a key."""
    return re.split("[?#]", location, maxsplit=1)[0]


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")
