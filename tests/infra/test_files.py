"""Declared files are there, belong to whom they should, and are written as often as they should."""

from __future__ import annotations

from datetime import datetime

from sickbay.inventory.host import HostEntry
from sickbay.judge import offenders
from sickbay.symptoms import symptom
from sickbay.targets.host.facts.declared_files import FoundFile, JudgedFile, judged_files


def _judged(
    declared: HostEntry, found: tuple[FoundFile, ...], now: datetime
) -> tuple[JudgedFile, ...]:
    return judged_files(declared, found, now.timestamp())


@symptom(
    "host.file-missing",
    severity="major",
    signals=[
        "claudebox:slots-disappear/recovery-tools-present",
        "claudebox:maintenance-job/maintenance-script-present",
        "claudebox:performance-monitoring/monitor-script-present",
        "claudebox:health-check-script/health-script-present",
        "claudebox:debug-mode-left-on/debug-script-present",
        "neurallog:diagnostic-tooling-missing/runbook-scripts-usable",
        "sergas:support-material-missing/helper-scripts-present",
        "sergas:support-material-missing/runbooks-present",
    ],
)
def test_declared_files_are_there(
    found_files: tuple[FoundFile, ...], declared: HostEntry, now: datetime
) -> None:
    """Something that is needed in operation, or in an emergency, is not where it should be."""
    assert offenders(_judged(declared, found_files, now), lambda one: one.state != "there") == ()


@test_declared_files_are_there.cause(
    "it is a link to something that is not there",
    remedy="readlink PATH shows where it leads: bring that back, or correct the link (ln -sfn).",
)
def dangling(found_files: tuple[FoundFile, ...]) -> object:
    return [one for one in found_files if one.state == "dangling"]


@test_declared_files_are_there.cause(
    "its whole directory is missing",
    remedy="Install what brings it, or mount the file system that holds it; compare the path in the "
    "inventory.",
)
def no_directory(found_files: tuple[FoundFile, ...], declared: HostEntry, now: datetime) -> object:
    return [one for one in _judged(declared, found_files, now) if one.lacks_its_directory]


@test_declared_files_are_there.cause(
    "the directory is there, and the file is not in it",
    remedy="Bring it back from the deployment or a backup; see in the deployment's log why it is gone.",
)
def not_in_directory(
    found_files: tuple[FoundFile, ...], declared: HostEntry, now: datetime
) -> object:
    return [
        one
        for one in _judged(declared, found_files, now)
        if one.state == "missing" and not one.lacks_its_directory
    ]


@symptom(
    "host.file-too-open",
    severity="major",
    signals=[
        "ai-orchestrator-hub:unauthorized-access/settings-private",
        "claudebox:slots-wont-start/ssh-key-mode",
        "claudebox:ssl-certificate-issues/private-key-protected",
        "claudebox:support-escalation/env-file-private",
    ],
)
def test_files_give_no_more_rights_than_they_may(
    found_files: tuple[FoundFile, ...], declared: HostEntry, now: datetime
) -> None:
    """Whoever has an account on the host may read, or change, what is not meant for all."""
    assert offenders(_judged(declared, found_files, now), lambda one: one.excess != "") == ()


@test_files_give_no_more_rights_than_they_may.cause(
    "everybody may write to it",
    remedy="chmod o-w PATH at once, then see whether it was changed (compare with the deployment).",
)
def writable_by_all(
    found_files: tuple[FoundFile, ...], declared: HostEntry, now: datetime
) -> object:
    return [one for one in _judged(declared, found_files, now) if int(one.excess or "0", 8) & 0o002]


@test_files_give_no_more_rights_than_they_may.cause(
    "its rights are wider than declared",
    remedy="chmod it to the declared rights; where it holds secrets that others could read, renew them.",
)
def wider(found_files: tuple[FoundFile, ...], declared: HostEntry, now: datetime) -> object:
    return [one for one in _judged(declared, found_files, now) if one.excess]


@symptom("host.file-wrong-owner", severity="major")
def test_files_belong_to_whom_they_should(
    found_files: tuple[FoundFile, ...], declared: HostEntry, now: datetime
) -> None:
    """A service cannot use what belongs to another account; another account can change it."""
    assert offenders(_judged(declared, found_files, now), lambda one: one.belongs_elsewhere) == ()


@test_files_belong_to_whom_they_should.cause(
    "it was made by root, as by a deployment or a restore",
    remedy="chown OWNER:GROUP PATH (-R below a directory), and let the deployment do so from now on.",
)
def made_by_root(found_files: tuple[FoundFile, ...], declared: HostEntry, now: datetime) -> object:
    return [
        one
        for one in _judged(declared, found_files, now)
        if one.belongs_elsewhere and one.owner == "root"
    ]


@symptom("host.file-not-executable", severity="major")
def test_scripts_can_be_executed(
    found_files: tuple[FoundFile, ...], declared: HostEntry, now: datetime
) -> None:
    """A script that cannot be executed is of no help when it is needed."""
    assert offenders(_judged(declared, found_files, now), lambda one: one.cannot_be_executed) == ()


@test_scripts_can_be_executed.cause("it lost the right on its way here", remedy="chmod +x PATH.")
def no_right(found_files: tuple[FoundFile, ...], declared: HostEntry, now: datetime) -> object:
    return [one for one in _judged(declared, found_files, now) if one.cannot_be_executed]


@symptom(
    "host.file-stale",
    severity="major",
    signals=[
        "ai-orchestrator-hub:data-recovery/backup-fresh",
        "ai-orchestrator-hub:maintenance-overdue/restore-test",
        "ai-orchestrator-hub:maintenance-overdue/package-lists-fresh",
        "claudebox:maintenance-job/package-lists-fresh",
        "claudebox:performance-monitoring/metrics-log-fresh",
        "neurallog:database-data-loss-risk/full-backup-fresh",
        "neurallog:tenant-data-at-risk/tenant-backup-fresh",
    ],
    explained_by=["host.disk-filling", "host.filesystem-read-only"],
)
def test_files_are_written_in_time(
    found_files: tuple[FoundFile, ...], declared: HostEntry, now: datetime
) -> None:
    """What writes this file (a backup, a report, a log) has not done so for too long."""
    assert offenders(_judged(declared, found_files, now), lambda one: one.is_stale) == ()


@test_files_are_written_in_time.cause(
    "the job that writes it does not run, or fails",
    remedy="systemctl list-timers and the crontab say when it should run, its log or journal how it "
    "ended; run it by hand.",
)
def job_stands_still(
    found_files: tuple[FoundFile, ...], declared: HostEntry, now: datetime
) -> object:
    return [one for one in _judged(declared, found_files, now) if one.is_stale]


@symptom(
    "host.file-too-small",
    severity="major",
    signals=["sergas:support-material-missing/operations-manual-present"],
    explained_by=["host.disk-filling"],
)
def test_files_have_content(
    found_files: tuple[FoundFile, ...], declared: HostEntry, now: datetime
) -> None:
    """A file that is (nearly) empty was not written to its end: as a backup it is worth nothing."""
    assert offenders(_judged(declared, found_files, now), lambda one: one.is_too_small) == ()


@test_files_have_content.cause(
    "there is nothing in it at all",
    remedy="Run the job that writes it by hand and read what it says; look for a full disk at that time.",
)
def empty(found_files: tuple[FoundFile, ...], declared: HostEntry, now: datetime) -> object:
    small = [one for one in _judged(declared, found_files, now) if one.is_too_small]
    return [one for one in small if one.size == 0]
