"""The journal: what is watched for, counted, grouped, and how it is kept."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from selftest.unit.host.test_host_parsers import recorded, told, value
from sickbay.errors import Denied, Unreadable
from sickbay.inventory.host import HostEntry, HostLimits
from sickbay.symptoms import HealthTest
from sickbay.targets.host import journalctl
from sickbay.targets.host.facts import crash_dumps, journal_watches
from sickbay.targets.host.facts.crash_dumps import CrashDump
from sickbay.targets.host.facts.journal_errors import (
    NEWEST,
    JournalErrors,
    RepeatedErrors,
    UnitErrors,
)
from sickbay.targets.host.facts.journal_files import JournalArchive, JournalKeeping
from sickbay.targets.host.facts.journal_troubles import Trouble, recent
from sickbay.targets.host.facts.journal_watches import WatchedEntries, judged_watches
from sickbay.targets.host.facts.ssh_logins import SshLogins
from tests.infra import test_journal as health

NOW = 1_800_000_000
LIMITS = HostLimits()


def entry(message: Any = "hello", *, ago: int = 60, **fields: Any) -> str:
    """One entry as journalctl prints it."""
    return json.dumps(
        {
            "__REALTIME_TIMESTAMP": str((NOW - ago) * 1_000_000),
            "MESSAGE": message,
            "PRIORITY": "6",
            **fields,
        }
    )


def answer(name: str, *lines: str) -> str:
    """A section of an answer."""
    return "\n".join((f"==sickbay== {name}", *lines)) + "\n"


def holds(test: HealthTest, *facts: Any) -> bool:
    """Whether a health test finds nothing."""
    try:
        test(*facts)
    except AssertionError:
        return False
    return True


# ---------------------------------------------------------------------- journalctl


@pytest.fixture
def journalctl_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A journalctl that runs a piece of shell, first in PATH."""
    program = tmp_path / "journalctl"

    def install(shell: str) -> None:
        program.write_text(f"#!/bin/sh\n{shell}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    return install


def _run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)


def test_journal_without_a_match_is_empty_and_an_error_is_told(journalctl_that: Any) -> None:
    """journalctl ends with 1 in both cases; only an error has words."""
    asked = journalctl.ASK + journalctl.ask(newest=5, seconds=60, holds="x")
    journalctl_that("exit 1")
    assert (_run(asked).returncode, _run(asked).stdout) == (0, "")
    journalctl_that('echo "Bad pattern" >&2; exit 1')
    assert (_run(asked).returncode, _run(asked).stderr) == (1, "Bad pattern\n")
    journalctl_that('echo "Hint: You are currently not seeing messages from other users" >&2')
    assert "not seeing" in _run(asked).stderr


def test_journal_pattern_reaches_journalctl_as_it_is_and_is_not_in_the_script(
    journalctl_that: Any,
) -> None:
    """sudo logs the script: a pattern in it would find itself in the journal."""
    pattern = 'it\'s "level": ?"error"|100 %\\d|naïve'
    asked = journalctl.ASK + journalctl.ask(newest=5, seconds=60, holds=pattern)
    journalctl_that('for word; do printf "%s\\n" "$word"; done')
    assert _run(asked).stdout.splitlines()[-1] == f"--grep={pattern}"
    assert "level" not in asked


def test_journal_entries_odd_fields_are_read() -> None:
    """Bytes that are no text, a field given twice, one too long to be printed, none at all."""
    lines = [
        entry([104, 255, 105]),
        entry(["first", "second"]),
        entry(None),
        json.dumps({"__REALTIME_TIMESTAMP": "1"}),
        "-- No entries --",
        "",
        entry("x" * 5000, UNIT="a.service", _SYSTEMD_UNIT="init.scope"),
    ]
    rows = list(journalctl.entries("\n".join(lines)))
    assert [row.message[:9] for row in rows] == ["h\ufffdi", "first / s", "", "", "x" * 9]
    assert [row.source for row in rows] == [*["unknown"] * 4, "a.service"]
    assert len(rows[-1].message) == journalctl.LONGEST_MESSAGE


@pytest.mark.parametrize("line", ["[]", "1", "{", '{"MESSAGE": "x"}', "Segmentation fault"])
def test_journal_line_that_is_no_entry_is_no_fact(line: str) -> None:
    """Never an entry less."""
    assert told("journal_errors", answer("errors", line)).gap is not None


# ---------------------------------------------------------------------- watches


