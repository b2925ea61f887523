"""Declared jobs are scheduled, run when they should, and end well."""

from __future__ import annotations

from datetime import datetime

from sickbay.inventory.host import HostEntry
from sickbay.judge import offenders
from sickbay.symptoms import symptom
from sickbay.targets.host.facts.jobs import Job, JudgedJob, judged_jobs, timed
from sickbay.targets.host.facts.units import Unit, units_to_restart


def _judged(
    declared: HostEntry, scheduled_jobs: tuple[Job, ...], now: datetime
) -> tuple[JudgedJob, ...]:
    return judged_jobs(declared, scheduled_jobs, now.timestamp())


@symptom(
    "host.job-missing",
    severity="major",
    signals=[
        "ai-orchestrator-hub:routine-checks-missed/daily-health-check",
        "claudebox:maintenance-job/maintenance-cron-entry",
        "claudebox:performance-monitoring/monitor-cron-entry",
        "claudebox:ssl-certificate-issues/certbot-renewal-scheduled",
        "sergas:high-memory-usage/nightly-restart-job",
    ],
)
def test_declared_jobs_are_scheduled(
    scheduled_jobs: tuple[Job, ...], declared: HostEntry, now: datetime
) -> None:
    """Neither cron nor a timer will run something that has to run at set times."""
    assert (
        offenders(_judged(declared, scheduled_jobs, now), lambda one: one.state != "scheduled")
        == ()
    )


def _in_state(
    state: str, scheduled_jobs: tuple[Job, ...], declared: HostEntry, now: datetime
) -> list[JudgedJob]:
    return [one for one in _judged(declared, scheduled_jobs, now) if one.state == state]


@test_declared_jobs_are_scheduled.cause(
    "no crontab, folder of cron or timer has it",
    remedy="Install it (a file in /etc/cron.d is safest: `echo ... | crontab -` replaces the whole "
    "table), or correct its command in the inventory.",
)
def absent(scheduled_jobs: tuple[Job, ...], declared: HostEntry, now: datetime) -> object:
    return _in_state("absent", scheduled_jobs, declared, now)


@test_declared_jobs_are_scheduled.cause(
    "its timer is not active", remedy="systemctl enable --now TIMER."
)
def timer_stopped(scheduled_jobs: tuple[Job, ...], declared: HostEntry, now: datetime) -> object:
    return _in_state("timer-stopped", scheduled_jobs, declared, now)


@test_declared_jobs_are_scheduled.cause(
    "cron does not run", remedy="systemctl enable --now cron (crond); journalctl -u cron says why."
)
def cron_stopped(scheduled_jobs: tuple[Job, ...], declared: HostEntry, now: datetime) -> object:
    return _in_state("cron-stopped", scheduled_jobs, declared, now)


@test_declared_jobs_are_scheduled.cause(
    "cron passes over its file: a dot in the name, or no right to execute it",
    remedy="Take the dot out of the name (backup.sh: backup); chmod 755 a script in /etc/cron.daily "
    "and the like. run-parts --test /etc/cron.daily lists what will run.",
)
def passed_over(scheduled_jobs: tuple[Job, ...], declared: HostEntry, now: datetime) -> object:
    return _in_state("passed-over", scheduled_jobs, declared, now)


@test_declared_jobs_are_scheduled.cause(
    "its line is commented out", remedy="See why with who did it, then take the # away."
)
def commented_out(scheduled_jobs: tuple[Job, ...], declared: HostEntry, now: datetime) -> object:
    return _in_state("commented-out", scheduled_jobs, declared, now)


@symptom(
    "host.job-wrong-schedule",
    severity="minor",
    signals=[
        "claudebox:maintenance-job/maintenance-cron-entry",
        "claudebox:performance-monitoring/monitor-cron-entry",
        "sergas:high-memory-usage/nightly-restart-job",
    ],
)
def test_declared_jobs_run_as_they_should(
    scheduled_jobs: tuple[Job, ...], declared: HostEntry, now: datetime
) -> None:
    """A job runs at other times, or under another account, than it should."""
    assert offenders(_judged(declared, scheduled_jobs, now), lambda one: one.differs != "") == ()


@test_declared_jobs_run_as_they_should.cause(
    "it is scheduled for other times",
    remedy="Correct its line in the crontab, or OnCalendar= of its timer (systemctl edit TIMER).",
)
def other_times(scheduled_jobs: tuple[Job, ...], declared: HostEntry, now: datetime) -> object:
    return [one for one in _judged(declared, scheduled_jobs, now) if one.differs == "times"]


@test_declared_jobs_run_as_they_should.cause(
    "it runs under another account",
    remedy="Move it to that account's crontab, or correct the account in its line, or User= of its "
    "unit.",
)
def other_account(scheduled_jobs: tuple[Job, ...], declared: HostEntry, now: datetime) -> object:
    return [one for one in _judged(declared, scheduled_jobs, now) if one.differs == "account"]


