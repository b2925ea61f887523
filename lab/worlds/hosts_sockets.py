"""db1's network service and app1's helpers that have to do with sockets and limits."""

from __future__ import annotations

from pathlib import Path


def prepare_db(root: Path) -> None:
    """A network service as most hosts have one; it leaves the lab's own interface alone."""
    settings = root / "etc/systemd/network"
    settings.mkdir(exist_ok=True)
    (settings / "80-container-host0.network").symlink_to("/dev/null")
    wants = root / "etc/systemd/system/multi-user.target.wants"
    (wants / "systemd-networkd.service").symlink_to("/lib/systemd/system/systemd-networkd.service")
