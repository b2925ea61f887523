"""Backups are there, fresh, whole, and can be restored."""

from __future__ import annotations

from datetime import datetime

from sickbay.inventory.host import HostEntry, HostLimits
from sickbay.judge import least, offenders
from sickbay.symptoms import symptom
from sickbay.targets.host.facts.backups import (
    Backup,
    BackupContent,
    judged_backups,
    judged_contents,
)

Backups = tuple[Backup, ...]


@symptom(
    "host.backup-missing",
    severity="critical",
    signals=[
        "claudebox:backups/backup-recent",
        "neurallog:tenant-data-at-risk/tenant-backup-verifies",
    ],
)
def test_backups_are_there(backups: Backups, declared: HostEntry, now: datetime) -> None:
    """What is lost now cannot be brought back."""
    judged = judged_backups(declared, backups, now.timestamp())
    assert offenders(judged, lambda one: one.is_missing) == ()


@test_backups_are_there.cause(
    "there is none at all",
    remedy="Make one now, then see why the job does not: its schedule, its log, the target's free space.",
)
def no_backup(backups: Backups) -> object:
    return [one for one in backups if not one.path]


@symptom(
    "host.backup-stale",
    severity="critical",
    signals=[
        "claudebox:backups/backup-recent",
        "ai-orchestrator-hub:data-recovery/archives-fresh",
    ],
    explained_by=["host.job-overdue", "host.job-failed", "host.job-missing"],
)
def test_backups_are_fresh(backups: Backups, declared: HostEntry, now: datetime) -> None:
    """All that was changed since the newest backup would be lost."""
    judged = judged_backups(declared, backups, now.timestamp())
    assert offenders(judged, lambda one: one.is_stale or one.is_older_than_settings) == ()


@test_backups_are_fresh.cause(
    "no new one was made in time",
    remedy="See whether the job ran and how it ended (systemctl status, journalctl -t CRON), and make one now.",
)
def stale(backups: Backups, declared: HostEntry, now: datetime) -> object:
    return [one for one in judged_backups(declared, backups, now.timestamp()) if one.is_stale]


@test_backups_are_fresh.cause(
    "what it keeps was changed after it was made",
    remedy="Make it again, and let what changes the settings do so.",
)
def older_than_settings(backups: Backups, declared: HostEntry, now: datetime) -> object:
    judged = judged_backups(declared, backups, now.timestamp())
    return [one for one in judged if one.is_older_than_settings]


@symptom(
    "host.backup-shrunken",
    severity="critical",
    signals=["claudebox:backups/backup-complete"],
)
def test_backups_do_not_shrink(
    backups: Backups, declared: HostEntry, limits: HostLimits, now: datetime
) -> None:
    """The newest is so much smaller than the one before that it cannot hold everything."""
    judged = judged_backups(declared, backups, now.timestamp())
    assert least(judged, "part_of_previous") > limits.backup_size


@test_backups_do_not_shrink.cause(
    "it is empty",
    remedy="The job's log says why nothing was written: a database that was not running, a full disk.",
)
def empty(backups: Backups) -> object:
    return [one for one in backups if one.path and one.size == 0]


@test_backups_do_not_shrink.cause(
    "it holds less than the one before",
    remedy="Compare the listings of both; keep the older one until it is clear what is missing.",
)
def smaller(backups: Backups, declared: HostEntry, limits: HostLimits, now: datetime) -> object:
    return [
        one
        for one in judged_backups(declared, backups, now.timestamp())
        if one.size
        and one.part_of_previous is not None
        and one.part_of_previous <= limits.backup_size
    ]


@symptom(
    "host.backup-unusable",
    severity="critical",
    signals=[
        "claudebox:backups/backup-complete",
        "ai-orchestrator-hub:data-recovery/backup-readable",
        "ai-orchestrator-hub:data-recovery/data-archive",
        "ai-orchestrator-hub:data-recovery/config-archive",
        "neurallog:database-data-loss-risk/latest-backup-verifies",
        "neurallog:tenant-data-at-risk/tenant-backup-verifies",
    ],
    explained_by=["host.backup-shrunken"],
)
def test_backups_can_be_read_and_hold_what_they_should(
    backup_contents: tuple[BackupContent, ...], declared: HostEntry
) -> None:
    """The newest backup could not be restored, or not all that is needed would come back."""
    judged = judged_contents(declared, backup_contents)
    assert offenders(judged, lambda one: one.is_unusable) == ()


@test_backups_can_be_read_and_hold_what_they_should.cause(
    "it cannot be read to its end",
    remedy="Make it again, under another name and moved into place when it is whole; look for a full disk.",
)
def broken(backup_contents: tuple[BackupContent, ...]) -> object:
    return [one for one in backup_contents if one.state in {"broken", "empty"}]


@test_backups_can_be_read_and_hold_what_they_should.cause(
    "it is not what its checksum was made of",
    remedy="sha256sum -c FILE.sha256: it was damaged or changed later; take the one before, make it again.",
)
def wrong_checksum(backup_contents: tuple[BackupContent, ...]) -> object:
    return [one for one in backup_contents if one.checksum == "wrong"]


@test_backups_can_be_read_and_hold_what_they_should.cause(
    "it lacks something that it should hold",
    remedy="List it (tar -t, pg_restore --list) and compare with what the job is told to keep.",
)
def lacks(backup_contents: tuple[BackupContent, ...], declared: HostEntry) -> object:
    return [one for one in judged_contents(declared, backup_contents) if one.lacks]


@symptom(
    "host.backup-space-short",
    severity="critical",
    signals=[
        "claudebox:backups/backup-space",
        "ai-orchestrator-hub:data-recovery/restore-space",
    ],
    explained_by=["host.disk-filling"],
)
def test_there_is_room_for_backups(
    backups: Backups, declared: HostEntry, limits: HostLimits, now: datetime
) -> None:
    """The next backup, or restoring this one, ends with a full file system."""
    judged = judged_backups(declared, backups, now.timestamp())
    assert least(judged, "room") > limits.backup_room


@test_there_is_room_for_backups.cause(
    "its file system is nearly full",
    remedy="Remove the oldest backups that are kept elsewhere as well, or enlarge the file system.",
)
def no_room(backups: Backups, declared: HostEntry, limits: HostLimits, now: datetime) -> object:
    return [
        one
        for one in judged_backups(declared, backups, now.timestamp())
        if one.room is not None and one.room <= limits.backup_room
    ]
