"""Declared jobs: where cron and systemd have them, when they last ran, and how that ended."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from selftest.unit.host.test_host_parsers import sectioned, told, value
from sickbay.errors import NotApplicable, Unsupported
from sickbay.inventory.host import HostEntry
from sickbay.targets.host import crontab
from sickbay.targets.host.facts import jobs
from sickbay.targets.host.facts.jobs import Job, JudgedJob, Place, judged_jobs, timed
from sickbay.targets.host.facts.units import Unit, units_to_restart

NOW = 1_800_000_000
WANTED = '{"job": "backup", "command": "shop-backup", "report": false}'
CRON = "Id=cron.service\nActiveState=active"


def _answer(**parts: str) -> str:
    """An answer about the job ``backup`` of a host that has nothing but what is given."""
    empty = dict.fromkeys(("hidden", "tables", "scripts", "yielding", "timers"), "")
    return sectioned(
        **{
            "wanted": WANTED,
            **empty,
            "services": CRON,
            **parts,
            "reports": parts.get("reports", ""),
        }
    )


def _found(**parts: str) -> Job:
    observation = told("scheduled_jobs", _answer(**parts))
    assert observation.gap is None, observation.gap
    return observation.value[0]  # type: ignore[no-any-return]


def _states(**parts: str) -> list[str]:
    return [place.state for place in _found(**parts).places]


# ---------------------------------------------------------------------- what was found


def test_jobs_debian_are_found_in_timer_crontab_and_cron_d() -> None:
    """Each where it is, with its account, and what tells of its last run."""
    backup, maintenance, check = value("scheduled_jobs.debian")
    assert [place.place for place in backup.places] == ["shop-backup.timer"]
    assert (backup.places[0].when, backup.places[0].state) == ("*-*-* 02:30:00", "active")
    assert backup.places[0].ran_at == 1795435942
    assert [(p.place, p.when, p.user) for p in maintenance.places] == [
        ("/var/spool/cron/crontabs/root:2", "0 3 * * *", "root")
    ]
    assert (maintenance.logged_at, maintenance.journal_covers) == (1795403532, 93600)
    assert (check.places[0].user, check.report_at) == ("shop", 1795435936)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("0 3 * * * root shop-backup -q", ("0 3 * * *", "root", "shop-backup -q", False)),
        ("17 *\t* * *\troot\tcd / && x", ("17 * * * *", "root", "cd / && x", False)),
        ("@daily shop a b", ("@daily", "shop", "a b", False)),
        ("@reboot shop a", ("@reboot", "shop", "a", False)),
        ("#0 3 * * * root a", ("0 3 * * *", "root", "a", True)),
        ("0 3 * * * root date +\\%F%input", ("0 3 * * *", "root", "date +%F", False)),
    ],
)
def test_crontab_lines_of_the_system_name_their_account(
    line: str, expected: tuple[str, str, str, bool]
) -> None:
    """Tabs, words for times, percent signs, and lines that were commented out."""
    entry = crontab.entry(line, None)
    assert entry is not None
    assert (entry.when, entry.user, entry.command, entry.asleep) == expected


def test_crontab_lines_of_a_user_have_no_account() -> None:
    """The sixth word begins the command."""
    entry = crontab.entry("0 3 * * * root x", "shop")
    assert entry is not None
    assert (entry.user, entry.command) == ("shop", "root x")


@pytest.mark.parametrize(
    "line",
    ["", "#", "MAILTO=root", 'PATH = "/bin"', "0 3 * * * root",
     "60 3 * * * root x", "@never root x", "# shop-backup runs at night and is slow", "\x00" * 9],
)  # fmt: skip
def test_crontab_lines_that_are_no_jobs_are_none(line: str) -> None:
    """Settings, comments, and what cron would refuse."""
    assert crontab.entry(line, None) is None


def test_jobs_cron_minds_names_rights_and_its_own_state() -> None:
    """A dot in a name, a missing right, a comment, a cron that does not run."""
    line = "1:0 3 * * * root shop-backup"
    assert _states(tables=f"/etc/cron.d/x:{line}") == ["active"]
    assert _states(tables=f"/etc/cron.d/x.sh:{line}") == ["active"]
    assert _states(debian="", tables=f"/etc/cron.d/x.sh:{line}") == ["passed-over"]
    assert _states(tables="/etc/crontab:1:#0 3 * * * root shop-backup") == ["commented-out"]
    assert _states(tables=f"/etc/crontab:{line}", services="") == ["stopped"]
    assert _states(scripts="x /etc/cron.daily/shop-backup") == ["active"]
    assert _states(scripts="- /etc/cron.daily/shop-backup") == ["passed-over"]
    assert _states(debian="", scripts="x /etc/cron.daily/shop-backup.sh") == ["passed-over"]


def test_jobs_that_leave_their_work_to_a_timer_do_not_count() -> None:
    """Debian's packages have both, and where systemd runs cron's line does nothing."""
    line = "/etc/cron.d/x:1:0 3 * * * root test -d /run/systemd/system || shop-backup"
    script = "/etc/cron.daily/shop-backup"
    assert _states(tables=line, scripts=f"x {script}", yielding=script) == []
    without = _answer(tables=line).replace("==sickbay== timers\n", "==sickbay== cron\n77\n")
    assert [p.state for p in told("scheduled_jobs", without).value[0].places] == ["active"]


def test_jobs_of_timers_are_told_by_timer_unit_and_command() -> None:
    """And the last of several runs counts, with how it ended."""
    timer = "Id={name}.timer\nActiveState=inactive\nUnit=a.service\nLastTriggerUSec=Mon 2026-11-23 02:30:00 UTC"
    service = "Id=a.service\nResult=exit-code\nExecMainStatus=7\nSuccessExitStatus={ok}\nExecMainStartTimestamp=Mon 2026-11-23 12:12:22 UTC\nExecStart={{ path=/x ; argv[]=/x {word} ; ignore_errors=no ; }}"
    for name, word in (("shop-backup", ""), ("other", "shop-backup")):
        job = _found(timers=timer.format(name=name), services=service.format(ok="", word=word))
        assert [(p.place, p.state, p.result, p.exit_status) for p in job.places] == [
            (f"{name}.timer", "stopped", "exit-code", 7)
        ]
        assert job.places[0].ran_at == 1795435942
    (place,) = _found(
        timers=timer.format(name="shop-backup"), services=service.format(ok="6 7", word="")
    ).places
    assert place.exit_status == 0


def test_jobs_runs_are_those_of_cron_not_of_anacron() -> None:
    """A folder's scripts run with their folder; what anacron has taken over leaves no trace."""
    line = "1795403532.5 (root) CMD (test -x /usr/sbin/anacron || run-parts /etc/cron.daily)"
    parts = {"scripts": "x /etc/cron.daily/shop-backup", "runs": f"-- No entries --\n{line}"}
    assert _found(**parts).logged_at == 1795403532
    assert _found(anacron="", **parts).logged_at is None


