"""What earlier runs saw, for what can only be told by looking more than once.

It comes out of the snapshots of the runs whose reports still lie there; nothing else is kept.
"""

from __future__ import annotations

from pathlib import Path

from sickbay import snapshot as snapshots
from sickbay.errors import UsageError
from sickbay.snapshot import Earlier

REMEMBERED = frozenset({"service_processes"})
"""The facts of earlier runs that health tests ask for, with ``history``."""
MOST_RUNS = 48


def read(folder: Path, inventory: str) -> dict[str, tuple[Earlier, ...]]:
    """The remembered facts of the latest runs of an inventory, by target, the oldest run first.

    ``folder`` is the one of all reports. Of what cannot be read nothing is known, as of a run whose
    reports were removed.
    """
    found: dict[str, list[Earlier]] = {}
    runs = [run for run in folder.glob("*/snapshot.json") if not run.parent.is_symlink()]
    for run in sorted(runs)[-MOST_RUNS:]:
        try:
            seen = snapshots.earlier(run, inventory, REMEMBERED)
        except UsageError:
            continue
        for target, earlier in seen.items():
            found.setdefault(target, []).append(earlier)
    return {
        target: tuple(sorted(rows, key=lambda row: row.taken)) for target, rows in found.items()
    }
