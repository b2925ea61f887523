"""Rotation, size, age and form of logs; pending updates."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from selftest.unit.host.test_host_parsers import recorded, sectioned, told, value
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.facts import declared_logs, updates
from sickbay.targets.host.facts.declared_logs import AgedLog, Log, LogForm, aged_logs
from sickbay.targets.host.facts.log_rotation import LogRotation, judged_rotation

NOW = 1_800_000_000


def _reason(name: str, raw: str) -> str:
    gap = told(name, raw).gap
    return gap.reason if gap else ""


# ---------------------------------------------------------------------- logrotate

TOLD = "Reading state from file: /var/lib/logrotate/status\nHandling 1 logs"


def _rotation(**parts: str) -> str:
    """An answer of a host on which nothing is wrong but what is given."""
    fine = {"user": "0", "told": TOLD, "state": "", "up": "1000", "cron": "", "running": "7"}
    return sectioned(**{**fine, **parts, "end": ""})


def test_log_rotation_debian_is_by_its_timer() -> None:
    """With the logs that have a rule, and when it last wrote its state."""
    rotation = value("log_rotation.debian")
    assert (rotation.scheduled_by, rotation.result) == ("logrotate.timer", "success")
    assert rotation.ran_at == 1795436930
    assert {"/var/log/dpkg.log", "/var/log/nginx/*.log"} <= set(rotation.patterns)
    assert value("rotation_errors.debian") == ()


def test_log_rotation_is_by_cron_where_no_timer_is_active() -> None:
    """Only where cron runs."""
    script = "/etc/cron.daily/logrotate"
    assert told("log_rotation", _rotation(cron=script)).value.scheduled_by == script
    assert told("log_rotation", _rotation()).value.scheduled_by == ""
    off = "Id=logrotate.timer\nActiveState=inactive\n\nId=cron.service\nActiveState={}"
    for state, by in (("active", script), ("failed", "")):
        raw = _rotation(cron=script, units=off.format(state), running="")
        assert told("log_rotation", raw).value.scheduled_by == by


def test_log_rotation_where_nothing_runs_jobs_is_not_applicable() -> None:
    """As in an image of one program."""
    assert told("log_rotation", _rotation(running="")).absent
    assert told("log_rotation", sectioned(none="")).absent


@pytest.mark.parametrize(("ran_at", "age"), [(NOW - 60, 60), (None, NOW - 1000), (NOW + 9, 0)])
def test_log_rotation_that_never_ran_is_as_old_as_its_chance(ran_at: int | None, age: int) -> None:
    """A host that was just made is not late."""
    rotation = LogRotation(of="logrotate", scheduled_by="", since=1000, ran_at=ran_at)
    assert judged_rotation(rotation, NOW).age_seconds == age


ERRORS = """\
error: zz:16 unknown option 'foo' -- ignoring line
error: found error in file zz, skipping
Reading state from file: /var/lib/logrotate/status
error: error opening state file /var/lib/logrotate/status; assuming empty state: Permission denied
Handling 12 logs
error: stat of /var/log/x.log failed: No such file or directory"""


def test_rotation_errors_of_logs_are_roots_to_judge() -> None:
    """Others see the configuration; what they may not do with logs is not logrotate's fault."""
    by_root = told("rotation_errors", _rotation(told=ERRORS)).value
    assert [one.error.partition(" ")[0] for one in by_root] == ["zz:16", "error", "stat"]
    by_other = told("rotation_errors", _rotation(told=ERRORS, user="1000")).value
    assert [one.error for one in by_other] == ["zz:16 unknown option 'foo' -- ignoring line"]


def test_rotation_errors_that_hide_a_file_are_denied() -> None:
    """What could not be read was not judged."""
    raw = f"error: failed to open config file zz: Permission denied\n{TOLD}"
    assert _reason("rotation_errors", _rotation(told=raw, user="1000")) == "denied"
    assert len(told("rotation_errors", _rotation(told=raw)).value) == 1


