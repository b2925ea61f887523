"""What app1 logs in to on db1, its limits for logins, and db1's services that start and watch the network."""

from __future__ import annotations

import shutil
from pathlib import Path

from lab.machines import Machine

SETTINGS = Path(__file__).with_name("hosts_settings")
LOGINS = "/etc/security/limits.d/60-shop.conf"


def prepare_app(root: Path, db1: Machine) -> None:
    """Logins may open many files; db1, which runs already, is known at its second sshd's port."""
    (root / LOGINS[1:]).write_text("* soft nofile 65536\n* hard nofile 65536\n")
    known = (db1.root / "etc/ssh/ssh_host_ed25519_key.pub").read_text()
    (root / "etc/shop/slot_known").write_text(f"[{db1.address}]:2222 {known}")


def prepare_db(root: Path) -> None:
    """A network service as most hosts have one, which leaves the lab's own interface alone."""
    settings = root / "etc/systemd/network"
    settings.mkdir(exist_ok=True)
    (settings / "80-container-host0.network").symlink_to("/dev/null")
    units = root / "etc/systemd/system"
    for unit in ("slots.service", "slot-sshd.service"):
        shutil.copy(SETTINGS / unit, units)
    for unit in ("slots", "slot-sshd"):
        (units / f"multi-user.target.wants/{unit}.service").symlink_to(
            f"/etc/systemd/system/{unit}.service"
        )
    (units / "multi-user.target.wants/systemd-networkd.service").symlink_to(
        "/lib/systemd/system/systemd-networkd.service"
    )
