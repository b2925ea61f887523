"""TLS handshakes and TCP connections with single addresses."""

from __future__ import annotations

import socket
import ssl
import time
from typing import Any

import certifi

from sickbay.targets.endpoint.ask import Handshaken

_PROBLEMS = {
    9: "not-yet-valid",
    10: "expired",
    18: "self-signed",
    62: "wrong-name",
    64: "wrong-name",
}
"""OpenSSL's verification errors (verify(1ssl)) that say more than: untrusted."""


def shake(address: str, port: int, host: str, ca_file: str | None, seconds: float) -> Handshaken:
    """What one address shows to a client that asks for ``host``.

    Old protocols are accepted here, so that they can be told; the HTTP exchange does not.
    """
    try:
        with socket.create_connection((address, port), timeout=seconds) as plain:
            try:
                with _context(ca_file, verify=True).wrap_socket(
                    plain, server_hostname=host
                ) as secure:
                    return _seen(address, host, secure, "", "")
            except ssl.SSLCertVerificationError as error:
                problem = _PROBLEMS.get(error.verify_code, "untrusted")
                detail = error.verify_message
        with (
            socket.create_connection((address, port), timeout=seconds) as plain,
            _context(ca_file, verify=False).wrap_socket(plain, server_hostname=host) as secure,
        ):
            return _seen(address, host, secure, problem, detail)
    except OSError as error:
        return Handshaken(address, host, problem="no-handshake", detail=str(error))


def knock(address: str, port: int, seconds: float) -> dict[str, Any]:
    """Whether an address takes TCP connections."""
    started = time.monotonic()
    try:
        socket.create_connection((address, port), timeout=seconds).close()
    except OSError as error:
        return {"address": address, "connected": False, "failure": error.strerror or str(error)}
    return {"address": address, "connected": True, "seconds": round(time.monotonic() - started, 6)}


def _context(ca_file: str | None, *, verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file or certifi.where())
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _seen(address: str, host: str, secure: ssl.SSLSocket, problem: str, detail: str) -> Handshaken:
    return Handshaken(
        address=address,
        host=host,
        protocol=secure.version() or "",
        certificate=secure.getpeercert(binary_form=True) or b"",
        problem=problem,
        detail=detail,
    )
