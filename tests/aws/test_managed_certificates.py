"""Certificates that AWS services hold are issued and valid for a while."""

from __future__ import annotations

from datetime import datetime

from sickbay.facts import Record
from sickbay.inventory.aws import AwsLimits
from sickbay.judge import least, offenders
from sickbay.symptoms import symptom
from sickbay.targets.aws.facts.managed_certificates import ManagedCertificate


@symptom(
    "aws.certificate-not-issued",
    severity="critical",
    signals=["claude-projects-api:api-unreachable/acm-certificate-issued"],
)
def test_certificates_in_use_are_issued(
    managed_certificates: tuple[ManagedCertificate, ...],
) -> None:
    """Clients refuse to talk to an API whose certificate is expired, revoked or was never issued."""
    assert offenders(managed_certificates, lambda c: c.in_use and c.status != "ISSUED") == ()


@test_certificates_in_use_are_issued.cause(
    "the certificate has expired",
    remedy="Have ACM issue it again, or import a new one under the same ARN.",
)
def expired(managed_certificates: tuple[ManagedCertificate, ...]) -> object:
    return [c for c in managed_certificates if c.in_use and c.status == "EXPIRED"]


@test_certificates_in_use_are_issued.cause(
    "the domain was not validated",
    remedy="Create the CNAME record that ACM asks for, and leave it there for renewals.",
)
def not_validated(managed_certificates: tuple[ManagedCertificate, ...]) -> object:
    waiting = {"PENDING_VALIDATION", "VALIDATION_TIMED_OUT"}
    return [c for c in managed_certificates if c.in_use and c.status in waiting]


@symptom("aws.certificate-expiring", severity="major")
def test_certificates_in_use_stay_valid(
    managed_certificates: tuple[ManagedCertificate, ...], now: datetime, limits: AwsLimits
) -> None:
    """A certificate that nobody renews ends the service on a day known long before."""
    left = [
        Validity(domain=c.domain, left=(c.expires - now).total_seconds(), imported=c.imported)
        for c in managed_certificates
        if c.in_use and c.status == "ISSUED" and c.expires
    ]
    assert least(left, "left") >= limits.managed_certificate_left


class Validity(Record):
    """How long a certificate stays valid, in seconds; ACM renews none that was imported."""

    domain: str
    left: float
    imported: bool


@test_certificates_in_use_stay_valid.cause(
    "it was imported, and ACM renews only its own",
    remedy="Import its successor under the same ARN, or let ACM issue it.",
)
def imported(
    managed_certificates: tuple[ManagedCertificate, ...], now: datetime, limits: AwsLimits
) -> object:
    return [
        c
        for c in managed_certificates
        if c.in_use
        and c.imported
        and c.expires
        and (c.expires - now).total_seconds() < limits.managed_certificate_left
    ]