@symptom(
    "host.job-overdue",
    severity="major",
    signals=[
        "ai-orchestrator-hub:routine-checks-missed/daily-health-check",
        "ai-orchestrator-hub:routine-checks-missed/weekly-diagnostics",
        "ai-orchestrator-hub:routine-checks-missed/monthly-benchmark",
        "claudebox:maintenance-job/maintenance-ran",
    ],
)
def test_declared_jobs_run_in_time(
    scheduled_jobs: tuple[Job, ...], declared: HostEntry, now: datetime
) -> None:
    """Something that has to run at set times has not done so for too long."""
    assert (
        offenders(timed(_judged(declared, scheduled_jobs, now)), lambda one: one.run == "overdue")
        == ()
    )


def _overdue(
    scheduled_jobs: tuple[Job, ...], declared: HostEntry, now: datetime
) -> list[JudgedJob]:
    return [one for one in _judged(declared, scheduled_jobs, now) if one.run == "overdue"]


@test_declared_jobs_run_in_time.cause(
    "it is not scheduled, or nothing minds the schedule",
    remedy="Schedule it again, see to it that cron or its timer runs, and run it once by hand.",
    because="host.job-missing",
)
def not_scheduled(scheduled_jobs: tuple[Job, ...], declared: HostEntry, now: datetime) -> object:
    return [one for one in _overdue(scheduled_jobs, declared, now) if one.state != "scheduled"]


@test_declared_jobs_run_in_time.cause(
    "it runs and fails, so that it leaves no new report",
    remedy="journalctl -u UNIT says how the last run ended; run it by hand.",
    because="host.job-failed",
)
def fails(scheduled_jobs: tuple[Job, ...], declared: HostEntry, now: datetime) -> object:
    return [one for one in _overdue(scheduled_jobs, declared, now) if one.ended]


@test_declared_jobs_run_in_time.cause(
    "it is scheduled, and was not started or did not come to its end",
    remedy="Was the host up at that time? journalctl -t CRON and the mail of its account say how "
    "cron's runs went; run it by hand under its account, with cron's short PATH.",
)
def did_not_run(scheduled_jobs: tuple[Job, ...], declared: HostEntry, now: datetime) -> object:
    overdue = _overdue(scheduled_jobs, declared, now)
    return [one for one in overdue if one.state == "scheduled" and not one.ended]


@symptom(
    "host.job-failed",
    severity="major",
    signals=[
        "ai-orchestrator-hub:routine-checks-missed/daily-health-check",
        "claudebox:ssl-certificate-issues/certbot-renewal-scheduled",
        "neurallog:database-data-loss-risk/backup-run-succeeded",
    ],
    explained_by=["host.unit-failed"],
)
def test_last_runs_of_declared_jobs_ended_well(
    scheduled_jobs: tuple[Job, ...], declared: HostEntry, now: datetime
) -> None:
    """The last run of a job that a timer starts ended with an error, so its work is not done."""
    assert offenders(_judged(declared, scheduled_jobs, now), lambda one: one.ended != "") == ()


@test_last_runs_of_declared_jobs_ended_well.cause(
    "its unit has failed",
    remedy="journalctl -u UNIT -n 100 says why; mend it, then systemctl start UNIT and see it end "
    "well.",
    because="host.unit-failed",
)
def unit_failed(scheduled_jobs: tuple[Job, ...], declared: HostEntry, now: datetime) -> object:
    return [
        one for one in _judged(declared, scheduled_jobs, now) if one.ended and not one.forgotten
    ]


@test_last_runs_of_declared_jobs_ended_well.cause(
    "its failure was put aside, and it has not run since",
    remedy="journalctl -u UNIT says why it failed: mend that before the next run, or start it now and "
    "see it end well (reset-failed alone mends nothing).",
)
def failure_put_aside(
    scheduled_jobs: tuple[Job, ...], declared: HostEntry, now: datetime
) -> object:
    return [one for one in _judged(declared, scheduled_jobs, now) if one.forgotten]


@symptom(
    "host.unit-not-restarted",
    severity="minor",
    signals=["sergas:high-memory-usage/nightly-restart-job"],
)
def test_units_are_restarted_in_time(units: tuple[Unit, ...], declared: HostEntry) -> None:
    """A unit that has to be restarted at set times, because it leaks, has been up for longer."""
    assert offenders(units_to_restart(declared, units), lambda one: one.is_up_too_long) == ()


@test_units_are_restarted_in_time.cause(
    "the job that restarts it is not scheduled, or does not run",
    remedy="Schedule it (0 2 * * * root systemctl restart UNIT, in /etc/cron.d) and see that it ran: "
    "journalctl -t CRON.",
    because=("host.job-missing", "host.job-overdue", "host.job-failed"),
)
def not_restarted(units: tuple[Unit, ...], declared: HostEntry) -> object:
    return [one for one in units_to_restart(declared, units) if one.is_up_too_long]
