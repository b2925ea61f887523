"""app1's packet filter, second interface and fail2ban."""

from __future__ import annotations

import shutil
from pathlib import Path

from lab.machines import Machine
from lab.shell import run

SETTINGS = Path(__file__).with_name("hosts_settings")
JAIL = """\
[DEFAULT]
banaction = nftables[type=multiport]
[sshd]
enabled = true
backend = systemd
"""


def prepare(root: Path) -> None:
    """Rules, and a jail for sshd that reads the journal."""
    shutil.copy(SETTINGS / "nftables.conf", root / "etc/nftables.conf")
    (root / "etc/fail2ban/jail.d/defaults-debian.conf").write_text(JAIL)
    for command in (("unmask", "fail2ban"), ("enable", "fail2ban"), ("enable", "nftables")):
        run("chroot", str(root), "systemctl", "--quiet", *command)


def settle(app1: Machine) -> None:
    """A second interface, whose other end is here as well: there is no other network."""
    app1.run(
        "ip link add host1 type veth peer name other1\n"
        "ip address add 198.51.100.2/30 dev host1; ip link set host1 up; ip link set other1 up"
    )
    app1.wait_for("fail2ban-client ping")
