"""fail2ban: whether it runs, and which jails are on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sickbay.errors import NotApplicable
from sickbay.facts import Record, fact
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.command import Command

_NOT_RUNNING = 255
_SCRIPT = """
told=$(fail2ban-client status 2>&1); ended=$?
case $told in *'ermission denied'*) printf '%s\\n' "$told" >&2; exit 1 ;; esac
printf '%s\\n' "$told"; exit "$ended"
"""


def _script(entry: HostEntry, _: Mapping[str, Any]) -> str | None:
    return _SCRIPT if entry.fail2ban else None


@fact(
    "jails",
    Command(
        _script,
        tool="fail2ban-client",
        root=True,
        everything=True,
        accept=(0, _NOT_RUNNING),
        grant="set sudo: true for this host: fail2ban answers root only",
    ),
)
class Jails(Record):
    """What fail2ban-client(1) says: the jails that are on; ``running`` is False without a server."""

    of: str
    running: bool
    names: tuple[str, ...] = ()

    @classmethod
    def parse(cls, out: str) -> Jails:
        """Parse ``fail2ban-client status``."""
        if not out:
            raise NotApplicable("the inventory declares no jails of fail2ban for this host")
        if "Is fail2ban running" in out or "Unable to contact server" in out:
            return cls(of="fail2ban", running=False)
        found = re.search(r"Jail list:[ \t]*(.*)", out)
        if found is None:
            raise ValueError("fail2ban-client tells of no jails")
        return cls(
            of="fail2ban",
            running=True,
            names=tuple(name for name in re.split(r",\s*", found[1].strip()) if name),
        )


class MissingJail(Record):
    """A declared jail that is not on."""

    name: str
    fail2ban_runs: bool


def missing_jails(entry: HostEntry, jails: Jails) -> tuple[MissingJail, ...]:
    """The declared jails that are not on."""
    return tuple(
        MissingJail(name=name, fail2ban_runs=jails.running)
        for name in entry.fail2ban
        if name not in jails.names
    )
