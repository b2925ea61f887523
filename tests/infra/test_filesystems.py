"""File systems have room, inodes, and can be written."""

from __future__ import annotations

from sickbay.inventory.host import HostLimits
from sickbay.judge import offenders, worst
from sickbay.symptoms import symptom
from sickbay.targets.host.facts.disk_use import (
    JOURNAL,
    LOGS,
    TEMPORARY,
    DeletedOpenFile,
    DirectorySize,
    FileCount,
    holder,
)
from sickbay.targets.host.facts.filesystems import Filesystem


@symptom(
    "host.disk-filling",
    severity="critical",
    signals=[
        "sergas:host-resources-tight/root-disk-usage",
        "sergas:database-disk-full/pgdata-disk-usage",
        "ai-orchestrator-hub:resource-snapshot/disk-usage",
        "claudebox:performance-monitoring/root-disk-below-80",
        "claudebox:disk-space/filesystems-below-90",
    ],
)
def test_filesystems_have_room(filesystems: tuple[Filesystem, ...], limits: HostLimits) -> None:
    """Writes fail with "No space left on device" once a file system is full."""
    writable = [one for one in filesystems if not one.read_only]
    assert worst(writable, "used_fraction") < limits.disk_used


@test_filesystems_have_room.cause(
    "the journal has outgrown its share",
    remedy="Shrink it: journalctl --vacuum-size=500M (or --vacuum-time=7d); then set SystemMaxUse= "
    "in journald.conf.",
)
def journal(
    directory_sizes: tuple[DirectorySize, ...],
    filesystems: tuple[Filesystem, ...],
    limits: HostLimits,
) -> object:
    return [
        one
        for one in directory_sizes
        if one.path == JOURNAL and _takes_too_much(one, 0, filesystems, limits)
    ]


@test_filesystems_have_room.cause(
    "log files have eaten the space",
    remedy="Delete or compress old logs below /var/log, then see why they are not rotated: "
    "logrotate --debug /etc/logrotate.conf; systemctl status logrotate.timer.",
)
def logs(
    directory_sizes: tuple[DirectorySize, ...],
    filesystems: tuple[Filesystem, ...],
    limits: HostLimits,
) -> object:
    journal_size = sum(one.size for one in directory_sizes if one.path == JOURNAL)
    return [
        one
        for one in directory_sizes
        if one.path == LOGS and _takes_too_much(one, journal_size, filesystems, limits)
    ]


@test_filesystems_have_room.cause(
    "temporary files were left behind",
    remedy="Clear old files from /tmp and /var/tmp, sparing those in use: "
    "systemd-tmpfiles --clean; find /tmp -xdev -atime +10 -type f.",
)
def temporary_files(
    directory_sizes: tuple[DirectorySize, ...],
    filesystems: tuple[Filesystem, ...],
    limits: HostLimits,
) -> object:
    return [
        one
        for one in directory_sizes
        if one.path in TEMPORARY
        and one.size > limits.temp_size
        and _is_full(holder(filesystems, one.path), limits)
    ]


@test_filesystems_have_room.cause(
    "deleted files are still held open, so their space is not free",
    remedy="Restart (or tell to reopen its logs) the program that holds them: lsof +L1 names it.",
)
def deleted_files(deleted_open_files: tuple[DeletedOpenFile, ...], limits: HostLimits) -> object:
    return [one for one in deleted_open_files if one.size > limits.temp_size]


@symptom(
    "host.inodes-short",
    severity="critical",
    signals=[
        "ai-orchestrator-hub:resource-snapshot/inode-usage",
        "claudebox:disk-space/inodes-below-90",
    ],
)
def test_filesystems_have_inodes(filesystems: tuple[Filesystem, ...], limits: HostLimits) -> None:
    """No file can be created once the inodes are used up, however much space is free."""
    writable = [one for one in filesystems if not one.read_only]
    assert worst(writable, "inodes_used_fraction") < limits.inodes_used


@test_filesystems_have_inodes.cause(
    "a directory tree holds very many small files",
    remedy="Delete what is stale there (sessions, mail queue, cache), and see what should have done "
    "so: find DIRECTORY -xdev -type f -mtime +10.",
)
def many_files(
    file_counts: tuple[FileCount, ...], filesystems: tuple[Filesystem, ...], limits: HostLimits
) -> object:
    return [
        one
        for one in file_counts
        if (on := holder(filesystems, one.path)) is not None
        and (on.inodes_used_fraction or 0) >= limits.inodes_used
        and one.files > (on.inodes or 0) * _LARGE_SHARE
    ]


@symptom(
    "host.filesystem-read-only",
    severity="critical",
    signals=["sergas:database-disk-full/data-mount-writable"],
)
def test_filesystems_can_be_written(filesystems: tuple[Filesystem, ...]) -> None:
    """Every write fails where the kernel has made a file system read-only, mostly after a disk error."""
    assert offenders(filesystems, lambda one: one.read_only and not one.declared_read_only) == ()


@test_filesystems_can_be_written.cause(
    "fstab says that it is writable, so an error or a hand made it read-only",
    remedy="Look for disk errors (journalctl -k -p err), have a backup, run fsck on the unmounted "
    "file system, then mount it again.",
)
def not_as_declared(filesystems: tuple[Filesystem, ...]) -> object:
    return [one for one in filesystems if one.read_only and one.in_fstab]


_LARGE_SHARE = 0.1
"""Share of all inodes from which on a directory tree is worth naming."""


def _is_full(one: Filesystem | None, limits: HostLimits) -> bool:
    return one is not None and not one.read_only and one.used_fraction >= limits.disk_used


def _takes_too_much(
    tree: DirectorySize, without: int, filesystems: tuple[Filesystem, ...], limits: HostLimits
) -> bool:
    """Whether a directory tree takes more than logs may, of a file system that is full."""
    on = holder(filesystems, tree.path)
    return (
        on is not None and _is_full(on, limits) and tree.size - without > limits.log_share * on.size
    )
