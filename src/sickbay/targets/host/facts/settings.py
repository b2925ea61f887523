"""The declared settings files: whether they can be read, and what stands at the declared keys."""

from __future__ import annotations

import configparser
import json
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from sickbay.errors import NotApplicable
from sickbay.facts import Record, fact
from sickbay.inventory.bounds import fulfils
from sickbay.inventory.declared.settings import MEASURES, DeclaredCheck, format_of
from sickbay.inventory.host import HostEntry
from sickbay.redact import variable_names_secret
from sickbay.targets.host.command import Command
from sickbay.targets.host.facts.declared_files import FIND, GRANT
from sickbay.targets.host.sections import mark, sections

LARGEST = 256 * 1024
"""Bytes that a settings file may have; more than that is not read."""
_LONGEST = 200
_MB = 1_000_000

_READ = f"""{FIND}
settings() {{
  echo "file $1"
  find_newest "$1" || return
  [ -f "$newest" ] && [ -r "$newest" ] || {{ echo hidden; return; }}
  [ "$(wc -c <"$newest")" -le {LARGEST} ] || {{ echo large; return; }}
  echo read; sed 's/^/ /' "$newest"; echo
}}
"""


def _script(entry: HostEntry, _: Mapping[str, Any]) -> str | None:
    if not entry.settings:
        return None
    asked = {
        path: {
            "format": format_of(path, wanted),
            "keys": [*wanted.keys, *wanted.advised],
            "only_in": wanted.only_in,
        }
        for path, wanted in entry.settings.items()
    }
    return "\n".join(
        (
            _READ,
            mark("asked"),
            f"echo {shlex.quote(json.dumps(asked))}",
            mark("host"),
            "grep -c ^processor /proc/cpuinfo; grep ^MemTotal: /proc/meminfo",
            mark("files"),
            *(f"settings {shlex.quote(path)}" for path in asked),
            mark("end"),
        )
    )


@fact("settings_files", Command(_script, root=True, grant=GRANT))
class SettingsFile(Record):
    """A declared settings file, and what it holds at the declared keys. Nothing else is kept of it.

    ``state`` is ``read``, ``missing``, ``hidden`` (it may not be read) or ``large`` (over 256 KiB).
    ``error`` says why it cannot be understood; ``values`` are those at the declared keys, as JSON
    writes them, without those that are not there; of a key that names a secret it is only ``set``.
    ``strays`` are the places of keys outside of the tables that they belong in. ``cores`` and
    ``memory_mb`` are the host's.
    """

    path: str
    state: str
    cores: int
    memory_mb: int
    error: str = ""
    values: dict[str, str] = {}
    strays: tuple[str, ...] = ()

    @classmethod
    def parse(cls, out: str) -> tuple[SettingsFile, ...]:
        """Parse what was asked, the host's numbers, and the files, each line behind a blank."""
        if not out:
            raise NotApplicable("the inventory declares no settings files for this host")
        parts = sections(out)
        if "end" not in parts:
            raise ValueError("the answer breaks off")
        cores, memory = parts["host"].splitlines()
        memory_mb = int(memory.split()[1]) * 1024 // _MB
        asked = json.loads(parts["asked"])
        told = re.split(r"(?m)^file (?=/)", parts["files"])[1:]
        if len(told) != len(asked):
            raise ValueError(f"asked for {len(asked)} files, and {len(told)} are told of")
        return tuple(
            cls._from(path, wanted, text, int(cores), memory_mb)
            for (path, wanted), text in zip(asked.items(), told, strict=True)
        )

    @classmethod
    def _from(
        cls, path: str, wanted: Mapping[str, Any], told: str, cores: int, memory_mb: int
    ) -> SettingsFile:
        name, state, *lines = told.split("\n")
        state = state.partition(" ")[0]
        if name != path or state not in {"read", "missing", "hidden", "large"}:
            raise ValueError(f"what is told of {path[:80]} cannot be understood")
        if state != "read":
            return cls(path=path, state=state, cores=cores, memory_mb=memory_mb)
        text = "".join(f"{line[1:]}\n" for line in lines if line)
        try:
            tree = READERS[wanted["format"]](text)
        except _Malformed as error:
            return cls(
                path=path,
                state=state,
                cores=cores,
                memory_mb=memory_mb,
                error=str(error)[:_LONGEST],
            )
        found = {key: _at(tree, key) for key in wanted["keys"]}
        return cls(
            path=path,
            state=state,
            cores=cores,
            memory_mb=memory_mb,
            values={
                key: "set" if variable_names_secret(key) and value != "" else _written(value)
                for key, value in found.items()
                if value is not None
            },
            strays=tuple(
                ".".join((*place, key))
                for place, key in _keys(tree)
                if key in wanted["only_in"] and ".".join(place) not in wanted["only_in"][key]
            )[:20],
        )


