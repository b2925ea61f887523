"""What the units in trouble wrote last."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from sickbay.facts import Record, fact
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.command import Command
from sickbay.targets.host.facts.units import Unit
from sickbay.targets.host.journalctl import GRANT, LONGEST_MESSAGE, plain

LINES = 50
"""Lines read of each unit's journal."""
UNITS = 10
"""Units whose journals are read; where more than these are ill, they rarely are so each on its own."""
_LAST_SECONDS = 600


def _script(_: HostEntry, facts: Mapping[str, Any]) -> str | None:
    ill = [unit.name for unit in facts["units"] if not unit.runs or unit.recent_restarts]
    if not ill:
        return None
    read = f"journalctl --no-pager -o json --output-fields=MESSAGE,PRIORITY -n {LINES} -u"
    names = " ".join(shlex.quote(name) for name in ill[:UNITS])
    return f'for unit in {names}; do echo "$unit"; {read} "$unit" || exit; done'


@fact(
    "unit_journals",
    Command(_script, tool="journalctl", root=True, grant=GRANT, after=("units",)),
)
class JournalLine(Record):
    """One of the last lines in the journal of a unit that is failed, inactive or flapping (journalctl(1))."""

    unit: str
    at: str
    """When, in UTC."""
    message: str
    priority: int = 6
    """syslog's: 3 and below are errors. What a program prints has 6, whatever it says."""

    @property
    def seconds(self) -> float:
        """When, in seconds since 1970."""
        return datetime.fromisoformat(self.at).timestamp()

    @classmethod
    def parse(cls, out: str) -> tuple[JournalLine, ...]:
        """Parse names of units, each with its entries (one JSON object a line) behind it."""
        rows: list[JournalLine] = []
        unit = ""
        for line in out.splitlines():
            if not line.startswith("{"):
                unit = line if not line.startswith("-- ") else unit
                continue
            entry = json.loads(line)
            seconds = int(entry["__REALTIME_TIMESTAMP"]) // 1_000_000
            rows.append(
                cls(
                    unit=unit,
                    at=datetime.fromtimestamp(seconds, UTC).isoformat(),
                    message=plain(entry.get("MESSAGE"))[:LONGEST_MESSAGE],
                    priority=int(entry.get("PRIORITY", 6)),
                )
            )
        return tuple(rows)


def last_words(
    journal: Iterable[JournalLine], units: Iterable[Unit], *words: str
) -> list[JournalLine]:
    """The lines of these units that hold one of the words, whatever their case; the newest first.

    Only what a unit wrote in the last minutes before it fell silent: older trouble is not why it is
    ill now.
    """
    small = [word.lower() for word in words]
    names = {unit.name for unit in units}
    lines = [line for line in journal if line.unit in names]
    newest = {line.unit: line.seconds for line in sorted(lines, key=lambda line: line.seconds)}
    found = [
        line
        for line in lines
        if newest[line.unit] - line.seconds <= _LAST_SECONDS
        and any(word in line.message.lower() for word in small)
    ]
    return sorted(found, key=lambda line: -line.seconds)
