"""Logs are rotated, stay small, go when they are old, and say what they should."""

from __future__ import annotations

import fnmatch
from datetime import datetime

from sickbay.inventory.host import HostEntry, HostLimits
from sickbay.judge import offenders, worst
from sickbay.symptoms import symptom
from sickbay.targets.host.facts.declared_logs import AgedLog, Log, LogForm, aged_logs
from sickbay.targets.host.facts.log_rotation import (
    JudgedRotation,
    LogRotation,
    RotationError,
    judged_rotation,
)


def _judged(rotation: LogRotation, now: datetime) -> JudgedRotation:
    return judged_rotation(rotation, now.timestamp())


@symptom(
    "host.log-rotation-refused",
    severity="minor",
    signals=[
        "ai-orchestrator-hub:maintenance-overdue/logrotate-config",
        "claudebox:disk-space/logrotate-healthy",
    ],
)
def test_logrotate_takes_its_configuration(rotation_errors: tuple[RotationError, ...]) -> None:
    """What logrotate leaves out because of an error grows until the disk is full."""
    assert offenders(rotation_errors, lambda _: True) == ()


def _saying(errors: tuple[RotationError, ...], *words: str) -> list[RotationError]:
    return [one for one in errors if any(word in one.error for word in words)]


_RIGHTS = ("writable by group or others", "file owner is wrong", "bad file mode")
_PLACE = ("insecure permissions", "unknown user", "unknown group")
_TWICE = ("duplicate log entry",)
_GONE = ("No such file or directory",)


@test_logrotate_takes_its_configuration.cause(
    "a file of its configuration may be changed by others, or is not root's",
    remedy="chown root: FILE; chmod 644 FILE (in /etc/logrotate.d).",
)
def rights(rotation_errors: tuple[RotationError, ...]) -> object:
    return _saying(rotation_errors, *_RIGHTS)


@test_logrotate_takes_its_configuration.cause(
    "the folder of a log may be written to by others than root, or the account named is not known",
    remedy="Name the account that rotates there (su USER GROUP in the file), or close the folder.",
)
def place(rotation_errors: tuple[RotationError, ...]) -> object:
    return _saying(rotation_errors, *_PLACE)


@test_logrotate_takes_its_configuration.cause(
    "two files have a rule for the same log",
    remedy="Take it out of one of them: grep -rn LOG /etc/logrotate.conf /etc/logrotate.d.",
)
def twice(rotation_errors: tuple[RotationError, ...]) -> object:
    return _saying(rotation_errors, *_TWICE)


@test_logrotate_takes_its_configuration.cause(
    "a log that it has to rotate is not there",
    remedy="Add missingok to its rule, or take out the rule of what is no longer installed.",
)
def log_is_gone(rotation_errors: tuple[RotationError, ...]) -> object:
    return _saying(rotation_errors, *_GONE)


@test_logrotate_takes_its_configuration.cause(
    "a directive is misspelt or has a wrong value",
    remedy="Correct the line that it names, then see logrotate -d /etc/logrotate.conf without errors.",
)
def misspelt(rotation_errors: tuple[RotationError, ...]) -> object:
    others = _saying(rotation_errors, *_RIGHTS, *_PLACE, *_TWICE, *_GONE)
    return [one for one in rotation_errors if one not in others]


@symptom(
    "host.log-rotation-off",
    severity="minor",
    signals=[
        "ai-orchestrator-hub:maintenance-overdue/logrotate-ran",
        "claudebox:disk-space/logrotate-healthy",
    ],
)
def test_logrotate_is_scheduled(log_rotation: LogRotation, now: datetime) -> None:
    """logrotate is set up, and nothing will start it: logs grow until the disk is full."""
    assert offenders([_judged(log_rotation, now)], lambda one: one.scheduled_by == "") == ()


@test_logrotate_is_scheduled.cause(
    "its timer is not active, and cron has no entry for it",
    remedy="systemctl enable --now logrotate.timer.",
)
def timer_off(log_rotation: LogRotation, now: datetime) -> object:
    return _judged(log_rotation, now) if not log_rotation.scheduled_by else None


@symptom(
    "host.log-rotation-overdue",
    severity="minor",
    signals=[
        "ai-orchestrator-hub:maintenance-overdue/logrotate-ran",
        "claudebox:disk-space/logrotate-healthy",
    ],
    explained_by=["host.filesystem-read-only"],
)
def test_logrotate_ran_in_time(
    log_rotation: LogRotation, limits: HostLimits, now: datetime
) -> None:
    """logrotate notes each run, and the last one is too long ago."""
    assert worst([_judged(log_rotation, now)], "age_seconds") <= limits.log_rotation_age


