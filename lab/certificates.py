"""A certificate authority for one run: who the lab's servers and users are."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFE = dt.timedelta(days=90)


@dataclass(frozen=True)
class Identity:
    """A certificate and its private key, PEM."""

    certificate: bytes
    key: bytes

    @property
    def both(self) -> bytes:
        """Key and certificate in one file, as web servers like it."""
        return self.key + self.certificate

    def write(self, directory: Path, name: str) -> tuple[Path, Path]:
        """``NAME.crt`` and, readable by its owner only, ``NAME.key``."""
        certificate, key = directory / f"{name}.crt", directory / f"{name}.key"
        certificate.write_bytes(self.certificate)
        key.touch(mode=0o600)
        key.write_bytes(self.key)
        return certificate, key


class Authority:
    """Signs certificates; its own is ``certificate`` (PEM), for clients to trust."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        usage = x509.KeyUsage(
            digital_signature=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        builder = (
            self._certificate(self._name, self._key.public_key(), LIFE, -LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
        )
        self.certificate = _pem(builder.sign(self._key, hashes.SHA256()))

    def client(self, user: str, *groups: str) -> Identity:
        """A user as Kubernetes reads it: common name the user, organisations the groups."""
        names = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
        subject = x509.Name([*names, x509.NameAttribute(NameOID.COMMON_NAME, user)])
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._certificate(subject, key.public_key(), LIFE, -LIFE)
        return self._issued(builder, key, ExtendedKeyUsageOID.CLIENT_AUTH)

    def server(
        self, *names: str, valid_for: dt.timedelta = LIFE, starts_in: dt.timedelta = -LIFE
    ) -> Identity:
        """A server under all of these DNS names and IP addresses.

        Both times count from now: a negative ``valid_for`` makes a certificate that has expired, a
        positive ``starts_in`` one that is not valid yet.
        """
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._certificate(subject, key.public_key(), valid_for, starts_in).add_extension(
            x509.SubjectAlternativeName([_general(n) for n in names]), critical=False
        )
        return self._issued(builder, key, ExtendedKeyUsageOID.SERVER_AUTH)

    def _issued(
        self,
        builder: x509.CertificateBuilder,
        key: ec.EllipticCurvePrivateKey,
        usage: x509.ObjectIdentifier,
    ) -> Identity:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        return Identity(_pem(builder.sign(self._key, hashes.SHA256())), private_pem(key))

    def _certificate(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        valid_for: dt.timedelta,
        starts_in: dt.timedelta,
    ) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        own = self._key.public_key()
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + starts_in)
            .not_valid_after(now + valid_for)
            # Python 3.13 and later refuse chains without these two.
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(own), critical=False)
        )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
