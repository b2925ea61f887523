"""What no journal should tell of: a crash, or that memory, space or a port was not to be had."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sickbay.facts import Record, fact
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.command import Command
from sickbay.targets.host.facts.units import unit_name
from sickbay.targets.host.journalctl import ASK, GRANT, ask, entries, when
from sickbay.targets.host.sections import mark, sections

DAY, HOUR = 86400, 3600
_NEWEST = 200
_KEPT = 20
_CRASH = "segfault at |general protection fault|code=dumped|status=11/SEGV|dumped core"
_MEMORY = (
    r"(?i:memory allocation of \d+ bytes failed|cannot allocate memory|\bout of memory\b)"
    r"|OutOfMemoryError|\bMemoryError\b"
)
_SPACE = (
    "(?i:no space left on device|could not extend file|could not write to file"
    r"|disk quota exceeded)|\bENOSPC\b"
)
_PORT = r"(?i:address already in use|errno 98\b|error while attempting to bind)|\bEADDRINUSE\b"


def _script(entry: HostEntry, _: Mapping[str, Any]) -> str:
    units = [word for name in entry.units for word in ("-u", unit_name(name))]
    # The kernel and systemd tell of crashes; a program that is told to would only be talking.
    told = ["-t", "kernel", "-t", "systemd", "-t", "systemd-coredump"]
    looks = [
        ("crash", ask(*told, newest=_NEWEST, seconds=DAY, holds=_CRASH)),
        ("memory", ask(newest=_NEWEST, seconds=DAY, holds=_MEMORY)),
        ("space", ask(newest=_NEWEST, seconds=DAY, holds=_SPACE)),
        # Who got the port at the second try has it.
        ("port", ask(*units, newest=_NEWEST, seconds=HOUR, holds=_PORT) if units else ":"),
    ]
    return ASK + "\n".join(f"{mark(name)}\n{line}" for name, line in looks)


@fact(
    "journal_troubles",
    Command(_script, tool="journalctl", root=True, grant=GRANT, timeout=10),
)
class Trouble(Record):
    """A unit or program of which the journal tells of a crash, or of what it could not have.

    ``kind`` is ``crash``, or what was not to be had: ``memory`` or ``space`` within a day, or, for
    a declared unit within an hour, a ``port``.
    """

    source: str
    kind: str
    found: int
    """Lines that say so; of each kind the newest 200 are read."""
    last: str
    """When, in UTC, the newest of them was written."""
    last_seconds: int
    message: str
    """The newest of them."""

    @classmethod
    def parse(cls, out: str) -> tuple[Trouble, ...]:
        """Parse the entries of each kind."""
        parts = sections(out)
        return tuple(
            trouble
            for kind in ("crash", "memory", "space", "port")
            for trouble in cls._of(kind, parts[kind])
        )

    @classmethod
    def _of(cls, kind: str, text: str) -> list[Trouble]:
        found: dict[str, Trouble] = {}
        for row in sorted(entries(text), key=lambda row: -row.seconds):
            known = found.get(row.source)
            found[row.source] = cls(
                source=row.source,
                kind=kind,
                found=1 + (known.found if known else 0),
                last=known.last if known else when(row.seconds),
                last_seconds=known.last_seconds if known else int(row.seconds),
                message=known.message if known else row.message,
            )
        return list(found.values())[:_KEPT]


def recent(troubles: Iterable[Trouble], window: float, now: float, *kinds: str) -> list[Trouble]:
    """Those not older than ``window`` seconds, of these kinds or of any."""
    return [
        one
        for one in troubles
        if now - one.last_seconds <= window and (not kinds or one.kind in kinds)
    ]