def _watched(found: int, watch: dict[str, Any], read: int = 100) -> Any:
    raw = answer("w", str(read), *[entry(f"line {n}") for n in range(found)])
    declared = HostEntry(journal={"w": watch})
    return declared, WatchedEntries.parse(raw)


@pytest.mark.parametrize(
    ("found", "watch", "is_too_much", "is_too_little"),
    [
        (0, {"holds": "x"}, False, False),
        (1, {"holds": "x"}, True, False),
        (20, {"holds": "x", "at_most": 20}, False, False),
        (21, {"holds": "x", "at_most": 20}, True, False),
        (0, {"at_least": 1}, False, True),
        (1, {"at_least": 1}, False, False),
        (3, {"at_least": 1, "at_most": 2}, True, False),
    ],
)
def test_watch_is_judged_at_its_limits(
    found: int, watch: dict[str, Any], is_too_much: bool, is_too_little: bool
) -> None:
    """Nothing may be found where nothing is said; at_least alone bounds nothing above."""
    declared, watched = _watched(found, watch)
    (judged,) = judged_watches(declared, watched)
    assert (judged.is_too_much, judged.is_too_little) == (is_too_much, is_too_little)


def test_watch_tells_when_there_are_more_than_were_read() -> None:
    """A count that was cut is at least that."""
    assert _watched(100, {"holds": "x"})[1][0].is_cut
    assert not _watched(99, {"holds": "x"})[1][0].is_cut


def test_watch_script_reads_more_than_may_be_there() -> None:
    """Else too many would look like just enough."""
    watch = {"unit": "shop", "tag": "app", "priority": "err", "at_most": 500, "within": "2 h"}
    script = journal_watches._script(HostEntry(journal={"errors": watch}), {})
    assert script is not None
    assert "-n 501 --since=-7200s -u shop -t app -p err" in script


@pytest.mark.parametrize(
    "watch",
    [
        {"unit": "shop"},
        {"holds": "("},
        {"holds": "x", "within": "8 d"},
        {"holds": "x", "within": 0},
        {"holds": "x", "at_most": 5000},
        {"at_least": 0},
        {"holds": "x", "tag": "-n"},
        {"holds": "x", "tag": "a b"},
        {"holds": "x", "priority": "bad"},
    ],
)
def test_watch_that_makes_no_sense_is_refused(watch: dict[str, Any]) -> None:
    """Before anything is asked."""
    with pytest.raises(ValidationError):
        HostEntry(journal={"w": watch})


@pytest.mark.parametrize(
    ("state", "found", "watch", "is_blind"),
    [
        ("not-found", [], {"holds": "x"}, True),
        ("not-found", ["x"], {"holds": "x"}, False),
        ("not-found", [], {"at_least": 1}, False),
        ("loaded", [], {"holds": "x"}, False),
    ],
)
def test_watch_of_a_unit_that_is_not_there_is_not_healthy(
    state: str, found: list[str], watch: dict[str, Any], is_blind: bool
) -> None:
    """A misspelt name finds nothing."""
    declared = HostEntry(journal={"w": {"unit": "shop", **watch}})
    watched = WatchedEntries.parse(answer("w", f"100 {state}", *map(entry, found)))
    assert judged_watches(declared, watched)[0].is_blind == is_blind


@pytest.mark.parametrize("name", ["", "a'b", "a b", "$(x)", "-x", "a\nb", "x" * 65])
def test_watch_name_that_a_shell_could_mistake_is_refused(name: str) -> None:
    """It stands in the script as it is."""
    with pytest.raises(ValidationError):
        HostEntry(journal={name: {"holds": "x"}})


def test_watches_are_bounded_in_number() -> None:
    """Each is a look through the journal."""
    with pytest.raises(ValidationError):
        HostEntry(journal={f"w{n}": {"holds": "x"} for n in range(21)})


def test_watch_that_was_not_answered_is_not_healthy() -> None:
    """An answer without it breaks the test."""
    declared = HostEntry(journal={"w": {"holds": "x"}, "other": {"holds": "y"}})
    with pytest.raises(KeyError):
        judged_watches(declared, WatchedEntries.parse(answer("w", "100")))


def test_watches_debian_as_recorded() -> None:
    """Errors, bytes and long lines of a real unit."""
    found = {one.watch: one for one in value("journal_watches.debian")}
    assert found["shop-errors"].messages == ("neural: CUDA_ERROR_NO_DEVICE",)
    assert found["shop-records"].found == 2
    assert "\ufffd" in found["shop-database"].messages[0]
    assert found["backup"].messages == ("ERROR backup failed",)
    assert found["monitor"].found == 0


