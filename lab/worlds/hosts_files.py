"""app1's files: a tree of one account's."""

from __future__ import annotations

import os
from pathlib import Path

DATA = "/srv/shop/data"
MAINTENANCE = "/usr/local/bin/shop-maintenance"


def prepare(root: Path) -> None:
    """A tree that belongs to the shop, and a maintenance that calls the backup."""
    script = root / MAINTENANCE[1:]
    script.write_text("#!/bin/sh\n/usr/local/bin/shop-backup\n")
    data = root / DATA[1:]
    (data / "orders").mkdir(parents=True)
    (data / "orders/1").write_text("one\n")
    account = (root / "var/lib/shop").stat()
    for path in (data, *data.rglob("*")):
        os.chown(path, account.st_uid, account.st_gid)
