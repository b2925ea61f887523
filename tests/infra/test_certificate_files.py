"""Certificates on disk are good for what the next reload or restart will use them for."""

from __future__ import annotations

from datetime import datetime

from sickbay.inventory.host import HostEntry, HostLimits
from sickbay.judge import least, offenders
from sickbay.symptoms import symptom
from sickbay.targets.host.facts.certificate_files import (
    CertificateFile,
    judged_certificates,
)


@symptom(
    "host.certificate-unusable",
    severity="critical",
    signals=["claudebox:ssl-certificate-issues/certificate-readable"],
)
def test_declared_certificates_can_be_used(certificate_files: tuple[CertificateFile, ...]) -> None:
    """A server that is restarted with it does not start, although the running one may still answer."""
    assert (
        offenders(
            certificate_files,
            lambda one: one.state != "valid" or one.key in {"other", "missing", "unreadable"},
        )
        == ()
    )


@test_declared_certificates_can_be_used.cause(
    "its file is missing, or a link to nothing",
    remedy="readlink PATH and ls -l show where it leads; have it issued again (certbot certonly -d NAME), "
    "or correct the path in the server's settings.",
)
def file_missing(certificate_files: tuple[CertificateFile, ...]) -> object:
    return [one for one in certificate_files if one.state in {"missing", "dangling"}]


@test_declared_certificates_can_be_used.cause(
    "its file holds no certificate in PEM",
    remedy="openssl x509 -in PATH -noout -subject says what is wrong with it; write it again from its "
    "source (the full chain, certificate first).",
)
def not_a_certificate(certificate_files: tuple[CertificateFile, ...]) -> object:
    return [one for one in certificate_files if one.state == "unreadable"]


@test_declared_certificates_can_be_used.cause(
    "the private key beside it belongs to another certificate",
    remedy="Put the pair of one issue in place: compare openssl x509 -in CERT -pubkey -noout with "
    "openssl pkey -in KEY -pubout.",
)
def key_of_another(certificate_files: tuple[CertificateFile, ...]) -> object:
    return [one for one in certificate_files if one.key == "other"]


@test_declared_certificates_can_be_used.cause(
    "its private key is missing or cannot be read",
    remedy="Restore the key from the place where it is kept, or have a new certificate issued with a "
    "new key.",
)
def no_key(certificate_files: tuple[CertificateFile, ...]) -> object:
    return [one for one in certificate_files if one.key in {"missing", "unreadable"}]


@symptom(
    "host.certificate-expiring",
    severity="critical",
    signals=["claudebox:ssl-certificate-issues/certificate-file-days"],
)
def test_certificates_on_disk_are_valid_for_long_enough(
    certificate_files: tuple[CertificateFile, ...],
    declared: HostEntry,
    limits: HostLimits,
    now: datetime,
) -> None:
    """It has not been renewed in time: clients will refuse the service, if they do not already."""
    assert (
        least(judged_certificates(declared, certificate_files, now), "valid_for")
        > limits.certificate_file_left
    )


@test_certificates_on_disk_are_valid_for_long_enough.cause(
    "it has expired",
    remedy="certbot renew (forced if need be: --force-renewal), then reload the server.",
)
def expired(
    certificate_files: tuple[CertificateFile, ...], declared: HostEntry, now: datetime
) -> object:
    return [
        one
        for one in judged_certificates(declared, certificate_files, now)
        if one.valid_for is not None and one.valid_for <= 0
    ]


@test_certificates_on_disk_are_valid_for_long_enough.cause(
    "nothing renews it: certbot has no such lineage, or one for another file",
    remedy="certbot certificates shows what it keeps; issue it anew (certbot certonly -d NAME) so that "
    "the timer renews it.",
    because="host.certificate-not-renewed",
)
def not_kept_by_certbot(certificate_files: tuple[CertificateFile, ...]) -> object:
    return [one for one in certificate_files if one.lineage in {"missing", "other"}]


@test_certificates_on_disk_are_valid_for_long_enough.cause(
    "its renewal is due and has not happened",
    remedy="systemctl list-timers certbot.timer and journalctl -u certbot say whether it ran and why it "
    "failed.",
)
def renewal_due(
    certificate_files: tuple[CertificateFile, ...],
    declared: HostEntry,
    limits: HostLimits,
    now: datetime,
) -> object:
    return [
        one
        for one in judged_certificates(declared, certificate_files, now)
        if one.valid_for is not None and 0 < one.valid_for <= limits.certificate_file_left
    ]


@symptom(
    "host.certificate-not-renewed",
    severity="critical",
    signals=["claudebox:ssl-certificate-issues/certbot-lineage-valid"],
)
def test_certbot_renews_declared_certificates(
    certificate_files: tuple[CertificateFile, ...],
) -> None:
    """Nothing will renew it before it expires, or what is renewed will not be trusted."""
    assert (
        offenders(certificate_files, lambda one: one.lineage in {"missing", "staging", "other"})
        == ()
    )


@test_certbot_renews_declared_certificates.cause(
    "certbot has no settings to renew it by",
    remedy="Issue it anew (certbot certonly -d NAME): that writes /etc/letsencrypt/renewal/NAME.conf.",
)
def lineage_missing(certificate_files: tuple[CertificateFile, ...]) -> object:
    return [one for one in certificate_files if one.lineage == "missing"]


@test_certbot_renews_declared_certificates.cause(
    "certbot renews another file than this one",
    remedy="Compare fullchain in /etc/letsencrypt/renewal/NAME.conf with the path that the server uses.",
)
def lineage_of_another(certificate_files: tuple[CertificateFile, ...]) -> object:
    return [one for one in certificate_files if one.lineage == "other"]


@test_certbot_renews_declared_certificates.cause(
    "it comes from the authority's staging server, which nobody trusts",
    remedy="Issue it again without --staging (or --test-cert).",
)
def from_staging(certificate_files: tuple[CertificateFile, ...]) -> object:
    return [one for one in certificate_files if one.lineage == "staging"]


@symptom(
    "host.certificate-wrong-name",
    severity="critical",
    signals=["claudebox:ssl-certificate-issues/certbot-lineage-valid"],
)
def test_certificates_on_disk_cover_their_names(
    certificate_files: tuple[CertificateFile, ...], declared: HostEntry, now: datetime
) -> None:
    """Clients that ask for a name which the certificate does not cover refuse the service."""
    assert (
        offenders(
            judged_certificates(declared, certificate_files, now), lambda one: bool(one.uncovered)
        )
        == ()
    )


@test_certificates_on_disk_cover_their_names.cause(
    "it was issued for other names",
    remedy="Issue it for all of its names: certbot certonly --cert-name LINEAGE -d NAME -d NAME.",
)
def other_names(
    certificate_files: tuple[CertificateFile, ...], declared: HostEntry, now: datetime
) -> object:
    return [one for one in judged_certificates(declared, certificate_files, now) if one.uncovered]
