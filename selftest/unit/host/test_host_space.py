"""What takes space: folders, directories of trees, large files, and what was left behind."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from selftest.unit.host.test_host_parsers import sectioned, told, value
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.facts import space
from sickbay.targets.host.facts.space import (
    Folder,
    LargeFile,
    Leftover,
    TreeFolder,
    judged_folders,
)

DAY = 86400
NOBODY: dict[str, Any] = (
    {"user": 65534, "group": 65534, "extra_groups": []} if os.getuid() == 0 else {}
)
"""Root may read everything."""


def _run(script: str | None) -> str:
    assert script is not None
    return subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout


def _write(path: Path, size: int = 1, age: float = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    os.utime(path, (time.time() - age,) * 2)
    return path


# ---------------------------------------------------------------------- folders


def _folders(**wanted: dict[str, Any]) -> tuple[Folder, ...]:
    return Folder.parse(_run(space._folders(HostEntry(folders=wanted), {})))


def test_folder_has_its_size_and_its_old_files(tmp_path: Path) -> None:
    """With all below it; names may hold blanks and line ends."""
    _write(tmp_path / "a b/c", 500_000, 12 * DAY)
    _write(tmp_path / "new", 300_000)
    (one,) = _folders(**{str(tmp_path): {"oldest": "10 d"}})
    assert 800_000 <= one.size < 1_000_000
    assert one.room > one.size
    assert list(one.old) == [str(tmp_path / "a b/c")]


def test_folder_that_is_not_there_takes_nothing(tmp_path: Path) -> None:
    """Whether it has to be there is another question."""
    (one,) = _folders(**{str(tmp_path / "none"): {"size": 1}})
    assert (one.size, one.share, one.old) == (0, 0.0, {})


@pytest.mark.parametrize("below", ["", "/closed/deeper"])
def test_folder_that_may_not_be_read_is_denied(below: str) -> None:
    """A part of it is not the whole, and what cannot be seen is not known to be missing."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        closed = Path(place, "closed")
        closed.mkdir()
        closed.chmod(0o000)
        script = space._folders(HostEntry(folders={f"{place}{below}": {"size": 1}}), {})
        done = subprocess.run(
            ["sh", "-c", script or ""],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            **NOBODY,
        )
    assert done.returncode == 1
    assert "ermission denied" in done.stderr


@pytest.mark.parametrize(
    ("wanted", "found", "large", "old"),
    [
        ({"size": 1000}, {"size": 1000}, False, 0),
        ({"size": 1000}, {"size": 1001}, True, 0),
        ({"share": "50 %"}, {"size": 500, "room": 1000}, False, 0),
        ({"share": "50 %"}, {"size": 501, "room": 1000}, True, 0),
        ({"oldest": "1 d"}, {"old": {"/a": DAY, "/b": DAY + 1}}, False, 1),
        ({}, {"size": 10**12, "old": {"/a": 10**9}}, False, 0),
    ],
)
def test_folder_is_held_against_what_is_declared(
    wanted: dict[str, Any], found: dict[str, Any], large: bool, old: int
) -> None:
    """Up to the border."""
    entry = HostEntry(folders={"/x": wanted})
    (one,) = judged_folders(entry, (Folder(path="/x", **found),))
    assert (one.too_large, len(one.too_old)) == (large, old)


def test_folders_debian_are_small() -> None:
    """A recorded answer."""
    exports, log = value("folders.debian")
    assert (exports.path, log.path) == ("/srv/exports", "/var/log")
    assert 2_900_000 < exports.size < 3_100_000
    assert 0 < log.share < 0.2


# ---------------------------------------------------------------------- trees


def test_tree_tells_of_directories_and_of_files_that_are_not_allowed(tmp_path: Path) -> None:
    """Hidden directories count, links and allowed places do not."""
    _write(tmp_path / ".cache/big", 3_000_000)
    _write(tmp_path / "allowed/big", 3_000_000)
    _write(tmp_path / "top big", 2_500_000)
    _write(tmp_path / "small", 1_000_000)
    (tmp_path / "link").symlink_to("/")
    wanted = {"largest": "2 MB", "allowed": [f"{tmp_path}/allowed"]}
    out = _run(space._trees(HostEntry(trees={str(tmp_path): wanted}), {}))
    assert [one.path for one in LargeFile.parse(out)] == [
        f"{tmp_path}/.cache/big", f"{tmp_path}/top big",
    ]  # fmt: skip
    folders = {one.path: one.size for one in TreeFolder.parse(out)}
    assert folders.keys() == {f"{tmp_path}/.cache", f"{tmp_path}/allowed"}
    assert all(3_000_000 <= size < 3_200_000 for size in folders.values())


def test_tree_of_programs_is_left_out() -> None:
    """/usr may well be the largest of all."""
    raw = sectioned(trees="tree /\nroom 1 100\n90\t/usr\n5\t/var", end="")
    assert [one.path for one in told("tree_folders", raw).value] == ["/var"]


def test_trees_debian_hold_nothing_large() -> None:
    """Recorded answers."""
    assert value("large_files.debian") == ()
    assert max(one.share for one in value("tree_folders.debian")) < 0.01


# ---------------------------------------------------------------------- leftovers


def test_leftovers_are_told_with_their_age(tmp_path: Path) -> None:
    """Of every pattern; one that fits nothing is fine."""
    _write(tmp_path / "dump 1.heap", 7, 2 * DAY)
    patterns = {f"{tmp_path}/dump*.heap": "1 d", f"{tmp_path}/none*": "1 d"}
    (one,) = Leftover.parse(_run(space._leftovers(HostEntry(leftovers=patterns), {})))
    assert (one.path, one.pattern, one.size) == (
        f"{tmp_path}/dump 1.heap", f"{tmp_path}/dump*.heap", 7,
    )  # fmt: skip
    assert 2 * DAY <= one.age_seconds < 2 * DAY + 60


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("folders", "garbage"),
        ("folders", sectioned(folders="folder /x\nroom 1 1", now="1", end="")),
        ("folders", sectioned(folders="folder /x\nroom 1 1\n1\t/x", now="1")),
        ("folders", sectioned(folders="folder /x\nroom 1 1\ndu: I/O error", now="1", end="")),
        ("tree_folders", sectioned(trees="tree /x", end="")),
        ("tree_folders", sectioned(trees="tree /x\nroom 1 1\nfind: I/O error", end="")),
        ("large_files", sectioned(trees="tree /x\nroom 1 1\nlarge x y", end="")),
        ("leftovers", sectioned(leftovers="pattern /x\nwhat", now="1", end="")),
        ("leftovers", sectioned(leftovers="pattern /x\nleft 1 1 /x", end="")),
    ],
)
def test_space_answers_that_cannot_be_understood_are_unreadable(name: str, raw: str) -> None:
    """None is read as little."""
    gap = told(name, raw).gap
    assert gap is not None
    assert gap.reason == "unreadable"


@pytest.mark.parametrize("ask", [space._folders, space._trees, space._leftovers])
def test_space_that_nobody_declared_is_not_looked_for(ask: Callable[..., str | None]) -> None:
    """Reading whole trees is not free."""
    assert ask(HostEntry(), {}) is None
