"""app1's declared services: the shop's environment, a program of its own, and a tunnel to db1."""

from __future__ import annotations

import shutil
from pathlib import Path

from lab.machines import Machine
from lab.shell import run

SETTINGS = Path(__file__).with_name("hosts_settings")
WORKERS = 2


def prepare(root: Path, db1: Machine) -> None:
    """Lay them out on app1; db1, which runs already, lets the tunnel in."""
    shutil.copy(root / "usr/bin/openssl", root / "opt/shop/tool")
    nginx = root / "etc/nginx/nginx.conf"
    nginx.write_text(
        nginx.read_text().replace("worker_processes auto;", f"worker_processes {WORKERS};")
    )
    key = root / "etc/shop/tunnel_key"
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "tunnel", "-f", str(key))
    public = key.with_suffix(".pub").read_text()
    db1.run(
        "useradd --create-home tunnel; mkdir ~tunnel/.ssh; cat >~tunnel/.ssh/authorized_keys <<'END'\n"
        f"restrict,port-forwarding {public}END\n"
    )
    known = (db1.root / "etc/ssh/ssh_host_ed25519_key.pub").read_text()
    (root / "etc/shop/tunnel_known").write_text(f"192.0.2.12 {known}")
    run("chroot", str(root), "chown", "shop:", "/etc/shop/tunnel_key")
    shutil.copy(SETTINGS / "shop-tunnel.service", root / "etc/systemd/system")
    run("chroot", str(root), "systemctl", "--quiet", "enable", "shop-tunnel")
