"""Whether accounts can use the declared files, whose trees are, and what files have to hold."""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path
from typing import Any

import pytest

from selftest.unit.host.test_host_parsers import sectioned, told, value
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.facts import file_access
from sickbay.targets.host.facts.file_access import FileAccess, FileText, ForeignFile

ME = pwd.getpwuid(os.getuid()).pw_name


def _run(script: str | None) -> str:
    assert script is not None
    return subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout


def _accesses(**files: dict[str, Any]) -> tuple[FileAccess, ...]:
    return FileAccess.parse(_run(file_access._access(HostEntry(files=files), {})))


# ---------------------------------------------------------------------- rights

MOUNTS = """\
1 0 8:1 / / rw,relatime - ext4 /dev/sda1 rw
2 1 8:2 / /data ro,relatime - ext4 /dev/sdb1 rw
3 1 8:3 / /my\\040data rw - ext4 /dev/sdc1 ro
4 1 8:4 / /opt rw,noexec - ext4 /dev/sdd1 rw"""
DIRECTORIES = "step 41ed 0 0 root root /\n"


def _told(right: str, *way: str, path: str = "/x", account: str = "7:7 8") -> FileAccess:
    """What is made of one right of the account shop."""
    steps = "\n".join(way)
    (one,) = FileAccess.parse(
        sectioned(
            wanted=f"{right} shop {path}",
            accounts=f"account shop {account}",
            mounts=MOUNTS,
            files=f"file {path}\n{steps}",
            end="",
        )
    )
    return one


def _of(mode: str, owner: str = "7 7", path: str = "/x") -> tuple[str, ...]:
    return (
        f"step {mode} {owner} o g {path}",
        f"step {mode} {owner} o g {path}",
        f"{DIRECTORIES}real {path}",
    )


@pytest.mark.parametrize(
    ("right", "mode", "owner", "state"),
    [
        ("read", "8100", "7 7", "given"),  # -r--------
        ("read", "803f", "7 7", "refused"),  # ----rwxrwx: of the owner the owner's bits count
        ("read", "8020", "0 8", "given"),  # ----r-----, by the second group
        ("read", "8007", "0 8", "refused"),  # of the group the group's
        ("read", "8004", "0 0", "given"),
        ("write", "8092", "7 7", "given"),
        ("write", "8124", "7 7", "refused"),
        ("write", "41ff", "0 0", "given"),
        ("write", "41b6", "0 0", "refused"),  # a directory that cannot be searched
        ("execute", "81ed", "0 0", "given"),
        ("execute", "81a4", "7 7", "refused"),
        ("execute", "41ed", "0 0", "given"),
    ],
)
def test_access_follows_owner_group_and_others(
    right: str, mode: str, owner: str, state: str
) -> None:
    """path_resolution(7): the first of the three that fits decides, and no other."""
    one = _told(right, *_of(mode, owner))
    assert (one.state, one.is_wrong) == (state, state != "given")


def test_access_of_root_needs_nothing_but_a_right_to_execute() -> None:
    """Root reads and writes what it likes."""
    root = {"account": "0:0"}
    assert _told("read", *_of("8000"), **root).state == "given"
    assert _told("write", *_of("8000"), **root).state == "given"
    assert _told("execute", *_of("81a4"), **root).state == "refused"
    assert _told("execute", *_of("8001"), **root).state == "given"


def test_access_ends_at_a_directory_that_may_not_be_searched() -> None:
    """Named with what keeps the account out."""
    way = ("step 81ed 7 7 shop shop /a/x", "step 41c0 0 0 root root /a", f"{DIRECTORIES}real /a/x")
    one = _told("read", *way, path="/a/x")
    assert (one.state, one.at, one.owner, one.rights) == ("shut", "/a", "root", "700")


@pytest.mark.parametrize(
    ("right", "path", "state"),
    [
        ("write", "/data/x", "mounted"),
        ("read", "/data/x", "given"),
        ("write", "/my data/x", "mounted"),
        ("execute", "/opt/x", "mounted"),
        ("write", "/opt/x", "given"),
        ("write", "/datax/x", "given"),
    ],
)
def test_access_ends_at_the_options_of_the_mount(right: str, path: str, state: str) -> None:
    """Of the mount itself or of the file system; of the nearest one."""
    folder = path.rpartition("/")[0]
    way = (f"step 81ff 7 7 shop shop {path}", f"step 41ff 0 0 root root {folder}")
    assert _told(right, *way, f"{DIRECTORIES}real {path}", path=path).state == state


def test_access_by_a_list_is_not_judged_by_the_mode() -> None:
    """Its mask stands where the group's rights would; only the owner's are the owner's."""
    steps = _of("81a0", "0 0")
    assert _told("read", *steps[:2], "listed /x", steps[2]).state == "listed"
    own = _of("8080")
    assert _told("read", *own[:2], "listed /x", own[2]).state == "refused"


def test_access_of_nobody_and_of_nothing_is_told_apart() -> None:
    """No such account; no such file; a file that cannot be told."""
    assert _told("read", *_of("81a4"), account=":").state == "no-account"
    assert not _told("read", "missing /").is_wrong
    assert _told("read", "hidden /root").state == "hidden"


