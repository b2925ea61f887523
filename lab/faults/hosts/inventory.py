"""The inventory tolerates for too long."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lab.fault import fault


@fault("inventory.waiver-expired", on="waivers")
def waiver_was_forgotten(inventory: Path) -> Iterator[None]:
    """A finding was tolerated until a day that is long past."""
    before = inventory.read_text()
    inventory.write_text(
        f"{before}waivers:\n  - {{symptom: host.zombies, target: app1, reason: harmless, owner: ops, "
        "until: 2020-01-01}\n"
    )
    yield
    inventory.write_text(before)
