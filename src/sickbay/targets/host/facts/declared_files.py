"""The files that the inventory declares: whether they are there, whose, how old, how large."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from sickbay.errors import Denied, NotApplicable
from sickbay.facts import Record, fact
from sickbay.inventory.declared.files import DeclaredFile
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.command import Command
from sickbay.targets.host.paths import NEAREST

# Patterns are taken apart by the shell, with nothing to split words at.
FIND = f"""{NEAREST}
find_newest() {{
  newest=
  for path in $1; do
    [ -e "$path" ] || [ -L "$path" ] || continue
    if [ -z "$newest" ] || [ "$path" -nt "$newest" ]; then newest=$path; fi
  done
  [ -z "$newest" ] || return 0
  if nearest "$1"; then echo "missing $near"; else echo "hidden $near"; fi
  return 1
}}
IFS=
"""
"""The shell function ``find_newest``: sets ``newest`` to the newest of a pattern, or says why not."""
LOOK = f"""{FIND}
look() {{
  find_newest "$1" || return
  stat -L -c 'there %s %a %U %G %Y %n' "$newest" 2>/dev/null || echo "dangling $newest"
}}
"""
GRANT = "let the user search it (chmod o+x, or a group), or set sudo: true for this host"


def _script(entry: HostEntry, _: Mapping[str, Any]) -> str | None:
    if not entry.files:
        return None
    return LOOK + "\n".join(f"look {shlex.quote(path)}" for path in entry.files) + "\nexit 0"


@fact(
    "found_files",
    Command(
        _script,
        root=True,
        grant="let the user search the directory (chmod o+x, or a group), or set sudo: true",
    ),
)
class FoundFile(Record):
    """A declared file as it was found (stat(1)); of a pattern the newest one.

    ``state`` is ``there``, ``dangling`` (a link to nothing), ``missing`` or ``hidden`` (it cannot be
    told); ``near`` is then the nearest directory that can be seen. ``rights`` are octal, ``size`` in bytes, ``changed`` in seconds
    since 1970.
    """

    path: str
    state: str
    rights: str = ""
    owner: str = ""
    group: str = ""
    size: int = 0
    changed: int = 0
    near: str = ""

    @classmethod
    def parse(cls, out: str) -> tuple[FoundFile, ...]:
        """Parse one line for each declared file, in their order."""
        if not out:
            raise NotApplicable("the inventory declares no files for this host")
        return tuple(cls._from(line) for line in out.strip("\n").split("\n"))

    @classmethod
    def _from(cls, line: str) -> FoundFile:
        state, _, rest = line.partition(" ")
        if state == "there":
            size, rights, owner, group, changed, path = rest.split(" ", 5)
            if not path.startswith("/"):
                raise ValueError(f"{path[:80]!r} is not an absolute path")
            return cls(
                path=path,
                state=state,
                rights=f"{int(rights, 8):03o}",
                owner=owner,
                group=group,
                size=int(size),
                changed=int(changed),
            )
        if state not in {"dangling", "missing", "hidden"} or not rest.startswith("/"):
            raise ValueError(f"{line[:80]!r} tells of no file")
        return cls(path=rest, state=state, near="" if state == "dangling" else rest)


class JudgedFile(Record):
    """A declared file beside what the inventory wants of it."""

    path: str
    declared: str
    state: str
    rights: str
    owner: str
    group: str
    size: int
    age_seconds: float
    near: str
    wanted: dict[str, Any]

    @property
    def lacks_its_directory(self) -> bool:
        """It is missing, and so is the directory that it should be in."""
        return self.state == "missing" and self.near != (self.declared.rpartition("/")[0] or "/")

    @property
    def excess(self) -> str:
        """The rights that it has beyond those wanted, in octal; empty where there are none."""
        if self.state != "there" or self.wanted["rights"] is None:
            return ""
        more = int(self.rights, 8) & 0o777 & ~int(self.wanted["rights"], 8)
        return f"{more:03o}" if more else ""

    @property
    def belongs_elsewhere(self) -> bool:
        """It belongs to another account or group than wanted."""
        pairs = ((self.owner, self.wanted["owner"]), (self.group, self.wanted["group"]))
        return self.state == "there" and any(is_ != want for is_, want in pairs if want is not None)

    @property
    def cannot_be_executed(self) -> bool:
        return (
            self.state == "there" and self.wanted["executable"] and not int(self.rights, 8) & 0o111
        )

    @property
    def is_stale(self) -> bool:
        oldest = self.wanted["max_age"]
        return self.state == "there" and oldest is not None and self.age_seconds > oldest

    @property
    def is_too_small(self) -> bool:
        least = self.wanted["min_size"]
        return self.state == "there" and least is not None and self.size < least


def judged_files(
    entry: HostEntry, found: tuple[FoundFile, ...], now: float
) -> tuple[JudgedFile, ...]:
    """The declared files with what was found of each. ``now`` in seconds since 1970."""
    return tuple(
        _judged(declared, wanted, one, now)
        for (declared, wanted), one in zip(entry.files.items(), found, strict=True)
    )


def _judged(declared: str, wanted: DeclaredFile, one: FoundFile, now: float) -> JudgedFile:
    return JudgedFile(
        path=declared if one.state in {"missing", "hidden"} else one.path,
        declared=declared,
        state=one.state,
        rights=one.rights,
        owner=one.owner,
        group=one.group,
        size=one.size,
        age_seconds=max(0.0, now - one.changed) if one.state == "there" else 0.0,
        near=one.near,
        wanted=wanted.model_dump(),
    )


def must_be_seen(files: Iterable[JudgedFile]) -> None:
    """Raise Denied where one of the files lies in a directory that may not be searched."""
    for one in files:
        if one.state == "hidden":
            raise Denied(
                f"whether there is {one.path} cannot be told: {one.near} may not be searched", GRANT
            )
