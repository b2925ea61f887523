"""The API server itself: its version, and what it says of its own readiness."""

from __future__ import annotations

import re

import msgspec

from sickbay.facts import Record, fact
from sickbay.targets.kubernetes.listing import READINESS, VERSION, Wire

_END = re.compile(rb"^\w+ check (passed|failed)\s*\Z", re.MULTILINE)
"""The last line, without which some of the checks may be missing."""
_CHECK = re.compile(rb"^\[([+-])\](\S+) (.*)$", re.MULTILINE)


class _Version(Wire):
    git_version: str


@fact("api_server", VERSION)
class ApiServer(Record):
    """The API server's version (GET /version), as in ``v1.35.3``."""

    version: str

    @classmethod
    def parse(cls, text: bytes) -> ApiServer:
        """The version from the document's JSON."""
        return cls(version=msgspec.json.decode(text, type=_Version).git_version)


@fact("readiness_checks", READINESS)
class ReadinessCheck(Record):
    """One of the checks by which an API server tells whether it can serve (GET /readyz?verbose).

    Source: Kubernetes documentation, "Kubernetes API health endpoints".
    """

    name: str
    passes: bool
    detail: str = ""

    @classmethod
    def parse(cls, text: bytes) -> tuple[ReadinessCheck, ...]:
        """The checks, one a line: ``[+]etcd ok``."""
        checks = tuple(
            cls(
                name=name.decode(errors="replace"),
                passes=sign == b"+",
                detail="" if sign == b"+" else told.decode(errors="replace"),
            )
            for sign, name, told in _CHECK.findall(text)
        )
        verdict = _END.search(text)
        if not checks or verdict is None:
            raise ValueError("no line of it is a check" if not checks else "its end is missing")
        if all(check.passes for check in checks) != (verdict[1] == b"passed"):
            raise ValueError(f"the checks do not agree with its verdict: {verdict[1].decode()}")
        return checks
