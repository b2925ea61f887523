"""What can be reached, and must not be, from where the host stands: names, pings, answers."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from sickbay.errors import Denied, NotApplicable, TimedOut
from sickbay.facts import Record, fact
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.command import Command

_SECONDS = 4
_PINGS = 3


def _side_by_side(function: str, calls: list[str]) -> str:
    """Each call in a process of its own; what one prints stays together."""
    lines = "\n".join(f'(said=$(one {call}); echo "$said") &' for call in calls)
    return f"one() {{\n{function}\n}}\n{lines}\nwait; exit 0"


# ---------------------------------------------------------------------- names


def _names(entry: HostEntry, _: Mapping[str, Any]) -> str | None:
    names = list(dict.fromkeys([*entry.resolves, *entry.unresolvable]))
    if not names:
        return None
    look = (
        f'said=$(timeout {_SECONDS} getent ahosts "$1"); ended=$?\n'
        'echo "$1 $ended $(echo "$said" | while read -r a _; do echo "$a"; done | sort -u | tr \'\\n\' \' \')"'
    )
    return _side_by_side(look, [shlex.quote(name) for name in names])


@fact("host_names", Command(_names, tool="getent", timeout=_SECONDS + 2))
class HostName(Record):
    """A declared name and the addresses that the host itself finds for it (getent(1)); none: unknown."""

    name: str
    addresses: tuple[str, ...] = ()

    @classmethod
    def parse(cls, out: str) -> tuple[HostName, ...]:
        """Parse ``NAME STATUS ADDRESS...`` lines; 2 is getent's word for: not found."""
        if not out:
            raise NotApplicable(
                "the inventory names no names that this host has to know, or must not"
            )
        rows = []
        for line in sorted(out.splitlines()):
            name, ended, *addresses = line.split()
            if ended == "124":
                raise TimedOut(
                    f"{name} was not answered for within {_SECONDS} s",
                    "see whether the host's name servers answer (/etc/resolv.conf)",
                )
            if ended not in {"0", "2"} or (ended == "0") != bool(addresses):
                raise ValueError(f"getent ended with {ended} for {name}")
            rows.append(cls(name=name, addresses=tuple(addresses)))
        return tuple(rows)


class JudgedName(Record):
    """A name beside what the inventory wants of it."""

    name: str
    addresses: tuple[str, ...]
    wanted: tuple[str, ...]
    must_not_resolve: bool

    @property
    def is_wrong(self) -> bool:
        """It has to resolve and does not, or not to what is wanted."""
        return not self.must_not_resolve and (
            not self.addresses or not set(self.wanted) <= set(self.addresses)
        )

    @property
    def leaks(self) -> bool:
        """It must not resolve, and does."""
        return self.must_not_resolve and bool(self.addresses)


def judged_names(entry: HostEntry, names: tuple[HostName, ...]) -> tuple[JudgedName, ...]:
    """The names that the host was asked for."""
    return tuple(
        JudgedName(
            name=one.name,
            addresses=one.addresses,
            wanted=entry.resolves.get(one.name, ()),
            must_not_resolve=one.name in entry.unresolvable,
        )
        for one in names
    )


# ---------------------------------------------------------------------- pings


def _pings(entry: HostEntry, _: Mapping[str, Any]) -> str | None:
    if not entry.pings:
        return None
    look = (
        'route=yes; case $1 in *[!0-9.]*) ;; *) ip route get "$1" >/dev/null 2>&1 || route=no ;; esac\n'
        f'said=$(ping -n -q -c {_PINGS} -i 0.2 -W 1 -w {_SECONDS} "$1" 2>&1)\n'
        "echo \"$1 $route $(echo \"$said\" | tr '\\n' ' ')\""
    )
    return _side_by_side(look, [shlex.quote(one) for one in entry.pings])


@fact("pings", Command(_pings, tool="ping", timeout=_SECONDS + 3))
class Ping(Record):
    """How a declared host answered a few pings (ping(8)). ``seconds`` is the mean, None without any."""

    host: str
    sent: int
    answered: int
    seconds: float | None = None
    has_route: bool = True
    known: bool = True
    """Its name has an address."""

    @property
    def loss(self) -> float:
        return 1 - self.answered / self.sent if self.sent else 1.0

    @classmethod
    def parse(cls, out: str) -> tuple[Ping, ...]:
        """Parse ``HOST ROUTE`` and the summary of iputils' or BusyBox's ping, a line each."""
        if not out:
            raise NotApplicable("the inventory names no hosts to ping from this one")
        return tuple(cls._from(line) for line in sorted(out.splitlines()))

    @classmethod
    def _from(cls, line: str) -> Ping:
        host, route, said = line.split(" ", 2)
        if "not permitted" in said or "denied" in said.lower():
            raise Denied(
                f"ping {host}: {said[:100]}",
                "let the user ping: setcap cap_net_raw+ep on ping, or sysctl net.ipv4.ping_group_range",
            )
        if re.search("unreachable|No route", said) and "transmitted" not in said:
            return cls(host=host, sent=0, answered=0, has_route=False)
        if re.search("not known|bad address|failure in name", said):
            return cls(host=host, sent=0, answered=0, known=False)
        counts = re.search(r"(\d+) packets transmitted, (\d+) (?:packets )?received", said)
        if counts is None or route not in {"yes", "no"}:
            raise ValueError(f"ping said nothing that can be understood: {said[:100]!r}")
        mean = re.search(r"= [\d.]+/([\d.]+)/", said)
        return cls(
            host=host,
            sent=int(counts[1]),
            answered=int(counts[2]),
            seconds=float(mean[1]) / 1000 if mean else None,
            has_route=route == "yes",
        )


# ---------------------------------------------------------------------- answers


def _answers(entry: HostEntry, _: Mapping[str, Any]) -> str | None:
    if not entry.answers:
        return None
    look = (
        f"said=$(curl -s -S -o /dev/null -m {_SECONDS} -w '%{{http_code}}' -- \"$1\" 2>&1)\n"
        "echo \"$1 $(echo \"$said\" | tr '\\n' ' ')\""
    )
    return _side_by_side(look, [shlex.quote(url) for url in entry.answers])


@fact("host_answers", Command(_answers, tool="curl", timeout=_SECONDS + 2))
class HostAnswer(Record):
    """What a declared URL answers to a GET from the host (curl(1)). ``status`` 0: nothing."""

    url: str
    status: int
    said: str = ""

    @classmethod
    def parse(cls, out: str) -> tuple[HostAnswer, ...]:
        """Parse ``URL [curl: (N) message] STATUS`` lines."""
        if not out:
            raise NotApplicable("the inventory names no URLs that have to answer this host")
        rows = []
        for line in sorted(out.splitlines()):
            url, _, said = line.strip().partition(" ")
            *words, status = said.split()
            rows.append(cls(url=url, status=int(status), said=" ".join(words)[:200]))
        return tuple(rows)


class JudgedAnswer(Record):
    """An answer beside the status that the inventory wants."""

    url: str
    status: int
    wanted: int
    said: str = ""

    @property
    def is_wrong(self) -> bool:
        return self.status != self.wanted


def judged_answers(entry: HostEntry, answers: tuple[HostAnswer, ...]) -> tuple[JudgedAnswer, ...]:
    """The URLs that the host was told to ask."""
    return tuple(
        JudgedAnswer(url=one.url, status=one.status, wanted=entry.answers[one.url], said=one.said)
        for one in answers
    )
