"""Certificates of AWS Certificate Manager."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sickbay.facts import Record, fact
from sickbay.targets.aws.calls import Asked, Calls
from sickbay.targets.aws.wire import Wire, read, utc

_KEYS = (
    "RSA_1024",
    "RSA_2048",
    "RSA_3072",
    "RSA_4096",
    "EC_prime256v1",
    "EC_secp384r1",
    "EC_secp521r1",
)
"""ListCertificates shows RSA_2048 only, unless every type of key is named."""


class _Summary(Wire):
    domain_name: str
    status: str
    in_use: bool = False
    not_after: datetime | None = None
    type: str | None = None
    renewal_eligibility: str | None = None


def _fetch(asked: Asked) -> Any:
    return asked.all(
        "acm", "list_certificates", "CertificateSummaryList", Includes={"keyTypes": list(_KEYS)}
    )


@fact("managed_certificates", Calls("acm", _fetch, ("acm:ListCertificates",)))
class ManagedCertificate(Record):
    """A certificate (ACM API, ListCertificates).

    ``status`` is ISSUED, PENDING_VALIDATION, EXPIRED, FAILED, VALIDATION_TIMED_OUT, REVOKED or
    INACTIVE; ``in_use`` tells whether a balancer, gateway or distribution holds it.
    """

    domain: str
    status: str
    in_use: bool
    expires: datetime | None
    imported: bool
    """An imported certificate is never renewed by ACM."""

    @classmethod
    def parse(cls, raw: Any) -> tuple[ManagedCertificate, ...]:
        return tuple(
            cls(
                domain=one.domain_name,
                status=one.status,
                in_use=one.in_use,
                expires=utc(one.not_after),
                imported=one.type == "IMPORTED",
            )
            for one in read(raw, list[_Summary])
        )
