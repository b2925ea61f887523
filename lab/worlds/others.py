"""The worlds of one host of another kind: other Debian releases, and BusyBox's shell and tools."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from lab.machines import OTHERS, Machine, System
from lab.namespaces import Network
from lab.shell import run
from lab.world import World

SYSTEMS = {system.name: system for system in OTHERS}
BUSYBOX = "busybox"
NAMES = (*SYSTEMS, BUSYBOX)
_ADDRESS = "192.0.2.31"
_FILES = {
    "etc/shop.toml": "[server]\nport = 80\n",
    "var/log/shop.log": "up\n",
    "usr/local/bin/shop": "#!/bin/sh\nexec true\n",
}
_DECLARED = """\
    ports: [{port}]
    files:
      /etc/shop.toml: {{owner: root, rights: "644", readable_by: root, holds: [server]}}
      /usr/local/bin/shop: {{executable: true, executable_by: root}}
      /etc: {{all_owned_by: root}}
    settings: {{/etc/shop.toml: {{keys: {{server.port: 80}}, check: {{command: "true"}}}}}}
    tools: [sh, grep]
    sysctl: {{vm.swappiness: ">= 0"}}
    login_limits: {{}}
    folders: {{/var/log: {{size: 1 GB, oldest: 999 d}}}}
    trees: {{/etc: {{largest: 100 MB}}}}
    leftovers: {{/var/log/heap*: 1 d}}
    log_folders: {{/var/log: {{largest: 1 GB}}}}
    log_lines: {{/var/log/shop.log: {{form: "\\\\w+"}}}}
    mounts: [/proc]
    resolves: {{localhost: []}}
    processes: {{init: {{command: "{init}"}}}}
"""
"""What can be asked of every host."""
_DEBIAN = """\
hosts:
  other:
    address: other.lab
    user: medic
    sudo: true
    deadline: 40 s
    units: {{nginx: {{settings: [/etc/nginx], ports: [80]}}, cron: {{}}, ssh: {{user: root}}}}
    nginx: {{}}
    jobs: {{tidy: {{command: "logrotate"}}}}
    journal: {{errors: {{unit: nginx, priority: err}}}}
    firewall: {{default_deny: false}}
    interfaces: [host0]
{declared}"""
_BUSYBOX = """\
hosts:
  other:
    connection: chroot://{root}
    deadline: 40 s
{declared}"""


@contextmanager
def opened(name: str) -> Iterator[World]:
    """The host ``other``; one of NAMES."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"sickbay-{name}-")))
        folder.chmod(0o755)
        yield stack.enter_context(
            _busybox(folder) if name == BUSYBOX else _debian(folder, SYSTEMS[name])
        )


@contextmanager
def _debian(folder: Path, system: System) -> Iterator[World]:
    """A booted machine, reached by SSH."""
    home = folder / "operator"
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    key = home / ".ssh/id_ed25519"
    _keygen(key)

    def prepare(root: Path) -> None:
        for old in (root / "etc/ssh").glob("ssh_host_*"):
            old.unlink()
        _keygen(root / "etc/ssh/ssh_host_ed25519_key")
        public = (root / "etc/ssh/ssh_host_ed25519_key.pub").read_text()
        (home / ".ssh/known_hosts").write_text(f"other.lab {public}")
        words = ("--create-home", "--groups", "adm,systemd-journal", "--shell", "/bin/sh", "medic")
        run("chroot", str(root), "useradd", *words)
        (root / "etc/sudoers.d/medic").write_text("medic ALL=(root) NOPASSWD: ALL\n")
        authorised = root / "home/medic/.ssh/authorized_keys"
        authorised.parent.mkdir(mode=0o755)
        shutil.copy(key.with_suffix(".pub"), authorised)
        _lay_out(root)

    with Network() as network, Machine("other", _ADDRESS, network, prepare, system) as machine:
        machine.run("systemctl reset-failed; systemctl start systemd-user-sessions")
        declared = _DECLARED.format(port=22, init="systemd|/sbin/init")
        inventory = folder / "other.yaml"
        inventory.write_text(_DEBIAN.format(declared=declared))
        yield World(system.name, inventory, {"other": machine}, {"HOME": str(home)}, network.prefix)


@contextmanager
def _busybox(folder: Path) -> Iterator[World]:
    """A directory with nothing but BusyBox in it, entered by chroot(8)."""
    root = folder / "root"
    for place in ("bin", "dev", "etc", "proc", "sys", "tmp", "var/log", "usr/local/bin", "root"):
        (root / place).mkdir(parents=True)
    busybox = shutil.which("busybox")
    assert busybox is not None
    shutil.copy(busybox, root / "bin/busybox")
    for line in run("ldd", busybox).splitlines():
        for word in line.split():
            if word.startswith("/"):
                target = root / word[1:]
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(word, target)
    for applet in run(busybox, "--list").split():
        if applet != "busybox":
            (root / "bin" / applet).symlink_to("busybox")
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    (root / "etc/fstab").write_text("proc /proc proc defaults 0 0\n")
    _lay_out(root)
    mounted: list[Path] = [root]
    run("mount", "--bind", str(root), str(root))
    try:
        for kind in ("proc", "sys"):
            run("mount", "-t", {"sys": "sysfs"}.get(kind, kind), "-o", "ro", kind, str(root / kind))
            mounted.append(root / kind)
        run("mount", "--bind", "/dev", str(root / "dev"))
        mounted.append(root / "dev")
        inventory = folder / "other.yaml"
        declared = _DECLARED.format(port=65000, init=".")
        inventory.write_text(_BUSYBOX.format(root=root, declared=declared))
        yield World(BUSYBOX, inventory, {})
    finally:
        for mount in reversed(mounted):
            run("umount", "--lazy", str(mount))


def _lay_out(root: Path) -> None:
    for name, text in _FILES.items():
        (root / name).write_text(text)
    (root / "usr/local/bin/shop").chmod(0o755)


def _keygen(path: Path) -> None:
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(path))
