"""app1's folders and files take more space than they may."""

from __future__ import annotations

from collections.abc import Iterator

from lab.fault import fault
from lab.machines import Machine
from lab.worlds.hosts_space import EXPORTS

TEMPORARY = ["claudebox:disk-space/temp-files-bounded"]
LARGE = ["claudebox:disk-space/no-unexpected-large-files"]
DUMP = "/tmp/heapdump-1.heapsnapshot"


@fault(
    "host.folder-too-large",
    on="app1",
    cause="it holds files that should long be gone",
    also=["host.folder-stale@app1"],
    proves=TEMPORARY,
)
def old_exports_were_never_removed(app1: Machine) -> Iterator[None]:
    """Three weeks of them."""
    app1.run(
        f"head -c 1500K /dev/zero >{EXPORTS}/old.csv; touch -d '21 days ago' {EXPORTS}/old.csv"
    )
    yield
    app1.run(f"rm {EXPORTS}/old.csv")


@fault(
    "host.folder-too-large",
    on="app1",
    cause="more is written there than is taken away",
    proves=["sergas:host-resources-tight/log-volume", *TEMPORARY],
)
def logs_take_more_than_their_share(app1: Machine) -> Iterator[None]:
    """Not yet so much that the disk is full."""
    used, size = (f"$(df --output={what} -k /var/log | tail -n 1)" for what in ("used", "size"))
    app1.run(f"fallocate -l $(({size} * 83 / 100 - {used}))K /var/log/shop.log")
    yield
    app1.run("rm /var/log/shop.log")


@fault("host.folder-stale", on="app1", cause="nothing tidies up there", proves=TEMPORARY)
def small_export_is_old(app1: Machine) -> Iterator[None]:
    """It takes no space worth a word, and holds the customers of last month."""
    app1.run(f"touch -d '31 days ago' {EXPORTS}/last.csv")
    yield
    app1.run(f"rm {EXPORTS}/last.csv")


@fault(
    "host.directory-outgrown",
    on="app1",
    cause="what is in it has grown",
    proves=["claudebox:disk-space/top-level-sizes"],
)
def build_was_left_behind(app1: Machine) -> Iterator[None]:
    """It takes more than half of its disk, in small files."""
    app1.run(
        "mkdir /var/tmp/build; cd /var/tmp/build; for n in 1 2 3 4 5 6; do head -c 1500K /dev/zero >$n; done"
    )
    yield
    app1.run("rm -r /var/tmp/build")


@fault(
    "host.large-file",
    on="app1",
    cause="it is an archive or a copy that was forgotten",
    proves=LARGE,
)
def archive_was_forgotten(app1: Machine) -> Iterator[None]:
    """Made before an upgrade that went well."""
    app1.run("head -c 3M /dev/zero >/var/tmp/before-upgrade.tar.gz")
    yield
    app1.run("rm /var/tmp/before-upgrade.tar.gz")


@fault("host.large-file", on="app1", cause="it is a dump of a program's memory", proves=LARGE)
def heap_was_dumped(app1: Machine) -> Iterator[None]:
    """By a developer, who has seen enough."""
    app1.run("head -c 3M /dev/zero >/var/tmp/heap.hprof")
    yield
    app1.run("rm /var/tmp/heap.hprof")


@fault(
    "host.large-file",
    on="app1",
    cause="something writes into it and nobody rotates it",
    proves=LARGE,
)
def trace_was_left_on(app1: Machine) -> Iterator[None]:
    """A debugging output that goes to a file."""
    app1.run("head -c 3M /dev/zero >/var/tmp/trace.out")
    yield
    app1.run("rm /var/tmp/trace.out")


@fault(
    "host.leftover",
    on="app1",
    cause="nobody took it away after it was looked at",
    proves=["claudebox:memory-leaks/no-heapdump-leftovers"],
)
def heap_snapshot_lies_for_days(app1: Machine) -> Iterator[None]:
    """Node.js wrote it when it was asked to."""
    app1.run(f"echo heap >{DUMP}; touch -d '2 days ago' {DUMP}")
    yield
    app1.run(f"rm {DUMP}")
