"""What a certificate says (RFC 5280), from its bytes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple


class Said(NamedTuple):
    """The parts of a certificate that health tests need."""

    names: tuple[str, ...]
    """Its alternative names: DNS names and addresses."""
    issuer: str
    not_before: datetime
    not_after: datetime
    fingerprint: str
    """SHA-256 of the whole certificate, in hex."""
    public_key: str
    """In PEM."""


def read(data: bytes) -> Said:
    """Read a certificate in DER or, the first of several, in PEM; ValueError where it is none."""
    from cryptography import x509  # noqa: PLC0415 (a tenth of a second, for certificates only)
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415

    pem = data.lstrip().startswith(b"-----BEGIN") or b"\n-----BEGIN CERTIFICATE" in data
    certificate = (x509.load_pem_x509_certificate if pem else x509.load_der_x509_certificate)(data)
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        names = tuple(str(name.value) for name in extension.value)
    except x509.ExtensionNotFound:
        names = ()
    issuer = certificate.issuer.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    public = certificate.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return Said(
        names=names,
        issuer=str(issuer[0].value) if issuer else certificate.issuer.rfc4514_string(),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
        public_key=public.decode("ascii"),
    )


def covers(names: Iterable[str], host: str) -> bool:
    """Whether a client that asks for the host accepts a certificate with these alternative names.

    ``*`` stands for one whole first label (RFC 6125).
    """
    known = {name.lower() for name in names}
    _, dot, rest = host.lower().partition(".")
    return host.lower() in known or (bool(dot) and f"*.{rest}" in known)
