"""A network of the lab's own: namespaces on one bridge, without a way out."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from lab.shell import run

NETWORK = "192.0.2"
"""TEST-NET-1 (RFC 5737): addresses that nobody else has."""
OPERATOR = f"{NETWORK}.1"
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def ip(*words: str) -> None:
    """Run ip(8)."""
    run("ip", *words)


class Network:
    """The operator's namespace with a bridge, and one namespace for each machine that joins.

    Everything is removed on exit, and with it what a run that died has left behind.
    """

    def __init__(self) -> None:
        self.operator = f"sickbay-{os.getpid()}"
        self.prefix = ("ip", "netns", "exec", self.operator)
        """What puts a command into the operator's namespace."""
        self._names: list[str] = []
        self._hosts: dict[str, str] = {}

    def __enter__(self) -> Self:
        _remove_leftovers()
        self._add(self.operator)
        ip("-n", self.operator, "link", "add", "br0", "type", "bridge")
        ip("-n", self.operator, "addr", "add", f"{OPERATOR}/24", "dev", "br0")
        ip("-n", self.operator, "link", "set", "br0", "up")
        return self

    def __exit__(self, *_: object) -> None:
        for name in self._names:
            _remove(name)

    @property
    def hosts_file(self) -> Path:
        """The operator's /etc/hosts."""
        return Path("/etc/netns") / self.operator / "hosts"

    def join(self, machine: str, address: str) -> Path:
        """A namespace with that address for a machine; the operator knows it as ``MACHINE.lab``."""
        name = f"{self.operator}-{machine}"
        self._add(name)
        ip(
            "-n",
            self.operator,
            "link",
            "add",
            machine,
            "type",
            "veth",
            "peer",
            "host0",
            "netns",
            name,
        )
        ip("-n", self.operator, "link", "set", machine, "master", "br0", "up")
        ip("-n", name, "addr", "add", f"{address}/24", "dev", "host0")
        ip("-n", name, "link", "set", "host0", "up")
        self._hosts[f"{machine}.lab"] = address
        lines = "".join(
            f"{known} {host} {host.removesuffix('.lab')}\n" for host, known in self._hosts.items()
        )
        self.hosts_file.write_text(f"127.0.0.1 localhost\n{lines}")
        return Path("/run/netns") / name

    @contextmanager
    def inside(self) -> Iterator[None]:
        """The calling thread is in the operator's namespace: sockets it makes are there."""
        with (
            Path("/proc/thread-self/ns/net").open() as home,
            (Path("/run/netns") / self.operator).open() as there,
        ):
            _setns(there.fileno())
            try:
                yield
            finally:
                _setns(home.fileno())

    @contextmanager
    def unreachable(self, address: str) -> Iterator[None]:
        """The operator is told that there is no way to a machine (EHOSTUNREACH)."""
        ip("-n", self.operator, "route", "add", "unreachable", f"{address}/32")
        try:
            yield
        finally:
            ip("-n", self.operator, "route", "delete", "unreachable", f"{address}/32")

    def _add(self, name: str) -> None:
        ip("netns", "add", name)
        self._names.append(name)
        ip("-n", name, "link", "set", "lo", "up")
        settings = Path("/etc/netns") / name
        settings.mkdir(parents=True, exist_ok=True)
        (settings / "hosts").write_text("127.0.0.1 localhost\n")
        (settings / "resolv.conf").write_text(
            f"nameserver {NETWORK}.12\noptions timeout:1 attempts:1\n"
        )


def _setns(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "cannot enter the network namespace")


def _remove(name: str) -> None:
    subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)
    shutil.rmtree(Path("/etc/netns") / name, ignore_errors=True)


def _remove_leftovers() -> None:
    for path in Path("/run/netns").glob("sickbay-*"):
        owner = path.name.split("-")[1]
        if not Path("/proc", owner).exists():
            _remove(path.name)