@pytest.mark.parametrize("told_of", ["", "Handling 3 logs", "Reading state from file: /x"])
def test_rotation_errors_of_a_run_that_broke_off_are_a_gap(told_of: str) -> None:
    """No errors are good news only behind the last line."""
    assert _reason("rotation_errors", _rotation(told=told_of)) == "unreadable"


# ---------------------------------------------------------------------- folders of logs


def _logs(*folders: Path) -> tuple[Log, ...]:
    """What the script finds on this machine."""
    script = declared_logs._folders(HostEntry(log_folders={f"{f}": {} for f in folders}), {})
    done = subprocess.run(["sh", "-c", str(script)], capture_output=True, text=True, check=True)
    observation = told("declared_logs", done.stdout)
    assert observation.gap is None, observation.gap
    return observation.value  # type: ignore[no-any-return]


def test_logs_the_largest_and_the_oldest_are_found(tmp_path: Path) -> None:
    """Also below; other files, and links, do not count."""
    (tmp_path / "a b").mkdir()
    for number in range(20):
        log = tmp_path / f"a b/{number}.log"
        log.write_text("x" * number)
        os.utime(log, (NOW - number, NOW - number))
    (tmp_path / "large.txt").write_text("x" * 500)
    (tmp_path / "link.log").symlink_to("large.txt")
    found = {Path(log.path).stem: log for log in _logs(tmp_path)}
    assert set(found) == {"15", "16", "17", "18", "19"}
    assert (found["19"].size, found["19"].changed) == (19, NOW - 19)


def test_logs_of_a_folder_without_any_are_none(tmp_path: Path) -> None:
    """Nothing is too large there."""
    assert _logs(tmp_path) == ()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("missing", "unreadable"),
        ("hidden /root", "denied"),
        ("hidden find: /var/log/private: Permission denied", "denied"),
        ("12 x /var/log/a.log", "unreadable"),
        ("12", "unreadable"),
    ],
)
def test_logs_that_cannot_be_seen_are_a_gap(line: str, reason: str) -> None:
    """Whether for rights, or because the folder is another one."""
    assert _reason("declared_logs", sectioned(folders=f"folder /x\n{line}", end="")) == reason
    assert _reason("declared_logs", sectioned(folders="folder /x")) == "unreadable"


def _aged(size: int = 0, age: int = 0, **wanted: Any) -> AgedLog:
    log = Log(path="/x/a.log", folder="/x", size=size, changed=NOW - age)
    return aged_logs(HostEntry(log_folders={"/x": wanted}), (log,), NOW)[0]


def test_logs_are_judged_where_declared() -> None:
    """At their limits, and not beyond what is declared."""
    assert not _aged(10**12, 10**9).is_too_large
    assert not _aged(10**12, 10**9).is_too_old
    assert not _aged(100, largest="100").is_too_large
    assert _aged(101, largest="100").is_too_large
    assert not _aged(age=60, oldest="1 min").is_too_old
    assert _aged(age=61, oldest="1 min").is_too_old


# ---------------------------------------------------------------------- lines of logs


def _form(path: Path, form: str, lines: int = 3) -> LogForm:
    entry = HostEntry(log_lines={f"{path}": {"form": form, "lines": lines}})
    script = declared_logs._lines(entry, {})
    done = subprocess.run(["sh", "-c", str(script)], capture_output=True, check=True)
    observation = told("log_forms", done.stdout.decode(errors="replace"))
    assert observation.gap is None, observation.gap
    return observation.value[0]  # type: ignore[no-any-return]


def test_log_lines_the_last_ones_have_to_match_as_a_whole(tmp_path: Path) -> None:
    """Older ones do not count, and a part that matches is not enough."""
    log = tmp_path / "it's.log"
    log.write_text("old\nlog x\nn:1\nn:2\nn: \nn:3 more\n")
    form = _form(log, r"n:\d+", lines=4)
    assert (form.path, form.state, form.lines) == (f"{log}", "there", 4)
    assert form.malformed == ("n: ", "n:3 more")
    assert _form(log, r"n:.*").malformed == ()


