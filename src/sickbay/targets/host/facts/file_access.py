"""Whether accounts can use the declared files: read, write, execute them; whose a tree is; texts."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from sickbay.errors import NotApplicable
from sickbay.facts import Record, fact
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.command import Command
from sickbay.targets.host.facts.declared_files import FIND, GRANT
from sickbay.targets.host.mounts import Mount, mount_of, mounts
from sickbay.targets.host.sections import mark, sections

RIGHTS = {"read": "readable_by", "write": "writable_by", "execute": "executable_by"}
_BITS = {"read": 4, "write": 2, "execute": 1}
_DIRECTORY = 0o040000
_KIND = 0o170000

# Each directory on the way is told, by the declared name and by the one that links lead to. What ls
# marks with + has an access control list, of which the rights tell only a part.
_WALK = """
account() { echo "account $1 $(id -u "$1" 2>/dev/null):$(id -G "$1" 2>/dev/null)"; }
walk() {
  echo "file $1"
  find_newest "$1" || return
  [ -e "$newest" ] || { echo "missing $newest"; return; }
  real=$(readlink -f "$newest")
  set -- "$newest" "$real" /
  for end in "$newest" "$real"; do
    while end=${end%/*}; [ -n "$end" ]; do set -- "$@" "$end"; done
  done
  stat -L -c 'step %f %u %g %U %G %n' "$@"
  ls -ldL "$@" | sed -n 's/^[^ ]\\{10\\}+[^/]*/listed /p'
  echo "real $real"
}
"""


def _wanted(entry: HostEntry) -> list[tuple[str, str, str]]:
    """Each right that an account has to have: of which file, which one, and whose."""
    return [
        (path, right, account)
        for path, file in entry.files.items()
        for right, field in RIGHTS.items()
        if (account := getattr(file, field))
    ]


def _access(entry: HostEntry, _: Mapping[str, Any]) -> str | None:
    wanted = _wanted(entry)
    if not wanted:
        return None
    accounts = dict.fromkeys(account for *_, account in wanted)
    return "\n".join(
        (
            FIND + _WALK,
            mark("wanted"),
            *(f"echo {right} {account} {shlex.quote(path)}" for path, right, account in wanted),
            mark("accounts"),
            *(f"account {account}" for account in accounts),
            mark("mounts"),
            "cat /proc/self/mountinfo",
            mark("files"),
            *(f"walk {shlex.quote(path)}" for path in dict.fromkeys(path for path, *_ in wanted)),
            mark("end"),
            "exit 0",
        )
    )


class _Step(Record):
    """A file or directory on the way."""

    path: str
    mode: int
    uid: int
    gid: int
    owner: str
    group: str

    def gives(self, account: _Account, bits: int) -> bool:
        """Whether the mode gives an account rights (path_resolution(7))."""
        if account.uid == 0:
            return not bits & 1 or self.is_directory or bool(self.mode & 0o111)
        shift = 6 if self.uid == account.uid else 3 if self.gid in account.groups else 0
        return self.mode >> shift & bits == bits

    @property
    def is_directory(self) -> bool:
        return self.mode & _KIND == _DIRECTORY


class _Account(Record):
    name: str
    uid: int
    groups: tuple[int, ...]


@fact("file_access", Command(_access, tool="readlink", root=True, grant=GRANT))
class FileAccess(Record):
    """A right that an account has to have of a declared file, and what comes of it.

    ``state`` is ``given``; ``refused`` by the file's own rights; ``shut`` by those of a directory
    above it; ``mounted`` read-only or noexec; ``no-account``; ``missing`` and ``hidden`` (the file
    cannot be told); or ``listed``: an access control list decides, which is not looked at. ``at`` is
    the file, directory or mount point that decides, and the three behind it are those of it.
    """

    path: str
    account: str
    right: str
    state: str
    at: str = ""
    owner: str = ""
    group: str = ""
    rights: str = ""

    @property
    def is_wrong(self) -> bool:
        return self.state in {"refused", "shut", "mounted", "no-account"}

    @classmethod
    def parse(cls, out: str) -> tuple[FileAccess, ...]:
        """Parse the rights wanted, the accounts, the mounts, and the way to each file."""
        if not out:
            raise NotApplicable("the inventory names no account that needs a file of this host")
        parts = sections(out)
        if "end" not in parts:
            raise ValueError("the answer breaks off")
        accounts = dict(map(_account, parts["accounts"].splitlines()))
        mounted = mounts(parts["mounts"])
        ways = [_way(told) for told in re.split(r"(?m)^file (?=/)", parts["files"])[1:]]
        known = {way.path: way for way in ways}
        return tuple(
            cls._judged(right, name, accounts[name], known[path], mounted)
            for right, name, path in (line.split(" ", 2) for line in parts["wanted"].splitlines())
        )

    @classmethod
    def _judged(
        cls,
        right: str,
        name: str,
        account: _Account | None,
        way: _Way,
        mounted: Mapping[str, Mount],
    ) -> FileAccess:
        def found(state: str, at: str = "", step: _Step | None = None) -> FileAccess:
            if step is None:
                return cls(path=way.path, account=name, right=right, state=state, at=at)
            return cls(
                path=way.path, account=name, right=right, state=state, at=at,
                owner=step.owner, group=step.group, rights=f"{step.mode & 0o7777:03o}",
            )  # fmt: skip

        if way.unseen:
            return found(way.unseen, way.real)
        if account is None:
            return found("no-account")
        file = way.steps[0]
        needed = [*((step, 1) for step in way.steps[1:]), (file, _bits(right, file))]
        for step, bits in needed:
            if not step.gives(account, bits):
                state = "refused" if step is file else "shut"
                if step.path in way.listed and step.uid != account.uid:
                    state = "listed"
                return found(state, step.path, step)
        mount = mount_of(way.real, mounted)
        if (right == "write" and mount.takes_no_writes) or (
            right == "execute" and not file.is_directory and "noexec" in mount.options
        ):
            return found("mounted", mount.point, file)
        return found("given", file.path, file)


class _Way(Record):
    """A declared file, and the directories that lead to it."""

    path: str
    real: str
    """Its path without links; or the nearest directory that can be seen."""
    unseen: str = ""
    """``missing`` or ``hidden``: there is nothing more to say."""
    steps: tuple[_Step, ...] = ()
    """The file, and every directory above it."""
    listed: frozenset[str] = frozenset()
    """Those that have an access control list."""


def _way(told: str) -> _Way:
    path, *lines = told.splitlines()
    word, _, rest = lines[0].partition(" ")
    if word in {"missing", "hidden"}:
        return _Way(path=path, unseen=word, real=rest)
    steps = [_step(line.removeprefix("step ")) for line in lines if line.startswith("step ")]
    found = {step.path for step in steps}
    real = lines[-1].removeprefix("real ")
    file = steps[0].path
    if lines[-1] == real or not {"/", real, *_above(file), *_above(real)} <= found:
        raise ValueError(f"the way to {path[:80]} breaks off")
    return _Way(
        path=path,
        real=real,
        steps=(steps[0], *(step for step in steps if step.path not in {file, real})),
        listed=frozenset(
            line.removeprefix("listed ") for line in lines if line.startswith("listed ")
        ),
    )


def _above(path: str) -> Iterator[str]:
    while path := path.rpartition("/")[0]:
        yield path


def _bits(right: str, file: _Step) -> int:
    """To write into a directory takes the right to search it as well."""
    return _BITS[right] | (1 if right == "write" and file.is_directory else 0)


def _account(line: str) -> tuple[str, _Account | None]:
    matched = re.fullmatch(r"account (\S+) (\d*):([\d ]*)", line, re.ASCII)
    if matched is None:
        raise ValueError(f"{line[:80]!r} tells of no account")
    name, uid, groups = matched.groups()
    if not uid:
        return name, None
    return name, _Account(name=name, uid=int(uid), groups=tuple(map(int, groups.split())))


def _step(line: str) -> _Step:
    mode, uid, gid, owner, group, path = line.split(" ", 5)
    return _Step(
        path=path, mode=int(mode, 16), uid=int(uid), gid=int(gid), owner=owner, group=group
    )


# ---------------------------------------------------------------------- trees

_MOST = 10
"""Files told of each tree."""
_TREE = f"""
tree() {{
  echo "tree $1"
  find_newest "$1" || return
  set -- "$newest" "$2" "$3"
  id -u "$2" >/dev/null 2>&1 || {{ echo no-account; return; }}
  if [ -n "$3" ]; then
    grep -q "^$3:" /etc/group || getent group "$3" >/dev/null || {{ echo no-group; return; }}
    set -- "$1" '(' -user "$2" -group "$3" ')'
  else set -- "$1" -user "$2"
  fi
  tree=$1; shift
  find -H "$tree" -xdev ! "$@" -exec stat -c '%U %G %n' {{}} + 2>&1 |
    grep -av 'No such file or directory' | grep -aE -m {_MOST} '^[^ ]+ [^ ]+ /|^(find|stat): '
  echo looked
}}
"""


def _trees(entry: HostEntry, _: Mapping[str, Any]) -> str | None:
    looks = []
    for path, file in entry.files.items():
        if file.all_owned_by:
            account, _colon, group = file.all_owned_by.partition(":")
            looks.append("tree " + shlex.join((path, account, group)))
    return "\n".join((FIND, _TREE, *looks, "echo end", "exit 0")) if looks else None


@fact("foreign_files", Command(_trees, tool="find", root=True, grant=GRANT, timeout=10))
class ForeignFile(Record):
    """A file in a tree that belongs to an account, or group, other than declared; some of them.

    ``state`` is ``foreign``, or tells of the tree that it could not be looked at: ``no-account``,
    ``no-group``, or ``hidden`` at what may not be seen.
    """

    path: str
    tree: str
    state: str = "foreign"
    owner: str = ""
    group: str = ""

    @classmethod
    def parse(cls, out: str) -> tuple[ForeignFile, ...]:
        """Parse the trees, each with what does not belong in it behind it."""
        if not out:
            raise NotApplicable("the inventory declares no tree that belongs to one account")
        body, end, _ = out.rpartition("end\n")
        if not end or not body.startswith("tree /"):
            raise ValueError("the answer breaks off")
        found: list[ForeignFile] = []
        for told in re.split(r"(?m)^tree (?=/)", body)[1:]:
            tree, *lines = told.splitlines()
            if not lines or lines[-1].split(" ")[0] not in _ENDS:
                raise ValueError(f"what is told of {tree[:80]} breaks off")
            for line in lines:
                if line in {"no-account", "no-group"}:
                    found.append(cls(path=tree, tree=tree, state=line))
                elif line.startswith("hidden ") or "ermission denied" in line:
                    found.append(cls(path=line[:200], tree=tree, state="hidden"))
                elif line.startswith(("find: ", "stat: ")):
                    raise ValueError(line[:200])
                elif not line.startswith(("looked", "missing ")):
                    owner, group, path = line.split(" ", 2)
                    found.append(cls(path=path, tree=tree, owner=owner, group=group))
        return tuple(found)


_ENDS = {"looked", "no-account", "no-group", "missing", "hidden"}


# ---------------------------------------------------------------------- texts

_TEXTS = """
holds() {
  echo "file $1"
  find_newest "$1" || return
  shift
  [ ! -d "$newest" ] && [ -r "$newest" ] || { echo "hidden $newest"; return; }
  wanted=yes
  for text; do
    if [ -z "$text" ]; then wanted=
    elif [ "$wanted" ]; then grep -qF -e "$text" "$newest" || echo "lacks $text"
    elif grep -qF -e "$text" "$newest"; then echo "holds $text"; fi
  done
  echo looked
}
"""


def _texts(entry: HostEntry, _: Mapping[str, Any]) -> str | None:
    looks = [
        "holds " + shlex.join((path, *file.holds, "", *file.lacks))
        for path, file in entry.files.items()
        if file.holds or file.lacks
    ]
    return "\n".join((FIND, _TEXTS, *looks, "echo end", "exit 0")) if looks else None


@fact("file_texts", Command(_texts, root=True, grant=GRANT))
class FileText(Record):
    """A declared file, which of the texts that it has to hold it lacks, and what it holds wrongly.

    ``state`` is ``read``, ``missing`` or ``hidden`` (it may not be read).
    """

    path: str
    state: str
    lacks: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()
    """Texts that may not be in it."""

    @classmethod
    def parse(cls, out: str) -> tuple[FileText, ...]:
        """Parse the files, each with the texts that it lacks, or holds wrongly, behind it."""
        if not out:
            raise NotApplicable("the inventory declares no texts that a file has to hold")
        body, end, _ = out.rpartition("end\n")
        if not end or not body.startswith("file /"):
            raise ValueError("the answer breaks off")
        return tuple(cls._from(told) for told in re.split(r"(?m)^file (?=/)", body)[1:])

    @classmethod
    def _from(cls, told: str) -> FileText:
        path, *lines = told.splitlines()
        state = {"looked": "read", "missing": "missing", "hidden": "hidden"}.get(
            lines[-1].partition(" ")[0] if lines else ""
        )
        lacks = [line[len("lacks ") :] for line in lines if line.startswith("lacks ")]
        holds = [line[len("holds ") :] for line in lines if line.startswith("holds ")]
        if state is None or len(lacks) + len(holds) < len(lines) - 1:
            raise ValueError(f"what is told of {path[:80]} cannot be understood")
        return cls(path=path, state=state, lacks=tuple(lacks), holds=tuple(holds))
