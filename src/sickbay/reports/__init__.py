"""One diagnosis, many renderings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from sickbay import snapshot as snapshots
from sickbay.diagnosis import Diagnosis
from sickbay.reports import terminal

if TYPE_CHECKING:
    from sickbay.run import RunState

__all__ = ["terminal", "write"]


def write(folder: Path, run: RunState, diagnosis: Diagnosis) -> Path:
    """Write every report of a run to ``folder/<time>/`` and let ``folder/latest`` point there."""
    home = _new_folder(
        folder, diagnosis.run.started.replace(":", "").replace("-", "").split("+")[0]
    )
    (home / "diagnosis.json").write_bytes(
        msgspec.json.format(msgspec.json.encode(diagnosis), indent=1)
    )
    if run.snapshot is not None:
        snapshots.save(home / "snapshot.json", run.inventory, run.snapshot, run.redactor)
    latest = folder / "latest"
    fresh = folder / f".latest-{os.getpid()}"
    fresh.symlink_to(home.name)
    fresh.replace(latest)
    return home


def _new_folder(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, 1000):
        home = folder / (name if number == 1 else f"{name}-{number}")
        try:
            home.mkdir()
        except FileExistsError:
            continue
        return home
    raise FileExistsError(folder / name)
