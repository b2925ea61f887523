"""Keep secrets out of everything that leaves the process, by value as well as by name.

By value: every form in which a known secret travels (quoted for a URL, escaped in JSON, base64 of
``user:password``). By name: what stands behind a word such as ``password`` and a sign that gives
it a value, what has the shape of a credential (a key block, a JWT, the password of a URL).
Prose stays readable: "password authentication failed" and "tokens: 5" hold no secret.

Every pattern is linear in the length of the text: it starts at a fixed word, and what it repeats
is possessive or bounded, for a log line may be ten megabytes long.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

MASK = "***"
_SHORTEST_SECRET = 4
"""Shorter values would blank out ordinary words and numbers; such a secret protects nothing."""
_SAFE_INSIDE_WORDS = 8
"""A secret shorter than this is masked only where it stands alone, not inside of longer words."""
_LONGEST_VALUE = 8192

_WORDS = (
    "password|passwd|passphrase|passcode|secret[_-]?(?:access[_-]?)?key|secret|token|credentials?"
    "|signature|pwd|(?:api|access|private|encryption|signing|master)[_-]?key"
)
_HARMLESS_ENDINGS = (
    "name|names|ref|file|path|type|types|count|size|length|len|limit|id|ids|age|expiry|expires|"
    "expired|expiration|ttl|seconds|policy|encryption|version|required|enabled|disabled|used|"
    "attempts|errors|failures|rotation|lifetime|status|state|method|algorithm|format|hint|prompt|"
    "changed|url|uri|endpoint"
)
"""``secret_name`` and ``token_count`` say something about a secret, and not the secret."""
_HARMLESS_VALUES = frozenset(
    [
        "null",
        "none",
        "nil",
        "true",
        "false",
        "yes",
        "no",
        "on",
        "off",
        "empty",
        "unset",
        "missing",
        "invalid",
        "expired",
        "required",
    ]
)

_OTHER_WORD = r"(?![a-z]|S\b)"
"""What must not follow: "tokens", "secretary" and "TOKENS" are other words."""
_ENDING = re.compile(rf"(?i)(?:[_.-](?:{_HARMLESS_ENDINGS})|(?-i:Name|Ref|Type|Count|Id|File))\Z")

# A word that names a secret, whatever its name goes on with, and the sign that gives it a value.
_BY_NAME = re.compile(
    rf"""(?x)
    (?P<name> (?i:{_WORDS}) {_OTHER_WORD} [\w-]{{0,64}}+ )
    (?P<sign> \\{{0,4}}+ ["']?+ [ \t]{{0,8}}+ (?: => | := | [=:] ) [ \t]{{0,8}}+ )
    (?P<value>
        (?P<quote> \\{{0,4}}+ ["'] ) (?P<inner> (?: (?!(?P=quote)) [^\n] ){{0,{_LONGEST_VALUE}}}+ )
      | (?! [:=] ) [^\s"',;&<>{{}}\[\]()\\]{{1,{_LONGEST_VALUE}}}+
    )
    """
)
_HEADER = re.compile(
    rf"""(?xi)
    ( \b (?: (?:proxy-)? authorization | (?:set-)? cookie ) \b \\{{0,4}}+ ["']?+ \s{{0,8}}+
      [:=] \s{{0,8}}+ \\{{0,4}}+ ["']?+ (?: (?: bearer | basic | digest | token | negotiate ) \s+ )? )
    ( [^\s"'\\] [^"'\\\r\n]{{0,{_LONGEST_VALUE}}}+ )
    """
)
_BEARER = re.compile(r"(?i)(\bbearer[ \t]{1,8})([A-Za-z0-9._~+/=-]{8,}+)")
_OPTION = re.compile(
    rf"""(?x)
    ( (?<![\w-]) --? [\w-]{{0,40}}? (?i:{_WORDS}) {_OTHER_WORD} [\w-]{{0,40}}+ [ \t]{{1,8}}+ ["']?+ )
    ( (?!-) [^\s"']{{1,{_LONGEST_VALUE}}}+ )
    """
)
# Programs whose short option takes a password: mysql -pX, sshpass -p X, redis-cli -a X, curl -u n:X
_PROGRAM = re.compile(
    r"""(?x)
    ( \b (?: (?: mysql | mariadb ) [\w-]{0,16}+ [^\n|;]{0,160}? \s -p (?= [^\s"'] )
           | sshpass \s{1,8} -p \s{0,8}
           | redis-cli \b [^\n|;]{0,160}? \s (?: -a | --pass ) \s{1,8}
           | curl \b [^\n|;]{0,160}? \s (?: -u | --user ) \s{0,8} ["']? [^\s:"']{1,100} : ) ["']? )
    ( [^\s"']{1,1000}+ )
    """
)
_DIRECTIVE = re.compile(
    r"""(?xi) ( \b (?: requirepass | masterauth | identified \s by (?: \s password )? ) \s{1,8} ["']? )
    ( [^\s"';]{1,1000}+ )"""
)
_SQL = re.compile(rf"(?i)(\bpassword\s{{1,8}}E?')((?:[^'\n\\]|''|\\.){{1,{_LONGEST_VALUE}}}+)")
_ELEMENT = re.compile(rf"(?i)(<[\w:-]{{0,40}}?(?:{_WORDS})>)([^<>]{{1,{_LONGEST_VALUE}}}+)(?=</)")
_IN_URL = re.compile(r"(://[^\s/:@\"'<>?#]{0,256}+:)(?!\d{1,5}[?#])([^\s/\"'<>]{1,4096})@")
_TOKEN_USER = re.compile(r"(://)([A-Za-z0-9_-]{20,}+)(?=@)")
_KEY_BLOCK = re.compile(
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)",
    re.DOTALL,
)
# Credentials that tell themselves: AWS key ids, JWTs, and the tokens of well-known services.
_BY_SHAPE = re.compile(
    r"""(?x) (?<![A-Za-z0-9_-]) (?:
      (?: AKIA | ASIA ) [A-Z0-9]{16} (?![A-Za-z0-9])
    | eyJ [A-Za-z0-9_-]{8,}+ \. [A-Za-z0-9_-]{8,}+ \. [A-Za-z0-9_-]*+
    | (?: gh[pousr]_ | github_pat_ | glpat- | xox[abprs]- | dckr_pat_ | sk-ant- | npm_ )
      [A-Za-z0-9_-]{16,}+
    )"""
)
_NAMES_SECRET = re.compile(
    rf"(?i:{_WORDS}){_OTHER_WORD}[\w-]*+\Z|(?i:\A(?:(?:proxy-)?authorization|(?:set-)?cookie)\Z)"
)
_VARIABLE_NAMES_SECRET = re.compile(r"(?i)(?:\A|[_.-])(?:dsn|key|pass|auth)\Z")


def _without_value(match: re.Match[str]) -> str:
    name, sign, value = match["name"], match["sign"], match["value"]
    plain = match["inner"] if match["quote"] else value
    if (
        not plain
        or plain == MASK
        or plain.lower() in _HARMLESS_VALUES
        or _ENDING.search(name)
        or (name.lower() == "pwd" and plain.startswith("/"))
    ):
        return match[0]
    return f"{name}{sign}{match['quote'] or ''}{MASK}"


def _without_argument(match: re.Match[str]) -> str:
    return match[0] if _ENDING.search(match[1].rstrip(" \t\"'")) else f"{match[1]}{MASK}"


_NAME_HINTS = (
    "passw",
    "passphrase",
    "passcode",
    "secret",
    "token",
    "credential",
    "signature",
    "pwd",
    "key",
)
_RULES: tuple[
    tuple[tuple[str, ...], re.Pattern[str], str | Callable[[re.Match[str]], str]], ...
] = (
    (("://",), _IN_URL, rf"\g<1>{MASK}@"),
    (("://",), _TOKEN_USER, rf"\g<1>{MASK}"),
    (("private key-----",), _KEY_BLOCK, MASK),
    (
        (
            "akia",
            "asia",
            "eyj",
            "ghp_",
            "gho_",
            "ghu_",
            "ghs_",
            "ghr_",
            "github_pat_",
            "glpat-",
            "xox",
            "dckr_pat_",
            "sk-ant-",
            "npm_",
        ),
        _BY_SHAPE,
        MASK,
    ),
    (("authorization", "cookie"), _HEADER, rf"\g<1>{MASK}"),
    (("bearer",), _BEARER, rf"\g<1>{MASK}"),
    (("mysql", "mariadb", "sshpass", "redis-cli", "curl"), _PROGRAM, rf"\g<1>{MASK}"),
    (("requirepass", "masterauth", "identified"), _DIRECTIVE, rf"\g<1>{MASK}"),
    (("password",), _SQL, rf"\g<1>{MASK}"),
    (_NAME_HINTS, _BY_NAME, _without_value),
    (_NAME_HINTS, _OPTION, _without_argument),
    (_NAME_HINTS, _ELEMENT, rf"\g<1>{MASK}"),
)
"""Words that have to be there (in small letters) for a pattern to be worth looking for."""
_HINTS = tuple(dict.fromkeys(hint for hints, _, _ in _RULES for hint in hints))


class Redactor:
    """Replaces known secret values, and what stands where secrets stand, by ``***``."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        values = {form for s in secrets for form in _forms(s) if len(form) >= _SHORTEST_SECRET}
        longest_first = sorted(values, key=lambda value: (-len(value), value))
        self._values = re.compile("|".join(map(_literally, longest_first))) if values else None

    def text(self, text: str) -> str:
        """``text`` without secrets."""
        text = self.known(text)
        folded = text.lower()
        for hints, pattern, replacement in _RULES:
            if any(hint in folded for hint in hints):
                text = pattern.sub(replacement, text)
        return text

    def leaves_alone(self, text: str) -> bool:
        """Whether there is surely nothing to mask in a text, or in the data that it is the JSON of.

        A quick look: most of what is observed has neither a secret nor a word that hints at one.
        """
        folded = text.lower()
        return not any(hint in folded for hint in _HINTS) and self.known(text) == text

    def known(self, text: str) -> str:
        """``text`` without the secrets that are known by value; nothing is guessed by name."""
        return self._values.sub(MASK, text) if self._values else text

    def data(self, data: Any) -> Any:
        """Builtin data (dicts, lists, strings) without secrets in any string."""
        if isinstance(data, str):
            return self.text(data)
        if isinstance(data, dict):
            return {self.data(key): self._valued(key, value) for key, value in data.items()}
        if isinstance(data, list | tuple):
            return [self.data(item) for item in data]
        return data

    def _valued(self, key: Any, value: Any) -> Any:
        if isinstance(value, str) and value and isinstance(key, str) and names_secret(key):
            return value if value.lower() in _HARMLESS_VALUES else MASK
        return self.data(value)


def names_secret(name: str) -> bool:
    """Whether a key, header or field of this name holds a secret, as far as its name tells."""
    if name.lower() in {"pwd", "oldpwd"}:  # the shell's working directory
        return False
    return _NAMES_SECRET.search(name) is not None and _ENDING.search(name) is None


def variable_names_secret(name: str) -> bool:
    """The same for an environment variable, where KEY, PASS, AUTH and DSN speak of secrets too."""
    return names_secret(name) or _VARIABLE_NAMES_SECRET.search(name) is not None


def _literally(form: str) -> str:
    """The pattern of a known value; a short one has to stand alone."""
    if len(form) >= _SAFE_INSIDE_WORDS:
        return re.escape(form)
    return rf"(?<![A-Za-z0-9]){re.escape(form)}(?![A-Za-z0-9])"


def _forms(secret: str) -> set[str]:
    """Every form in which what is secret in ``secret`` may turn up."""
    hidden, logins = _hidden_in(secret.strip())
    hidden |= {unquote(value) for value in hidden}
    hidden |= {line.strip() for value in hidden for line in value.splitlines()}
    forms = set(hidden)
    for value in hidden:
        forms |= {quote(value, safe=""), quote(value), quote_plus(value), repr(value)[1:-1]}
        forms |= {re.sub("%[0-9A-F]{2}", lambda code: code[0].lower(), quote(value, safe=""))}
        forms |= {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
        forms |= {value.replace("'", "'\\''"), value.replace("'", "''")}  # shell, SQL
    if max(map(len, hidden), default=0) >= _SAFE_INSIDE_WORDS:
        forms |= {_base64(value) for value in hidden}
    return forms | {_base64(login) for login in logins}


def _hidden_in(secret: str) -> tuple[set[str], set[str]]:
    """What of a secret has to be hidden (the password of a URL or DSN, else all), and its logins."""
    keyword = re.search(r"(?i)\bpassword\s*=\s*('(?:[^'\\]|\\.)*'|\S+)", secret)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", secret):
        try:
            parts = urlsplit(secret)
            user, password = unquote(parts.username or ""), parts.password
        except ValueError:
            return {secret}, set()
        if password is None:
            return set(), set()
        return {password}, {f"{user}:{unquote(password)}"}
    if keyword:
        plain = re.sub(r"\\(.)", r"\1", keyword[1].strip("'"))
        return {keyword[1].strip("'"), plain}, set()
    scheme, _, value = secret.partition(" ")
    if scheme.lower() in {"bearer", "basic", "token", "digest"} and value:
        return {value.strip()}, set()
    return {secret}, set()


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode().rstrip("=")
