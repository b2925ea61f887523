"""Keep secrets out of everything that leaves the process, by value as well as by name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, unquote, urlsplit

MASK = "***"
_SHORTEST_SECRET = 4
"""Shorter values would blank out ordinary words and numbers; such a secret protects nothing."""

_BY_NAME = re.compile(
    r"""(?ix)
    ( (?: password | passwd | passphrase | pwd | secret | token | api[_-]?key | access[_-]?key
        | private[_-]?key | credentials? ) [\w-]*? ["']? \s* (?: => | [=:] ) \s* ["']?
      | authorization ["']? \s* [:=] \s* ["']? (?: bearer | basic | digest )? \s*
      | \b bearer \s+
      | \b password \s+ (?=') '
    )
    ( (?! \*\*\* ) [^\s"',;&<>{}\[\]]+ )
    """
)
_IN_URL = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://[^\s/:@]*:)([^\s/@]+)(@)")
_KEY_BLOCK = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
)
_AWS_KEY = re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b")


class Redactor:
    """Replaces known secret values, and what stands where secrets stand, by ``***``."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        values = {
            form for secret in secrets for form in _forms(secret) if len(form) >= _SHORTEST_SECRET
        }
        longest_first = sorted(values, key=len, reverse=True)
        self._values = re.compile("|".join(map(re.escape, longest_first))) if values else None

    def text(self, text: str) -> str:
        """``text`` without secrets."""
        if self._values:
            text = self._values.sub(MASK, text)
        text = _IN_URL.sub(rf"\g<1>{MASK}\g<3>", text)
        text = _KEY_BLOCK.sub(MASK, text)
        text = _AWS_KEY.sub(MASK, text)
        return _BY_NAME.sub(rf"\g<1>{MASK}", text)

    def data(self, data: Any) -> Any:
        """Builtin data (dicts, lists, strings) without secrets in any string."""
        if isinstance(data, str):
            return self.text(data)
        if isinstance(data, dict):
            return {self.data(key): self.data(value) for key, value in data.items()}
        if isinstance(data, list | tuple):
            return [self.data(item) for item in data]
        return data


def _forms(secret: str) -> set[str]:
    """What of a secret has to be hidden: the password of a URL or DSN, else all of it."""
    keyword = re.search(r"password\s*=\s*('(?:[^'\\]|\\.)*'|\S+)", secret)
    if "://" in secret:
        try:
            parts = urlsplit(secret)
            hidden = {parts.password or parts.username or ""}
        except ValueError:
            hidden = {secret}
    elif keyword:
        hidden = {keyword[1].strip("'")}
    else:
        scheme, _, value = secret.partition(" ")
        hidden = {secret, value if scheme.lower() in {"bearer", "basic"} else ""}
    hidden |= {unquote(form) for form in hidden}
    return hidden | {quote(form, safe="") for form in hidden}
