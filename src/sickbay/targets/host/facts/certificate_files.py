"""The certificates that the inventory declares: what their files hold, and who renews them."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sickbay.errors import NotApplicable
from sickbay.facts import Record, fact
from sickbay.inventory.host import HostEntry
from sickbay.targets import x509
from sickbay.targets.host.command import Command
from sickbay.targets.host.paths import NEAREST
from sickbay.targets.host.sections import mark, sections

LONGEST = 65536
"""Bytes that are read of a file; a chain of certificates has a few thousand."""
_GRANT = "let the user read the certificate (it is public), or set sudo: true for this host"

# A file may hold a private key as well: only what is between the marks of certificates is printed.
# The declared private key is read by openssl there, which prints the public half of it and nothing else.
_SHOW = f"""{NEAREST}
denied() {{ echo "$1: Permission denied" >&2; exit 1; }}
there() {{
  [ ! -e "$1" ] || return 0
  nearest "$1" || denied "$near"
  if [ -L "$1" ]; then echo dangling; else echo missing; fi
  return 1
}}
show() {{
  echo "== file $1"
  if there "$1"; then
    [ -r "$1" ] || denied "$1"
    head -c {LONGEST} "$1" | sed -n '/^-----BEGIN CERTIFICATE/,/^-----END CERTIFICATE/p'
  fi
  if [ -n "$2" ]; then
    echo; echo '== key'
    if there "$2"; then
      [ -r "$2" ] || denied "$2"
      openssl pkey -in "$2" -pubout 2>/dev/null </dev/null || echo unreadable
    fi
  fi
  if [ -n "$3" ]; then
    echo; echo '== lineage'
    if there "$3"; then
      [ -r "$3" ] || denied "$3"
      echo there; grep -E '^(server|fullchain|cert) *=' "$3"
    fi
  fi
}}
"""


def _script(entry: HostEntry, _: Mapping[str, Any]) -> str | None:
    if not entry.certificates:
        return None
    calls = []
    for path, wanted in entry.certificates.items():
        renewal = f"/etc/letsencrypt/renewal/{wanted.certbot}.conf" if wanted.certbot else ""
        words = " ".join(map(shlex.quote, (path, wanted.key_file or "", renewal)))
        calls.append(f"show {words}")
    openssl = ""
    if any(wanted.key_file for wanted in entry.certificates.values()):
        openssl = "command -v openssl >/dev/null || { echo 'openssl: not found' >&2; exit 127; }\n"
    return f"{openssl}{_SHOW}{mark('certificates')}\n" + "\n".join(calls) + "\necho '== end'"


@fact("certificate_files", Command(_script, root=True, grant=_GRANT))
class CertificateFile(Record):
    """A declared certificate as its file holds it: the first of a chain (RFC 5280).

    ``state`` is ``valid`` (it can be read; whether its time is over is another matter), ``missing``,
    ``dangling`` (a link to nothing) or ``unreadable`` (no certificate in PEM). ``key`` is ``belongs``,
    ``other``, ``missing``, ``unreadable``, or empty where no private key is declared. ``lineage`` is
    ``there``, ``missing``, ``staging`` (of an authority for tests), ``other`` (it renews another
    file), or empty where none is declared.
    """

    path: str
    state: str
    names: tuple[str, ...] = ()
    issuer: str = ""
    not_before: datetime | None = None
    not_after: datetime | None = None
    fingerprint: str = ""
    key: str = ""
    lineage: str = ""

    @classmethod
    def parse(cls, out: str) -> tuple[CertificateFile, ...]:
        """Parse the text of each file, with its public key and certbot's settings behind it."""
        if not out:
            raise NotApplicable("the inventory declares no certificates for this host")
        body, end, _ = sections(out)["certificates"].rpartition("== end")
        if not end:
            raise ValueError("the answer breaks off")
        return tuple(cls._from(block) for block in body.split("== file ")[1:])

    @classmethod
    def _from(cls, block: str) -> CertificateFile:
        path, _, rest = block.partition("\n")
        rest, _, lineage = rest.partition("\n== lineage\n")
        text, _, key = rest.partition("\n== key\n")
        if text.strip() in {"missing", "dangling"}:
            return cls(path=path, state=text.strip())
        try:
            said = x509.read(text.encode())
        except ValueError:
            return cls(path=path, state="unreadable", lineage=_lineage(lineage, path))
        return cls(
            path=path,
            state="valid",
            names=said.names,
            issuer=said.issuer,
            not_before=said.not_before,
            not_after=said.not_after,
            fingerprint=said.fingerprint,
            key=_key(key, said.public_key),
            lineage=_lineage(lineage, path),
        )


def _key(told: str, public_key: str) -> str:
    if not told.startswith("-----BEGIN"):
        return told.strip()
    return "belongs" if told.split() == public_key.split() else "other"


def _lineage(told: str, path: str) -> str:
    if not told.startswith("there"):
        return told.strip()
    lines = [line.partition("=") for line in told.splitlines()]
    settings = {name.strip(): value.strip() for name, _, value in lines}
    if "staging" in settings.get("server", ""):
        return "staging"
    return "there" if path in {settings.get("fullchain"), settings.get("cert")} else "other"


class JudgedCertificate(Record):
    """A declared certificate at some moment, beside what the inventory wants of it."""

    path: str
    state: str
    issuer: str
    names: tuple[str, ...]
    uncovered: tuple[str, ...]
    """Declared names that it does not cover."""
    valid_for: float | None
    """Seconds."""
    begins_in: float | None
    key: str
    lineage: str


def judged_certificates(
    entry: HostEntry, found: Iterable[CertificateFile], now: datetime
) -> tuple[JudgedCertificate, ...]:
    """The declared certificates beside what is wanted of them, at some moment."""
    return tuple(
        JudgedCertificate(
            path=one.path,
            state=one.state,
            issuer=one.issuer,
            names=one.names,
            uncovered=tuple(
                n for n in entry.certificates[one.path].names if not x509.covers(one.names, n)
            )
            if one.state == "valid"
            else (),
            valid_for=None if one.not_after is None else (one.not_after - now).total_seconds(),
            begins_in=None if one.not_before is None else (one.not_before - now).total_seconds(),
            key=one.key,
            lineage=one.lineage,
        )
        for one in found
    )
