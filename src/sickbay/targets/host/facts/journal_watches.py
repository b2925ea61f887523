"""What the inventory wants to be told of in the journal, and how much of it there is."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from sickbay.errors import NotApplicable
from sickbay.facts import Record, fact
from sickbay.inventory.declared.journal import JournalWatch
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.command import Command
from sickbay.targets.host.facts.units import unit_name
from sickbay.targets.host.journalctl import ASK, GRANT, ask, entries, when
from sickbay.targets.host.sections import mark, sections

LEAST_READ = 100
"""Entries read at least of each watch: enough to see what they have in common."""
_SAMPLES = 5


def _script(entry: HostEntry, _: Mapping[str, Any]) -> str | None:
    if not entry.journal:
        return None
    return ASK + "\n".join(_look(name, watch) for name, watch in entry.journal.items())


def _look(name: str, watch: JournalWatch) -> str:
    options = [
        *(("-u", watch.unit) if watch.unit else ()),
        *(("-t", watch.tag) if watch.tag else ()),
        *(("-p", watch.priority) if watch.priority else ()),
    ]
    newest = max(LEAST_READ, (watch.most or 0) + 1, watch.at_least or 0)
    holds = "|".join(f"(?:{pattern})" for pattern in watch.holds)
    # Nothing found of a unit that is not there means nothing.
    show = "systemctl show -p LoadState --value --"
    state = f" $({show} {shlex.quote(unit_name(watch.unit))})" if watch.unit else ""
    return (
        f"{mark(name)}; echo {newest}{state}\n"
        f"{ask(*options, newest=newest, seconds=watch.within, holds=holds)}"
    )


@fact(
    "journal_watches",
    Command(_script, tool="journalctl", root=True, grant=GRANT),
)
class WatchedEntries(Record):
    """What a declared watch over the journal found (journalctl(1))."""

    watch: str
    found: int
    of_no_unit: bool = False
    """There is no unit of the name that the watch has."""
    is_cut: bool = False
    """There are more: as many were read as are needed to judge."""
    first: str = ""
    """When, in UTC, the oldest of those read was written."""
    last: str = ""
    errors: int = 0
    """Those of priority err or worse."""
    messages: tuple[str, ...] = ()
    """The newest, each once."""

    @classmethod
    def parse(cls, out: str) -> tuple[WatchedEntries, ...]:
        """Parse for each watch how many entries are read at most, and the entries."""
        if not out:
            raise NotApplicable("the inventory declares no watches over this host's journal")
        return tuple(cls._from(name, text) for name, text in sections(out).items())

    @classmethod
    def _from(cls, name: str, text: str) -> WatchedEntries:
        head, _, rest = text.partition("\n")
        newest, *state = head.split()
        rows = sorted(entries(rest), key=lambda row: -row.seconds)
        return cls(
            watch=name,
            found=len(rows),
            of_no_unit=state == ["not-found"],
            is_cut=len(rows) >= int(newest),
            first=when(rows[-1].seconds) if rows else "",
            last=when(rows[0].seconds) if rows else "",
            errors=sum(row.priority <= ERR for row in rows),
            messages=tuple(dict.fromkeys(row.message for row in rows))[:_SAMPLES],
        )


ERR = 3
"""syslog's number for errors."""


class JudgedWatch(Record):
    """A declared watch beside what it found."""

    watch: str
    found: int
    of_no_unit: bool
    is_cut: bool
    first: str
    last: str
    errors: int
    messages: tuple[str, ...]
    unit: str
    tag: str
    at_most: int | None
    at_least: int | None
    within_seconds: float

    @property
    def is_too_much(self) -> bool:
        return self.at_most is not None and self.found > self.at_most

    @property
    def is_blind(self) -> bool:
        """Nothing was found of what may not be, because there is no such unit."""
        return self.at_most is not None and self.found == 0 and self.of_no_unit

    @property
    def is_too_little(self) -> bool:
        return self.at_least is not None and self.found < self.at_least


def judged_watches(entry: HostEntry, found: tuple[WatchedEntries, ...]) -> tuple[JudgedWatch, ...]:
    """The declared watches with what was found of each."""
    by_name = {one.watch: one for one in found}
    return tuple(_judged(watch, by_name[name]) for name, watch in entry.journal.items())


def _judged(watch: JournalWatch, one: WatchedEntries) -> JudgedWatch:
    return JudgedWatch(
        watch=one.watch,
        found=one.found,
        of_no_unit=one.of_no_unit,
        is_cut=one.is_cut,
        first=one.first,
        last=one.last,
        errors=one.errors,
        messages=one.messages,
        unit=watch.unit or "",
        tag=watch.tag or "",
        at_most=watch.most,
        at_least=watch.at_least,
        within_seconds=watch.within,
    )
