"""Errors in the journal: of the whole host within an hour, and of each declared unit within a day."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from sickbay.errors import NotApplicable
from sickbay.facts import Record, fact
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.command import Command
from sickbay.targets.host.facts.units import unit_name
from sickbay.targets.host.journalctl import ASK, GRANT, Entry, ask, entries, when
from sickbay.targets.host.sections import mark, sections

DAY, HOUR = 86400, 3600
CRIT, ERR = 2, 3
"""syslog's numbers."""
NEWEST = 1000
"""Entries that are read at most."""
_KEPT = 10
_STRANGERS = frozenset(("sshd", "sshd-session", "sshd-auth"))
"""Who knocks at sshd decides what it has to say, so that it would tell of no trouble of ours."""


@fact(
    "journal_errors",
    Command(
        f"{ASK}{mark('errors')}\n{ask('-p', 'err', newest=NEWEST, seconds=HOUR)}",
        tool="journalctl",
        root=True,
        grant=GRANT,
    ),
)
class JournalErrors(Record):
    """Entries of priority err or worse within the last hour, but for what strangers do to sshd."""

    of: str
    errors: int
    critical: int
    """Those of priority crit or worse."""
    is_cut: bool
    """There are more than were read."""
    sources: dict[str, int] = {}
    """Who wrote most of them, and how many each."""
    messages: tuple[str, ...] = ()
    """The worst, then the newest."""

    @classmethod
    def parse(cls, out: str) -> JournalErrors:
        """Parse the entries."""
        read = list(entries(sections(out)["errors"]))
        rows = [row for row in read if row.tag not in _STRANGERS]
        rows.sort(key=lambda row: (min(row.priority, ERR), -row.seconds))
        return cls(
            of="the journal's last hour",
            errors=len(rows),
            critical=sum(row.priority <= CRIT for row in rows),
            is_cut=len(read) >= NEWEST,
            sources=dict(Counter(row.source for row in rows).most_common(_KEPT)),
            messages=tuple(dict.fromkeys(f"{row.source}: {row.message}" for row in rows))[:_KEPT],
        )


def _units(entry: HostEntry) -> list[str]:
    return [unit_name(name) for name in entry.units]


def _count_script(entry: HostEntry, _: Mapping[str, Any]) -> str | None:
    if not entry.units:
        return None
    # The tenth digit of the time is the second, so eight of them are 100 seconds: as many numbers as
    # are needed to count a day by hours, however much was written.
    journal = "journalctl --no-pager -o short-unix --no-hostname"
    count = f"{journal} -p err --since=-{DAY}s -n 100000 -u"
    tally = "grep -o -e '^[0-9]\\{8\\}' -e '^ended [0-9]*' | uniq -c"
    units = "\n".join(
        f"{mark(name)}\n{{ {count} {shlex.quote(name)}; echo ended $?; }} | {tally}"
        for name in _units(entry)
    )
    return f"date +%s\n{journal} | grep -m 1 -o '^[0-9]\\{{9,\\}}'\n{units}\nexit 0"


@fact(
    "unit_errors",
    Command(_count_script, tool="journalctl", root=True, grant=GRANT),
)
class UnitErrors(Record):
    """How many entries of priority err or worse a declared unit wrote."""

    unit: str
    last_hour: int
    hourly_mean: float
    """Of the day before, as far back as the journal reaches; 0 where that is not an hour."""

    @classmethod
    def parse(cls, out: str) -> tuple[UnitErrors, ...]:
        """Parse the time, that of the journal's first entry, and of each unit counts by 100 s."""
        if not out:
            raise NotApplicable("the inventory declares no units for this host")
        head, *_ = out.partition("\n==")
        times = [int(line) for line in head.split("\n")]
        now, oldest = times[0], times[1] if len(times) > 1 else times[0]
        hours = (min(DAY, now - oldest) - HOUR) / HOUR
        return tuple(cls._from(unit, text, now, hours) for unit, text in sections(out).items())

    @classmethod
    def _from(cls, unit: str, text: str, now: int, hours: float) -> UnitErrors:
        *lines, end = text.splitlines()
        if end.split()[1:] != ["ended", "0"]:
            raise ValueError(f"journalctl did not read the entries of {unit} to their end")
        counts = [(int(at) * 100, int(n)) for n, at in map(str.split, lines)]
        last = sum(n for at, n in counts if now - at <= HOUR)
        before = sum(n for _, n in counts) - last
        return cls(
            unit=unit, last_hour=last, hourly_mean=round(before / hours, 2) if hours >= 1 else 0.0
        )


def _repeat_script(entry: HostEntry, _: Mapping[str, Any]) -> str | None:
    if not entry.units:
        return None
    units = [word for name in _units(entry) for word in ("-u", name)]
    holds = r'\b(?:ERROR|CRITICAL|FATAL)\b|"level": ?"(?i:error|critical|fatal)"'
    return f"{ASK}{mark('errors')}\n{ask(*units, newest=NEWEST, seconds=DAY, holds=holds)}"


@fact(
    "repeated_errors",
    Command(_repeat_script, tool="journalctl", root=True, grant=GRANT),
)
class RepeatedErrors(Record):
    """The messages of declared units that call themselves errors, those alike counted together."""

    of: str
    is_cut: bool
    """There are more than were read."""
    messages: tuple[RepeatedError, ...] = ()

    @classmethod
    def parse(cls, out: str) -> RepeatedErrors:
        """Parse the entries."""
        if not out:
            raise NotApplicable("the inventory declares no units for this host")
        rows = list(entries(sections(out)["errors"]))
        return cls(
            of="errors of the declared units", is_cut=len(rows) >= NEWEST, messages=_alike(rows)
        )


class RepeatedError(Record):
    """One message of a unit, without what differs from time to time."""

    message: str
    unit: str
    times: int
    first: str
    """When, in UTC."""
    last: str


_VARIES = re.compile(
    r"""(?x)
    \b \d{4}-\d\d-\d\d [T ] \d\d:\d\d:\d\d [\d.,]{0,10} (?: Z | [+-]\d\d:?\d\d )?
    | \b [0-9a-fA-F]{8} - (?: [0-9a-fA-F]{4} - ){3} [0-9a-fA-F]{12} \b
    | \b (?= [a-fA-F]{0,40} \d ) [0-9a-fA-F]{8,64} \b
    | \d+
    """
)


def _alike(rows: Iterable[Entry]) -> tuple[RepeatedError, ...]:
    groups: dict[tuple[str, str], list[Entry]] = {}
    for row in rows:
        groups.setdefault((row.source, _VARIES.sub("#", row.message)), []).append(row)
    ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    return tuple(
        RepeatedError(
            message=message,
            unit=unit,
            times=len(alike),
            first=when(min(row.seconds for row in alike)),
            last=when(max(row.seconds for row in alike)),
        )
        for (unit, message), alike in ordered[:_KEPT]
    )
