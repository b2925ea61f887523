"""app1's file systems fill up, run out of inodes, or cannot be written."""

from __future__ import annotations

from collections.abc import Iterator

from lab.fault import fault
from lab.machines import Machine
from lab.worlds.hosts import Hosts

FREE = "$(df --output=avail /var/log | tail -n 1)"
"""KiB, as the shell has it."""


@fault(
    "host.disk-filling",
    on="app1",
    cause="the journal has outgrown its share",
    proves=["claudebox:performance-monitoring/root-disk-below-80"],
    how="a journal file of the machine's own, copied and made large",
    also=["host.folder-too-large@app1"],
)
def journal_fills_the_disk(app1: Machine) -> Iterator[None]:
    """The journal keeps all that it was ever told, and takes /var/log."""
    # Not one of those that journald removes by itself once it sees that there are too many.
    old = "/var/log/journal/*/old.journal"
    app1.run(
        "cd /var/log/journal/*/; cp system.journal old.journal\n"
        f"fallocate -l $(({FREE} - 3000))K old.journal"
    )
    yield
    app1.run(f"rm {old}")


@fault(
    "host.disk-filling",
    on="app1",
    cause="log files have eaten the space",
    proves=[
        "sergas:host-resources-tight/root-disk-usage",
        "claudebox:disk-space/filesystems-below-90",
    ],
    also=["host.folder-too-large@app1"],
)
def logs_fill_the_disk(app1: Machine) -> Iterator[None]:
    """A log that nobody rotates takes /var/log."""
    app1.run(f"fallocate -l $(({FREE} - 3000))K /var/log/shop.log")
    yield
    app1.run("rm /var/log/shop.log")


@fault(
    "host.disk-filling",
    on="app1",
    cause="temporary files were left behind",
    proves=["ai-orchestrator-hub:resource-snapshot/disk-usage"],
    also=["host.large-file@app1"],
)
def temporary_files_fill_the_disk(app1: Machine) -> Iterator[None]:
    """Uploads that nobody collects take /var/tmp."""
    app1.run("head -c 14500000 /dev/zero >/var/tmp/upload")
    yield
    app1.run("rm /var/tmp/upload")


@fault(
    "host.disk-filling",
    on="app1",
    cause="deleted files are still held open, so their space is not free",
    proves=["sergas:database-disk-full/pgdata-disk-usage"],
)
def deleted_file_fills_the_disk(app1: Machine) -> Iterator[None]:
    """A program keeps a log open that was deleted under it."""
    app1.run(
        "head -c 44000000 /dev/zero >/var/lib/shop/old.log\n"
        "systemd-run -q --collect --unit=holder sh -c 'exec 3</var/lib/shop/old.log; rm /var/lib/shop/old.log; sleep 600'"
    )
    app1.wait_for("[ ! -e /var/lib/shop/old.log ]")
    yield
    app1.run("systemctl stop holder")


@fault(
    "host.inodes-short",
    on="app1",
    cause="a directory tree holds very many small files",
    proves=[
        "ai-orchestrator-hub:resource-snapshot/inode-usage",
        "claudebox:disk-space/inodes-below-90",
    ],
)
def small_files_take_all_inodes(app1: Machine) -> Iterator[None]:
    """Session files that nobody deletes take the inodes of /var/tmp."""
    app1.run("mkdir /var/tmp/sessions; cd /var/tmp/sessions; touch $(seq 200) 2>/dev/null || :")
    yield
    app1.run("rm -r /var/tmp/sessions")


@fault(
    "host.filesystem-read-only",
    on="app1",
    cause="fstab says that it is writable, so an error or a hand made it read-only",
    proves=["sergas:database-disk-full/data-mount-writable"],
)
def file_system_is_read_only(app1: Machine) -> Iterator[None]:
    """The shop's data can be read, but not written."""
    app1.run("mount -o remount,ro /var/lib/shop")
    yield
    app1.run("mount -o remount,rw /var/lib/shop")


@fault(
    "host.unit-failed",
    on="app1",
    cause="it could not write: no space was left",
    also=["host.disk-filling@app1"],
    proves=["claudebox:system-down/no-failed-units"],
)
def disk_full_ends_the_shop_and_the_proxy_has_nobody_to_ask(hosts: Hosts) -> Iterator[None]:
    """A chain of three: the disk is full, so the shop ends, so the endpoint answers 502."""
    hosts.app1.run(
        "head -c 60000000 /dev/zero >/var/lib/shop/export 2>/dev/null\n"
        "rm -f /var/lib/shop/heartbeat; head -c 300000 /dev/zero >>/var/lib/shop/export",
        check=False,
    )
    hosts.unit(hosts.app1, "shop-app", "[Service]\nEnvironment=FULL=1\n")
    hosts.app1.wait_for("systemctl is-failed shop-app")
    yield
    hosts.app1.run("rm /var/lib/shop/export")
    hosts.unit(hosts.app1, "shop-app")


@fault(
    "host.unit-failed",
    on="app1",
    cause="it could not write: the file system is read-only",
    also=["host.filesystem-read-only@app1"],
)
def read_only_file_system_ends_the_shop(hosts: Hosts) -> Iterator[None]:
    """The shop cannot write its data when it starts."""
    hosts.app1.run("mount -o remount,ro /var/lib/shop")
    hosts.unit(hosts.app1, "shop-app", "[Service]\nEnvironment=READ_ONLY=1\n")
    hosts.app1.wait_for("systemctl is-failed shop-app")
    yield
    hosts.app1.run("mount -o remount,rw /var/lib/shop")
    hosts.unit(hosts.app1, "shop-app")
