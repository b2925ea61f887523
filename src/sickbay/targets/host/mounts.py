"""What is mounted where (proc_pid_mountinfo(5)). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sickbay.facts import Record

_ESCAPED = re.compile(r"\\([0-7]{3})")


class Mount(Record):
    """A mount, with the options of the mount itself and those of the file system."""

    point: str
    type: str
    options: frozenset[str]
    frozen: bool
    """The file system itself, not only this mount of it, takes no writes."""

    @property
    def read_only(self) -> bool:
        """This mount of the file system."""
        return "ro" in self.options

    @property
    def takes_no_writes(self) -> bool:
        """For whatever reason."""
        return self.read_only or self.frozen


def mounts(mountinfo: str) -> dict[str, Mount]:
    """Mount point to what is mounted there; of several on one another the last is the visible one."""
    found: dict[str, Mount] = {}
    for line in mountinfo.splitlines():
        own, _, rest = line.partition(" - ")
        words, behind = own.split(" "), rest.split(" ")
        if len(words) < 6 or len(behind) < 3:  # noqa: PLR2004 (proc_pid_mountinfo(5))
            raise ValueError(f"mountinfo has a line that cannot be understood: {line[:100]!r}")
        options = set(behind[2].split(","))
        point = unescaped(words[4])
        found[point] = Mount(
            point=point,
            type=behind[0],
            options=frozenset(words[5].split(",")),
            # ext4 of Linux 6.15 and later stays "rw" after an error and says so in these words.
            frozen=bool(options & {"ro", "emergency_ro", "shutdown"}),
        )
    return found


def mount_of(path: str, known: Mapping[str, Mount]) -> Mount:
    """The mount that a path (without links) lies on."""
    while path not in known:
        if path == "/":
            raise ValueError("mountinfo tells of no root")
        path = path.rpartition("/")[0] or "/"
    return known[path]


def unescaped(text: str) -> str:
    """A path as it is: blanks and backslashes stand there in octal."""
    return _ESCAPED.sub(lambda code: chr(int(code[1], 8)), text)
