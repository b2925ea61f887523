"""100 checks of one host over SSH: testinfra's ssh and paramiko backends, and ours, on the same sshd.

python bench/ssh_checks.py

The same five questions are put 20 times each: whether something listens on a port, how much is
free on the root file system, how much memory and how many files are open, how high the load is.
testinfra asks the host for each check, as its backends do; we ask once. The start-up of pytest
counts in all of them; the net figure is without it, that is the same command with no check to run.

testinfra's ssh backend opens a connection for every command unless SSH config names a ControlPath;
the row "ssh, shared" is with one.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from common import ROOT, Cost, cost, pytest_cost

sys.path.insert(0, str(ROOT))

from selftest.unit.host.sshd import Sshd, running

EACH = 20
CHECKS = 5 * EACH
BUDGETS = {"paramiko": 20, "ssh": 60}

THEIRS = """
import pytest

TIMES = pytest.mark.parametrize("n", range({each}))


@TIMES
def test_port(host, n):
    assert host.socket("tcp://127.0.0.1:{port}").is_listening


@TIMES
def test_root(host, n):
    row = host.check_output("df -Pk /").splitlines()[-1].split()
    assert int(row[2]) <= int(row[1])


@TIMES
def test_memory(host, n):
    text = host.file("/proc/meminfo").content_string
    rows = dict(line.split(":", 1) for line in text.splitlines())
    assert int(rows["MemAvailable"].split()[0]) > 0


@TIMES
def test_files(host, n):
    opened, _, most = host.file("/proc/sys/fs/file-nr").content_string.split()
    assert int(opened) < int(most)


@TIMES
def test_load(host, n):
    assert float(host.file("/proc/loadavg").content_string.split()[0]) >= 0
"""
OURS = """
import pytest

TIMES = pytest.mark.parametrize("n", range({each}))


@TIMES
def test_port(listeners, n):
    assert any(one.port == {port} for one in listeners)


@TIMES
def test_root(filesystems, n):
    root = next(one for one in filesystems if one.mount == "/")
    assert root.used <= root.size


@TIMES
def test_memory(memory, n):
    assert memory.available > 0


@TIMES
def test_files(open_files, n):
    assert open_files.open < open_files.most


@TIMES
def test_load(load, n):
    assert load.minute_1 >= 0
"""
INVENTORY = """
hosts:
  bench:
    address: 127.0.0.1
    port: {port}
    user: {user}
    identity_file: {key}
    known_hosts: {known_hosts}
    ssh_config: /dev/null
"""
SSH_CONFIG = """
IdentityFile {key}
IdentitiesOnly yes
UserKnownHostsFile {known_hosts}
StrictHostKeyChecking {strict}
"""


@dataclass(frozen=True)
class Way:
    """How to run the checks."""

    name: str
    module: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class Figures:
    """What the checks took, with and without the start-up, and how often somebody logged in."""

    whole: float
    start_up: float
    logins: int

    @property
    def net(self) -> float:
        return self.whole - self.start_up


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with running(home / "sshd") as sshd:
            found = {way.name: measured(way, home, sshd) for way in _ways(home, sshd)}
            _end_sharing(home)
    ours = found["ours"]
    print(f"{CHECKS} checks of one host over SSH on loopback")
    print(f"{'':12} {'whole':>9} {'start-up':>9} {'net':>9} {'logins':>7} {'whole':>8} {'net':>8}")
    for name, figures in found.items():
        print(
            f"{name:12} {figures.whole:7.2f} s {figures.start_up:7.2f} s {figures.net:7.2f} s "
            f"{figures.logins:7} {figures.whole / ours.whole:6.1f} x {figures.net / ours.net:6.1f} x"
        )
    for name, budget in BUDGETS.items():
        whole, net = found[name].whole / ours.whole, found[name].net / ours.net
        print(
            f"against {name}: budget {budget} x; with start-up {whole:.1f} x ({_met(whole, budget)}), "
            f"net {net:.1f} x ({_met(net, budget)})"
        )


def _ways(home: Path, sshd: Sshd) -> list[Way]:
    said = {"key": sshd.key, "known_hosts": sshd.known_hosts, "port": sshd.port}
    user = sshd.user
    shared_config = SSH_CONFIG.format(**said, strict="yes") + f"ControlPath {home}/control\n"
    (home / "shared_config").write_text(shared_config)
    (home / "pytest.ini").write_text("[pytest]\n")
    (home / "test_theirs.py").write_text(THEIRS.format(each=EACH, port=sshd.port))
    (home / "test_ours.py").write_text(OURS.format(each=EACH, port=sshd.port))
    (home / "inventory.yaml").write_text(INVENTORY.format(**said, user=user))
    # testinfra's paramiko backend reads no known hosts and warns of each key unless told not to.
    for name, strict in (("ssh", "yes"), ("paramiko", "no")):
        (home / f"{name}_config").write_text(SSH_CONFIG.format(**said, strict=strict))

    def theirs(name: str, backend: str, config: str) -> Way:
        spec = f"{backend}://{user}@127.0.0.1:{sshd.port}?ssh_config={home}/{config}_config"
        return Way(name, "test_theirs.py", ("-p", "no:sickbay", f"--hosts={spec}"))

    options = ("--hosts=inventory.yaml", "--reports-dir=reports")
    return [
        theirs("ssh", "ssh", "ssh"),
        theirs("ssh, shared", "ssh", "shared"),
        theirs("paramiko", "paramiko", "paramiko"),
        Way("ours", "test_ours.py", options),
    ]


def measured(way: Way, home: Path, sshd: Sshd) -> Figures:
    """A warm-up (byte code, file cache), the start-up (median of three), then all the checks once."""
    quiet = ("-q", "--no-header", "-p", "no:cacheprovider", "-p", "no:allure_pytest", way.module)
    nothing = ("-k", "nothing_of_this_name")
    _run(home, *quiet, *way.options, *nothing)
    start_up = median(_run(home, *quiet, *way.options, *nothing).wall for _ in range(3))
    before = sshd.logins
    whole = _run(home, *quiet, *way.options)
    if f"{CHECKS} passed" not in whole.output:
        raise SystemExit(f"{way.name}: the checks did not pass:\n{whole.output[-3000:]}")
    return Figures(whole.wall, start_up, sshd.logins - before)


def _end_sharing(home: Path) -> None:
    """End the ssh that testinfra leaves in the background for the shared connection."""
    cost("ssh", "-F", f"{home}/shared_config", "-O", "exit", "127.0.0.1", cwd=home)


def _run(home: Path, *options: str) -> Cost:
    return pytest_cost(*options, cwd=home)


def _met(ratio: float, budget: float) -> str:
    return "met" if ratio >= budget else "not met"


if __name__ == "__main__":
    main()
