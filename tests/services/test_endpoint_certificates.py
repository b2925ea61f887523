"""An endpoint's certificates are such that clients trust them, today and next month."""

from __future__ import annotations

from datetime import datetime

from sickbay.inventory.endpoint import EndpointLimits
from sickbay.judge import least, offenders
from sickbay.symptoms import symptom
from sickbay.targets.endpoint.facts.tls import Certificate
from sickbay.targets.host.facts.certificate_files import CertificateFile
from sickbay.targets.kubernetes.facts.issued import IssuedCertificate, served_certificates

_UNTRUSTED = frozenset(("untrusted", "self-signed", "not-yet-valid", "no-handshake"))
_OUTDATED = frozenset(("SSLv3", "TLSv1", "TLSv1.1"))


@symptom(
    "endpoint.certificate-expired",
    severity="critical",
    signals=["claude-projects-api:api-unreachable/tls-handshake-ok"],
)
def test_certificate_has_not_expired(certificates: tuple[Certificate, ...], now: datetime) -> None:
    """Clients refuse to connect."""
    assert offenders(certificates, lambda one: one.expired(now)) == ()


@test_certificate_has_not_expired.cause(
    "it was not renewed",
    remedy="certbot renew --force-renewal (or what issues it for you), reload the server; then see why "
    "the timer did not: systemctl status certbot.timer.",
)
def not_renewed(certificates: tuple[Certificate, ...], now: datetime) -> object:
    return [one for one in certificates if one.expired(now)]


@symptom(
    "endpoint.certificate-expiring",
    severity="major",
    signals=[
        "claude-projects-api:api-unreachable/tls-not-expiring",
        "claudebox:ssl-certificate-issues/served-certificate-days",
        "neurallog:certificate-problems/served-far-from-expiry",
    ],
)
def test_certificate_is_valid_for_long_enough(
    certificates: tuple[Certificate, ...], limits: EndpointLimits, now: datetime
) -> None:
    """Renewal should have happened by now; without it clients will be refused soon."""
    current = [one.at(now) for one in certificates if not one.expired(now)]
    assert least(current, "valid_for") > limits.certificate_left


@test_certificate_is_valid_for_long_enough.cause(
    "its renewal has not run, or not been loaded",
    remedy="certbot certificates shows what lies on disk: where that is newer, reload the server; else "
    "run the renewal (certbot renew) and read why it failed.",
)
def renewal_due(
    certificates: tuple[Certificate, ...], limits: EndpointLimits, now: datetime
) -> object:
    current = [one.at(now) for one in certificates if not one.expired(now)]
    return [one for one in current if (one.valid_for or 0) <= limits.certificate_left]


@test_certificate_is_valid_for_long_enough.cause(
    "the renewed one lies on disk, and the server has not loaded it",
    remedy="Reload the server (nginx -s reload); have certbot do it from now on: --deploy-hook.",
)
def not_loaded(
    certificates: tuple[Certificate, ...], certificate_files: tuple[CertificateFile, ...]
) -> object:
    return [
        file
        for file in certificate_files
        for one in certificates
        if file.not_after and one.not_after and file.not_after > one.not_after
        if set(file.names) & set(one.names)
    ]


@symptom(
    "endpoint.certificate-untrusted",
    severity="critical",
    signals=[
        "claudebox:ssl-certificate-issues/certificate-chain-complete",
        "neurallog:certificate-problems/served-chain-trusted",
    ],
)
def test_certificate_is_trusted(certificates: tuple[Certificate, ...]) -> None:
    """Clients cannot tell the service from an impostor, and refuse it."""
    assert offenders(certificates, lambda one: one.problem in _UNTRUSTED) == ()


@test_certificate_is_trusted.cause(
    "the chain is incomplete, or ends at an authority that nobody knows",
    remedy="Serve the full chain (fullchain.pem), or name the authority's file as ca_file in the "
    "inventory.",
)
def unknown_authority(certificates: tuple[Certificate, ...]) -> object:
    return [one for one in certificates if one.problem == "untrusted"]


