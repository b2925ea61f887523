"""app1's backups are late, damaged, or not what they should be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.fault import fault
from lab.machines import Machine
from lab.worlds.hosts_backups import ARCHIVE, DUMP, FOLDER, RELEASE


@contextmanager
def _changed(app1: Machine, script: str) -> Iterator[None]:
    """Do something to the backups, and bring them back as they were."""
    app1.run(f"rm -rf /srv/kept; cp -a {FOLDER} /srv/kept; cd {FOLDER}; {script}")
    yield
    app1.run(f"rm -rf {FOLDER}; mv /srv/kept {FOLDER}")


@fault(
    "host.backup-missing",
    on="app1",
    cause="there is none at all",
    proves=[
        "claudebox:backups/backup-recent",
        "neurallog:tenant-data-at-risk/tenant-backup-verifies",
    ],
)
def backups_were_deleted(app1: Machine) -> Iterator[None]:
    """Somebody needed the space."""
    with _changed(app1, "rm *.dump"):
        yield


@fault(
    "host.backup-stale",
    on="app1",
    cause="no new one was made in time",
    proves=[
        "claudebox:backups/backup-recent",
        "ai-orchestrator-hub:data-recovery/archives-fresh",
    ],
)
def backups_are_no_longer_made(app1: Machine) -> Iterator[None]:
    """The newest is three days old."""
    with _changed(app1, "touch -d '3 days ago' *.dump"):
        yield


@fault(
    "host.backup-stale",
    on="app1",
    cause="what it keeps was changed after it was made",
    proves=["ai-orchestrator-hub:data-recovery/archives-fresh"],
)
def program_was_changed_after_the_backup(app1: Machine) -> Iterator[None]:
    """A deployment came after the archive."""
    app1.run(f"touch {RELEASE}")
    yield
    app1.run(f"touch -d '2 hours ago' {RELEASE}")


@fault(
    "host.backup-shrunken",
    on="app1",
    cause="it is empty",
    proves=["claudebox:backups/backup-complete"],
)
def backup_is_empty(app1: Machine) -> Iterator[None]:
    """The database was not there when it was made."""
    with _changed(app1, f't=$(stat -c %y {DUMP}); : >{DUMP}; touch -d "$t" {DUMP}'):
        yield


@fault(
    "host.backup-shrunken",
    on="app1",
    cause="it holds less than the one before",
    proves=["claudebox:backups/backup-complete"],
)
def backup_holds_less_than_before(app1: Machine) -> Iterator[None]:
    """The newest archive holds the settings alone."""
    script = (
        f"rm {ARCHIVE}.sha256; tar -czf {ARCHIVE} -C / etc/shop; touch -d '1 hour ago' {ARCHIVE}"
    )
    with _changed(app1, script):
        yield


@fault(
    "host.backup-unusable",
    on="app1",
    cause="it cannot be read to its end",
    proves=[
        "claudebox:backups/backup-complete",
        "ai-orchestrator-hub:data-recovery/backup-readable",
        "neurallog:database-data-loss-risk/latest-backup-verifies",
    ],
)
def dump_is_cut_off(app1: Machine) -> Iterator[None]:
    """Its last tenth is missing; its table of contents is whole."""
    size = f"$(($(stat -c %s {DUMP}) * 9 / 10))"
    with _changed(app1, f"truncate -s {size} {DUMP}; touch -d '1 hour ago' {DUMP}"):
        yield


@fault(
    "host.backup-unusable",
    on="app1",
    cause="it cannot be read to its end",
    proves=[
        "ai-orchestrator-hub:data-recovery/data-archive",
        "ai-orchestrator-hub:data-recovery/config-archive",
    ],
)
def archive_is_cut_off(app1: Machine) -> Iterator[None]:
    """The disk was full before its end."""
    size = f"$(($(stat -c %s {ARCHIVE}) * 9 / 10))"
    with _changed(app1, f"truncate -s {size} {ARCHIVE}; touch -d '1 hour ago' {ARCHIVE}"):
        yield


@fault(
    "host.backup-unusable",
    on="app1",
    cause="it is not what its checksum was made of",
    proves=[
        "neurallog:database-data-loss-risk/latest-backup-verifies",
        "neurallog:tenant-data-at-risk/tenant-backup-verifies",
    ],
)
def archive_was_changed_later(app1: Machine) -> Iterator[None]:
    """It is whole, and not the one that the checksum was made of."""
    with _changed(
        app1,
        f"tar -czf {ARCHIVE} -C / etc/shop opt/shop etc/hostname; touch -d '1 hour ago' {ARCHIVE}",
    ):
        yield


@fault(
    "host.backup-unusable",
    on="app1",
    cause="it lacks something that it should hold",
    proves=["ai-orchestrator-hub:data-recovery/config-archive"],
)
def archive_lacks_the_settings(app1: Machine) -> Iterator[None]:
    """The job keeps the program alone."""
    script = (
        f"tar -czf {ARCHIVE} -C / opt/shop; sha256sum shop-2.tar.gz >shop-2.tar.gz.sha256; "
        "touch -d '1 hour ago' shop-2.tar.gz*"
    )
    with _changed(app1, script):
        yield


@fault(
    "host.backup-space-short",
    on="app1",
    cause="its file system is nearly full",
    proves=[
        "claudebox:backups/backup-space",
        "ai-orchestrator-hub:data-recovery/restore-space",
    ],
)
def backups_would_not_fit(inventory: Path) -> Iterator[None]:
    """What they would be restored to is far smaller than they need."""
    before = inventory.read_text()
    inventory.write_text(
        before.replace("limits:\n", "limits:\n  backup_room: 1000000\n", 1).replace(
            "/srv/backups/*.dump: {", "/srv/backups/*.dump: {restore_to: /var/tmp, "
        )
    )
    yield
    inventory.write_text(before)
