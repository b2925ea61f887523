"""What no journal should tell of: a crash, or that memory, space or a port was not to be had."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from sickbay.facts import Record, fact
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.command import Command
from sickbay.targets.host.facts.units import unit_name
from sickbay.targets.host.journalctl import ASK, GRANT, Entry, ask, entries, when
from sickbay.targets.host.sections import mark, sections

DAY, HOUR = 86400, 3600
_NEWEST = 500
_KEPT = 20
_CRASH = "segfault at |general protection fault|code=dumped|status=11/SEGV|dumped core"
_LACK = {
    "memory": r"(?i:memory allocation of \d+ bytes failed|cannot allocate memory|\bout of memory\b)"
    r"|OutOfMemoryError|\bMemoryError\b",
    "space": "(?i:no space left on device|could not extend file|could not write to file"
    r"|disk quota exceeded)|\bENOSPC\b",
}
_PORT = r"(?i:address already in use|errno 98\b|error while attempting to bind)|\bEADDRINUSE\b"


def _script(entry: HostEntry, _: Mapping[str, Any]) -> str:
    units = [word for name in entry.units for word in ("-u", unit_name(name))]
    # The kernel and systemd tell of crashes; a program that is told to would only be talking.
    told = ["-t", "kernel", "-t", "systemd", "-t", "systemd-coredump"]
    looks = [
        ("now", "date +%s"),
        ("crash", ask(*told, newest=_NEWEST, seconds=DAY, holds=_CRASH)),
        # One look through all of a day, however many things are looked for.
        ("lack", ask(newest=_NEWEST, seconds=DAY, holds="|".join(_LACK.values()))),
        # Who got the port at the second try has it.
        ("port", ask(*units, newest=_NEWEST, seconds=HOUR, holds=_PORT) if units else ":"),
    ]
    return ASK + "\n".join(f"{mark(name)}\n{line}" for name, line in looks)


@fact(
    "journal_troubles",
    Command(_script, tool="journalctl", root=True, grant=GRANT),
)
class Trouble(Record):
    """A unit or program of which the journal tells of a crash, or of what it could not have.

    ``kind`` is ``crash``, or what was not to be had: ``memory`` or ``space`` within a day (``lack``
    where a message is too long to tell which), or, for a declared unit within an hour, a ``port``.
    """

    source: str
    kind: str
    found: int
    """Lines that say so; the newest 500 are read."""
    last: str
    """When, in UTC, the newest of them was written."""
    age_seconds: float
    """Of the newest."""
    message: str
    """The newest of them."""

    @classmethod
    def parse(cls, out: str) -> tuple[Trouble, ...]:
        """Parse the entries of each kind."""
        parts = sections(out)
        now = int(parts["now"])
        found: dict[tuple[str, str], list[Entry]] = {}
        for section in ("crash", "lack", "port"):
            for row in entries(parts[section]):
                kind = _lack(row.message) if section == "lack" else section
                found.setdefault((row.source, kind), []).append(row)
        troubles = [cls._from(*key, rows, now) for key, rows in found.items()]
        return tuple(sorted(troubles, key=lambda one: (one.age_seconds, one.source))[:_KEPT])

    @classmethod
    def _from(cls, source: str, kind: str, rows: list[Entry], now: int) -> Trouble:
        newest = max(rows, key=lambda row: row.seconds)
        return cls(
            source=source,
            kind=kind,
            found=len(rows),
            last=when(newest.seconds),
            age_seconds=max(0, now - int(newest.seconds)),
            message=newest.message,
        )


def _lack(message: str) -> str:
    return next((kind for kind, words in _LACK.items() if re.search(words, message)), "lack")


def recent(troubles: Iterable[Trouble], window: float, *kinds: str) -> list[Trouble]:
    """Those not older than ``window`` seconds, of these kinds or of any."""
    return [
        one for one in troubles if one.age_seconds <= window and (not kinds or one.kind in kinds)
    ]