# ---------------------------------------------------------------------- errors


def test_journal_errors_are_counted_by_source_the_worst_first() -> None:
    """What strangers do to sshd is no error of this host."""
    rows = [
        entry("bad", PRIORITY="3", _SYSTEMD_UNIT="a.service"),
        entry("worse", PRIORITY="2", _SYSTEMD_UNIT="b.service", ago=600),
        entry("bad", PRIORITY="3", _SYSTEMD_UNIT="a.service"),
        entry("fatal: Timeout", PRIORITY="2", SYSLOG_IDENTIFIER="sshd"),
    ]
    errors = JournalErrors.parse(answer("errors", *rows))
    assert (errors.errors, errors.critical, errors.is_cut) == (3, 1, False)
    assert errors.sources == {"a.service": 2, "b.service": 1}
    assert errors.messages == ("b.service: worse", "a.service: bad")


@pytest.mark.parametrize(
    ("errors", "critical", "healthy"), [(0, 0, True), (20, 0, True), (21, 0, False), (1, 1, False)]
)
def test_journal_errors_at_their_limits(errors: int, critical: int, healthy: bool) -> None:
    """20 an hour may be, nothing critical."""
    found = JournalErrors(of="x", errors=errors, critical=critical, is_cut=False)
    assert holds(health.test_journal_is_quiet, found, LIMITS) == healthy


def test_journal_errors_that_were_not_all_read_are_never_healthy() -> None:
    """sshd's many entries may hide others."""
    rows = [entry(SYSLOG_IDENTIFIER="sshd", PRIORITY="3")] * NEWEST
    found = JournalErrors.parse(answer("errors", *rows))
    assert found.errors == 0
    with pytest.raises(Unreadable):
        health.test_journal_is_quiet(found, LIMITS)


def _counts(*pairs: tuple[int, int], oldest: int, end: str = "1 ended 0") -> str:
    lines = [f"{count:7} {(NOW - ago) // 100}" for ago, count in pairs]
    return f"{NOW}\n{NOW - oldest}\n{answer('a.service', *lines, end)}"


def test_unit_errors_are_held_against_the_mean_of_what_the_journal_reaches() -> None:
    """Four hours of journal before the last one: 40 errors are 10 an hour."""
    (one,) = UnitErrors.parse(_counts((5 * 3600 - 200, 30), (4000, 10), (60, 25), oldest=5 * 3600))
    assert (one.last_hour, one.hourly_mean) == (25, 10.0)


def test_unit_errors_of_a_young_journal_have_nothing_to_rise_against() -> None:
    """Of less than an hour before the last one."""
    (one,) = UnitErrors.parse(_counts((60, 25), oldest=5000))
    assert (one.last_hour, one.hourly_mean) == (25, 0.0)


@pytest.mark.parametrize("end", ["1 ended 1", "", "1 ended"])
def test_unit_errors_that_journalctl_did_not_read_are_no_fact(end: str) -> None:
    """A pipe's exit status tells of its last command alone."""
    with pytest.raises((ValueError, IndexError)):
        UnitErrors.parse(_counts((60, 1), oldest=9000, end=end))


@pytest.mark.parametrize(
    ("last", "mean", "healthy"),
    [(9, 0.0, True), (10, 0.0, False), (10, 5.0, True), (11, 5.0, False), (500, 400.0, True)],
)
def test_unit_errors_at_their_limits(last: int, mean: float, healthy: bool) -> None:
    """Twice the mean, and ten at least."""
    one = UnitErrors(unit="a.service", last_hour=last, hourly_mean=mean)
    assert holds(health.test_units_report_no_more_errors_than_usual, (one,), LIMITS) == healthy


def test_repeated_errors_alike_but_for_what_varies_are_one() -> None:
    """Times, numbers and ids go; words that look like hexadecimal digits stay."""
    said = [
        "2026-11-23T10:00:00.123Z ERROR request 4711 (0f8fad5b-d9cb-469f-a165-70867728950e) defaced",
        "2026-11-23 10:00:01 ERROR request 4712 (7c9e6679-7425-40de-944b-e07fc1f90ae7) defaced",
    ]
    found = RepeatedErrors.parse(answer("errors", *[entry(message) for message in said]))
    assert [(one.message, one.times) for one in found.messages] == [
        ("# ERROR request # (#) defaced", 2)
    ]


