"""A real sshd of our own on loopback, and what observing through it takes."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.ports import free_port
from sickbay.inventory.host import HostEntry, HostLimits
from sickbay.inventory.limits import resolve
from sickbay.inventory.targets import Inventory, Target
from sickbay.observe import Observatory
from sickbay.redact import Redactor
from sickbay.snapshot import TargetState

PLACES = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))


def host_target(name: str = "h1", **entry: object) -> Target:
    """A host as the inventory would make it."""
    declared = HostEntry.model_validate(entry)
    limits = resolve(declared.limits, HostLimits(), lambda _: "default", lambda _: "default")
    return Target(name, declared, limits)


@dataclass
class Sshd:
    """A running sshd: where it listens, the key that it lets in, its log."""

    port: int
    folder: Path

    @property
    def key(self) -> Path:
        return self.folder / "client"

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    @property
    def user(self) -> str:
        return getpass.getuser()

    @property
    def logins(self) -> int:
        log = (self.folder / "log").read_text()
        return sum(line.startswith("Accepted publickey") for line in log.splitlines())

    @property
    def sessions(self) -> int:
        log = (self.folder / "log").read_text()
        return sum(line.startswith("Starting session:") for line in log.splitlines())

    def target(self, name: str = "h1", **more: object) -> Target:
        """A target that logs in here."""
        entry: dict[str, object] = {
            "address": "127.0.0.1",
            "port": self.port,
            "user": self.user,
            "identity_file": str(self.key),
            "known_hosts": str(self.known_hosts),
            "ssh_config": str(self.folder / "config"),
        }
        return host_target(name, **entry | more)


@contextmanager
def running(folder: Path, *settings: str) -> Iterator[Sshd]:
    """An sshd with a host key of its own that lets this user in, until the block ends.

    ``settings`` are more lines for sshd_config.
    Raises FileNotFoundError where sshd is not installed.
    """
    program = shutil.which("sshd", path=PLACES)
    if program is None:
        raise FileNotFoundError("sshd is not installed (openssh-server)")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd will not start without it
    folder.mkdir()
    for key in ("host", "client"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    port = free_port()
    shutil.copy(folder / "client.pub", folder / "authorized_keys")
    host_key = (folder / "host.pub").read_text()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key}")
    (folder / "config").write_text("")
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile none\n"
        f"AuthorizedKeysFile {folder}/authorized_keys\nStrictModes no\nUsePAM no\n"
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\nLogLevel VERBOSE\n"
        + "\n".join(settings)
    )
    with (folder / "log").open("w") as log:
        command = [program, "-D", "-e", "-f", str(folder / "sshd_config")]
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_for(lambda: "Server listening" in (folder / "log").read_text())
        yield Sshd(port, folder)
    finally:
        server.terminate()
        server.wait(5)


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    """An sshd of the test's own."""
    try:
        with running(tmp_path / "sshd") as server:
            yield server
    except FileNotFoundError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("it did not come about in time")
        time.sleep(0.02)


def seen(target: Target, *names: str) -> TargetState:
    """What one observation of the target sees of the named facts."""
    inventory = Inventory("test", {target.name: target})
    with Observatory(inventory, Redactor()) as observatory:
        snapshot = observatory.observe({target.name: frozenset(names)}, deadline=60)
    return snapshot.states[target.name]