@test_certificate_is_trusted.cause(
    "it is self-signed",
    remedy="Get one from an authority that clients know, or name it as ca_file in the inventory.",
)
def self_signed(certificates: tuple[Certificate, ...]) -> object:
    return [one for one in certificates if one.problem == "self-signed"]


@test_certificate_is_trusted.cause(
    "it is not valid yet",
    remedy="Compare the clocks here and there (timedatectl); wait, or have it issued again.",
)
def not_yet_valid(certificates: tuple[Certificate, ...]) -> object:
    return [one for one in certificates if one.problem == "not-yet-valid"]


@test_certificate_is_trusted.cause(
    "one address completes no handshake while others do",
    remedy="Look at the server behind that address: its TLS settings and its certificate differ.",
)
def no_handshake(certificates: tuple[Certificate, ...]) -> object:
    return [one for one in certificates if one.problem == "no-handshake"]


@symptom(
    "endpoint.certificate-wrong-name",
    severity="critical",
    signals=[
        "claudebox:ssl-certificate-issues/certificate-name-matches",
        "neurallog:certificate-problems/served-name-matches",
    ],
)
def test_certificate_covers_the_name(certificates: tuple[Certificate, ...]) -> None:
    """The certificate was issued for other names, so clients refuse it."""
    assert offenders(certificates, lambda one: one.problem == "wrong-name") == ()


@test_certificate_covers_the_name.cause(
    "the server shows the certificate of another site",
    remedy="Compare server_name and the certificate's names (openssl x509 -noout -ext subjectAltName); "
    "have it issued for this name too.",
)
def other_site(certificates: tuple[Certificate, ...]) -> object:
    return [one for one in certificates if one.problem == "wrong-name" and one.names]


@symptom("endpoint.tls-outdated", severity="major")
def test_protocol_is_current(certificates: tuple[Certificate, ...]) -> None:
    """TLS before 1.2 is broken (RFC 8996); current clients refuse it."""
    assert offenders(certificates, lambda one: one.protocol in _OUTDATED) == ()


@test_protocol_is_current.cause(
    "the server offers nothing newer",
    remedy="ssl_protocols TLSv1.2 TLSv1.3 in nginx; elsewhere update the TLS library.",
)
def nothing_newer(certificates: tuple[Certificate, ...]) -> object:
    return [one for one in certificates if one.protocol in _OUTDATED]


@symptom(
    "endpoint.certificate-not-issued-one",
    severity="critical",
    layer="infra",
    signals=["neurallog:certificate-problems/served-is-issued-one"],
)
def test_certificate_is_the_one_that_the_cluster_issued(
    certificates: tuple[Certificate, ...], issued_certificates: tuple[IssuedCertificate, ...]
) -> None:
    """What was renewed does not reach the clients: they will be refused when the old one ends."""
    served = served_certificates(certificates, issued_certificates)
    assert offenders(served, lambda one: not one.same) == ()


@test_certificate_is_the_one_that_the_cluster_issued.cause(
    "it was renewed, and what serves it has not read it again",
    remedy="Reload or restart what terminates TLS (kubectl rollout restart), and let it watch the Secret.",
)
def not_read_again(
    certificates: tuple[Certificate, ...], issued_certificates: tuple[IssuedCertificate, ...]
) -> object:
    return [one for one in served_certificates(certificates, issued_certificates) if one.is_older]


@test_certificate_is_the_one_that_the_cluster_issued.cause(
    "something else serves another certificate for the name",
    remedy="See which ingress, balancer or content network answers for the name, and what it was given.",
)
def other_server(
    certificates: tuple[Certificate, ...], issued_certificates: tuple[IssuedCertificate, ...]
) -> object:
    served = served_certificates(certificates, issued_certificates)
    return [one for one in served if not one.same and not one.is_older]
