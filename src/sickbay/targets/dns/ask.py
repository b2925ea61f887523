"""How a fact of name resolution is asked for, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

SILENT = "silent"
"""The outcome of a question that got no answer; all others are DNS's own codes (RFC 6895)."""


@dataclass(frozen=True, slots=True)
class Resolve:
    """What is asked about the declared names and zones.

    ``names``: the resolver, for every name (raw: ``Answer`` records). ``authorities``: the zone's own
    servers, for the names declared authoritative. ``delegations``: the servers above each zone (raw:
    ``Asked`` records for both).
    """

    kind: ClassVar = "dns"

    what: Literal["names", "authorities", "delegations"]
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What one server said of one name.

    ``outcome`` is ``silent``, or the answer's code: ``NOERROR``, ``NXDOMAIN``, ``SERVFAIL``, ``REFUSED``
    and so on. ``values`` are the records of the wanted type, ``owner`` those that stand at the name
    itself (an alias shows there as ``CNAME target``), both sorted and as text.
    """

    name: str
    record: str
    server: str
    outcome: str
    values: tuple[str, ...] = ()
    owner: tuple[str, ...] = ()
    seconds: float = 0.0
    failure: str = ""
    lacking: tuple[str, ...] = ()
    """Targets of SRV, MX or NS records that have no address."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What several servers said of one name or zone, beside what they should say.

    ``expected`` is None where that could not be had; ``problem`` then says why.
    """

    name: str
    expected: tuple[str, ...] | None
    answers: tuple[Answer, ...] = ()
    problem: str = ""
