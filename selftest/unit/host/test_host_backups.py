"""Declared backups: what is found of them, and whether they could be restored."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sickbay.errors import Denied, NotApplicable, TimedOut, Unsupported
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.facts import backups
from sickbay.targets.host.facts.backups import (
    Backup,
    BackupContent,
    judged_backups,
    judged_contents,
)

NOW = 1_800_000_000


def _run(script: str | None) -> str:
    assert script is not None
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    return done.stdout


def _entry(pattern: Path | str, **wanted: Any) -> HostEntry:
    return HostEntry(backups={str(pattern): wanted})


def _read(pattern: Path | str, **wanted: Any) -> BackupContent:
    """What reading the newest of a pattern tells on this machine."""
    (one,) = BackupContent.parse(_run(backups._read(_entry(pattern, **wanted), {})))
    return one


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """An archive with settings and some data."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/settings").write_bytes(os.urandom(20_000))
    path = tmp_path / "b 1.tar.gz"
    subprocess.run(["tar", "-czf", path, "-C", tmp_path, "etc"], check=True)
    return path


def test_backups_of_a_pattern_are_measured_by_the_two_newest(tmp_path: Path) -> None:
    """Whatever their names; odd names and the third are no matter."""
    for hours, name in ((3, "a"), (1, "b c"), (2, "it's"), (0, "other")):
        file = tmp_path / f"{name}.dump"
        file.write_bytes(b"x" * (hours * 10))
        os.utime(file, (NOW - hours * 3600, NOW - hours * 3600))
    (tmp_path / "other.dump").unlink()
    entry = _entry(tmp_path / "*.dump", max_age="2 h")
    (one,) = Backup.parse(_run(backups._measured(entry, {})))
    assert (one.path, one.size, one.previous) == (f"{tmp_path}/b c.dump", 10, 20)
    assert one.free
    (judged,) = judged_backups(entry, (one,), NOW)
    assert (judged.part_of_previous, judged.age_seconds, judged.is_stale) == (0.5, 3600, False)
    (judged,) = judged_backups(entry, (one,), NOW + 3601)
    assert judged.is_stale


def test_backups_that_are_not_there_are_missing_and_nothing_else(tmp_path: Path) -> None:
    """No age, no size, no room to speak of."""
    entry = _entry(tmp_path / "*.dump", max_age="2 h")
    (judged,) = judged_backups(entry, Backup.parse(_run(backups._measured(entry, {}))), NOW)
    assert judged.is_missing
    assert (judged.is_stale, judged.part_of_previous, judged.room) == (False, None, None)
    assert _read(tmp_path / "*.dump").state == "missing"


def test_backup_is_older_than_what_it_keeps(tmp_path: Path, archive: Path) -> None:
    """By the times of both."""
    os.utime(archive, (NOW, NOW))
    settings = tmp_path / "settings.toml"
    settings.touch()
    for changed, older in ((NOW - 1, False), (NOW + 1, True)):
        os.utime(settings, (changed, changed))
        entry = _entry(archive, newer_than=str(settings))
        (judged,) = judged_backups(entry, Backup.parse(_run(backups._measured(entry, {}))), NOW)
        assert judged.is_older_than_settings is older


def test_archive_is_read_to_its_end(archive: Path) -> None:
    """A whole one is readable; one that is cut off anywhere is not."""
    assert _read(archive).state == "readable"
    data = archive.read_bytes()
    for part in (len(data) - 1, len(data) // 2):
        archive.write_bytes(data[:part])
        assert _read(archive).state == "broken"
    archive.write_bytes(b"")
    assert _read(archive).state == "empty"


@pytest.mark.parametrize(
    ("content", "state"),
    [
        (b"-- PostgreSQL database dump\n\n-- PostgreSQL database dump complete\n\n", "readable"),
        (b"-- MySQL dump\n-- Dump completed on 2026-01-01\n", "readable"),
        (b"-- PostgreSQL database dump\nCOPY t FROM stdin;\n1\n", "broken"),
        (b"\x00\x01\x02\x03", "broken"),
    ],
)
def test_plain_dump_is_whole_with_its_end_mark(tmp_path: Path, content: bytes, state: str) -> None:
    """What pg_dump writes at the end of a plain dump; anything else cannot be shown to be whole."""
    (tmp_path / "x.sql").write_bytes(content)
    assert _read(tmp_path / "x.sql").state == state


def test_archive_lacks_what_its_listing_does_not_hold(archive: Path) -> None:
    """Wanted are regular expressions, whatever quotes they have."""
    wanted = ["^etc/settings$", 'it\'s "gone"']
    entry = _entry(archive, contains=wanted)
    (judged,) = judged_contents(entry, (_read(archive, contains=wanted),))
    assert (judged.lacks, judged.is_unusable) == (('it\'s "gone"',), True)


def test_archive_is_compared_with_the_checksum_beside_it(archive: Path) -> None:
    """As sha256sum writes it; without one there is nothing to say."""
    assert _read(archive).checksum == ""
    told = subprocess.run(["sha256sum", archive], capture_output=True, text=True, check=True).stdout
    Path(f"{archive}.sha256").write_text(told)
    assert _read(archive).checksum == "right"
    Path(f"{archive}.sha256").write_text(f"{'0' * 64}  x\n")
    one = _read(archive)
    assert (one.state, one.checksum) == ("readable", "wrong")
    (judged,) = judged_contents(_entry(archive), (one,))
    assert judged.is_unusable


@pytest.mark.parametrize(
    ("block", "error"),
    [
        ("lacks pg_restore", Unsupported),
        ("read 124 gzip ", TimedOut),
        ("read 1 gzip gzip: x: Permission denied", Denied),
        ("read 0 gzip \nsum 124", TimedOut),
    ],
)
def test_backup_that_could_not_be_read_through_is_no_fact(
    block: str, error: type[Exception]
) -> None:
    """Neither whole nor broken."""
    with pytest.raises(error):
        BackupContent.parse(f"backup /x\n{block}\nend\n")


@pytest.mark.parametrize("out", ["backup /x\nread 0 gzip \n", "end\n", "nonsense\n"])
def test_backup_answers_that_break_off_are_no_fact(out: str) -> None:
    """The last one might be the broken one."""
    with pytest.raises((ValueError, KeyError, IndexError)):
        BackupContent.parse(out)
    with pytest.raises((ValueError, KeyError, IndexError)):
        Backup.parse(out)


def test_backups_not_declared_are_not_applicable() -> None:
    """Nothing is asked."""
    assert backups._read(HostEntry(), {}) is None
    for kind in (Backup, BackupContent):
        with pytest.raises(NotApplicable):
            kind.parse("")