@pytest.mark.parametrize(("times", "healthy"), [(0, True), (10, True), (11, False)])
def test_repeated_errors_at_their_limit(times: int, healthy: bool) -> None:
    """Ten a day may be."""
    rows = [entry(f"ERROR no {n}", _SYSTEMD_UNIT="a.service") for n in range(times)]
    found = RepeatedErrors.parse(answer("errors", *rows))
    test = health.test_units_do_not_report_the_same_again_and_again
    assert holds(test, found, LIMITS) == healthy


def test_repeated_errors_that_were_not_all_read_are_never_healthy() -> None:
    """Each once, and more than were read."""
    rows = [entry("ERROR " + "x" * n) for n in range(300)] * 4
    found = RepeatedErrors.parse(answer("errors", *rows[:NEWEST]))
    with pytest.raises(Unreadable):
        health.test_units_do_not_report_the_same_again_and_again(found, LIMITS)


# ---------------------------------------------------------------------- troubles


def _troubles(**found: list[str]) -> tuple[Trouble, ...]:
    kinds = ("crash", "lack", "port")
    rows = "".join(answer(kind, *found.get(kind, [])) for kind in kinds)
    return Trouble.parse(answer("now", str(NOW)) + rows)


def test_troubles_are_counted_by_source_with_the_newest_message() -> None:
    """Whatever the order that journalctl prints them in."""
    full = "write: No space left on device"
    rows = [
        entry(full, ago=500, UNIT="a"),
        entry(f"{full}!", ago=5, UNIT="a"),
        entry(full, UNIT="b"),
    ]
    found = _troubles(lack=rows)
    assert [(one.source, one.kind, one.found, one.message) for one in found] == [
        ("a", "space", 2, f"{full}!"),
        ("b", "space", 1, full),
    ]


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("memory allocation of 1073741824 bytes failed", "memory"),
        ("fork: Cannot allocate memory", "memory"),
        ("java.lang.OutOfMemoryError: Java heap space", "memory"),
        ("OSError: [Errno 28] No space left on device", "space"),
        ('could not extend file "base/1/2": wrote only 4096 of 8192', "space"),
        ("x" * 5000 + "No space left on device", "lack"),
    ],
)
def test_troubles_tell_what_was_lacking(message: str, kind: str) -> None:
    """As far as what is kept of the message tells."""
    assert [one.kind for one in _troubles(lack=[entry(message)])] == [kind]


def test_troubles_count_within_their_window() -> None:
    """A day at most, or as the limit says; by the host's own clock."""
    found = _troubles(crash=[entry(ago=3000)], port=[entry(ago=10)])
    assert [one.kind for one in recent(found, 3000)] == ["port", "crash"]
    assert [one.kind for one in recent(found, 2999)] == ["port"]
    assert recent(found, 3000, "memory") == []


def test_troubles_debian_as_recorded() -> None:
    """A shop that was killed by SIGSEGV, and a program that got no memory."""
    found = value("journal_troubles.debian")
    assert {(one.kind, one.source) for one in found} == {
        ("crash", "shop-app.service"),
        ("memory", "shop-app.service"),
    }
    assert any("status=11/SEGV" in one.message for one in found)


# ---------------------------------------------------------------------- crash dumps


def test_crash_dumps_of_any_name_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line end in a name makes no second file, and hides none."""
    for name in ("a.crash", "odd\nname", "kexec_cmd", "sent.upload", "-n"):
        (tmp_path / name).write_text("x")
    done = _run(crash_dumps._SCRIPT.replace("/var/crash", str(tmp_path)))
    found = CrashDump.parse(done.stdout)
    assert {Path(one.file).name for one in found} == {"a.crash", "odd", "-n"}


def test_crash_dumps_that_may_not_be_listed_are_denied() -> None:
    """Who may not look says nothing."""
    with pytest.raises(Denied, match="/var/crash"):
        CrashDump.parse(f"{answer('now', str(NOW))}{answer('dumps', 'hidden /var/crash')}")


@pytest.mark.parametrize(("age", "healthy"), [(7 * 86400, False), (7 * 86400 + 1, True)])
def test_crash_dumps_at_their_limit(age: int, healthy: bool) -> None:
    """A week."""
    dump = CrashDump(file="/var/crash/x", size=1, age_seconds=age)
    assert holds(health.test_no_crash_left_a_dump, (dump,), LIMITS) == healthy


# ---------------------------------------------------------------------- logins


def _logins(*messages: str) -> SshLogins:
    rows = [
        entry(message, _PID=str(n // 2), SYSLOG_IDENTIFIER="sshd")
        for n, message in enumerate(messages)
    ]
    return SshLogins.parse(answer("logins", *rows))


def test_ssh_logins_a_refused_name_counts_once_for_each_password() -> None:
    """sshd tells of an unknown name, and again with each password."""
    found = _logins(
        "Invalid user guest from 192.0.2.7 port 22",
        "Failed password for invalid user guest from 192.0.2.7 port 22 ssh2",
        "Invalid user a from 2001:db8::1 port 1",
    )
    assert (found.refused, found.sources) == (2, {"192.0.2.7": 1, "2001:db8::1": 1})


def test_ssh_logins_names_cannot_feign_an_address() -> None:
    """The last one is sshd's."""
    found = _logins("Invalid user x from 10.0.0.1 port 1 from 192.0.2.7 port 22")
    assert found.sources == {"192.0.2.7": 1}


