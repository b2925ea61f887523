"""One POSIX-sh script out of many commands, and its two output streams taken apart again. Pure.

The script runs in dash, bash and BusyBox ash. It comes in on standard input or as one argument,
writes nothing to the host's disk, and ends on its own: each part under its own time limit, and the
whole of it when the time that it was given is up, so that nothing is left behind on a host whose
connection broke.

Behind each part a line goes to standard output and one to standard error: a nonce that no output
can contain by chance, the part's name, and its exit status or a word for why it did not run. What
stands between two such lines is the output of one part, whatever its bytes are. A stream that
breaks off yields the parts that are complete.
"""

from __future__ import annotations

import re
import secrets
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from sickbay.errors import Denied, Missing, TimedOut, Unreadable, Unsupported
from sickbay.inventory.units import show

SUDO = "sudo"
"""Name of the frame behind the script that ran with other rights, with the exit status of sudo."""
BEGIN = "begin"
"""Name of the frame that opens the output; what stands before it is none of ours (a login banner)."""

_NOT_FOUND = 127
_OVER_LIMIT = {"overtime", 124, 137}
_QUOTED = 200

_DENIED = re.compile(
    r"(?i)permission denied|not permitted|must be (?:super|run as )?root|are you root|only root"
    r"|access denied|a password is required|a terminal is required|not in the sudoers|may not run sudo"
    r"|is not allowed to (?:run|execute)"
)
_BLIND = re.compile(
    r"(?i)not seeing messages from other users|insufficient permissions|no journal files were found"
)
"""What journalctl says when the user may not read the journal; it ends well all the same."""
_OTHER_TOOL = re.compile(r"(?i)(?:invalid|unrecognized|unknown|illegal) option|applet not found")
"""What a tool of that name but of another make says, such as one of BusyBox's."""

# $1 name, $2 limit (s), $3 tool, $4 script.
# A part is a subshell and what it starts; all else is done by builtins, so that a hundred parts cost
# a hundred forks and not a thousand. One ticker serves as clock and alarm for all of them: it
# interrupts `wait` once a second, and a part over its limit is killed with all its descendants, as
# /proc knows them. (A process group each would need setsid or timeout, an exec for every part.) What
# even SIGKILL does not end, such as a process waiting for a dead disk, is left behind after 2 s.
_PRELUDE = r"""
PATH="${PATH:+$PATH:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LC_ALL=C
export PATH LC_ALL
unset ENV BASH_ENV
frame() { printf '\n%s %s %s\n' "$nonce" "$1" "$2"; printf '\n%s %s %s\n' "$nonce" "$1" "$2" >&2; }
t=0 ticked=
trap 't=$((t + 1)) ticked=1' ALRM
( trap 'kill "$z"; wait "$z"; exit' TERM
  while :; do sleep 1 & z=$!; wait "$z"; kill -ALRM "$$" || exit; done ) </dev/null >/dev/null 2>&1 &
ticker=$!
family() {
  pairs=$(for f in /proc/[0-9]*/stat; do
    read -r l <"$f" || continue
    f=${f#/proc/} l=${l##*) } l=${l#* }
    echo "${f%/stat}:${l%% *}"
  done)
  found=$1 parents=" $1 "
  while [ -n "$parents" ]; do
    children=
    for pair in $pairs; do
      case $parents in *" ${pair#*:} "*) children="$children ${pair%:*}" ;; esac
    done
    found="$found$children" parents=${children:+"$children "}
  done
}
run() {
  stop=$((t + $1)) over=; shift
  ( "$@" ) </dev/null & p=$!
  while ticked=; wait "$p"; s=$?; [ -n "$ticked" ] && [ "$s" = 142 ]; do
    [ "$t" -lt "$stop" ] && continue
    over=1
    [ "$t" -lt $((stop + 2)) ] || break
    family "$p"
    kill -KILL $found
  done 2>/dev/null
  [ -z "$over" ] || s=overtime
}
part() {
  left=$((end - t)); [ "$left" -gt "$2" ] && left=$2
  if [ -n "$3" ] && ! command -v "$3" >/dev/null 2>&1; then s=missing
  elif [ "$left" -lt 1 ]; then s=late
  else run "$left" eval "$4"
  fi
  frame "$1" "$s"
}
"""
# All that needs other rights is one script more, under one sudo: each sudo costs the host as much as
# many parts, and three lines in its log. What sudo started cannot be ended by who called it, so that
# script keeps its own time.
_ELEVATED = """
left=$((end - t))
[ "$left" -ge 1 ] || left=1
if [ "$(id -u)" = 0 ]; then become=; fi
printf '%s\\n' "$elevated" | $become sh -s "$left"
frame SUDO "$?"
"""

