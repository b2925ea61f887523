"""Debian machines with real systemd: systemd-nspawn containers on one cached tree."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from lab.cache import Unavailable, cached
from lab.namespaces import Network
from lab.shell import run


@dataclass(frozen=True)
class System:
    """A Debian release with packages. ``proof`` are files that a whole tree of it has."""

    name: str
    suite: str
    packages: str
    proof: tuple[str, ...]


CLUSTER = "var/lib/postgresql/15/main/PG_VERSION"
LAB = System(
    "debian",
    "bookworm",
    "systemd,systemd-sysv,dbus,openssh-server,sudo,procps,iproute2,nginx-light,postgresql-15,"
    "redis-server,python3-minimal,libpython3-stdlib,dnsmasq-base,chrony,ca-certificates,e2fsprogs,"
    "systemd-journal-remote,cron,logrotate,nftables,fail2ban,python3-systemd,iputils-ping,curl,git,nsd",
    ("usr/sbin/sshd", "usr/sbin/nginx", "usr/bin/redis-server", CLUSTER),
)
"""What the machines of the worlds are."""
_FEW = (
    "systemd,systemd-sysv,dbus,openssh-server,sudo,procps,iproute2,nginx-light,python3-minimal,"
    "chrony,cron,logrotate,nftables,iputils-ping,curl,git,e2fsprogs,ca-certificates,openssl"
)
OTHERS = tuple(
    System(f"debian{number}", suite, _FEW, ("usr/sbin/sshd", "usr/sbin/nginx"))
    for number, suite in ((11, "bullseye"), (13, "trixie"))
)
"""The releases before and after it, that the facts of hosts are had from as well."""
BOOT_SECONDS = 60
NEEDED = ("debootstrap", "systemd-nspawn", "ip")


def debian_tree(system: System = LAB) -> Path:
    """A Debian system in a directory, made once (about 80 s) and kept."""
    lacking = [command for command in NEEDED if shutil.which(command) is None]
    if os.geteuid() != 0:
        raise Unavailable("the lab's Debian machines need root (namespaces, systemd-nspawn)")
    if lacking:
        raise Unavailable(
            f"the lab's Debian machines need {', '.join(lacking)}: python -m lab.install"
        )
    return cached(
        system.name,
        f"{system.suite} {system.packages}",
        lambda directory: _build(system, directory),
        lambda directory: all((directory / path).exists() for path in system.proof),
    )


def _build(system: System, directory: Path) -> None:
    include = f"--include={system.packages}"
    done = subprocess.run(
        ["debootstrap", "--variant=minbase", include, system.suite, str(directory)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        end = "\n".join(done.stdout.splitlines()[-5:])
        raise Unavailable(f"debootstrap could not make a Debian {system.suite} system:\n{end}")
    if (
        CLUSTER in system.proof and not (directory / CLUSTER).exists()
    ):  # the package creates it only where it likes the locale
        run("chroot", str(directory), "env", "LC_ALL=C.UTF-8", "pg_createcluster", "15", "main")
    shutil.rmtree(directory / "var/cache/apt", ignore_errors=True)
    shutil.rmtree(directory / "var/lib/apt/lists", ignore_errors=True)


class Machine:
    """A booted machine. It sees a copy-on-write view of the tree, so that whatever is done to it
    is gone when it ends, and the next boot costs seconds instead of a new tree.
    """

    def __init__(
        self,
        name: str,
        address: str,
        network: Network,
        prepare: Callable[[Path], None],
        system: System = LAB,
    ) -> None:
        self.name, self.address, self._system = name, address, system
        self._network = network
        self._prepare = prepare
        self._process: subprocess.Popen[bytes] | None = None
        self._leader = 0

    def __enter__(self) -> Self:
        _remove_leftovers()
        tree = debian_tree(self._system)
        self._home = Path(tempfile.mkdtemp(prefix=f"sickbay-machine-{os.getpid()}-"))
        self.root = self._home / "root"
        for part in ("root", "upper", "work"):
            (self._home / part).mkdir()
        layers = f"lowerdir={tree},upperdir={self._home}/upper,workdir={self._home}/work"
        run("mount", "-t", "overlay", "overlay", "-o", layers, str(self.root))
        try:
            (self.root / "etc/hostname").write_text(f"{self.name}\n")
            (self.root / "etc/machine-id").write_text("")
            self._prepare(self.root)
            self._boot()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def run(self, script: str, *, check: bool = True) -> str:
        """Run a piece of shell in the machine as root; its output."""
        done = subprocess.run(
            [
                "nsenter", "--target", str(self._leader), "--mount", "--uts", "--ipc", "--net", "--pid",
                "--root", "--wdns=/", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
                "LC_ALL=C.UTF-8", "sh", "-c", script,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=BOOT_SECONDS,
            check=False,
        )  # fmt: skip
        if check and done.returncode:
            raise RuntimeError(
                f"{self.name}: {script!r} ended with {done.returncode}: {done.stdout}"
            )
        return done.stdout

    def wait_for(self, script: str, seconds: float = 20) -> None:
        """Wait until a piece of shell succeeds in the machine."""
        end = time.monotonic() + seconds
        while True:
            try:
                self.run(script)
            except RuntimeError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)
            else:
                return

    def stop(self) -> None:
        """End the machine and forget what was done to it."""
        if self._leader:
            _kill_machine(self._leader)
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        _unmount_below(self._home)
        shutil.rmtree(self._home, ignore_errors=True)

    def _boot(self) -> None:
        namespace = self._network.join(self.name, self.address)
        self._process = subprocess.Popen(
            [
                "setpriv", "--pdeathsig=KILL", "systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--boot", "--console=pipe",
                f"--directory={self.root}", f"--machine={self.name}", f"--network-namespace-path={namespace}",
                "--capability=all", "--resolv-conf=off", "--timezone=off", "--link-journal=no",
            ],
            stdin=subprocess.DEVNULL,
            stdout=(self._home / "console").open("wb"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        end = time.monotonic() + BOOT_SECONDS
        while not self._is_up():
            if self._process.poll() is not None or time.monotonic() > end:
                console = (self._home / "console").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{self.name} did not boot:\n{console}")
            time.sleep(0.1)

    def _is_up(self) -> bool:
        assert self._process is not None
        if not self._leader:
            self._leader = _init_below(self._process.pid)
            (self._home / "leader").write_text(str(self._leader))
        if not self._leader:
            return False
        state = self.run("systemctl is-system-running; ss -Hltn sport = :22", check=False).split()
        return state[:1] in (["running"], ["degraded"]) and "LISTEN" in state


def _init_below(pid: int) -> int:
    """The process below ``pid`` that is number 1 in a pid namespace of its own; 0 for none yet."""
    waiting = [pid]
    while waiting:
        current = waiting.pop()
        try:
            status = Path(f"/proc/{current}/status").read_text()
            children = Path(f"/proc/{current}/task/{current}/children").read_text()
        except OSError:
            continue
        spaces = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[1:]
        if len(spaces) > 1 and spaces[-1] == "1":
            return current
        waiting += [int(child) for child in children.split()]
    return 0


def _kill_machine(leader: int) -> None:
    """End the init of a machine, and with it (pid_namespaces(7)) all that runs in the machine."""
    if leader and _init_below(leader) == leader:
        os.kill(leader, signal.SIGKILL)


def _unmount_below(home: Path) -> None:
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for mount in sorted((m for m in mounts if m.startswith(f"{home}/")), reverse=True):
        subprocess.run(["umount", "--lazy", mount], check=False, capture_output=True)


def _remove_leftovers() -> None:
    for home in Path(tempfile.gettempdir()).glob("sickbay-machine-*"):
        if not Path("/proc", home.name.split("-")[2]).exists():
            with suppress(OSError, ValueError):
                _kill_machine(int((home / "leader").read_text()))
            _unmount_below(home)
            shutil.rmtree(home, ignore_errors=True)