def test_log_lines_odd_bytes_and_huge_lines_are_no_trouble(tmp_path: Path) -> None:
    """Only the beginning of a line is kept, and only where it is not as declared."""
    log = tmp_path / "log"
    log.write_bytes(b"\xff\x1b[31m\n==sickbay== end\n" + b"x" * 100_000 + b"\n")
    malformed = _form(log, "[0-9]+").malformed
    assert malformed[:2] == ("\ufffd\x1b[31m", "==sickbay== end")
    assert len(malformed[2]) == 100


def test_log_lines_of_an_empty_or_missing_log_are_told(tmp_path: Path) -> None:
    """Neither is healthy."""
    (tmp_path / "empty").touch()
    assert _form(tmp_path / "empty", ".*").state == "empty"
    assert _form(tmp_path / "no/such", ".*").state == "missing"
    assert _form(tmp_path, ".*").state == "missing"


@pytest.mark.parametrize(
    ("logs", "reason"),
    [
        ("log /x\nhidden /x", "denied"),
        ("log /x", "unreadable"),
        ("", "unreadable"),
        ("log /x\nthere\nn:1", "unreadable"),
        ("log /x\nthere\nlog /y\nthere", "unreadable"),
    ],
)
def test_log_lines_that_cannot_be_seen_are_a_gap(logs: str, reason: str) -> None:
    """As many logs as forms, each with what was found."""
    assert _reason("log_forms", sectioned(wanted='"x"', logs=logs, end="")) == reason


# ---------------------------------------------------------------------- updates


def _upgrade(*lines: str, **parts: str) -> str:
    whole = {"lists": "3", "upgrade": "\n".join(lines), "held": "", "automatic": "", **parts}
    return sectioned(**whole)


def test_updates_debian_held_ones_count() -> None:
    """Although apt itself would leave them alone."""
    found = value("updates.debian")
    assert (found.pending, found.security, found.held, found.automatic) == (1, 1, ("bash",), False)
    assert found.examples == ("bash 5.2.15-2+b13 -> 99",)


def test_updates_of_security_archives_are_told_by_label_or_suite() -> None:
    """Debian's and Ubuntu's; a package that is new is no update of an old one."""
    found = told(
        "updates",
        _upgrade(
            "Inst curl [7.88.1-10] (7.88.1-11 Debian:12.9/stable [amd64])",
            "Inst libc6 [2.36-9] (2.36-10 Debian:12.9/stable, Debian-Security:12/stable-security [amd64]) []",
            "Inst perl:i386 [5.34.0-3] (5.34.0-4 Ubuntu:22.04/jammy-security [i386]) [perl:i386 ]",
            "3 upgraded, 1 newly installed, 0 to remove and 2 not upgraded.",
            "  grub-pc",
            "  mdadm nano",
            held="nano zsh perl",
            automatic="active",
        ),
    ).value
    assert (found.pending, found.security, found.kept_back, found.automatic) == (6, 2, 3, True)
    assert found.held == ("nano", "perl")
    assert found.examples[-1] == "curl 7.88.1-10 -> 7.88.1-11"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (_upgrade("0 upgraded, 0 newly installed", lists="0"), "unsupported"),
        (_upgrade(), "unreadable"),
        (_upgrade("2 upgraded, 0 newly installed", "Inst a [1] (2 x [all])"), "unreadable"),
        (_upgrade("0 upgraded, 0 newly", lists=""), "unreadable"),
    ],
)
def test_updates_without_lists_or_an_end_are_a_gap(raw: str, reason: str) -> None:
    """apt knows of no newer versions where it has no lists: that is not none."""
    assert _reason("updates", raw) == reason


def test_updates_none_is_none() -> None:
    """With lists, and to the end."""
    found = told("updates", _upgrade("0 upgraded, 0 newly installed, 0 to remove")).value
    assert (found.pending, found.security) == (0, 0)


def test_updates_are_asked_for_where_declared() -> None:
    """They take apt a while."""
    assert updates._script(HostEntry(), {}) is None
    assert updates._script(HostEntry(updates=True), {})
    assert "Inst bash" in recorded("updates.debian")