AS_READER = (
    "setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs "
    "--inh-caps +dac_read_search --ambient-caps +dac_read_search "
    "--bounding-set -all,+dac_read_search"
)
"""The command, under sudo, of nobody with the one right to read every file (capabilities(7))."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of shell to be run on a host; the fields are Command's, with the script resolved."""

    script: str
    tool: str | None = None
    timeout: float = 5.0
    root: bool = False
    everything: bool = False
    accept: tuple[int, ...] = (0,)
    grant: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one part printed, and its exit status, or ``missing`` (tool) or ``late`` (no time left)."""

    stdout: str
    stderr: str
    status: int | str


def new_nonce() -> str:
    """A word that no output contains by chance."""
    return secrets.token_hex(16)


def build(
    parts: Mapping[str, Part], nonce: str, *, seconds: float, sudo: bool | Literal["read"] = False
) -> str:
    """The script. It ends within ``seconds`` on the host.

    ``sudo`` lets parts marked root use it: as root, or (``read``) as nobody who may read every file,
    which is not enough for those that need everything that root has.
    """
    elevated = {name: part for name, part in parts.items() if is_elevated(part, sudo)}
    lines = [_opening(nonce), f"frame {BEGIN} 0", f"end={max(1, int(seconds))}"]
    lines += [_call(name, part) for name, part in parts.items() if name not in elevated]
    if elevated:
        inner = [_opening(nonce), "end=$1"]
        inner += [_call(name, part) for name, part in elevated.items()]
        become = "sudo -n" if sudo is True else f"sudo -n {AS_READER}"
        lines += [
            f"elevated={shlex.quote(_whole(inner))}",
            f"become={shlex.quote(become)}",
            _ELEVATED.strip().replace("SUDO", SUDO),
        ]
    return _whole(lines)


def is_elevated(part: Part, sudo: bool | Literal["read"]) -> bool:
    """Whether a part runs under sudo where the inventory allows that much of it."""
    return part.root and (sudo is True or (bool(sudo) and not part.everything))


def _opening(nonce: str) -> str:
    return f"{_PRELUDE.strip()}\nnonce={nonce}"


def _call(name: str, part: Part) -> str:
    words = (name, str(max(1, round(part.timeout))), part.tool or "", part.script)
    return "part " + " ".join(shlex.quote(word) for word in words)


def _whole(lines: Iterable[str]) -> str:
    """The lines as a script. The braces make the shell read all of it before it runs any of it."""
    # An orphan would stay as a zombie in a container whose first process does not reap.
    return "\n".join(("{", *lines, 'kill "$ticker"', 'wait "$ticker"', "exit 0", "}", ""))


def begun(stdout: bytes, nonce: str) -> bool:
    """Whether the host's shell took the script at all."""
    return f"\n{nonce} {BEGIN} 0\n".encode() in stdout


def parse(
    stdout: bytes, stderr: bytes, nonce: str, elevated: Iterable[str] = ()
) -> Mapping[str, Answer]:
    """The answers of all parts that are complete in both streams.

    ``elevated`` are those that run under sudo: where it failed, what it said is their answer.
    """
    out, err = _sections(stdout, nonce), _sections(stderr, nonce)
    answers: dict[str, Answer] = {}
    for name, (text, word) in out.items():
        if name in err:
            status = int(word) if word.isdigit() else word
            answers[name] = Answer(_text(text), _text(err[name][0]), status)
    sudo = answers.pop(SUDO, None)
    if sudo is not None and sudo.status != 0:
        answers |= {name: sudo for name in elevated if name not in answers}
    return answers


def _sections(stream: bytes, nonce: str) -> dict[str, tuple[bytes, str]]:
    frame = re.compile(rb"\n%s (\w{1,100}) (\w{1,20})\n" % re.escape(nonce.encode()))
    sections: dict[str, tuple[bytes, str]] = {}
    position = None
    for found in frame.finditer(stream):
        name = found[1].decode(errors="replace")
        if name == BEGIN:
            position = found.end()
        elif position is not None:
            sections.setdefault(
                name, (stream[position : found.start()], found[2].decode(errors="replace"))
            )
            position = found.end()
    return sections


def _text(data: bytes) -> str:
    return data.decode("utf-8", errors="replace")


def failure(part: Part, answer: Answer) -> Missing | None:
    """Why the answer holds no fact, or None when it does."""
    status = answer.status
    no_such_tool = status == _NOT_FOUND or _OTHER_TOOL.search(answer.stderr)
    if status == "missing" or (status not in part.accept and no_such_tool):
        return _unsupported(part, answer)
    if status == "late":
        return TimedOut(
            "the host's other answers took all the time that there was",
            "raise the host's deadline, or find out what slows it down",
        )
    denied = _BLIND.search(answer.stderr)
    if denied is None and status in part.accept:
        return None
    if denied is not None or _DENIED.search(answer.stderr):
        return Denied(_first_line(answer.stderr), part.grant or _what_to_grant(part))
    if status in _OVER_LIMIT:
        return TimedOut(
            f"the host gave no answer within {show(part.timeout, 'seconds')}",
            f"run it there by hand to see what holds it up: {_short(part.script)}",
        )
    said = _first_line(answer.stderr) or _first_line(answer.stdout) or "it said nothing"
    return Unreadable(f"exit status {status}: {said}", f"asked by: {_short(part.script)}")


def _unsupported(part: Part, answer: Answer) -> Unsupported:
    if answer.status == "missing":
        return Unsupported(
            f"{part.tool!r} is not installed", f"install what brings the command {part.tool!r}"
        )
    said = _first_line(answer.stderr) or "a command was not found"
    return Unsupported(said, "install what brings this command (its usual form, not BusyBox's)")


def _what_to_grant(part: Part) -> str:
    if part.root:
        return "set sudo: true for this host and let the user run sh as root without a password"
    return "give the user the right to read this"


def _first_line(text: str) -> str:
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line[:_QUOTED]


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _QUOTED else line[: _QUOTED - 1] + "…"