@pytest.mark.parametrize(
    ("covered", "expected"),
    [
        ("60 1795090332.8 app1 x\n3600 1795090332.8 app1 x\n7200 -- No entries --", 3600),
        ("60 -- No entries --", 0),
        ("60 Hint: You are currently not seeing messages from other users\n1795090332.8 h x", None),
        ("60 No journal files were found.\n-- No entries --", None),
    ],
)
def test_jobs_journal_reaches_back_as_far_as_it_is_seen(covered: str, expected: int | None) -> None:
    """A journal of the user's own is not cron's."""
    assert _found(covered=covered).journal_covers == expected


def test_jobs_behind_a_closed_directory_are_denied_not_missing() -> None:
    """Who may not look says nothing; what was found elsewhere is told."""
    gap = told("scheduled_jobs", _answer(hidden=" /var/spool/cron/crontabs")).gap
    assert gap is not None
    assert (gap.reason, "sudo" in gap.remedy) == ("denied", True)
    found = _states(
        hidden=" /var/spool/cron/crontabs", tables="/etc/crontab:1:@daily root shop-backup"
    )
    assert found == ["active"]


@pytest.mark.parametrize("section", ["hidden", "tables", "scripts", "yielding", "reports"])
def test_jobs_answer_that_breaks_off_is_a_gap(section: str) -> None:
    """A section that is not there was not looked at."""
    observation = told("scheduled_jobs", _answer().replace(f"==sickbay== {section}\n", ""))
    assert observation.gap is not None