# ---------------------------------------------------------------------- formats


class _Malformed(Exception):
    """A text is not of its format. Says where, and quotes nothing of it."""


def _toml(text: str) -> Any:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _Malformed(re.sub(r"'[^']{9,}'|\"[^\"]{9,}\"", "...", str(error))) from None


def _yaml(text: str) -> Any:
    try:
        return yaml.safe_load(text) or {}
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise _Malformed(f"{error.problem or 'not YAML'} (at line {line})") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise _Malformed("not YAML") from None


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise _Malformed(f"{error.msg} (at line {error.lineno}, column {error.colno})") from None
    except RecursionError:
        raise _Malformed("not JSON") from None


def _ini(text: str) -> Any:
    reader = configparser.RawConfigParser(strict=False, allow_no_value=True)
    reader.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        reader.read_string(text)
    except configparser.MissingSectionHeaderError as error:
        raise _Malformed(f"a setting outside of all sections (at line {error.lineno})") from None
    except configparser.ParsingError as error:
        raise _Malformed(
            f"neither a section nor a setting (at line {error.errors[0][0]})"
        ) from None
    return {section: dict(reader.items(section)) for section in reader.sections()}


_ASSIGNMENT = re.compile(r"\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*=\s*(.*?)\s*")


def _env(text: str) -> Any:
    """Lines of NAME=VALUE, as systemd's EnvironmentFile= and shells have them (systemd.exec(5))."""
    found: dict[str, str] = {}
    lines = iter(enumerate(text.split("\n"), 1))
    for number, line in lines:
        if not line.strip() or line.lstrip()[0] in "#;":
            continue
        while line.endswith("\\"):
            line = line[:-1] + next(lines, (0, ""))[1]  # noqa: PLW2901 (one line that goes on)
        matched = _ASSIGNMENT.fullmatch(line)
        if matched is None:
            raise _Malformed(f"not NAME=VALUE (at line {number})")
        value = matched[2]
        if value[:1] in {"'", '"'}:
            if len(value) < 2 or value[-1] != value[0]:  # noqa: PLR2004 (both quotes)
                raise _Malformed(f"a quote that is not closed (at line {number})")
            value = value[1:-1]
        found[matched[1]] = value
    return found


READERS = {"toml": _toml, "yaml": _yaml, "json": _json, "ini": _ini, "env": _env}


def _at(tree: Any, key: str) -> Any:
    """What stands at a place such as ``server.port``; a name with dots in it comes before tables."""
    if isinstance(tree, Mapping):
        if key in tree:
            return tree[key]
        for end in (found.start() for found in re.finditer(r"\.", key)):
            if key[:end] in tree:
                return _at(tree[key[:end]], key[end + 1 :])
    if isinstance(tree, list):
        head, dot, rest = key.partition(".")
        if head.isdigit() and int(head) < len(tree):
            return _at(tree[int(head)], rest) if dot else tree[int(head)]
    return None


