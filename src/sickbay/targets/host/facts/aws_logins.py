"""The AWS credentials of declared accounts: where they come from, whether whole, until when.

No secret leaves the host: what is printed of its files are names of sections, the kind of each key with
a checksum of its id, times, and the word "set" in place of all else. No login shell is run: what a shell
would compute is not known.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from sickbay.errors import Denied, NotApplicable, Unsupported
from sickbay.facts import Record, fact
from sickbay.inventory.declared.aws import DeclaredAwsCredentials
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.command import Command
from sickbay.targets.host.paths import NEAREST
from sickbay.targets.host.sections import mark, sections

_GRANT = "set sudo: true for this host: an account's credentials are root's, and its own, to read"
_HOME_FILES = (".pam_environment", ".profile", ".bash_profile", ".bash_login", ".bashrc")
_LARGEST = 65536
_MOST_KEYS = 50
"""Keys of a file whose ids are told apart: each costs the host a process."""
_STEPS = 5
"""Profiles that are followed from one to the next."""
_ID = r"\([A-Z0-9]\{16,32\}\)"
_TIME = r"\([0-9][0-9TZUC:. +-]\{9,39\}\)"
_NAME = r"\([A-Za-z0-9_.@][A-Za-z0-9_.@ -]\{0,63\}\)"
_KEPT = {
    "sso_session": _NAME,
    "source_profile": _NAME,
    "sso_start_url": r"\(https\{0,1\}://[A-Za-z0-9_.:/#?=-]\{1,200\}\)",
}
_ONLY_WHETHER = {
    "aws_secret_access_key": "secret",
    "aws_session_token": "token",
    "aws_security_token": "token",
    "role_arn": "role",
    "mfa_serial": "mfa",
    "credential_process": "process",
    "credential_source": "process",
    "web_identity_token_file": "process",
    "login_session": "login",
}
# Names under which helpers write down when the temporary keys that they fetched will expire.
_EXPIRIES = (
    "aws_session_expiration", "aws_credential_expiration", "aws_expiration", "expiration",
    "x_security_token_expires",
)  # fmt: skip


def _ini() -> str:
    """The sed expressions for credentials and config files."""
    before, sign, behind = "^[[:space:]]*", "[[:space:]]*=[[:space:]]*", "[[:space:]]*$"
    lines = [
        rf"s/{before}\(\[[^]]\{{1,100\}}\]\).*/\1/p;t",
        rf"s/{before}aws_access_key_id{sign}{_ID}{behind}/id=\1/p;t",
        f"s/{before}aws_access_key_id{sign}[^[:space:]].*/id=odd/p;t",
        *(f"s/{before}{key}{sign}[^[:space:]].*/{word}=set/p;t" for key, word in _ONLY_WHETHER.items()),
        *(rf"s|{before}{key}{sign}{value}{behind}|{key}=\1|p;t" for key, value in _KEPT.items()),
        *(rf"s/{before}{key}{sign}{_TIME}{behind}/expires=\1/p;t" for key in _EXPIRIES),
    ]  # fmt: skip
    return " ".join(f"-e {shlex.quote(line)}" for line in lines)


def _variables() -> str:
    """Those for files of variables, once each word of them has a line of its own."""
    quote = "[\"']\\{0,1\\}"
    lines = [
        "/^AWS_[A-Z_]*=[\"']*$/d",
        rf"s/^AWS_ACCESS_KEY_ID={quote}{_ID}{quote}$/id=\1/p;t",
        "s/^AWS_ACCESS_KEY_ID=.*[$`].*/id=computed/p;t",
        "s/^AWS_ACCESS_KEY_ID=.*/id=odd/p;t",
        "s/^AWS_SECRET_ACCESS_KEY=.*/secret=set/p;t",
        "s/^AWS_SESSION_TOKEN=.*/token=set/p;t",
        rf"s/^AWS_CREDENTIAL_EXPIRATION={quote}{_TIME}{quote}$/expires=\1/p;t",
    ]
    return " ".join(f"-e {shlex.quote(line)}" for line in lines)


_LOOK = f"""{NEAREST}
see() {{
  [ ! -f "$1" ] || [ ! -r "$1" ] || return 0
  if [ -e "$1" ] || ! nearest "$1"; then echo "hidden $1"; fi
  return 1
}}
keyed() {{
  count=0
  while read -r line; do
    case $line in id=odd | id=computed) ;; id=*)
      key=${{line#id=}} count=$((count + 1)) line=id=computed
      [ "$count" -gt {_MOST_KEYS} ] || {{
        sum=$(printf %s "$key" | cksum); line="id=${{key%"${{key#????}}"}} ${{sum%% *}}"
      }} ;;
    esac
    printf '%s\\n' "$line"
  done
}}
ini() {{ see "$2" || return; echo "$1 $2"; head -c {_LARGEST} "$2" | sed -n {_ini()} | keyed; }}
variables() {{
  see "$1" || return; echo "variables $1"
  head -c {_LARGEST} "$1" | sed -e '/^[[:space:]]*#/d' -e 's/[[:space:]]\\{{1,\\}}DEFAULT=/=/' \
    -e 's/[[:space:]]\\{{1,\\}}OVERRIDE=/=/' | tr ' \\t;&' '\\n\\n\\n\\n' | sed -n {_variables()} | keyed
}}
cached() {{
  for file in "$1"/sso/cache/*.json "$1"/cli/cache/*.json; do
    see "$file" && set -- "$@" "$file"
  done
  shift; echo "cache"
  grep -HoE '"refreshToken"|"(expiresAt|registrationExpiresAt|Expiration)" *: *"[0-9TZUC:.+-]{{10,40}}"' \
    -- "$@" /dev/null 2>/dev/null | head -n 500
}}
look() {{
  entry=$(getent passwd "$1" 2>/dev/null || grep "^$1:" /etc/passwd)
  home=$(echo "$entry" | cut -d : -f 6)
  if [ -z "$home" ]; then echo "nobody $1 $2"; return; fi
  echo "there $1 $2"
  ini credentials "$home/.aws/credentials"
  ini config "$home/.aws/config"
  cached "$home/.aws"
  shift 2
  variables /etc/environment
  for file in {" ".join(_HOME_FILES)}; do variables "$home/$file"; done
  for file; do variables "$file"; done
}}
"""


def _script(entry: HostEntry, _: Mapping[str, Any]) -> str | None:
    if not entry.aws_logins:
        return None
    calls = (
        f"{mark(str(number))}; look {shlex.join((one.account, one.profile, *one.environment))}"
        for number, one in enumerate(entry.aws_logins.values())
    )
    return "\n".join((_LOOK, *calls, mark("end")))


class KeySet(Record):
    """What one source gives. ``key`` is the key's kind and a checksum of its id; ``odd`` for what is no
    id, ``computed`` for what only a shell knows, empty for none. ``expires`` in seconds since 1970.
    """

    source: str
    key: str = ""
    has_secret: bool = False
    has_token: bool = False
    expires: float | None = None

    @property
    def is_temporary(self) -> bool:
        """AWS's ids of temporary keys begin with ASIA."""
        return self.key.startswith("ASIA") or (self.has_token and self.key != "")

    @property
    def lacks(self) -> str:
        """What is missing of it; empty where it is whole, or not there at all."""
        if self.key == "odd" or (self.has_secret and not self.key):
            return "key id"
        if self.key and not self.has_secret:
            return "secret"
        return "session token" if self.key.startswith("ASIA") and not self.has_token else ""


@fact("aws_logins", Command(_script, root=True, grant=_GRANT))
class AwsCredentials(Record):
    """What the files of a declared account hold for its profile.

    ``number`` is its place in the inventory. ``way`` is how the profile comes by credentials:
    ``keys``, ``session`` (of a login, or of a role with a second factor; ``profile_keys`` then tells
    only when it ends), ``login``, ``process`` (they are fetched anew each time), or empty for none.
    ``hidden`` are files that could not be read.
    """

    number: int
    account: str
    profile: str
    exists: bool
    way: str = ""
    profile_keys: KeySet | None = None
    variables: tuple[KeySet, ...] = ()
    """What files of variables give, each with an id of a key or a secret at least."""
    hidden: tuple[str, ...] = ()

    @classmethod
    def parse(cls, out: str) -> tuple[AwsCredentials, ...]:
        """Parse the accounts, and of each its files."""
        if not out:
            raise NotApplicable("the inventory declares no AWS credentials for this host")
        parts = sections(out)
        if parts.popitem()[0] != "end" or not parts:
            raise ValueError("the answer breaks off before its end")
        return tuple(cls._from(int(number), text) for number, text in parts.items())

    @classmethod
    def _from(cls, number: int, text: str) -> AwsCredentials:
        head, *lines = text.split("\n")
        state, account, profile = head.split(" ", 2)
        if state not in {"there", "nobody"}:
            raise ValueError("the answer tells of no account")
        files = list(_files(lines))
        if state == "there" and not any(one.kind == "cache" for one in files):
            raise ValueError("the answer tells of no files")
        way, keys = _profile(profile, files)
        return cls(
            number=number,
            account=account,
            profile=profile,
            exists=state == "there",
            way=way,
            profile_keys=keys,
            variables=tuple(_variables_of(files)),
            hidden=tuple(line[7:] for line in lines if line.startswith("hidden ")),
        )


class _File(Record):
    kind: str
    path: str
    lines: list[str]


def _files(lines: Iterable[str]) -> Iterator[_File]:
    current = None
    for line in lines:
        kind, _, path = line.partition(" ")
        if kind in {"credentials", "config", "variables"} or line == "cache":
            if current is not None:
                yield current
            current = _File(kind=kind, path=path, lines=[])
        elif current is not None and kind != "hidden":
            current.lines.append(line)
    if current is not None:
        yield current


def _settings(lines: Iterable[str]) -> dict[str, str]:
    return {name: value for name, sign, value in (line.partition("=") for line in lines) if sign}


def _profiles(files: Iterable[_File]) -> dict[str, dict[str, dict[str, str]]]:
    """The settings of each profile, by kind of file; a config file calls them ``profile NAME``."""
    found: dict[str, dict[str, dict[str, str]]] = {"credentials": {}, "config": {}}
    for file in files:
        if file.kind not in found:
            continue
        name = ""
        for line in file.lines:
            if line.startswith("["):
                name = line[1:-1].strip()
                if file.kind == "config":
                    name = re.sub(r"^profile\s+", "", name)
                name = name.strip("\"'")
            else:
                key, _, value = line.partition("=")
                found[file.kind].setdefault(name, {})[key] = value
    return found


def _profile(name: str, files: list[_File]) -> tuple[str, KeySet | None]:
    """How a profile comes by credentials, and what is known of these."""
    profiles = _profiles(files)
    paths = {file.kind: file.path for file in files}
    for _ in range(_STEPS):
        own = profiles["credentials"].get(name, {})
        configured = profiles["config"].get(name, {})
        both = configured | own
        if "role" in both and "mfa" in both:
            return "session", KeySet(source="~/.aws/cli/cache", expires=_cached_role(files))
        source = both.get("source_profile", name)
        if "role" in both and source != name:
            name = source
            continue
        if "sso_session" in both or "sso_start_url" in both:
            login = both.get("sso_session") or both["sso_start_url"]
            return "session", KeySet(source="~/.aws/sso/cache", expires=_cached_login(files, login))
        for kind, settings in (("credentials", own), ("config", configured)):
            if "id" in settings or "secret" in settings:
                return "keys", _key_set(f"{paths[kind]} [{name}]", settings)
        return next((way for way in ("login", "process") if way in both), ""), None
    raise ValueError("the profiles lead to one another without an end")


def _variables_of(files: Iterable[_File]) -> Iterator[KeySet]:
    for file in files:
        found = _settings(file.lines) if file.kind == "variables" else {}
        if "id" in found or "secret" in found:
            yield _key_set(file.path, found)


def _key_set(source: str, settings: Mapping[str, str]) -> KeySet:
    key = settings.get("id", "")
    if not re.fullmatch("|odd|computed|[A-Z0-9]{4} [0-9]{1,10}", key):
        raise ValueError("a key is told of in an unknown way")
    expires = settings.get("expires")
    return KeySet(
        source=source,
        key=key,
        has_secret="secret" in settings,
        has_token="token" in settings,
        expires=None if expires is None else _seconds(expires),
    )


_CACHED = re.compile(r'.*/(sso|cli)/cache/([^/]+)\.json:"(\w+)"(?: *: *"(.*)")?')


def _cache(files: Iterable[_File]) -> Iterator[tuple[str, str, str, str]]:
    """Of each line: which cache, the file's name, what it tells, and when that is."""
    for file in files:
        for line in file.lines if file.kind == "cache" else ():
            found = _CACHED.fullmatch(line)
            if found is None:
                raise ValueError("the cache of sessions cannot be understood")
            yield found[1], found[2], found[3], found[4] or ""


def _cached_role(files: Iterable[_File]) -> float | None:
    """When the session ends that lasts longest: which one is the profile's is not written there."""
    ends = [_seconds(w) for which, _, name, w in _cache(files) if (which, name) == ("cli", "Expiration")]  # fmt: skip
    return max(ends, default=None)


def _cached_login(files: Iterable[_File], login: str) -> float | None:
    """When a login ends; one that the CLI can refresh lasts for as long as it is registered."""
    digest = hashlib.sha1(login.encode(), usedforsecurity=False).hexdigest()
    told = {name: when for which, file, name, when in _cache(files) if (which, file) == ("sso", digest)}  # fmt: skip
    refreshed = "refreshToken" in told and "registrationExpiresAt" in told
    when = told.get("registrationExpiresAt" if refreshed else "expiresAt")
    return None if when is None else _seconds(when)


def _seconds(text: str) -> float:
    try:
        when = datetime.fromisoformat(text.replace("UTC", "+00:00"))
    except ValueError:
        raise ValueError(f"{text[:40]!r} is no time") from None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


# ---------------------------------------------------------------------- beside what is declared


class Session(Record):
    """Credentials that end, and how long they have left."""

    credentials: str
    source: str
    left_seconds: float


class Incomplete(Record):
    """A source of credentials, and what it lacks; empty where it is whole."""

    credentials: str
    source: str
    key: str
    lacks: str


class Overridden(Record):
    """Variables that give another key than the profile would."""

    credentials: str
    source: str
    key: str
    against: str
    differs: bool


Pairs = Iterable[tuple[str, AwsCredentials]]


def named(entry: HostEntry, found: tuple[AwsCredentials, ...]) -> list[tuple[str, AwsCredentials]]:
    """What was found, by the names of the inventory."""
    wanted: dict[str, DeclaredAwsCredentials] = entry.aws_logins
    return list(zip(wanted, found, strict=True))


def must_be_seen(found: Iterable[AwsCredentials]) -> None:
    """Raise Denied where a file of an account could not be read."""
    for one in found:
        if one.hidden:
            raise Denied(f"{one.hidden[0]} may not be read by this user", _GRANT)


def _in_use(one: AwsCredentials) -> list[KeySet]:
    """Variables go before the profile."""
    keyed = [keys for keys in one.variables if keys.key]
    return keyed or ([one.profile_keys] if one.profile_keys else [])


def sessions(pairs: Pairs, now: float) -> list[Session]:
    """The credentials in use of which it is known when they end. ``now`` in seconds since 1970."""
    return [
        Session(credentials=name, source=keys.source, left_seconds=round(keys.expires - now))
        for name, one in pairs
        for keys in _in_use(one)
        if keys.expires is not None
    ]


def must_tell_their_end(pairs: Pairs) -> None:
    """Raise Unsupported where credentials in use end, and nothing says when."""
    for name, one in pairs:
        whole = [keys for keys in _in_use(one) if keys.is_temporary and not keys.lacks]
        unknown = [keys for keys in whole if keys.expires is None]
        if unknown or (one.way == "login" and not _in_use(one)):
            source = unknown[0].source if unknown else "the session of aws login"
            raise Unsupported(
                f"nothing says when the temporary keys of {name} end ({source})",
                "let what fetches them write it down: aws_session_expiration, or in an environment "
                "AWS_CREDENTIAL_EXPIRATION",
            )


def sets(pairs: Pairs) -> list[Incomplete]:
    """Every source of the declared credentials, and what it lacks."""
    rows = []
    for name, one in pairs:
        rows += [_row(name, keys, keys.lacks) for keys in one.variables]
        if one.profile_keys is not None:
            keys = one.profile_keys
            ended = one.way == "session" and keys.expires is None
            rows.append(_row(name, keys, "session" if ended else keys.lacks))
        elif not one.way and not any(keys.key for keys in one.variables):
            nothing = KeySet(source=f"profile {one.profile} of {one.account}")
            rows.append(_row(name, nothing, "everything" if one.exists else "account"))
    return rows


def _row(name: str, keys: KeySet, lacks: str) -> Incomplete:
    return Incomplete(credentials=name, source=keys.source, key=keys.key, lacks=lacks)


def overridden(pairs: Pairs) -> list[Overridden]:
    """Variables with a key, each against the profile, or where that has none, against each other."""
    rows = []
    for name, one in pairs:
        given = [keys for keys in one.variables if keys.key]
        profile = one.profile_keys or (KeySet(source=one.way) if one.way else None)
        first = profile or (given[0] if given else KeySet(source=""))
        rows += [
            Overridden(
                credentials=name,
                source=keys.source,
                key=keys.key,
                against=f"{first.source} {first.key}".strip(),
                differs=keys.key != first.key,
            )
            for keys in given
        ]
    return rows


def must_tell_their_keys(pairs: Pairs) -> None:
    """Raise Unsupported where only a shell would know which key a variable holds."""
    for name, one in pairs:
        for keys in one.variables:
            if keys.key == "computed":
                raise Unsupported(
                    f"which key {keys.source} gives to {name} is computed when a shell starts",
                    "compare aws configure list in a shell of that account, or write the id there",
                )
