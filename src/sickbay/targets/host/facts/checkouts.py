"""The declared checkouts of git: their history, and what in them is not committed.

Nothing is written (no index is refreshed), nothing is fetched, and no program is run that a repository
names: its hooks, filters and monitors are switched off. Root looks as the account that owns the place.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from sickbay.errors import Denied, NotApplicable, TimedOut, Unsupported
from sickbay.facts import Record, fact
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.command import Command
from sickbay.targets.host.paths import NEAREST
from sickbay.targets.host.sections import mark, sections

_SECONDS = 4
_MOST = 20
"""Changed files that are told of a checkout."""
_LONGEST = 300
_GRANT = "let the user read the checkout, or set sudo: true for this host"
_OPTIONS = (
    "--no-optional-locks --no-pager --literal-pathspecs -c core.fsmonitor=false "
    "-c core.hooksPath=/dev/null -c log.showSignature=false -c protocol.allow=never "
    "-c core.quotePath=true -c color.ui=false"
)

_LOOK = f"""{NEAREST}
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_TRACE
export GIT_OPTIONAL_LOCKS=0 GIT_CONFIG_GLOBAL=/dev/null GIT_TERMINAL_PROMPT=0 HOME=/nonexistent
ask() {{ timeout {_SECONDS} $as git -C "$place" -c "safe.directory=$place" {_OPTIONS} "$@" 2>&1; echo "ended $?"; }}
unfiltered() {{
  names=$(ask config --name-only --get-regexp '^filter\\..*\\.(clean|process|required)$' | grep '^filter\\.')
  set -f; IFS='
'
  for name in $names; do
    case $name in *.required) name=$name=false ;; *) name=$name= ;; esac
    set -- -c "$name" "$@"
  done
  set +f; unset IFS
  ask "$@"
}}
look() {{
  place=$1 commits=$2 as=; shift 2
  nearest "$place/.git" || {{ echo hidden; return; }}
  if [ ! -d "$place" ]; then echo missing; return; fi
  if [ ! -e "$place/.git" ]; then echo none; return; fi
  for part in "$place/.git" "$place/.git/objects" "$place/.git/refs"; do
    [ ! -d "$part" ] || {{ [ -r "$part" ] && [ -x "$part" ]; }} || {{ echo hidden; return; }}
  done
  if [ -f "$place/.git/shallow" ]; then echo shallow; else echo whole; fi
  if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
    as="setpriv --reuid $(stat -L -c %u "$place") --regid $(stat -L -c %g "$place") --clear-groups"
  fi
  for path; do [ -e "$place/$path" ] || [ -L "$place/$path" ] || echo "absent $path"; done
  echo log; ask log "-$commits" --format=%h | cut -c 1-{_LONGEST} | head -n 110
  [ $# -gt 0 ] || return
  echo status
  unfiltered status --porcelain --untracked-files=normal --ignore-submodules=all -- "$@" |
    cut -c 1-{_LONGEST} | head -n {_MOST}
}}
command -v timeout >/dev/null || {{ echo 'timeout: not found' >&2; exit 127; }}
"""


def _script(entry: HostEntry, _: Mapping[str, Any]) -> str | None:
    if not entry.checkouts:
        return None
    calls = (
        f"{mark(str(number))}; look {shlex.join((place, str(wanted.commits), *wanted.clean))}"
        for number, (place, wanted) in enumerate(entry.checkouts.items())
    )
    return "\n".join((_LOOK, *calls, mark("end")))


@fact("checkouts", Command(_script, tool="git", root=True, grant=_GRANT, timeout=2 * _SECONDS + 1))
class Checkout(Record):
    """A declared checkout as git tells of it (git-log(1), git-status(1)).

    ``number`` is its place in the inventory. ``state`` is ``whole``, ``shallow`` (a clone without
    its history), ``none`` (no repository), ``missing`` or ``hidden``. ``commits`` is how many of those
    wanted its log tells of. ``failure`` is what git says where it cannot read.
    """

    number: int
    state: str
    commits: int = 0
    changed: tuple[str, ...] = ()
    """Files that are not as committed, each behind git's two letters; the first ones."""
    absent: tuple[str, ...] = ()
    """Paths that have to be clean and are not there."""
    failure: str = ""

    @classmethod
    def parse(cls, out: str) -> tuple[Checkout, ...]:
        """Parse of each checkout its state, its log, and what is not committed."""
        if not out:
            raise NotApplicable("the inventory declares no checkouts on this host")
        parts = sections(out)
        if parts.popitem()[0] != "end" or not parts:
            raise ValueError("the answer breaks off before its end")
        return tuple(cls._from(int(number), text) for number, text in parts.items())

    @classmethod
    def _from(cls, number: int, text: str) -> Checkout:
        state, *lines = text.split("\n")
        if state in {"none", "missing", "hidden"}:
            return cls(number=number, state=state)
        if state not in {"whole", "shallow"} or "log" not in lines:
            raise ValueError("the answer tells of no checkout")
        start = lines.index("log")
        absent = tuple(line.removeprefix("absent ") for line in lines[:start])
        end = lines.index("status") if "status" in lines else len(lines)
        log, failure = _answer(lines[start + 1 : end])
        changed: list[str] = []
        if not failure and end < len(lines):
            changed, failure = _answer(lines[end + 1 :])
        if not failure and not all(re.fullmatch("[0-9a-f]{4,64}", one) for one in log):
            raise ValueError("git's log cannot be understood")
        if not failure and not all(re.match(r"[ A-Z?!]{2} ", one) for one in changed):
            raise ValueError("git's status cannot be understood")
        return cls(
            number=number,
            state=state,
            commits=0 if failure else len(log),
            changed=() if failure else tuple(changed),
            absent=absent,
            failure=failure,
        )


_TIMED_OUT = frozenset((124, 137, 143))


def _answer(lines: list[str]) -> tuple[list[str], str]:
    """What git printed, and what it complained of where it failed. Long answers have no end."""
    *rest, last = lines or [""]
    if not last.startswith("ended "):
        if len(lines) < _MOST:
            raise ValueError("git's answer breaks off")
        return lines, ""
    ended = int(last.removeprefix("ended "))
    if ended in _TIMED_OUT:
        raise TimedOut(f"git did not end within {_SECONDS} s", "run git status there by hand")
    if not ended:
        return rest, ""
    said = " ".join(" ".join(rest).split())[:_LONGEST] or f"exit status {ended}"
    if "dubious ownership" in said or "unsafe repository" in said:
        raise Unsupported(
            f"git does not read what belongs to others: {said}",
            "let one account own the checkout and its .git (chown -R)",
        )
    if "ermission denied" in said:
        raise Denied(said, _GRANT)
    return [], said


# ---------------------------------------------------------------------- beside what is declared


class JudgedCheckout(Record):
    """A declared checkout beside what the inventory wants of it."""

    place: str
    state: str
    commits: int
    wanted: int
    failure: str
    changed: tuple[str, ...]
    absent: tuple[str, ...]

    @property
    def has_history(self) -> bool:
        return not self.failure and self.commits >= self.wanted

    @property
    def is_readable(self) -> bool:
        """What git tells of it can be judged at all."""
        return self.state in {"whole", "shallow"} and not self.failure

    @property
    def untracked(self) -> tuple[str, ...]:
        """Files that git does not know of."""
        return tuple(one for one in self.changed if one.startswith("?? "))


def judged_checkouts(entry: HostEntry, found: tuple[Checkout, ...]) -> list[JudgedCheckout]:
    """The declared checkouts with what was found of each."""
    return [
        JudgedCheckout(
            place=place,
            state=one.state,
            commits=one.commits,
            wanted=wanted.commits,
            failure=one.failure,
            changed=one.changed,
            absent=one.absent,
        )
        for (place, wanted), one in zip(entry.checkouts.items(), found, strict=True)
    ]


def must_be_seen(judged: list[JudgedCheckout]) -> None:
    """Raise Denied where a checkout may not be looked into."""
    for one in judged:
        if one.state == "hidden":
            raise Denied(f"{one.place} may not be searched", _GRANT)


def readable(judged: list[JudgedCheckout]) -> list[JudgedCheckout]:
    """Those that git can read; NotApplicable where it reads none, which is a finding of its own."""
    must_be_seen(judged)
    found = [one for one in judged if one.is_readable]
    if not found:
        raise NotApplicable("git can read no checkout (host.checkout-history-unreadable)")
    return found
