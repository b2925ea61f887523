"""The declared backups: their age and size, whether they can be read to the end, and restored."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from sickbay.errors import Denied, NotApplicable, TimedOut, Unsupported
from sickbay.facts import Record, fact
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.command import Command
from sickbay.targets.host.paths import NEAREST

SECONDS = 6
"""How long reading one backup may take; a larger one is tested by its own means."""
LISTED = 5000
"""Lines that are looked at of a listing."""
_GRANT = "let the user read the backups (a group), or set sudo: true for this host"

# The two newest of a pattern.
_FIND = f"""{NEAREST}
find_newest() {{
  newest= before=
  for f in $1; do
    [ -f "$f" ] || continue
    if [ -z "$newest" ] || [ "$f" -nt "$newest" ]; then before=$newest; newest=$f
    elif [ -z "$before" ] || [ "$f" -nt "$before" ]; then before=$f; fi
  done
  [ -z "$newest" ] || return 0
  nearest "$1" || {{ echo "$near: Permission denied" >&2; exit 1; }}
  return 1
}}
IFS=
"""
_MEASURE = """
measure() {
  echo "backup $1"
  if find_newest "$1"; then
    stat -L -c "newest %s %Y $newest" "$newest" || exit
    [ -z "$before" ] || stat -L -c "before %s $before" "$before"
    room=${2:-${newest%/*}}
    df -Pk "$room" 2>/dev/null | { read -r _; IFS=' ' read -r _ _ _ free _; echo "free $free"; }
    [ -z "$3" ] || stat -L -c 'settings %Y' "$3" 2>/dev/null
  fi
}
"""


def _measured(entry: HostEntry, _: Mapping[str, Any]) -> str | None:
    if not entry.backups:
        return None
    calls = (
        "measure " + " ".join(map(shlex.quote, (p, b.restore_to or "", b.newer_than or "")))
        for p, b in entry.backups.items()
    )
    return _FIND + _MEASURE + "\n".join(calls) + "\necho end"


@fact("backups", Command(_measured, root=True, grant=_GRANT))
class Backup(Record):
    """The newest backup of a declared pattern (stat(1), df(1)). Sizes in bytes, ``made`` in seconds
    since 1970; ``previous`` is the size of the one before it, ``free`` what its file system, or the one
    to restore to, has left; ``settings`` when the file that it keeps was changed.
    """

    pattern: str
    path: str = ""
    size: int = 0
    made: int = 0
    previous: int | None = None
    free: int | None = None
    settings: int | None = None

    @classmethod
    def parse(cls, out: str) -> tuple[Backup, ...]:
        """Parse a block for each pattern."""
        if not out:
            raise NotApplicable("the inventory declares no backups for this host")
        lines = out.splitlines()
        if lines[-1] != "end":
            raise ValueError("the answer breaks off")
        found: list[dict[str, Any]] = []
        for line in lines[:-1]:
            word, _, rest = line.partition(" ")
            if word == "backup":
                found.append({"pattern": rest})
            elif word == "newest":
                size, made, path = rest.split(" ", 2)
                found[-1] |= {"path": path, "size": int(size), "made": int(made)}
            elif word == "before":
                found[-1]["previous"] = int(rest.split(" ", 1)[0])
            elif word == "free":
                found[-1]["free"] = int(rest) * 1024
            elif word == "settings":
                found[-1]["settings"] = int(rest)
            else:
                raise ValueError(f"{line[:80]!r} tells of no backup")
        if not found:
            raise ValueError("the answer tells of no backup")
        return tuple(cls(**one) for one in found)


# What a file is, its first bytes tell; reading it to the end is bounded by time. What pg_restore reads
# of a dump is its table of contents, and with -f /dev/null all of it.
_READ = f"""
read_all() {{
  echo "backup $1"
  find_newest "$1" || {{ echo missing; return; }}
  [ -r "$newest" ] || {{ echo "$newest: Permission denied" >&2; exit 1; }}
  case $(head -c 6 "$newest" | od -An -v -t x1 | tr -d ' \\n') in
    1f8b*) set -- gzip -t; list='tar -tzf "$0" || gzip -dc "$0" | tail -n 20' ;;
    5047444d50*) set -- pg_restore -f /dev/null; list='pg_restore --list "$0"' ;;
    28b52ffd*) set -- zstd -q -t; list='zstd -q -dc "$0" | tar -tf -' ;;
    425a68*) set -- bzip2 -t; list='tar -tjf "$0"' ;;
    fd377a585a00*) set -- xz -t; list='tar -tJf "$0"' ;;
    504b0304*) set -- unzip -q -t; list='unzip -l "$0"' ;;
    '') echo empty; return ;;
    *) if [ "$(tail -c +258 "$newest" | head -c 5)" = ustar ]; then
         set -- tar -tf; list='tar -tf "$0"'
       else  # plain SQL: dumps end with a line that says so
         set -- sh -c 'tail -n 20 "$0" | grep -i "dump complete"'; list='tail -n 20 "$0"'
       fi ;;
  esac
  command -v "$1" >/dev/null || {{ echo "lacks $1"; return; }}
  said=$(timeout {SECONDS} "$@" "$newest" 2>&1 >/dev/null </dev/null); ended=$?
  echo "read $ended $1 $(echo "$said" | head -n 1)"
  for sum in "$newest.sha256" "$newest.sha256sum"; do
    [ -f "$sum" ] || continue
    IFS=' ' read -r wanted _ <"$sum"
    has=$(timeout {SECONDS} sha256sum "$newest" | cut -d ' ' -f 1)
    if [ -z "$has" ]; then echo 'sum 124'; elif [ "$has" = "$wanted" ]; then echo 'sum 0'; else echo 'sum 1'; fi
  done
  [ "$ended" = 0 ] || return
  timeout {SECONDS} sh -c "$list" "$newest" 2>/dev/null </dev/null | head -n {LISTED} |
    while IFS= read -r line; do echo "holds $line"; done
}}
"""


def _read(entry: HostEntry, _: Mapping[str, Any]) -> str | None:
    if not entry.backups:
        return None
    calls = "\n".join(f"read_all {shlex.quote(pattern)}" for pattern in entry.backups)
    wanted = "\n".join(
        f"printf 'wanted %s\\n' {shlex.quote(p)}"
        for b in entry.backups.values()
        for p in b.contains
    )
    return f"{_FIND}{_READ}{wanted}\n{calls}\necho end"


@fact("backup_contents", Command(_read, root=True, grant=_GRANT, timeout=4 * SECONDS))
class BackupContent(Record):
    """The newest backup of a declared pattern, read to its end.

    ``state`` is ``readable``, ``broken``, ``empty`` or ``missing``; ``checksum`` is ``right``,
    ``wrong``, or empty where no manifest (NAME.sha256) lies beside it. ``holds`` are those of the wanted
    patterns that its listing has.
    """

    pattern: str
    state: str
    said: str = ""
    checksum: str = ""
    holds: tuple[str, ...] = ()

    @classmethod
    def parse(cls, out: str) -> tuple[BackupContent, ...]:
        """Parse the wanted patterns, then a block for each declared pattern of files."""
        if not out:
            raise NotApplicable("the inventory declares no backups for this host")
        lines = out.splitlines()
        head, *blocks = "\n".join(["", *lines[:-1]]).split("\nbackup ")
        if lines[-1] != "end" or not blocks:
            raise ValueError("the answer breaks off")
        wanted = [line.removeprefix("wanted ") for line in head.splitlines() if line]
        return tuple(cls._from(block.splitlines(), wanted) for block in blocks)

    @classmethod
    def _from(cls, lines: list[str], wanted: Iterable[str]) -> BackupContent:
        pattern, *said = lines
        words = {line.split(" ", 1)[0]: line for line in reversed(said)}
        if "missing" in words or "empty" in words:
            return cls(pattern=pattern, state="missing" if "missing" in words else "empty")
        if "lacks" in words:
            tool = words["lacks"].removeprefix("lacks ")
            raise Unsupported(
                f"{tool!r}, which reads {pattern}, is not installed", f"install {tool}"
            )
        _, ended, kind, *more = words["read"].split(" ", 3)
        if ended == "124" or words.get("sum") == "sum 124":
            raise TimedOut(
                f"reading the newest of {pattern} takes longer than {SECONDS} s",
                "let a job on the host test it and leave a report (`jobs`), or declare a smaller one",
            )
        if ended == "1" and "ermission denied" in (more[0] if more else ""):
            raise Denied(more[0], _GRANT)
        listing = "\n".join(
            line.removeprefix("holds ") for line in said if line.startswith("holds ")
        )
        return cls(
            pattern=pattern,
            state="readable" if ended == "0" else "broken",
            said=f"{kind}: {more[0][:200]}" if more and more[0] and ended != "0" else "",
            checksum={"sum 0": "right", "sum 1": "wrong"}.get(words.get("sum", ""), ""),
            holds=tuple(
                one for one in dict.fromkeys(wanted) if re.search(one, listing, re.MULTILINE)
            ),
        )


class JudgedBackup(Record):
    """The newest backup of a declared pattern beside what the inventory wants of it."""

    pattern: str
    path: str
    size: int
    age_seconds: float
    is_missing: bool
    is_stale: bool
    is_older_than_settings: bool
    part_of_previous: float | None
    """Its size, as a share of the one before."""
    room: float | None
    """Free space, as a multiple of its size."""


def judged_backups(
    entry: HostEntry, backups: Iterable[Backup], now: float
) -> tuple[JudgedBackup, ...]:
    """The declared backups with what was found of each. ``now`` in seconds since 1970."""
    return tuple(_judged(entry, one, now) for one in backups)


def _judged(entry: HostEntry, one: Backup, now: float) -> JudgedBackup:
    wanted = entry.backups[one.pattern]
    there = bool(one.path)
    age = max(0.0, now - one.made) if there else 0.0
    return JudgedBackup(
        pattern=one.pattern,
        path=one.path,
        size=one.size,
        age_seconds=age,
        is_missing=not there,
        is_stale=there and wanted.max_age is not None and age > wanted.max_age,
        is_older_than_settings=there and one.settings is not None and one.made < one.settings,
        part_of_previous=one.size / one.previous if there and one.previous else None,
        room=one.free / one.size if there and one.free is not None and one.size else None,
    )


class JudgedContent(Record):
    """What a backup holds beside what the inventory wants."""

    pattern: str
    state: str
    said: str
    checksum: str
    lacks: tuple[str, ...]

    @property
    def is_unusable(self) -> bool:
        return self.state in {"broken", "empty"} or self.checksum == "wrong" or bool(self.lacks)


def judged_contents(
    entry: HostEntry, contents: Iterable[BackupContent]
) -> tuple[JudgedContent, ...]:
    """The declared backups with what they lack."""
    return tuple(
        JudgedContent(
            pattern=one.pattern,
            state=one.state,
            said=one.said,
            checksum=one.checksum,
            lacks=tuple(w for w in entry.backups[one.pattern].contains if w not in one.holds)
            if one.state == "readable"
            else (),
        )
        for one in contents
    )