def test_jobs_tables_too_long_to_be_read_are_a_gap() -> None:
    """What lies behind the last line read might be the job."""
    assert told("scheduled_jobs", _answer(tables="/etc/crontab:1:#\n" * 5000)).gap is not None


def test_jobs_command_with_quotes_and_odd_letters_comes_back_as_it_is() -> None:
    """A pattern is handed through the shell and JSON unharmed."""
    entry = HostEntry(jobs={"it's": {"command": "a 'b' \"c\" \\$HOME \u00e9 \\d+"}})
    script = jobs._script(entry, {})
    assert script is not None
    first = script.partition("\n\nhidden=")[0]
    done = subprocess.run(["sh", "-c", first], capture_output=True, text=True, check=True)
    assert WANTED.partition(":")[0] in done.stdout
    assert (
        told("scheduled_jobs", _answer(wanted=done.stdout.partition("\n")[2])).value[0].name
        == "it's"
    )


def test_jobs_script_reads_this_machine(tmp_path: Path) -> None:
    """Whatever is here, its answer can be read."""
    (tmp_path / "report").touch()
    entry = HostEntry(
        jobs={
            "none": {"command": "no-such-job-anywhere", "within": "1 h"},
            "report": {"command": "run-parts", "report": f"{tmp_path}/*"},
        }
    )
    script = jobs._script(entry, {})
    done = subprocess.run(["sh", "-c", str(script)], capture_output=True, text=True, check=True)
    none, report = told("scheduled_jobs", done.stdout).value
    assert none.places == ()
    assert report.report == f"{tmp_path}/report"


# ---------------------------------------------------------------------- beside what is wanted


def _judged(*places: Place, wanted: dict[str, Any] | None = None, **found: Any) -> JudgedJob:
    entry = HostEntry(jobs={"backup": {"command": "x", **(wanted or {})}})
    return judged_jobs(entry, (Job(name="backup", places=places, **found),), NOW)[0]


def _line(state: str = "active", when: str = "0 3 * * *", user: str = "root") -> Place:
    return Place(place="/etc/crontab:1", when=when, user=user, state=state)


def _timer(**found: Any) -> Place:
    found = {"state": "active", "result": "success", **found}
    return Place(place="x.timer", when="*-*-* 03:00:00", user="root", unit="x.service", **found)


@pytest.mark.parametrize(
    ("places", "state"),
    [
        ([], "absent"),
        ([_line()], "scheduled"),
        ([_line("commented-out"), _line()], "scheduled"),
        ([_line("stopped")], "cron-stopped"),
        ([_timer(state="stopped")], "timer-stopped"),
        ([_timer(state="stopped"), _line()], "scheduled"),
        ([_line("commented-out"), _line("passed-over")], "passed-over"),
        ([_line("commented-out")], "commented-out"),
    ],
)
def test_job_is_scheduled_where_one_of_its_places_is_active(
    places: list[Place], state: str
) -> None:
    """Else the reason that is most easily mended is told."""
    assert _judged(*places).state == state


