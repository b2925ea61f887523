"""Declared mounts and swap: what is there, what a boot brings back, and what of a volume is used."""

from __future__ import annotations

import pytest

from selftest.unit.host.test_host_parsers import sectioned, told, value
from sickbay.errors import Unsupported
from sickbay.inventory.declared.volumes import DeclaredSwap
from sickbay.targets.host.facts.volumes import (
    MountPoint,
    SwapSpaces,
    judged_swap,
    lost_at_boot,
)

MOUNTED = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:17 / /data rw - ext4 /dev/sdb1 rw"


def _point(table: str, volumes: str = "/data /dev/sdb1 4096 1000 8000") -> MountPoint:
    raw = sectioned(asked="/data", mounted=MOUNTED, table=table, volumes=volumes, end="")
    (one,) = told("mount_points", raw).value
    assert isinstance(one, MountPoint)
    return one


def test_mount_points_debian_are_there_and_come_back() -> None:
    """One by its disk, one in memory."""
    data, spool = value("mount_points.debian")
    assert (data.is_mounted, data.is_lost_at_boot, spool.is_mounted) == (True, False, True)
    assert lost_at_boot((data, spool)) == ()
    assert data.volume_size == 48 * 2**20
    assert data.unused_fraction < 0.1
    assert (spool.volume_size, spool.unused_fraction) == (None, None)


@pytest.mark.parametrize(
    ("table", "lost"),
    [
        ("/dev/sdb1 /dev/sdb1 /data ext4", False),
        ("UUID=1 /dev/sdb1 /data ext4", False),
        ("/dev/mapper/x /dev/sdb1 /data unit", False),
        ("UUID=1 /dev/sdc1 /data ext4", True),
        ("/dev/sdb1 /dev/sdb1 /other ext4", True),
        ("", True),
    ],
)
def test_mount_point_comes_back_by_the_device_that_is_planned(table: str, lost: bool) -> None:
    """Whatever it is called there."""
    assert _point(table).is_lost_at_boot is lost
    assert (lost_at_boot([_point(table)]) != ()) is lost


def test_mount_point_with_a_device_that_cannot_be_found_is_not_judged() -> None:
    """It may be the right one."""
    with pytest.raises(Unsupported, match="UUID=1"):
        lost_at_boot([_point("UUID=1 ? /data ext4")])


@pytest.mark.parametrize(("blocks", "unused"), [(1000, 0.0), (900, 0.1), (1200, 0.0)])
def test_mount_point_unused_share_is_of_its_volume(blocks: int, unused: float) -> None:
    """8000 sectors of 512 bytes are 1000 blocks of 4096."""
    assert _point("", f"/data /dev/sdb1 4096 {blocks} 8000").unused_fraction == pytest.approx(
        unused
    )


@pytest.mark.parametrize(
    "raw",
    [
        "garbage",
        sectioned(asked="/data", mounted=MOUNTED, table="", volumes=""),
        sectioned(asked="/data", mounted=MOUNTED, table="", volumes="", end=""),
        sectioned(asked="/data", mounted="", table="", volumes="/data /dev/x 1 1", end=""),
        sectioned(asked="/data", mounted=MOUNTED, table="", volumes="/data /dev/x", end=""),
        sectioned(asked="/data", mounted=MOUNTED, table="x", volumes="/data /x 1 1", end=""),
    ],
)
def test_mount_points_that_cannot_be_understood_are_unreadable(raw: str) -> None:
    """A mount that is told of on one side only, or an answer that breaks off."""
    gap = told("mount_points", raw).gap
    assert gap is not None
    assert gap.reason == "unreadable"


# ---------------------------------------------------------------------- swap


def test_swap_spaces_debian_is_as_declared() -> None:
    """On, in fstab, and closed to others."""
    found = value("swap_spaces.debian")
    for wanted in (DeclaredSwap(), DeclaredSwap(file="/swapfile", size="1000000 KiB")):
        assert not judged_swap(wanted, found).is_wrong


SIZE = 1000 * 1024


@pytest.mark.parametrize(
    ("wanted", "found", "wrong"),
    [
        ({}, {"on": {}}, "on"),
        ({"file": "/b"}, {"on": {"/a": SIZE}, "planned": ("/b",)}, "on"),
        ({}, {"planned": ()}, "lost_at_boot"),
        ({"file": "/a"}, {"planned": ("/b",)}, "lost_at_boot"),
        ({}, {"rights": "640"}, "open_to_others"),
        ({"size": 2 * SIZE}, {}, "too_small"),
    ],
)
def test_swap_that_is_otherwise_than_declared_is_wrong(
    wanted: dict[str, object], found: dict[str, object], wrong: str
) -> None:
    """Each for its own reason."""
    fine = {"on": {"/a": SIZE}, "planned": ("/a",), "rights": "600"}
    judged = judged_swap(DeclaredSwap(**wanted), SwapSpaces(**(fine | found)))
    assert judged.is_wrong
    assert getattr(judged, wrong) is (wrong != "on")


@pytest.mark.parametrize(
    "raw",
    ["garbage", sectioned(on="", table="", file="", end=""), sectioned(on="Filename", table="")],
)
def test_swap_answer_without_its_heading_is_unreadable(raw: str) -> None:
    """An empty /proc/swaps is not that there is no swap."""
    gap = told("swap_spaces", raw).gap
    assert gap is not None
    assert gap.reason == "unreadable"