def test_ssh_logins_root_by_password_is_never_healthy() -> None:
    """Once is enough."""
    found = _logins("Accepted password for root from 192.0.2.7 port 22 ssh2")
    assert found.refused == 0
    assert not holds(health.test_nobody_guesses_logins, found, LIMITS)


@pytest.mark.parametrize(("refused", "healthy"), [(49, True), (50, False)])
def test_ssh_logins_at_their_limit(refused: int, healthy: bool) -> None:
    """Fewer than 50 an hour."""
    found = SshLogins(of="x", refused=refused, is_cut=False)
    assert holds(health.test_nobody_guesses_logins, found, LIMITS) == healthy


# ---------------------------------------------------------------------- how it is kept


@pytest.mark.parametrize(
    ("on_disk", "reach", "up", "healthy"),
    [
        (True, 86400, 10**6, True),
        (True, 86399, 10**6, False),
        (True, 100, 130, True),
        (True, 100, 131, False),
        (True, 100, None, False),
        (True, 0, 10**6, False),
        (False, 10**6, 10**6, False),
    ],
)
def test_journal_keeping_at_its_limits(
    on_disk: bool, reach: float, up: float | None, healthy: bool
) -> None:
    """A day, or since the start of a machine that has not been up for that long."""
    keeping = JournalKeeping(of="x", on_disk=on_disk, reach_seconds=reach, up_seconds=up)
    assert holds(health.test_journal_is_kept, keeping, LIMITS) == healthy


def test_journal_keeping_debian_as_recorded() -> None:
    """On disk, two days back, up for eight minutes."""
    keeping = value("journal_keeping.debian")
    assert keeping.on_disk
    assert keeping.reach_seconds == pytest.approx(2 * 86400, abs=1000)
    assert 0 < keeping.up_seconds < keeping.reach_seconds


def test_journal_keeping_without_sight_of_the_first_process_knows_no_start() -> None:
    """hidepid of /proc: then no journal is excused for being young."""
    raw = "\n".join(
        line for line in recorded("journal_keeping.debian").split("\n") if "(systemd)" not in line
    )
    assert told("journal_keeping", raw).value.up_seconds is None


@pytest.mark.parametrize(
    ("name", "known"),
    [
        (f"system@{'0' * 32}-{'1' * 16}-{NOW * 10**6:016x}.journal", True),
        (f"user-1000@{'0' * 32}-{'1' * 16}-{NOW * 10**6:016x}.journal", True),
        (f"system@{NOW * 10**6:016x}-{'a' * 16}.journal~", True),
        ("system.journal", False),
        ("system@xyz.journal", False),
        (f"system@{'0' * 32}-{'1' * 16}-{NOW * 10**6:016x}.journal.old", False),
    ],
)
def test_journal_archives_tell_their_age_by_their_names(name: str, known: bool) -> None:
    """systemd's own two forms; other files are none of its."""
    raw = answer("now", str(NOW + 50)) + answer("archives", f"/var/log/journal/x/{name}")
    found = JournalArchive.parse(raw)
    assert [one.age_seconds for one in found] == ([50.0] if known else [])


@pytest.mark.parametrize(("age", "healthy"), [(365 * 86400, True), (365 * 86400 + 1, False)])
def test_journal_archives_at_their_limit(age: float, healthy: bool) -> None:
    """A year, unless an inventory says otherwise."""
    archive = JournalArchive(file="x", age_seconds=age)
    assert holds(health.test_journal_is_not_kept_for_too_long, (archive,), LIMITS) == healthy
