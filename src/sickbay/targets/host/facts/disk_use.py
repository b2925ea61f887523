"""What takes the space, and the inodes, of a file system that is getting full."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from sickbay.errors import NotApplicable
from sickbay.facts import Record, fact
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.command import Command
from sickbay.targets.host.facts.filesystems import Filesystem

WORTH_A_LOOK = 0.5
"""Below this share in use nothing is searched: reading whole directory trees is not free."""

LOGS, JOURNAL = "/var/log", "/var/log/journal"
TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108 (names to look at)
_MANY_FILES = (*TEMPORARY, "/var/spool", "/var/lib/php/sessions", "/var/cache", LOGS)
_NOT_HALF_FULL = "not looked at: no file system with such files is more than half full"
_MOST_COUNTED = 200_000


def _filling(facts: Mapping[str, Any], attribute: str) -> list[Filesystem]:
    return [one for one in facts["filesystems"] if (getattr(one, attribute) or 0) > WORTH_A_LOOK]


def holder(filesystems: Iterable[Filesystem], path: str) -> Filesystem | None:
    """The file system that a path lies on, as far as the list of them tells."""
    over = [
        one
        for one in filesystems
        if path == one.mount or path.startswith(one.mount.rstrip("/") + "/")
    ]
    return max(over, key=lambda one: len(one.mount), default=None)


def _sizes(_: HostEntry, facts: Mapping[str, Any]) -> str | None:
    full = _filling(facts, "used_fraction")
    paths = [
        path for path in (JOURNAL, LOGS, *TEMPORARY) if holder(facts["filesystems"], path) in full
    ]
    if not paths:
        return None
    words = " ".join(map(shlex.quote, paths))
    return f'for d in {words}; do [ ! -d "$d" ] || du -skx "$d" 2>/dev/null; done; exit 0'


@fact("directory_sizes", Command(_sizes, tool="du", root=True, after=("filesystems",)))
class DirectorySize(Record):
    """Space that a directory tree takes (du(1)), looked at where its file system fills. Bytes.

    What the user may not look into is not counted, so it may be more.
    """

    path: str
    size: int

    @classmethod
    def parse(cls, out: str) -> tuple[DirectorySize, ...]:
        """Parse lines of ``du -sk``."""
        if not out:
            raise NotApplicable(_NOT_HALF_FULL)
        rows = (line.split(None, 1) for line in out.splitlines())
        return tuple(cls(path=path, size=int(size) * 1024) for size, path in rows)


def _counts(_: HostEntry, facts: Mapping[str, Any]) -> str | None:
    full = _filling(facts, "inodes_used_fraction")
    paths = [path for path in _MANY_FILES if holder(facts["filesystems"], path) in full]
    if not paths:
        return None
    words = " ".join(map(shlex.quote, paths))
    return (
        f'for d in {words}; do [ ! -d "$d" ] || '
        f'echo "$(find "$d" -xdev 2>/dev/null | head -n {_MOST_COUNTED} | wc -l) $d"; done; exit 0'
    )


@fact("file_counts", Command(_counts, tool="find", root=True, after=("filesystems",)))
class FileCount(Record):
    """How many files are below a directory (at most 200,000 are counted), where inodes get short."""

    path: str
    files: int

    @classmethod
    def parse(cls, out: str) -> tuple[FileCount, ...]:
        """Parse lines of a number and a path."""
        if not out:
            raise NotApplicable(_NOT_HALF_FULL)
        rows = (line.split(None, 1) for line in out.splitlines())
        return tuple(cls(path=path, files=int(files)) for files, path in rows)


_DELETED = r"""
[ "$(id -u)" = 0 ] || { echo 'must be root to see the files of all processes' >&2; exit 1; }
find /proc/[0-9]*/fd -maxdepth 1 -lname '/* (deleted)' 2>/dev/null |
  while read -r fd; do
    read -r name <"${fd%/fd/*}/comm" && stat -L -c "%d:%i %s %b $name" "$fd"
  done 2>/dev/null | sort -u | sort -k 2 -n -r | head -n 20
echo end
"""


def _deleted(_: HostEntry, facts: Mapping[str, Any]) -> str | None:
    return _DELETED if _filling(facts, "used_fraction") else None


@fact("deleted_open_files", Command(_deleted, tool="find", root=True, after=("filesystems",)))
class DeletedOpenFile(Record):
    """A deleted file whose space is not free because a process has it open. ``size`` in bytes."""

    held_by: str
    size: int

    @classmethod
    def parse(cls, out: str) -> tuple[DeletedOpenFile, ...]:
        """Parse lines of device and inode, length, blocks (of 512 bytes) and the process's name."""
        if not out:
            raise NotApplicable(_NOT_HALF_FULL)
        rows = (line.split(None, 3) for line in out.splitlines() if line != "end")
        return tuple(cls(held_by=name, size=int(blocks) * 512) for _, _, blocks, name in rows)
