"""The certificates that a cluster has issued, as the Secrets that the inventory names hold them."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import datetime

from sickbay.errors import NotApplicable, Unsupported
from sickbay.facts import Record, fact
from sickbay.targets import x509
from sickbay.targets.endpoint.facts.tls import Certificate
from sickbay.targets.kubernetes.listing import Held, Secrets


@fact("issued_certificates", Secrets())
class IssuedCertificate(Record):
    """The certificate (RFC 5280) in a Secret of type kubernetes.io/tls.

    ``state`` is ``held``, ``missing`` (there is no such Secret) or ``empty`` (it holds none).
    ``fingerprint`` is the SHA-256 of the certificate.
    """

    secret: str
    """NAMESPACE/NAME."""
    state: str
    names: tuple[str, ...] = ()
    not_before: datetime | None = None
    not_after: datetime | None = None
    fingerprint: str = ""

    @classmethod
    def parse(cls, raw: list[Held]) -> tuple[IssuedCertificate, ...]:
        """Read the first certificate of each; ValueError where one is none."""
        if not raw:
            raise NotApplicable("the inventory names no certificates of this cluster")
        return tuple(cls._from(one) for one in raw)

    @classmethod
    def _from(cls, one: Held) -> IssuedCertificate:
        if not one.certificate:
            return cls(secret=one.place, state="empty" if one.there else "missing")
        said = x509.read(base64.b64decode(one.certificate, validate=True))
        return cls(
            secret=one.place,
            state="held",
            names=said.names,
            not_before=said.not_before,
            not_after=said.not_after,
            fingerprint=said.fingerprint,
        )


class ServedCertificate(Record):
    """What an address serves beside what was issued for its name."""

    address: str
    host: str
    secret: str
    served_since: datetime | None
    issued_since: datetime | None
    same: bool

    @property
    def is_older(self) -> bool:
        """What is served was issued before what the Secret holds."""
        since = (self.served_since, self.issued_since)
        return not self.same and None not in since and since[0] < since[1]  # type: ignore[operator]


def served_certificates(
    shown: Iterable[Certificate], issued: Iterable[IssuedCertificate]
) -> tuple[ServedCertificate, ...]:
    """Each certificate that is shown, with that of the Secret for its host; the newest of several.

    NotApplicable where no Secret holds one for the host; Unsupported where one of them, which might
    be for it, holds none at all.
    """
    issued = tuple(issued)
    held = sorted(
        (one for one in issued if one.not_before),
        key=lambda one: one.not_before.timestamp() if one.not_before else 0,
        reverse=True,
    )
    rows = []
    for one in shown:
        found = next((each for each in held if x509.covers(each.names, one.host)), None)
        if found is not None and one.fingerprint:
            rows.append(
                ServedCertificate(
                    address=one.address,
                    host=one.host,
                    secret=found.secret,
                    served_since=one.not_before,
                    issued_since=found.not_before,
                    same=one.fingerprint == found.fingerprint,
                )
            )
    if not rows:
        for each in issued:
            if each.state != "held":
                raise Unsupported(
                    f"the Secret {each.secret} is {each.state}",
                    "correct its name in the inventory, or see why nothing was issued into it",
                )
        raise NotApplicable("none of the certificates that the cluster issued is for this host")
    return tuple(rows)