def _keys(tree: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every key, with the table that it stands in. Lists count as the table that holds them."""
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield place, str(key)
            yield from _keys(value, (*place, str(key)))
    elif isinstance(tree, list):
        for value in tree:
            yield from _keys(value, place)


def _written(value: Any) -> str:
    if isinstance(value, str):
        return value[:_LONGEST]
    return json.dumps(value, default=str)[:_LONGEST]


# ---------------------------------------------------------------------- against the inventory


class JudgedSetting(Record):
    """A declared key that is not as the inventory wants it."""

    key: str
    """With its file in front."""
    found: str | None
    """None: it is not there."""
    wanted: str


def wrong_settings(
    entry: HostEntry, files: tuple[SettingsFile, ...], *, advised: bool = False
) -> tuple[JudgedSetting, ...]:
    """The keys that are not as wanted, of the files that could be understood; or as advised.

    NotApplicable where the inventory wants nothing of any of these files.
    """
    read = [one for one in files if one.state == "read" and not one.error]
    wanted = [
        (one, key, wish)
        for one in read
        for key, wish in (
            entry.settings[one.path].advised if advised else entry.settings[one.path].keys
        ).items()
    ]
    if not wanted:
        raise NotApplicable("no settings file that can be understood has keys to compare")
    return tuple(
        JudgedSetting(
            key=f"{one.path}: {key}", found=one.values.get(key), wanted=" and ".join(wishes)
        )
        for one, key, wish in wanted
        for wishes in [tuple(map(_written, wish if isinstance(wish, tuple) else (wish,)))]
        if not all(_fulfils(one, key, single) for single in wishes)
    )


def misplaced_settings(
    entry: HostEntry, files: tuple[SettingsFile, ...]
) -> tuple[SettingsFile, ...]:
    """The files with keys in tables that they may not stand in; NotApplicable where they may in all."""
    if not any(one.only_in for one in entry.settings.values()):
        raise NotApplicable("the inventory says of no key which tables it may stand in")
    return tuple(one for one in files if one.strays)


def _fulfils(one: SettingsFile, key: str, wanted: str) -> bool:
    for measure in MEASURES:
        wanted = re.sub(rf"(?<!\w){measure}\Z", str(getattr(one, measure)), wanted)
    return fulfils(one.values.get(key), wanted)


# ---------------------------------------------------------------------- the program's own check

CHECK_SECONDS = 5
_CHECK_GRANT = "set sudo: true for this host: only root may run the check as another account"


def _checks(entry: HostEntry, _: Mapping[str, Any]) -> str | None:
    checks = {path: one.check for path, one in entry.settings.items() if one.check}
    if not checks:
        return None
    calls = [
        f'said=$({_call(check)}); ended=$?; [ "$ended" != 99 ] || exit 1\n'
        f"printf '%s %s\\n%s\\n' \"$ended\" {shlex.quote(path)} "
        f"\"$(printf '%s' \"$said\" | tr '\\n\\r' '  ' | head -c {_LONGEST})\""
        for path, check in checks.items()
    ]
    return (
        "command -v timeout >/dev/null || { echo 'timeout: not found' >&2; exit 127; }\n"
        + "\n".join((mark("checks"), *calls, mark("end")))
    )


def _call(check: DeclaredCheck) -> str:
    """As the account, without a login, which would write into the host's logs."""
    place = f"cd {shlex.quote(check.directory)} 2>&1 || exit 1; " if check.directory else ""
    run = f"timeout -s KILL {CHECK_SECONDS} sh -c {shlex.quote(check.command)} </dev/null 2>&1"
    if check.account is None:
        return place + run
    account = shlex.quote(check.account)
    return (
        f'{place}if [ "$(id -un)" = {account} ]; then {run}\n'
        f'elif [ "$(id -u)" != 0 ]; then echo "to run as {check.account}: Permission denied" >&2; exit 99\n'
        f'else group=$(id -g {account} 2>&1) || {{ echo "$group"; exit 98; }}\n'
        f'setpriv --reuid {account} --regid "$group" --init-groups {run}; fi'
    )


@fact(
    "settings_checks",
    Command(_checks, root=True, everything=True, grant=_CHECK_GRANT, timeout=CHECK_SECONDS + 3),
)
class SettingsCheck(Record):
    """How a program's own check of its settings ended.

    ``outcome`` is ``accepted``, ``refused``, ``no-account``, ``endless`` (not within 5 s) or
    ``not-run`` (there is no such command); ``said`` what it printed, in one line.
    """

    path: str
    outcome: str
    said: str

    @classmethod
    def parse(cls, out: str) -> tuple[SettingsCheck, ...]:
        """Parse two lines for each: exit status and path, and what it printed."""
        if not out:
            raise NotApplicable("the inventory declares no check of a settings file")
        parts = sections(out)
        if "end" not in parts:
            raise ValueError("the answer breaks off")
        lines = parts["checks"].split("\n")
        rows = []
        for head, said in zip(lines[::2], [*lines[1::2], ""], strict=False):
            status, _, path = head.partition(" ")
            if not path.startswith("/"):
                raise ValueError(f"{head[:80]!r} tells of no check")
            rows.append(cls(path=path, outcome=_outcome(int(status)), said=said.strip()[:_LONGEST]))
        return tuple(rows)


_KILLED, _NO_ACCOUNT, _NOT_RUN = {124, 137}, 98, {126, 127}


def _outcome(status: int) -> str:
    if status in _KILLED:
        return "endless"
    if status in _NOT_RUN:
        return "not-run"
    if status == _NO_ACCOUNT:
        return "no-account"
    return "accepted" if status == 0 else "refused"
