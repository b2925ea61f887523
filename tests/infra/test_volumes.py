"""Declared mounts and swap are there, come back after a boot, and use the whole of their volume."""

from __future__ import annotations

from sickbay.inventory.host import HostEntry, HostLimits
from sickbay.judge import offenders, worst
from sickbay.symptoms import symptom
from sickbay.targets.host.facts.volumes import (
    MountPoint,
    SwapSpaces,
    judged_swap,
    lost_at_boot,
)


@symptom("host.mount-missing", severity="critical")
def test_declared_mounts_are_there(mount_points: tuple[MountPoint, ...]) -> None:
    """What should lie on a volume of its own is written beside it, or is missing with it."""
    assert offenders(mount_points, lambda one: not one.is_mounted) == ()


@test_declared_mounts_are_there.cause(
    "it is planned, and was not mounted or was taken off",
    remedy="systemctl status of its mount unit says why; mount PATH, then restart what uses it.",
)
def not_mounted(mount_points: tuple[MountPoint, ...]) -> object:
    return [one for one in mount_points if not one.is_mounted and one.planned]


@test_declared_mounts_are_there.cause(
    "nothing mounts it",
    remedy="Put the volume into /etc/fstab (by its UUID, see blkid), then mount PATH.",
)
def not_planned(mount_points: tuple[MountPoint, ...]) -> object:
    return [one for one in mount_points if not one.is_mounted and not one.planned]


@symptom(
    "host.mount-lost-at-boot",
    severity="minor",
    signals=["sergas:database-disk-full/data-mount-persistent"],
)
def test_declared_mounts_come_back(mount_points: tuple[MountPoint, ...]) -> None:
    """After the next boot the service starts on an empty directory, or on old data."""
    assert offenders(lost_at_boot(mount_points), lambda _: True) == ()


@test_declared_mounts_come_back.cause(
    "/etc/fstab still names another device, as from before a move",
    remedy="Put the new volume's UUID (blkid) into /etc/fstab, then systemctl daemon-reload.",
)
def other_device(mount_points: tuple[MountPoint, ...]) -> object:
    return [one for one in lost_at_boot(mount_points) if one.planned]


@test_declared_mounts_come_back.cause(
    "it was mounted by hand",
    remedy="Add it to /etc/fstab by its UUID (blkid), then systemctl daemon-reload.",
)
def by_hand(mount_points: tuple[MountPoint, ...]) -> object:
    return [one for one in lost_at_boot(mount_points) if not one.planned]


@symptom(
    "host.filesystem-below-volume",
    severity="minor",
    signals=["sergas:database-disk-full/filesystem-fills-volume"],
)
def test_filesystems_use_their_volume(
    mount_points: tuple[MountPoint, ...], limits: HostLimits
) -> None:
    """Space that was paid for is not there when the disk fills."""
    assert worst(mount_points, "unused_fraction") <= limits.volume_unused


@test_filesystems_use_their_volume.cause(
    "the volume was enlarged, and the file system on it was not",
    remedy="resize2fs DEVICE (ext4) or xfs_growfs PATH (XFS); both work while it is mounted. With a "
    "partition or LVM between them, growpart or lvextend comes first.",
)
def enlarged(mount_points: tuple[MountPoint, ...], limits: HostLimits) -> object:
    return [one for one in mount_points if (one.unused_fraction or 0) > limits.volume_unused]


@symptom(
    "host.swap-missing",
    severity="major",
    signals=["claudebox:high-memory-usage/swap-present"],
)
def test_declared_swap_is_there(swap_spaces: SwapSpaces, declared: HostEntry) -> None:
    """Without it a peak of memory ends with the kernel killing processes."""
    assert offenders([judged_swap(declared.swap, swap_spaces)], lambda one: one.is_wrong) == ()


@test_declared_swap_is_there.cause(
    "it is not on",
    remedy="swapon FILE; where there is none yet: fallocate -l 4G /swapfile, chmod 600, mkswap, swapon.",
)
def not_on(swap_spaces: SwapSpaces, declared: HostEntry) -> object:
    judged = judged_swap(declared.swap, swap_spaces)
    return [] if judged.on else [judged]


@test_declared_swap_is_there.cause(
    "the next boot does not switch it on: /etc/fstab does not name it",
    remedy="Add a line FILE none swap sw 0 0 to /etc/fstab.",
)
def not_in_fstab(swap_spaces: SwapSpaces, declared: HostEntry) -> object:
    judged = judged_swap(declared.swap, swap_spaces)
    return [judged] if judged.lost_at_boot else []


@test_declared_swap_is_there.cause(
    "other accounts may read its file, and with it what was in memory",
    remedy="chmod 600 FILE at once.",
)
def open_to_others(swap_spaces: SwapSpaces, declared: HostEntry) -> object:
    judged = judged_swap(declared.swap, swap_spaces)
    return [judged] if judged.open_to_others else []


@test_declared_swap_is_there.cause(
    "it is smaller than declared",
    remedy="Add a second file, or swapoff, enlarge it (fallocate), mkswap and swapon when memory is free.",
)
def too_small(swap_spaces: SwapSpaces, declared: HostEntry) -> object:
    judged = judged_swap(declared.swap, swap_spaces)
    return [judged] if judged.too_small else []
