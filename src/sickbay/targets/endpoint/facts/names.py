"""Where the endpoint is: its addresses, and what the name servers say."""

from __future__ import annotations

from typing import Any

from sickbay.errors import Unreachable
from sickbay.facts import Record, fact
from sickbay.targets.endpoint.ask import SILENT, Knock, Lookup


@fact("endpoint_addresses", Knock())
class EndpointAddress(Record):
    """An address of the endpoint's name, and whether it takes TCP connections."""

    address: str
    connected: bool
    seconds: float = 0.0
    failure: str = ""

    @classmethod
    def parse(cls, raw: list[dict[str, Any]]) -> tuple[EndpointAddress, ...]:
        """Take over what was tried; Unreachable where no address takes connections."""
        if not any(one["connected"] for one in raw):
            why = raw[0].get("failure", "") if raw else "the name has none"
            raise Unreachable(
                f"no address takes connections: {why}", "see why the endpoint cannot be reached"
            )
        return tuple(cls(**one) for one in raw)


@fact("name_servers", Lookup())
class NameServer(Record):
    """What a name server of resolv.conf says of the endpoint's name (RFC 1035). ``answer`` is
    NOERROR, NXDOMAIN, SERVFAIL, ..., or SILENT, with the ``failure``; ``ttl`` in seconds.
    """

    server: str
    answer: str
    failure: str = ""
    addresses: tuple[str, ...] = ()
    ttl: int = 0
    seconds: float = 0.0

    @property
    def answered(self) -> bool:
        """Whether it said anything at all."""
        return self.answer != SILENT

    @classmethod
    def parse(cls, raw: list[dict[str, Any]]) -> tuple[NameServer, ...]:
        """Take over what was answered."""
        return tuple(cls(**one) for one in raw)
