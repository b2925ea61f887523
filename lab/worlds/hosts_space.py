"""app1's folders that may not grow: what is exported, and what its developers leave."""

from __future__ import annotations

import os
import time
from pathlib import Path

EXPORTS = "/srv/exports"


def prepare(root: Path) -> None:
    """A folder with one file of yesterday, and one that may be large."""
    place = root / EXPORTS[1:]
    (place / "archive").mkdir(parents=True)
    (place / "archive/all.tar").write_bytes(b"x" * 3_000_000)
    file = place / "orders.csv"
    file.write_text("1;one\n")
    yesterday = time.time() - 86400
    os.utime(file, (yesterday, yesterday))