def test_job_times_and_account_are_judged_where_declared() -> None:
    """In cron's and systemd's way of writing; of a job that is not scheduled nothing is said."""
    wanted = {"schedule": "00 03 * * *", "user": "root"}
    assert _judged(_line(), wanted=wanted).differs == ""
    assert _judged(_timer(), wanted=wanted).differs == ""
    assert _judged(_line(when="0 4 * * *"), wanted=wanted).differs == "times"
    assert _judged(_line(when="0 4 * * *"), _line(), wanted=wanted).differs == ""
    assert _judged(_line(user="shop"), wanted=wanted).differs == "account"
    assert _judged(_line(user="shop")).differs == ""
    assert _judged(_line("commented-out", when="0 4 * * *"), wanted=wanted).differs == ""


HOUR = {"within": "1 h"}
REPORT = {"within": "1 h", "report": "/x/*"}


@pytest.mark.parametrize(
    ("places", "wanted", "found", "run"),
    [
        ([_line()], {}, {}, ""),
        ([_line()], HOUR, {"logged_at": NOW - 3600, "journal_covers": 0}, "in-time"),
        ([_line()], HOUR, {"logged_at": NOW - 3601, "journal_covers": 0}, "overdue"),
        ([_line()], HOUR, {"journal_covers": 3600}, "overdue"),
        ([_line()], HOUR, {"journal_covers": 0}, "unseen"),
        ([_line()], HOUR, {}, "unseen"),
        ([_timer(ran_at=NOW - 3600)], HOUR, {}, "in-time"),
        ([_timer(ran_at=NOW - 3601)], HOUR, {}, "overdue"),
        ([_timer(since=NOW - 3600)], HOUR, {}, "awaited"),
        ([_timer(since=NOW - 3601)], HOUR, {}, "overdue"),
        ([_timer()], HOUR, {}, "overdue"),
        ([_timer(ran_at=NOW)], REPORT, {"report_at": NOW - 3601}, "overdue"),
        ([], REPORT, {"report_at": NOW - 3600}, "in-time"),
        ([], REPORT, {}, "overdue"),
    ],
)
def test_job_run_is_in_time_overdue_awaited_or_unseen(
    places: list[Place], wanted: dict[str, Any], found: dict[str, Any], run: str
) -> None:
    """A report counts alone; a timer that is new is waited for; silence of a short journal is none."""
    assert _judged(*places, wanted=wanted, **found).run == run


def test_jobs_unseen_are_not_healthy() -> None:
    """Unless another one is overdue, which is told."""
    unseen = _judged(_line(), wanted=HOUR)
    overdue = _judged(_timer(), wanted=HOUR)
    with pytest.raises(Unsupported, match="backup"):
        timed([unseen])
    assert timed([unseen, overdue]) == (unseen, overdue)
    with pytest.raises(NotApplicable):
        timed([_judged(_line())])


def test_job_that_failed_is_told_also_after_its_unit_was_set_back() -> None:
    """reset-failed clears the result, not the status of the last run."""
    assert _judged(_timer()).ended == ""
    failed = _judged(_timer(result="exit-code", exit_status=1))
    assert (failed.ended, failed.forgotten) == ("x.service: exit-code, status 1", False)
    assert _judged(_timer(exit_status=1)).forgotten


def _unit(up: float | None) -> Unit:
    return Unit(
        name="shop.service", declared=True, load="loaded", active="active", sub="running",
        result="success", up_seconds=up,
    )  # fmt: skip


@pytest.mark.parametrize(("up", "too_long"), [(3600, False), (3600.5, True), (None, False)])
def test_unit_to_restart_may_be_up_for_so_long(up: float | None, too_long: bool) -> None:
    """By its full name; one that is down is another symptom's."""
    entry = HostEntry(units={"shop": {"up_at_most": "1 h"}, "other": {}})
    (one,) = units_to_restart(entry, [_unit(up)])
    assert (one.name, one.is_up_too_long) == ("shop.service", too_long)
    with pytest.raises(NotApplicable):
        units_to_restart(HostEntry(units=["shop"]), [_unit(up)])
