"""File systems have room, inodes, and can be written."""

from __future__ import annotations

from sickbay.inventory.host import HostLimits
from sickbay.judge import worst
from sickbay.symptoms import symptom
from sickbay.targets.host.facts.filesystems import Filesystem


@symptom(
    "host.disk-filling",
    severity="critical",
    signals=["sergas:host-resources-tight/root-disk-usage"],
)
def test_filesystems_have_room(filesystems: tuple[Filesystem, ...], limits: HostLimits) -> None:
    """Writes fail with "No space left on device" once a file system is full."""
    assert worst(filesystems, "used_fraction") < limits.disk_used
