"""The addresses that this host has to reach, tried from where it stands."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any, Self

from sickbay.errors import NotApplicable, Unsupported
from sickbay.facts import Record, fact
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.command import Command

_SECONDS = 3
_HELD = 2
"""Seconds for which a connection through a tunnel has to stay open."""
# All at once, each under its own time. A connection is opened and closed; nothing is sent.
_TRY = f"""
try() {{
  host=${{1%:*}}; port=${{1##*:}}; host=${{host#[}}; host=${{host%]}}
  case $host in *[!0-9a-fA-F.:]*)
    if command -v getent >/dev/null 2>&1 && ! getent ahosts "$host" >/dev/null 2>&1; then
      echo "$1 unresolved"; return
    fi ;;
  esac
  if command -v bash >/dev/null 2>&1 && command -v timeout >/dev/null 2>&1; then
    said=$(timeout {_SECONDS} bash -c ': </dev/tcp/"$0"/"$1"' "$host" "$port" 2>&1)
  elif command -v nc >/dev/null 2>&1; then
    said=$(nc -z -w {_SECONDS} "$host" "$port" 2>&1)
  else
    echo "$1 untried"; return
  fi
  ended=$?; echo "$1 $ended $(echo "$said" | tr '\n' ' ')"
}}
"""
# Who forwards connections takes one whether or not somebody answers behind it, and closes it then.
_HOLD = f"""
hold() {{
  command -v bash >/dev/null 2>&1 && command -v timeout >/dev/null 2>&1 || {{ echo "$1 untried"; return; }}
  host=${{1%:*}}; host=${{host#[}}
  said=$(timeout {_HELD} bash -c 'exec 3<>/dev/tcp/"$0"/"$1" && echo open && cat >/dev/null <&3' \
    "${{host%]}}" "${{1##*:}}" 2>&1); ended=$?
  case $said:$ended in
    open:124 | open:143) echo "$1 0" ;;
    open*) echo "$1 closed" ;;
    *) echo "$1 $ended $(echo "$said" | tr '\n' ' ')" ;;
  esac
}}
"""
_TIMED_OUT = frozenset(("124", "143"))
"""timeout(1): it ended the command; 143 is what BusyBox says."""
_WORDS = (
    (("refused",), "refused"),
    (("no route", "unreachable"), "no-route"),
    (("timed out",), "timed-out"),
    (("name or service", "not known", "bad address", "resolve"), "unresolved"),
)


def _needed(entry: HostEntry, _: Mapping[str, Any]) -> str | None:
    tried = _tries(entry.reaches)
    if not entry.tunnels:
        return tried
    holds = " ".join(f"hold {shlex.quote(one)} &" for one in entry.tunnels)
    return f"{_HOLD}{holds}\n{tried or 'wait; exit 0'}"


def _foreign(entry: HostEntry, _: Mapping[str, Any]) -> str | None:
    return _tries(entry.unreachable)


def _tries(addresses: tuple[str, ...]) -> str | None:
    if not addresses:
        return None
    return _TRY + " ".join(f"try {shlex.quote(one)} &" for one in addresses) + " wait; exit 0"


@fact("peers", Command(_needed))
class Peer(Record):
    """A TCP address that this host has to reach, and how trying went.

    ``outcome`` is ``connected``, ``closed`` (a tunnel did not keep the connection), ``unresolved``,
    ``refused``, ``no-route``, ``timed-out`` or ``failed``; ``said`` is what the tool said of it.
    """

    address: str
    outcome: str
    said: str = ""

    @classmethod
    def parse(cls, out: str) -> tuple[Peer, ...]:
        """Parse a line for each address: how the tool ended, and what it said."""
        if not out:
            raise NotApplicable("the inventory names no addresses that this host has to reach")
        return tuple(cls._from(line) for line in sorted(out.splitlines()))

    @classmethod
    def _from(cls, line: str) -> Self:
        address, _, rest = line.partition(" ")
        ended, _, said = rest.partition(" ")
        if ended == "untried":
            raise Unsupported(
                "neither bash with timeout nor nc is there to try a connection with",
                "install netcat-openbsd, or bash and coreutils",
            )
        if ":" not in address or not (
            ended in {"unresolved", "closed"} or (ended.isascii() and ended.isdigit())
        ):
            raise ValueError(f"{line[:80]!r} tells of no address")
        return cls(address=address, outcome=_outcome(ended, said), said=said.strip()[:200])


@fact("foreign_peers", Command(_foreign))
class ForeignPeer(Peer):
    """A TCP address that must not take connections from this host, and how trying went (see ``Peer``)."""

    @classmethod
    def parse(cls, out: str) -> tuple[ForeignPeer, ...]:
        """Parse as ``Peer`` does."""
        if not out:
            raise NotApplicable("the inventory names no addresses that this host must not reach")
        return tuple(cls._from(line) for line in sorted(out.splitlines()))


def _outcome(ended: str, said: str) -> str:
    if ended in {"unresolved", "closed"}:
        return ended
    if ended == "0":
        return "connected"
    if ended in _TIMED_OUT:
        return "timed-out"
    small = said.lower()
    return next((name for words, name in _WORDS if any(w in small for w in words)), "failed")
