"""How a fact of an endpoint is asked for: which way of looking at it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from sickbay.inventory.endpoint import Expectation

SILENT = "silent"
"""What stands for the answer of a name server that gave none."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One HTTP request and its answer; the raw answer is an Exchanged."""

    kind: ClassVar = "endpoint"
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Handshake:
    """A TLS handshake with every address; the raw answer is a list of Handshaken."""

    kind: ClassVar = "endpoint"
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lookup:
    """What each name server says; the raw answer is a list of dictionaries."""

    kind: ClassVar = "endpoint"
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Knock:
    """A TCP connection to every address; the raw answer is a list of dictionaries."""

    kind: ClassVar = "endpoint"
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class Exchanged:
    """An HTTP answer as it came. Times in seconds."""

    status: int
    headers: dict[str, str]
    body: bytes
    phases: dict[str, float]
    redirects: tuple[str, ...]
    expect: Expectation = field(default_factory=Expectation)


@dataclass(frozen=True)
class Handshaken:
    """What a handshake with one address gave: protocol, certificate (DER), and why it is not trusted."""

    address: str
    host: str
    protocol: str = ""
    certificate: bytes = b""
    problem: str = ""
    detail: str = ""