@test_logrotate_ran_in_time.cause(
    "nothing starts it",
    remedy="systemctl enable --now logrotate.timer; then systemctl start logrotate once.",
    because="host.log-rotation-off",
)
def not_started(log_rotation: LogRotation, now: datetime) -> object:
    return _judged(log_rotation, now) if not log_rotation.scheduled_by else None


@test_logrotate_ran_in_time.cause(
    "it is started, and does not come to its end",
    remedy="journalctl -u logrotate says why; logrotate -v /etc/logrotate.conf tells each step.",
    because="host.log-rotation-refused",
)
def started(log_rotation: LogRotation, limits: HostLimits, now: datetime) -> object:
    judged = _judged(log_rotation, now)
    overdue = judged.age_seconds > limits.log_rotation_age
    return judged if overdue and log_rotation.scheduled_by else None


def _aged(declared: HostEntry, logs: tuple[Log, ...], now: datetime) -> tuple[AgedLog, ...]:
    return aged_logs(declared, logs, now.timestamp())


@symptom(
    "host.log-too-large",
    severity="minor",
    signals=["claudebox:maintenance-job/pm2-log-rotation"],
)
def test_logs_stay_small(
    declared_logs: tuple[Log, ...], declared: HostEntry, now: datetime
) -> None:
    """A log has grown beyond what it may have: nobody can read it, and the disk will be full."""
    assert offenders(_aged(declared, declared_logs, now), lambda one: one.is_too_large) == ()


def _is_rotated(log: AgedLog, rotation: LogRotation) -> bool:
    return any(fnmatch.fnmatchcase(log.path, pattern) for pattern in rotation.patterns)


@test_logs_stay_small.cause(
    "no rule of logrotate covers it",
    remedy="Write one into /etc/logrotate.d, or let its program rotate (pm2 install pm2-logrotate).",
)
def not_rotated(
    declared_logs: tuple[Log, ...],
    declared: HostEntry,
    now: datetime,
    log_rotation: LogRotation,
) -> object:
    large = [one for one in _aged(declared, declared_logs, now) if one.is_too_large]
    return [one for one in large if not _is_rotated(one, log_rotation)]


@test_logs_stay_small.cause(
    "it grows faster than its rule rotates, or logrotate does not run",
    remedy="Rotate by size (maxsize 100M) and more often, after a look at what is written so much.",
    because=("host.log-rotation-off", "host.log-rotation-overdue"),
)
def outgrows_its_rule(
    declared_logs: tuple[Log, ...],
    declared: HostEntry,
    now: datetime,
    log_rotation: LogRotation,
) -> object:
    large = [one for one in _aged(declared, declared_logs, now) if one.is_too_large]
    return [one for one in large if _is_rotated(one, log_rotation)]


@symptom(
    "host.log-too-old",
    severity="minor",
    signals=["claudebox:maintenance-job/old-logs-absent"],
)
def test_old_logs_are_removed(
    declared_logs: tuple[Log, ...], declared: HostEntry, now: datetime
) -> None:
    """A log that nothing writes to any more was left behind."""
    assert offenders(_aged(declared, declared_logs, now), lambda one: one.is_too_old) == ()


@test_old_logs_are_removed.cause(
    "the maintenance that removes old logs does not run, or does not know this one",
    remedy="Remove it once nobody needs it, and see to the job: find FOLDER -name '*.log' -mtime +30.",
)
def left_behind(declared_logs: tuple[Log, ...], declared: HostEntry, now: datetime) -> object:
    return [one for one in _aged(declared, declared_logs, now) if one.is_too_old]


@symptom(
    "host.log-malformed",
    severity="major",
    signals=["claudebox:performance-monitoring/metrics-log-complete"],
)
def test_logs_have_their_form(log_forms: tuple[LogForm, ...]) -> None:
    """The last lines of a log are not what its readers expect: figures are missing from it."""
    assert offenders(log_forms, lambda one: one.state != "there" or one.malformed != ()) == ()


@test_logs_have_their_form.cause(
    "what writes it got no value, or one in another form",
    remedy="Run the script that writes it by hand under its account: a tool that is missing, or "
    "another locale (LC_ALL=C), leaves a field empty.",
)
def another_form(log_forms: tuple[LogForm, ...]) -> object:
    return [one for one in log_forms if one.malformed]


@test_logs_have_their_form.cause(
    "there is nothing in it, or it is not there",
    remedy="See whether what writes it is scheduled and runs; compare the path in the inventory.",
    because="host.file-missing",
)
def nothing_in_it(log_forms: tuple[LogForm, ...]) -> object:
    return [one for one in log_forms if one.state != "there"]
