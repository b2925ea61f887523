"""app1's declared mounts and swap are not there, or would not be after a boot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.fault import fault
from lab.machines import Machine
from lab.shell import run
from lab.worlds.hosts import Hosts
from lab.worlds.hosts_volumes import SPOOL, SWAP_FILE, SWAPS

SHOWN = "shown to the machine in its own /proc/swaps, as a container cannot switch swap on"
PERSISTENT = ["sergas:database-disk-full/data-mount-persistent"]
SWAP = ["claudebox:high-memory-usage/swap-present"]


@contextmanager
def _fstab(app1: Machine, edit: str) -> Iterator[None]:
    """/etc/fstab after a sed script."""
    app1.run(f"cp /etc/fstab /root; sed -i '{edit}' /etc/fstab")
    yield
    app1.run("cat /root/fstab >/etc/fstab")


@fault("host.mount-missing", on="app1", cause="it is planned, and was not mounted or was taken off")
def spool_was_unmounted(app1: Machine) -> Iterator[None]:
    """It was in the way of somebody's work."""
    app1.run("systemctl stop srv-spool.mount")
    yield
    app1.run("systemctl start srv-spool.mount")


@fault("host.mount-missing", on="app1", cause="nothing mounts it")
def spool_was_forgotten(app1: Machine) -> Iterator[None]:
    """The host was made anew, and its fstab without the line."""
    app1.run("systemctl stop srv-spool.mount")
    with _fstab(app1, f"\\#{SPOOL}#d"):
        yield
    app1.run("systemctl start srv-spool.mount")


@fault(
    "host.mount-lost-at-boot",
    on="app1",
    cause="/etc/fstab still names another device, as from before a move",
    proves=PERSISTENT,
)
def data_was_moved_to_another_disk(app1: Machine) -> Iterator[None]:
    """The new disk is mounted, and fstab names the old one."""
    with _fstab(app1, "s#^[^ ]* /var/lib/shop #/dev/vdz /var/lib/shop #"):
        yield


@fault("host.mount-lost-at-boot", on="app1", cause="it was mounted by hand", proves=PERSISTENT)
def data_was_mounted_by_hand(app1: Machine) -> Iterator[None]:
    """fstab knows nothing of it."""
    with _fstab(app1, "\\# /var/lib/shop #d"):
        yield


@fault(
    "host.filesystem-below-volume",
    on="app1",
    cause="the volume was enlarged, and the file system on it was not",
    proves=["sergas:database-disk-full/filesystem-fills-volume"],
)
def volume_was_enlarged(hosts: Hosts) -> Iterator[None]:
    """The disk under the shop's data has grown by a third."""
    image = hosts.folder / "var-lib-shop.img"
    device = run("losetup", "-n", "-O", "NAME", "-j", str(image)).strip()
    before = image.stat().st_size
    for size in (before * 4 // 3, before):
        with image.open("r+b") as file:
            file.truncate(size)
        run("losetup", "-c", device)
        if size != before:
            yield


@fault(
    "host.swap-missing", on="app1", cause="it is not on", proves=SWAP, how=SHOWN,
)  # fmt: skip
def swap_is_off(hosts: Hosts) -> Iterator[None]:
    """Somebody switched it off to see how far memory reaches."""
    hosts.view(hosts.app1, {"swaps": SWAPS.partition("\n")[0]})
    yield
    hosts.view(hosts.app1)


@fault(
    "host.swap-missing",
    on="app1",
    cause="the next boot does not switch it on: /etc/fstab does not name it",
    proves=SWAP,
)
def swap_was_switched_on_by_hand(app1: Machine) -> Iterator[None]:
    """As the guide has it: with swapon alone."""
    with _fstab(app1, f"\\#^{SWAP_FILE}#d"):
        yield


@fault(
    "host.swap-missing",
    on="app1",
    cause="other accounts may read its file, and with it what was in memory",
    proves=SWAP,
)
def swap_file_is_open_to_all(app1: Machine) -> Iterator[None]:
    """It was made without a thought of its rights."""
    app1.run(f"chmod 644 {SWAP_FILE}")
    yield
    app1.run(f"chmod 600 {SWAP_FILE}")


@fault(
    "host.swap-missing", on="app1", cause="it is smaller than declared", proves=SWAP, how=SHOWN,
)  # fmt: skip
def swap_is_small(hosts: Hosts) -> Iterator[None]:
    """A tenth of what should be there."""
    hosts.view(hosts.app1, {"swaps": SWAPS.replace("1000000", "100000")})
    yield
    hosts.view(hosts.app1)
