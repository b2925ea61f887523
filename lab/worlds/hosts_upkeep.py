"""app1's upkeep: logs that are young and small, and package lists of an archive of its own."""

from __future__ import annotations

import os
from pathlib import Path

LOGS = "/srv/shop/logs"
METRICS = "/var/log/shop-metrics.log"
ARCHIVE = "/srv/apt"
_LISTS = f"/var/lib/apt/lists/{ARCHIVE.replace('/', '_')}_._"


def prepare(root: Path) -> None:
    """What the shop logs, and no log as old as the tree that all machines are made from."""
    for log in (root / "var/log").rglob("*.log"):
        os.utime(log)
    (root / LOGS[1:]).mkdir(parents=True)
    (root / LOGS[1:] / "shop-out.log").write_text("started\n")
    lines = (f"2026-01-01 00:{minute:02d}:00,CPU:3.1,MEM:20\n" for minute in range(0, 60, 5))
    (root / METRICS[1:]).write_text("".join(lines))
    (root / "etc/apt/sources.list").write_text(f"deb [trusted=yes] file:{ARCHIVE} ./\n")
    (root / ARCHIVE[1:]).mkdir(parents=True)
    offer(root)


def offer(root: Path, version: str = "0.1", label: str = "Debian") -> None:
    """Let the package lists tell of a version of bash, as after apt-get update."""
    lists = root / _LISTS[1:]
    lists.parent.mkdir(parents=True, exist_ok=True)
    Path(f"{lists}Packages").write_text(
        f"Package: bash\nVersion: {version}\nArchitecture: amd64\nMaintainer: lab <lab@app1>\n"
        f"Description: shell\nFilename: ./bash.deb\nSize: 1\nSHA256: {'0' * 64}\n\n"
    )
    Path(f"{lists}Release").write_text(f"Origin: Debian\nLabel: {label}\nVersion: 12\n")
