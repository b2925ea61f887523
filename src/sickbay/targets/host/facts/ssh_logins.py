"""Who was refused by sshd, and whether root came in by a password."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sickbay.facts import Record, fact
from sickbay.targets.host.command import Command
from sickbay.targets.host.journalctl import ASK, GRANT, Entry, ask, entries, when
from sickbay.targets.host.sections import mark, sections

NEWEST = 2000
"""Entries that are read at most."""
_HOUR = 3600
_KEPT = 10
_HOLDS = "^Failed (?:password|keyboard-interactive|none) |^Invalid user |^Accepted (?:password|keyboard-interactive)\\S* for root "
# A name is whatever the stranger typed; the address stands behind the last "from".
_FROM = re.compile(r".* from (\S{1,64}) port \d+")
_OPTIONS = ("-t", "sshd", "-t", "sshd-session", "-t", "sshd-auth")


@fact(
    "ssh_logins",
    Command(
        f"{ASK}{mark('logins')}\n{ask(*_OPTIONS, newest=NEWEST, seconds=_HOUR, holds=_HOLDS)}",
        tool="journalctl",
        root=True,
        grant=GRANT,
    ),
)
class SshLogins(Record):
    """Logins that sshd refused within an hour, and those of root that a password opened."""

    of: str
    refused: int
    """Passwords that were wrong, and names that are none."""
    is_cut: bool
    """There are more than were read."""
    sources: dict[str, int] = {}
    """The addresses that most of them came from, and how many each."""
    root_by_password: tuple[str, ...] = ()
    """When, and from which address."""

    @classmethod
    def parse(cls, out: str) -> SshLogins:
        """Parse sshd's entries."""
        rows = list(entries(sections(out)["logins"]))
        refused = list(_refused(rows))
        by_address: dict[str, int] = {}
        for row in refused:
            by_address[_address(row)] = by_address.get(_address(row), 0) + 1
        most = sorted(by_address.items(), key=lambda item: (-item[1], item[0]))[:_KEPT]
        accepted = [row for row in rows if row.message.startswith("Accepted ")]
        return cls(
            of="SSH logins of the last hour",
            refused=len(refused),
            is_cut=len(rows) >= NEWEST,
            sources=dict(most),
            root_by_password=tuple(f"{when(row.seconds)} from {_address(row)}" for row in accepted)[
                :_KEPT
            ],
        )


def _refused(rows: Iterable[Entry]) -> Iterable[Entry]:
    """An unknown name is told of once more with each password that is tried for it."""
    failed = [row for row in rows if row.message.startswith("Failed ")]
    tried = {row.pid for row in failed}
    unknown = [row for row in rows if row.message.startswith("Invalid user ")]
    return [*failed, *(row for row in unknown if row.pid not in tried)]


def _address(row: Entry) -> str:
    found = _FROM.match(row.message)
    return found[1] if found else "unknown"
