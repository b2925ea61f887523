"""What the endpoint shows in a TLS handshake, on each of its addresses."""

from __future__ import annotations

from datetime import datetime

from msgspec import structs

from sickbay.errors import Unreachable
from sickbay.facts import Record, fact
from sickbay.targets import x509
from sickbay.targets.endpoint.ask import Handshake, Handshaken


@fact("certificates", Handshake())
class Certificate(Record):
    """The certificate that one address shows (RFC 5280), and whether a client would trust it.

    ``problem`` is empty, or one of expired, not-yet-valid, self-signed, untrusted, wrong-name,
    no-handshake. ``valid_for`` is in seconds, and known once a moment is given (see ``at``).
    ``fingerprint`` is the SHA-256 of the certificate.
    """

    address: str
    host: str
    protocol: str = ""
    names: tuple[str, ...] = ()
    issuer: str = ""
    not_before: datetime | None = None
    not_after: datetime | None = None
    fingerprint: str = ""
    problem: str = ""
    detail: str = ""
    valid_for: float | None = None

    def expired(self, now: datetime) -> bool:
        """Whether its time was over at some moment."""
        return self.not_after is not None and self.not_after <= now

    def at(self, now: datetime) -> Certificate:
        """The same, with the seconds for which it is still valid at some moment."""
        left = None if self.not_after is None else (self.not_after - now).total_seconds()
        return structs.replace(self, valid_for=left)

    @classmethod
    def parse(cls, raw: list[Handshaken]) -> tuple[Certificate, ...]:
        """Read the certificates of all handshakes; Unreachable where there was none."""
        if all(one.problem == "no-handshake" for one in raw):
            raise Unreachable(
                f"no TLS handshake: {raw[0].detail if raw else 'no address'}",
                "see why the endpoint cannot be reached",
            )
        return tuple(cls._from(one) for one in raw)

    @classmethod
    def _from(cls, one: Handshaken) -> Certificate:
        if not one.certificate:
            return cls(address=one.address, host=one.host, problem=one.problem, detail=one.detail)
        said = x509.read(one.certificate)
        return cls(
            address=one.address,
            host=one.host,
            protocol=one.protocol,
            names=said.names,
            issuer=said.issuer,
            not_before=said.not_before,
            not_after=said.not_after,
            fingerprint=said.fingerprint,
            problem=one.problem,
            detail=one.detail,
        )
