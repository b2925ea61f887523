"""What takes space where the inventory looks for it: folders, large files, and what was left behind."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from sickbay.errors import NotApplicable
from sickbay.facts import Record, fact
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.command import Command
from sickbay.targets.host.paths import NEAREST
from sickbay.targets.host.sections import mark, sections

WALK_SECONDS = 9
"""How long reading whole trees may take; it runs beside all else."""
_KIB = 1024
_MOST = 50
"""Rows that are kept of a list."""
_MOST_LINES = 1000
_SECONDS_A_DAY = 86400
_GRANT = "set sudo: true for this host: only root may read all directories"
LEFT_OUT = "/usr"
"""Where programs lie; it may well be the largest."""

# What goes away while it is looked at is no matter; what may not be read, or lies where nothing can be
# seen, is.
_WALK = f"""{NEAREST}
walk() {{
  said=$("$@" 2>&1 | grep -v 'No such file or directory$' | head -n {_MOST_LINES})
  case $said in *'ermission denied'*)
    printf '%s\\n' "$said" | grep -m 1 'ermission denied' >&2
    exit 1 ;;
  esac
  [ -z "$said" ] || printf '%s\\n' "$said"
}}
seen() {{
  nearest "$1" || {{ echo "$near: Permission denied" >&2; exit 1; }}
}}
room() {{ stat -f -c 'room %S %b' "$1"; }}
sizes() {{
  for one in "$1"/* "$1"/.[!.]*; do [ ! -d "$one" ] || [ -L "$one" ] || set -- "$@" "$one"; done
  shift; [ $# = 0 ] || walk du -skx "$@"
}}
"""


def _folders(entry: HostEntry, _: Mapping[str, Any]) -> str | None:
    if not entry.folders:
        return None
    lines = [_WALK, mark("folders")]
    for path, wanted in entry.folders.items():
        quoted = shlex.quote(path)
        lines.append(f"seen {quoted}; echo folder {quoted}\nif [ -d {quoted} ]; then")
        lines.append(f"room {quoted}; walk du -skx {quoted}")
        if wanted.oldest is not None:
            days = max(0, int(wanted.oldest // _SECONDS_A_DAY) - 1)
            lines.append(
                f"walk find {quoted} -xdev -type f -mtime +{days} -exec stat -c 'old %Y %n' {{}} +"
            )
        lines.append("fi")
    return "\n".join((*lines, mark("now"), "date +%s", mark("end")))


@fact(
    "folders",
    Command(_folders, tool="du", root=True, grant=_GRANT, timeout=WALK_SECONDS),
)
class Folder(Record):
    """A declared folder with all below it on the same file system (du(1), find(1)).

    ``size`` and ``room``, the size of its file system, in bytes; ``old`` its oldest files with their
    ages in seconds, as far as they may be too old. A folder that is not there takes nothing.
    """

    path: str
    size: int = 0
    room: int = 0
    old: dict[str, int] = {}

    @property
    def share(self) -> float:
        """Of its file system."""
        return self.size / self.room if self.room else 0.0

    @classmethod
    def parse(cls, out: str) -> tuple[Folder, ...]:
        """Parse each folder's room, size and old files."""
        if not out:
            raise NotApplicable("the inventory declares no folders for this host")
        parts = sections(out)
        if "end" not in parts:
            raise ValueError("the answer breaks off")
        now = int(parts["now"])
        told = f"\n{parts['folders']}".split("\nfolder /")[1:]
        return tuple(cls._from(f"/{text}".split("\n"), now) for text in told)

    @classmethod
    def _from(cls, lines: list[str], now: int) -> Folder:
        path, *rest = lines
        if not rest:
            return cls(path=path)
        block, blocks = map(int, rest[0].removeprefix("room ").split())
        (size,) = (int(line.split("\t")[0]) for line in rest[1:] if not line.startswith("old "))
        old = sorted(line.split(" ", 2)[1:] for line in rest[1:] if line.startswith("old "))
        return cls(
            path=path,
            size=size * _KIB,
            room=block * blocks,
            old={name: max(0, now - int(changed)) for changed, name in old[:_MOST]},
        )


class JudgedFolder(Record):
    """A declared folder that takes more than it may, or holds what is too old."""

    path: str
    size_bytes: int
    share_fraction: float
    too_large: bool
    too_old: tuple[str, ...]


def judged_folders(entry: HostEntry, folders: tuple[Folder, ...]) -> tuple[JudgedFolder, ...]:
    """What was found, against what the inventory wants."""
    rows = []
    for one in folders:
        wanted = entry.folders[one.path]
        rows.append(
            JudgedFolder(
                path=one.path,
                size_bytes=one.size,
                share_fraction=one.share,
                too_large=(wanted.size is not None and one.size > wanted.size)
                or (wanted.share is not None and one.share > wanted.share),
                too_old=tuple(
                    name
                    for name, age in one.old.items()
                    if wanted.oldest is not None and age > wanted.oldest
                )[:10],
            )
        )
    return tuple(rows)


# ---------------------------------------------------------------------- trees


def _trees(entry: HostEntry, _: Mapping[str, Any]) -> str | None:
    if not entry.trees:
        return None
    lines = [_WALK, mark("trees")]
    for path, wanted in entry.trees.items():
        quoted, below = shlex.quote(path), shlex.quote(path.rstrip("/"))
        allowed = " -o ".join(f"-path {shlex.quote(place)}" for place in wanted.allowed)
        pruned = f"\\( {allowed} \\) -prune -o" if allowed else ""
        large = f"-type f -size +{int(wanted.largest) // _KIB}k -exec stat -c 'large %b %n' {{}} +"
        lines.append(f"seen {quoted}; echo tree {quoted}; room {quoted}; sizes {below}")
        lines.append(f"walk find {quoted} -xdev {pruned} {large}")
    return "\n".join((*lines, mark("end")))


_ASK_TREES = Command(_trees, tool="du", root=True, grant=_GRANT, timeout=WALK_SECONDS)


def _tree_lines(out: str) -> list[tuple[str, list[str]]]:
    """Each tree with the lines that tell of it."""
    if not out:
        raise NotApplicable("the inventory declares no trees to look for large things in")
    parts = sections(out)
    if "end" not in parts:
        raise ValueError("the answer breaks off")
    told = f"\n{parts['trees']}".split("\ntree /")[1:]
    found = []
    for text in told:
        path, *lines = f"/{text}".split("\n")
        if not lines or not lines[0].startswith("room "):
            raise ValueError(f"what is told of {path[:80]} breaks off")
        found.append((path, lines))
    return found


@fact("tree_folders", _ASK_TREES)
class TreeFolder(Record):
    """A directory right below a declared tree's root, on the same file system (du(1)). Bytes."""

    path: str
    size: int
    room: int
    """Size of the tree's file system."""

    @property
    def share(self) -> float:
        """Of its file system."""
        return self.size / self.room if self.room else 0.0

    @classmethod
    def parse(cls, out: str) -> tuple[TreeFolder, ...]:
        """Parse lines of ``du -sk``; /usr is left out, and what is a mount of its own has no size here."""
        rows = []
        for _, (room, *lines) in _tree_lines(out):
            block, blocks = map(int, room.removeprefix("room ").split())
            sizes = (line.split("\t", 1) for line in lines if not line.startswith("large "))
            rows += [
                cls(path=path, size=int(size) * _KIB, room=block * blocks)
                for size, path in sizes
                if path != LEFT_OUT
            ]
        return tuple(rows)


@fact("large_files", _ASK_TREES)
class LargeFile(Record):
    """A file of a declared tree that is larger than it may be, where that is not allowed. Bytes."""

    path: str
    size: int

    @classmethod
    def parse(cls, out: str) -> tuple[LargeFile, ...]:
        """Parse lines of blocks (of 512 bytes) and path."""
        told = [line for _, lines in _tree_lines(out) for line in lines]
        rows = (line.split(" ", 2) for line in told if line.startswith("large "))
        found = [cls(path=path, size=int(blocks) * 512) for _, blocks, path in rows]
        return tuple(sorted(found, key=lambda one: -one.size)[:_MOST])


# ---------------------------------------------------------------------- leftovers


def _leftovers(entry: HostEntry, _: Mapping[str, Any]) -> str | None:
    if not entry.leftovers:
        return None
    looks = "\n".join(f"left {shlex.quote(pattern)}" for pattern in entry.leftovers)
    return f"""
IFS=
left() {{
  echo "pattern $1"
  above=${{1%/*}}; case $above in *[*?[]*) above=/ ;; esac
  [ ! -d "${{above:-/}}" ] || [ -r "${{above:-/}}" ] || {{ echo "${{above:-/}}: Permission denied" >&2; exit 1; }}
  for path in $1; do [ ! -e "$path" ] || stat -c 'left %Y %s %n' "$path"; done | head -n {_MOST}
}}
{mark("leftovers")}
{looks}
{mark("now")}
date +%s
{mark("end")}"""


@fact("leftovers", Command(_leftovers, root=True, grant=_GRANT))
class Leftover(Record):
    """A file of a declared pattern that should be gone some time after it was written.

    ``age_seconds`` is the time since then; ``size`` in bytes.
    """

    path: str
    pattern: str
    size: int
    age_seconds: int

    @classmethod
    def parse(cls, out: str) -> tuple[Leftover, ...]:
        """Parse the patterns, each with its files behind it."""
        if not out:
            raise NotApplicable("the inventory declares no leftovers for this host")
        parts = sections(out)
        if "end" not in parts:
            raise ValueError("the answer breaks off")
        now, pattern, rows = int(parts["now"]), "", []
        for line in parts["leftovers"].split("\n"):
            word, _, rest = line.partition(" ")
            if word == "pattern":
                pattern = rest
            elif word == "left" and pattern:
                changed, size, path = rest.split(" ", 2)
                age = max(0, now - int(changed))
                rows.append(cls(path=path, pattern=pattern, size=int(size), age_seconds=age))
            else:
                raise ValueError(f"{line[:80]!r} tells of no file")
        return tuple(rows)
