"""Declared files, tools, kernel settings and peers: what is found beside what is wanted."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sickbay.errors import Denied, Unsupported
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.facts import declared_files, kernel_settings
from sickbay.targets.host.facts.declared_files import (
    FoundFile,
    JudgedFile,
    judged_files,
    must_be_seen,
)
from sickbay.targets.host.facts.kernel_settings import KernelSetting, judged_settings
from sickbay.targets.host.facts.peers import Peer

NOW = 1_800_000_000.0


def _look(**files: dict[str, Any]) -> tuple[FoundFile, ...]:
    """What the script finds on this machine."""
    script = declared_files._script(HostEntry(files=files), {})
    assert script is not None
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    return FoundFile.parse(done.stdout)


def test_files_with_odd_names_are_found_as_they_are(tmp_path: Path) -> None:
    """Spaces, quotes and leading dashes are part of a name; only a pattern is taken apart."""
    names = ["a b", "it's", '"x"', "-n", "$HOME", "100%s"]
    for name in names:
        (tmp_path / name).write_text("x" * len(name))
    found = _look(**{f"{tmp_path}/{name}": {} for name in names})
    assert [(one.path, one.state, one.size) for one in found] == [
        (f"{tmp_path}/{name}", "there", len(name)) for name in names
    ]


def test_files_of_a_pattern_the_newest_counts(tmp_path: Path) -> None:
    """Whatever their names say of their order."""
    for age, name in enumerate(["c.dump", "a.dump", "b.dump"]):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (NOW - age * 60, NOW - age * 60))
    (found,) = _look(**{f"{tmp_path}/*.dump": {}})
    assert (found.path, found.changed) == (f"{tmp_path}/c.dump", NOW)


def test_files_that_are_not_there_say_how_far_one_comes(tmp_path: Path) -> None:
    """Missing in its directory, with its directory, or a link to nothing."""
    (tmp_path / "link").symlink_to("/nowhere")
    paths = [f"{tmp_path}/a", f"{tmp_path}/b/c/d", f"{tmp_path}/link", f"{tmp_path}/*.dump"]
    entry = HostEntry(files={path: {} for path in paths})
    judged = judged_files(entry, _look(**{path: {} for path in paths}), NOW)
    assert [(one.state, one.lacks_its_directory) for one in judged] == [
        ("missing", False),
        ("missing", True),
        ("dangling", False),
        ("missing", False),
    ]


def test_files_behind_a_closed_directory_are_denied_not_missing() -> None:
    """Who may not look says nothing of these, and all of the others."""
    entry = HostEntry(files={"/etc/x": {}, "/root/secret/y": {}})
    found = FoundFile.parse("there 1 644 root root 1 /etc/x\nhidden /root/secret\n")
    seen, unseen = judged_files(entry, found, NOW)
    must_be_seen([seen])
    assert not unseen.lacks_its_directory
    assert not unseen.belongs_elsewhere
    with pytest.raises(Denied, match="/root/secret/y cannot be told: /root/secret may not"):
        must_be_seen([seen, unseen])


def _judged(has: str = "640", **wanted: Any) -> JudgedFile:
    found = FoundFile(
        path="/x", state="there", rights=has, owner="shop", group="shop", size=100,
        changed=int(NOW) - 3600,
    )  # fmt: skip
    return judged_files(HostEntry(files={"/x": wanted}), (found,), NOW)[0]


@pytest.mark.parametrize(
    ("rights", "wanted", "excess"),
    [
        ("640", "640", ""),
        ("600", "640", ""),
        ("644", "640", "004"),
        ("666", "640", "026"),
        ("750", "640", "110"),
        ("4755", "755", ""),
        ("777", None, ""),
    ],
)
def test_rights_beyond_those_wanted_are_told(rights: str, wanted: str | None, excess: str) -> None:
    """Fewer are fine; set-uid bits are another matter."""
    assert _judged(rights, rights=wanted).excess == excess


def test_age_size_owner_and_right_to_execute_are_judged_where_declared() -> None:
    """What the inventory does not speak of is not judged."""
    plain = _judged()
    assert not plain.is_stale
    assert not plain.is_too_small
    assert not plain.belongs_elsewhere
    assert not plain.cannot_be_executed
    assert _judged(max_age="59 min").is_stale
    assert not _judged(max_age="61 min").is_stale
    assert _judged(min_size="101").is_too_small
    assert not _judged(min_size="100").is_too_small
    assert _judged(owner="root").belongs_elsewhere
    assert _judged(group="wheel").belongs_elsewhere
    assert _judged(executable=True).cannot_be_executed
    assert not _judged("750", executable=True).cannot_be_executed


FILES = """\
==sickbay== now
vm.swappiness = 60
net.core.somaxconn = 4096
==sickbay== /etc/sysctl.d/10-ours.conf
vm.swappiness=10
# vm.swappiness=99
==sickbay== /etc/sysctl.d/50-same.conf
net/core/somaxconn = 65536
==sickbay== /usr/lib/sysctl.d/50-same.conf
net.core.somaxconn = 1
==sickbay== /usr/lib/sysctl.d/20-package.conf
- vm.swappiness = 30
==sickbay== /etc/sysctl.conf
net.core.somaxconn = 70000
"""


def test_kernel_settings_the_last_file_holds_and_etc_hides_its_namesakes() -> None:
    """sysctl.d(5): by name over all directories, /etc before /usr/lib, sysctl.conf last."""
    settings = {one.name: one for one in KernelSetting.parse(FILES)}
    assert settings["vm.swappiness"].kept == "30"
    assert settings["vm.swappiness"].file == "/usr/lib/sysctl.d/20-package.conf"
    assert settings["net.core.somaxconn"].kept == "70000"


@pytest.mark.parametrize(
    ("wanted", "differs", "is_not_kept"),
    [("60", False, True), ("30", True, False), (">= 50", False, True), ("<= 60", False, False)],
)
def test_kernel_setting_is_judged_now_and_after_a_restart(
    wanted: str, differs: bool, is_not_kept: bool
) -> None:
    """Each for itself; bounds are numbers."""
    entry = HostEntry(sysctl={"vm.swappiness": wanted})
    (one,) = judged_settings(entry, KernelSetting.parse(FILES))
    assert (one.differs, one.is_not_kept) == (differs, is_not_kept)


def test_kernel_setting_that_does_not_exist_differs() -> None:
    """A misspelt name is not healthy."""
    (one,) = judged_settings(HostEntry(sysctl={"vm.swapiness": 10}), KernelSetting.parse(FILES))
    assert one.differs
    assert one.is_not_kept


def test_kernel_settings_script_reads_this_machine() -> None:
    """As sysctl(8) names them, with dots or slashes."""
    entry = HostEntry(sysctl={"kernel/pid_max": ">= 1", "kernel.ostype": "Linux"})
    script = kernel_settings._script(entry, {})
    assert script is not None
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    judged = judged_settings(entry, KernelSetting.parse(done.stdout))
    assert [one.differs for one in judged] == [False, False]


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        ("db:5432 0 ", "connected"),
        ("db:5432 unresolved", "unresolved"),
        ("db:5432 1 bash: connect: Connection refused", "refused"),
        ("db:5432 1 bash: connect: No route to host", "no-route"),
        ("db:5432 1 connect: Network is unreachable", "no-route"),
        ("db:5432 124 ", "timed-out"),
        ("db:5432 143 Terminated", "timed-out"),
        ("db:5432 1 nc: connection timed out", "timed-out"),
        ("db:5432 1 nc: bad address 'db'", "unresolved"),
        ("db:5432 1 something new", "failed"),
        ("[2001:db8::1]:443 0", "connected"),
    ],
)
def test_peer_outcome_is_told_by_how_the_tool_ended(line: str, outcome: str) -> None:
    """Only an exit status of 0 is a connection."""
    assert Peer.parse(line)[0].outcome == outcome


def test_peer_without_a_tool_to_try_with_is_not_supported() -> None:
    """With what to install."""
    with pytest.raises(Unsupported, match="nc"):
        Peer.parse("db:5432 untried")
