"""The logins by SSH that have to work from this host, tried from where it stands."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from sickbay.errors import NotApplicable
from sickbay.facts import Record, fact
from sickbay.inventory.declared.logins import DeclaredLogin
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.command import Command
from sickbay.targets.host.sections import mark, sections

CONNECT_SECONDS = 5
"""Until the other side has sent its banner."""
_SECONDS = 8
_LONGEST = 300
_GRANT = "set sudo: true for this host: only root may log in for another account, with its key"

# Nothing is asked, nothing is written (known hosts, sockets), nothing is forwarded, and nothing is
# run over there but true. ssh takes its home from the account, not from the environment.
_OPTIONS = " ".join(
    f"-o {option}"
    for option in (
        "BatchMode=yes", "StrictHostKeyChecking=yes", "UpdateHostKeys=no", "IdentitiesOnly=yes",
        "PreferredAuthentications=publickey", "NumberOfPasswordPrompts=0", "ConnectionAttempts=1",
        f"ConnectTimeout={CONNECT_SECONDS}", "ControlMaster=no", "ControlPath=none",
        "ClearAllForwardings=yes", "ForwardAgent=no", "ForwardX11=no", "PermitLocalCommand=no",
        "RemoteCommand=none", "RequestTTY=no",
    )
)  # fmt: skip
_LOGIN = f"""
denied() {{ echo "$1: Permission denied" >&2; exit 1; }}
login() {{
  name=$1; shift
  said=$(timeout {_SECONDS} "$@" true 2>&1 </dev/null); ended=$?
  banner=$(printf '%s\\n' "$said" | grep -m 1 -o 'remote software version .*')
  said=$(printf '%s\\n' "$said" | grep -v -e '^debug1: ' -e '^OpenSSH_' | tr '\\n\\r' '  ' | tail -c {_LONGEST})
  printf '%s %s\\n%s\\n%s\\n' "$name" "$ended" "$banner" "$said"
}}
"""


def _script(entry: HostEntry, _: Mapping[str, Any]) -> str | None:
    if not entry.logins:
        return None
    calls = [_call(str(number), login) for number, login in enumerate(entry.logins.values())]
    return (
        "command -v timeout >/dev/null || { echo 'timeout: not found' >&2; exit 127; }\n"
        f"{_LOGIN}{mark('logins')}\n" + "\n".join(calls) + f"\nwait; {mark('end')}"
    )


def _call(name: str, login: DeclaredLogin) -> str:
    host, _, port = login.address.rpartition(":")
    words = ["-i", login.key, "-p", port, "-l", login.user, host.strip("[]")]
    known = (
        f"-o {shlex.quote('UserKnownHostsFile=' + login.known_hosts)} " if login.known_hosts else ""
    )
    ssh = f"ssh -v {_OPTIONS} {known}{shlex.join(words)}"
    if login.account is None:
        key = shlex.quote(login.key)
        return f"[ -r {key} ] || [ ! -e {key} ] || denied {key}\nlogin {name} {ssh} &"
    account = shlex.quote(login.account)
    return (
        f'if [ "$(id -un)" = {account} ]; then login {name} {ssh} &\n'
        f'elif [ "$(id -u)" != 0 ]; then denied {account}\n'
        f"else group=$(id -g {account}) || exit\n"
        f'login {name} setpriv --reuid {account} --regid "$group" --init-groups {ssh} &\nfi'
    )


@fact(
    "key_logins",
    Command(_script, tool="ssh", root=True, everything=True, grant=_GRANT, timeout=_SECONDS + 3),
)
class KeyLogin(Record):
    """How a declared login went (ssh(1)): the command ``true``, with a key, and no question asked.

    ``number`` is its place in the inventory. ``banner`` is the software that the other side names;
    empty where it sent none in time. ``outcome`` is ``in``, or why not: ``refused``, ``timed-out``,
    ``unresolved``, ``no-route``, ``key-too-open``, ``host-unknown``, ``not-accepted``,
    ``command-failed`` or ``failed``; ``said`` is what ssh said of that.
    """

    number: int
    banner: str
    outcome: str
    said: str

    @classmethod
    def parse(cls, out: str) -> tuple[KeyLogin, ...]:
        """Parse three lines for each: number and exit status, the banner, what ssh said at last."""
        if not out:
            raise NotApplicable("the inventory declares no logins from this host")
        parts = sections(out)
        if "end" not in parts:
            raise ValueError("the answer breaks off before its end")
        lines = f"{parts['logins']}\n\n".split("\n")
        rows = []
        while lines and lines[0]:
            head, banner, said, *lines = lines
            number, ended = map(int, head.split(" "))
            outcome = _outcome(ended, said, came=banner != "")
            rows.append(
                cls(
                    number=number,
                    banner=banner.removeprefix("remote software version ").strip()[:_LONGEST],
                    outcome=outcome,
                    said="" if outcome == "in" else said.strip()[:_LONGEST],
                )
            )
        return tuple(sorted(rows, key=lambda one: one.number))


_TIMED_OUT = frozenset((124, 143))
_FAILED = 255
_WORDS = (
    ("unprotected private key", "key-too-open"),
    ("bad permissions", "key-too-open"),
    ("host key verification failed", "host-unknown"),
    ("permission denied (", "not-accepted"),
    ("too many authentication failures", "not-accepted"),
    ("could not resolve", "unresolved"),
    ("connection refused", "refused"),
    ("no route to host", "no-route"),
    ("unreachable", "no-route"),
    ("timed out", "timed-out"),
)


def _outcome(ended: int, said: str, *, came: bool) -> str:
    if ended == 0:
        return "in" if came else "failed"
    if ended in _TIMED_OUT:
        return "timed-out"
    if ended != _FAILED:
        return "command-failed" if came else "failed"
    small = said.lower()
    return next((outcome for words, outcome in _WORDS if words in small), "failed")


class TriedLogin(Record):
    """A declared login, and how it went."""

    login: str
    to: str
    outcome: str
    has_banner: bool
    said: str


def tried_logins(entry: HostEntry, tried: tuple[KeyLogin, ...]) -> tuple[TriedLogin, ...]:
    """The declared logins with what came of each."""
    return tuple(
        TriedLogin(
            login=name,
            to=f"{wanted.user}@{wanted.address}",
            outcome=one.outcome,
            has_banner=one.banner != "",
            said=one.said,
        )
        for (name, wanted), one in zip(entry.logins.items(), tried, strict=True)
    )