@pytest.mark.parametrize(
    "way",
    [
        ("step 81a4 0 0 r r /a/x", f"{DIRECTORIES}real /a/x"),  # /a is not told of
        ("step 81a4 0 0 r r /x", DIRECTORIES),
        ("step 81a4 0 0 r /x", f"{DIRECTORIES}real /x"),
    ],
)
def test_access_whose_way_is_not_whole_is_unreadable(way: tuple[str, ...]) -> None:
    """A directory that was not seen may be the one that is shut."""
    with pytest.raises(ValueError, match=r"breaks off|unpack"):
        _told("read", *way, path="/a/x")


def test_access_debian_is_given() -> None:
    """As on a machine where all is well."""
    found = value("file_access.debian")
    assert [(one.right, one.path, one.state) for one in found] == [
        ("read", "/etc/shop/settings.toml", "given"),
        ("execute", "/opt/shop/tool", "given"),
        ("write", "/var/lib/shop", "given"),
    ]


def test_access_script_follows_links_and_reads_this_machine(tmp_path: Path) -> None:
    """Through a link to another folder; odd names are names."""
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b/it's").touch(mode=0o600)
    (tmp_path / "link").symlink_to(tmp_path / "a b/it's")
    found = _accesses(
        **{
            f"{tmp_path}/link": {"readable_by": ME, "executable_by": ME},
            f"{tmp_path}/gone": {"readable_by": ME},
        }
    )
    assert [one.state for one in found] == ["given", "refused", "missing"]
    (tmp_path / "a b").chmod(0o000)
    (one,) = _accesses(**{f"{tmp_path}/link": {"readable_by": "nobody"}})
    (tmp_path / "a b").chmod(0o700)
    assert one.state in {"shut", "hidden", "missing"}


# ---------------------------------------------------------------------- trees


def _foreign(path: Path, owner: str) -> tuple[ForeignFile, ...]:
    entry = HostEntry(files={str(path): {"all_owned_by": owner}})
    return ForeignFile.parse(_run(file_access._trees(entry, {})))


def test_trees_of_one_account_have_no_foreign_files(tmp_path: Path) -> None:
    """Links are not followed; a missing tree is another symptom's."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a/link").symlink_to("/etc/passwd")
    assert _foreign(tmp_path / "a", ME) == ()
    assert _foreign(tmp_path / "b", ME) == ()


def test_trees_name_what_belongs_to_others(tmp_path: Path) -> None:
    """Ten at most, and the tree itself counts."""
    for number in range(12):
        (tmp_path / str(number)).touch()
    found = _foreign(tmp_path, f"{ME}:nogroup")
    assert len(found) == 10
    assert found[0] == ForeignFile(
        path=str(tmp_path), tree=str(tmp_path), owner=ME, group=found[0].group
    )


def test_trees_of_no_account_are_told_so(tmp_path: Path) -> None:
    """find(1) would only complain."""
    assert [one.state for one in _foreign(tmp_path, "no-such-account")] == ["no-account"]
    assert [one.state for one in _foreign(tmp_path, f"{ME}:no-such-group")] == ["no-group"]


def test_trees_that_cannot_be_seen_are_hidden() -> None:
    """What may not be searched may hold anything."""
    raw = "tree /a\nfind: '/a/b': Permission denied\nlooked\ntree /c\nhidden /\nend\n"
    assert [(one.tree, one.state) for one in ForeignFile.parse(raw)] == [
        ("/a", "hidden"),
        ("/c", "hidden"),
    ]


@pytest.mark.parametrize(
    "raw",
    [
        "tree /a\nlooked\n",
        "tree /a\nend\n",
        "end\n",
        "tree /a\nroot root /a/x\nend\n",
        "tree /a\nfind: unrecognized: -user\nlooked\nend\n",
    ],
)
def test_trees_that_break_off_are_unreadable(raw: str) -> None:
    """Nothing found is not nothing there."""
    gap = told("foreign_files", raw).gap
    assert gap is not None
    assert gap.reason == "unreadable"


# ---------------------------------------------------------------------- texts


def test_texts_that_a_file_lacks_are_named(tmp_path: Path) -> None:
    """As they stand, not as regular expressions."""
    (tmp_path / "a").write_text("run /usr/bin/x.y now\n")
    entry = HostEntry(
        files={
            f"{tmp_path}/a": {"holds": ["/usr/bin/x.y", "x-y", "-v"]},
            f"{tmp_path}/b": {"holds": ["z"]},
        }
    )
    found = FileText.parse(_run(file_access._texts(entry, {})))
    assert [(one.state, one.lacks) for one in found] == [
        ("read", ("x-y", "-v")),
        ("missing", ()),
    ]


def test_texts_that_may_not_be_there_are_told(tmp_path: Path) -> None:
    """Apart from those that have to be."""
    (tmp_path / "script").write_text("redis-cli -a your_password\n")
    wanted = {"holds": ["redis-cli", "psql"], "lacks": ["your_password", "changeme"]}
    entry = HostEntry(files={str(tmp_path / "script"): wanted})
    (one,) = FileText.parse(_run(file_access._texts(entry, {})))
    assert (one.lacks, one.holds) == (("psql",), ("your_password",))


@pytest.mark.parametrize(
    "raw", ["file /a\nlooked\n", "file /a\nend\n", "file /a\nx\nlooked\nend\n"]
)
def test_texts_that_break_off_are_unreadable(raw: str) -> None:
    """A file is not told to be whole by what is missing of the answer."""
    gap = told("file_texts", raw).gap
    assert gap is not None
    assert gap.reason == "unreadable"
