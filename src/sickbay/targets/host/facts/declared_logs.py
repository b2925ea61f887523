"""The logs that the inventory declares: how large and old they are, and what their last lines say."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from typing import Any

from sickbay.errors import Denied, NotApplicable, Unreadable
from sickbay.facts import Record, fact
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.command import Command
from sickbay.targets.host.paths import NEAREST
from sickbay.targets.host.sections import mark, sections

_MOST = 5
"""Logs told of each folder: the largest, and the oldest."""
_LONGEST_LINE = 2000
_SHOWN = 100
_GRANT = "let the user read these logs (group adm), or set sudo: true for this host"

_NEAR = f"""{NEAREST}
absent() {{
  if nearest "$1"; then echo missing; else echo "hidden $near"; fi
}}
"""
# GNU's stat and BusyBox's print alike: when written, size, path.
_FOLDER = f"""
folder() {{
  echo "folder $1"
  [ -d "$1" ] || {{ absent "$1"; return; }}
  found=$(find "$1/" -xdev -type f -name '*.log' -exec stat -c '%Y %s %n' {{}} + 2>&1)
  logs=$(printf '%s\n' "$found" | grep -aE '^[0-9]+ [0-9]+ /')
  printf '%s\n' "$found" | grep -avE '^[0-9]+ [0-9]+ /' | grep -a -m 1 'ermission denied' |
    sed 's/^/hidden /'
  printf '%s\n' "$logs" | sort -n | head -n {_MOST}
  printf '%s\n' "$logs" | sort -k 2,2nr | head -n {_MOST}
}}
"""
_LINES = f"""
log() {{
  echo "log $1"
  if [ -d "$1" ] || [ ! -e "$1" ]; then absent "$1"
  elif [ ! -r "$1" ]; then echo "hidden $1"
  else echo there; tail -n "$2" "$1" | cut -c 1-{_LONGEST_LINE} | sed 's/^/: /'
  fi
}}
"""


def _folders(entry: HostEntry, _: Mapping[str, Any]) -> str | None:
    if not entry.log_folders:
        return None
    looks = (f"folder {shlex.quote(path)}" for path in entry.log_folders)
    return "\n".join((mark("folders"), _NEAR, _FOLDER, *looks, mark("end"), "exit 0"))


@fact("declared_logs", Command(_folders, root=True, grant=_GRANT))
class Log(Record):
    """One of the largest, or of the oldest, logs in a declared folder (stat(1)).

    ``size`` in bytes, ``changed`` in seconds since 1970.
    """

    path: str
    folder: str
    size: int
    changed: int

    @classmethod
    def parse(cls, out: str) -> tuple[Log, ...]:
        """Parse the folders, each with its oldest and its largest logs behind it."""
        if not out:
            raise NotApplicable("the inventory declares no folders of logs for this host")
        found: dict[str, Log] = {}
        folder = ""
        for line in _whole(out, "folders"):
            word, _, rest = line.partition(" ")
            if word == "folder":
                folder = rest
            elif word in {"missing", "hidden"}:
                raise _not_seen(folder, word, rest)
            elif line:
                size, path = rest.split(" ", 1)
                log = cls(path=path, folder=folder, size=int(size), changed=int(word))
                found.setdefault(path, log)
        return tuple(found.values())


def _lines(entry: HostEntry, _: Mapping[str, Any]) -> str | None:
    if not entry.log_lines:
        return None
    wanted = "\n".join(json.dumps(log.form) for log in entry.log_lines.values())
    looks = (f"log {shlex.quote(path)} {log.lines}" for path, log in entry.log_lines.items())
    say = f"{mark('wanted')}; printf '%s\\n' {shlex.quote(wanted)}"
    return "\n".join((say, mark("logs"), _NEAR, _LINES, *looks, mark("end"), "exit 0"))


@fact("log_forms", Command(_lines, root=True, grant=_GRANT))
class LogForm(Record):
    """The last lines of a declared log. ``state`` is ``there``, ``empty`` or ``missing``.

    Of the lines only the beginnings of those are kept that have not the declared form.
    """

    path: str
    state: str
    lines: int = 0
    malformed: tuple[str, ...] = ()

    @classmethod
    def parse(cls, out: str) -> tuple[LogForm, ...]:
        """Parse the forms that are wanted, and the logs, each with its last lines behind it."""
        if not out:
            raise NotApplicable("the inventory declares no form of a log's lines for this host")
        forms = [json.loads(line) for line in sections(out)["wanted"].splitlines()]
        logs: list[tuple[str, list[str]]] = []
        for line in _whole(out, "logs"):
            if line.startswith("log "):
                logs.append((line[len("log ") :], []))
            elif line:
                logs[-1][1].append(line)
        return tuple(
            cls._judged(path, lines, re.compile(form))
            for form, (path, lines) in zip(forms, logs, strict=True)
        )

    @classmethod
    def _judged(cls, path: str, lines: list[str], form: re.Pattern[str]) -> LogForm:
        state, _, rest = lines[0].partition(" ")
        if state == "hidden":
            raise _not_seen(path, state, rest)
        if state not in {"there", "missing"} or any(line[:2] != ": " for line in lines[1:]):
            raise ValueError(f"{lines[0][:80]!r} tells of no log")
        said = [line[2:] for line in lines[1:]]
        return cls(
            path=path,
            state=state if said or state == "missing" else "empty",
            lines=len(said),
            malformed=tuple(line[:_SHOWN] for line in said if not form.fullmatch(line)),
        )


def _whole(out: str, section: str) -> list[str]:
    parts = sections(out)
    if "end" not in parts:
        raise ValueError("the answer breaks off")
    return parts[section].split("\n")


def _not_seen(path: str, word: str, where: str) -> Denied | Unreadable:
    if word == "hidden":
        return Denied(f"this user may not see all of {path}: {where[:200]}", _GRANT)
    return Unreadable(f"there is no folder {path}", "correct log_folders in the inventory")


class AgedLog(Record):
    """A log in a declared folder beside what the inventory wants of it."""

    path: str
    folder: str
    size_bytes: int
    age_seconds: float
    largest_bytes: float | None
    oldest_seconds: float | None

    @property
    def is_too_large(self) -> bool:
        return self.largest_bytes is not None and self.size_bytes > self.largest_bytes

    @property
    def is_too_old(self) -> bool:
        return self.oldest_seconds is not None and self.age_seconds > self.oldest_seconds


def aged_logs(entry: HostEntry, logs: tuple[Log, ...], now: float) -> tuple[AgedLog, ...]:
    """The logs with what is wanted of them, the largest first. ``now`` in seconds since 1970."""
    return tuple(
        AgedLog(
            path=log.path,
            folder=log.folder,
            size_bytes=log.size,
            age_seconds=max(0.0, now - log.changed),
            largest_bytes=entry.log_folders[log.folder].largest,
            oldest_seconds=entry.log_folders[log.folder].oldest,
        )
        for log in sorted(logs, key=lambda log: -log.size)
    )
