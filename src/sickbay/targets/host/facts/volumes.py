"""Declared mounts and swap: whether they are there, come back after a boot, and use their volume."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from sickbay.errors import NotApplicable, Unsupported
from sickbay.facts import Record, fact
from sickbay.inventory.declared.volumes import DeclaredSwap
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.command import Command
from sickbay.targets.host.mounts import mounts
from sickbay.targets.host.sections import mark, sections

_SECTOR = 512
_KIB = 1024

# Of a line in fstab or a mount unit only these words are told: its options can hold a password.
_REAL = """
real() { case $1 in /*) readlink -f "$1" 2>/dev/null || echo "$1" ;; *) echo "$1" ;; esac; }
"""
"""Where a device's links lead; what is no path stays as it is."""
_TABLE = f"""
{mark("table")}
while read -r device place type _; do
  case $device in '#'* | '') continue ;; esac
  case $device in
    *=*) found=$(findfs "$device" 2>/dev/null) || found=? ;;
    *) found=$(real "$device") ;;
  esac
  echo "$device $found $place $type"
done </etc/fstab
"""
_MOUNTED = f"""{_REAL}
{mark("mounted")}
cat /proc/self/mountinfo
{_TABLE}
for unit in /etc/systemd/system/*.mount /lib/systemd/system/*.mount; do
  [ -f "$unit" ] || continue
  device=$(sed -n 's/^What=//p' "$unit"); place=$(sed -n 's/^Where=//p' "$unit")
  echo "$device $(real "$device") $place unit"
done
{mark("volumes")}
volume() {{
  device=$(grep " $1 " /proc/self/mountinfo | tail -n 1)
  [ "$(echo "$device" | cut -d ' ' -f 5)" = "$1" ] || return
  source=${{device##* - }}; source=${{source#* }}; source=${{source%% *}}
  number=$(echo "$device" | cut -d ' ' -f 3)
  echo "$1 $(real "$source") $(stat -f -c '%S %b' "$1") $(cat "/sys/dev/block/$number/size" 2>/dev/null)"
}}
"""


def _mounts(entry: HostEntry, _: Mapping[str, Any]) -> str | None:
    if not entry.mounts:
        return None
    looks = [f"volume {shlex.quote(path)}" for path in entry.mounts]
    asked = [f"echo {shlex.quote(path)}" for path in entry.mounts]
    return "\n".join((mark("asked"), *asked, _MOUNTED, *looks, mark("end")))


@fact("mount_points", Command(_mounts, tool="stat"))
class MountPoint(Record):
    """A declared mount point (proc_pid_mountinfo(5), fstab(5), systemd.mount(5)).

    ``device`` is what is mounted there; empty where nothing is. ``planned`` are the devices that
    /etc/fstab or a mount unit names for it. ``size`` is that of the file system, ``volume_size`` that
    of its block device, where it is on one. Bytes.
    """

    path: str
    device: str = ""
    planned: tuple[str, ...] = ()
    size: int = 0
    volume_size: int | None = None

    @property
    def is_mounted(self) -> bool:
        return self.device != ""

    @property
    def is_lost_at_boot(self) -> bool:
        """Nothing mounts it, or something else, at the next boot."""
        return self.is_mounted and not {self.device, "?"} & set(self.planned)

    @property
    def unused_fraction(self) -> float | None:
        """The share of its volume that the file system does not use."""
        if not self.volume_size:
            return None
        return max(0.0, 1 - self.size / self.volume_size)

    @classmethod
    def parse(cls, out: str) -> tuple[MountPoint, ...]:
        """Parse the mounts, what is planned, and the sizes of those asked for."""
        if not out:
            raise NotApplicable("the inventory declares no mounts for this host")
        parts = sections(out)
        if "end" not in parts:
            raise ValueError("the answer breaks off")
        mounted = mounts(parts["mounted"])
        plans = [line.split(" ") for line in parts["table"].splitlines()]
        found = {
            path: (device, *map(int, numbers))
            for path, device, *numbers in map(str.split, parts["volumes"].splitlines())
        }
        return tuple(
            cls._from(path, found.get(path), plans, is_mount=path in mounted)
            for path in parts["asked"].splitlines()
        )

    @classmethod
    def _from(
        cls, path: str, found: tuple[Any, ...] | None, plans: list[list[str]], *, is_mount: bool
    ) -> MountPoint:
        planned = tuple(dict.fromkeys(name for one in plans if one[-2] == path for name in one[:2]))
        if (found is not None) != is_mount:
            raise ValueError(f"what is mounted at {path[:80]} cannot be told")
        if found is None:
            return cls(path=path, planned=planned)
        device, block, blocks, *sectors = found
        return cls(
            path=path,
            device=device,
            planned=planned,
            size=block * blocks,
            volume_size=sectors[0] * _SECTOR if sectors else None,
        )


def lost_at_boot(points: Iterable[MountPoint]) -> tuple[MountPoint, ...]:
    """The mounts that the next boot does not bring back; Unsupported where that cannot be told."""
    points = tuple(points)
    lost = tuple(one for one in points if one.is_lost_at_boot)
    if not lost:
        for one in points:
            if one.is_mounted and "?" in one.planned and one.device not in one.planned:
                raise Unsupported(
                    f"which device {one.planned[0]} is, that /etc/fstab names for {one.path}, cannot "
                    "be told",
                    "install findfs (util-linux), or set sudo: true for this host",
                )
    return lost


# ---------------------------------------------------------------------- swap


def _swap(entry: HostEntry, _: Mapping[str, Any]) -> str | None:
    if entry.swap is None:
        return None
    file = shlex.quote(entry.swap.file or "")
    return "\n".join(
        (
            mark("on"),
            "cat /proc/swaps",
            _REAL,
            _TABLE,
            mark("file"),
            f"[ ! -f {file} ] || stat -c %a {file}",
            mark("end"),
        )
    )


@fact("swap_spaces", Command(_swap, root=True))
class SwapSpaces(Record):
    """Swap that is on (proc_swaps(5)), and what brings it back after a boot.

    ``on`` are the files and devices with their sizes in bytes; ``planned`` those that /etc/fstab
    names; ``rights`` those of the declared file, in octal, empty where it is none.
    """

    on: dict[str, int]
    planned: tuple[str, ...]
    rights: str = ""

    @classmethod
    def parse(cls, out: str) -> SwapSpaces:
        """Parse /proc/swaps, the swap lines of /etc/fstab, and the file's rights."""
        if not out:
            raise NotApplicable("the inventory declares no swap for this host")
        parts = sections(out)
        if "end" not in parts:
            raise ValueError("the answer breaks off")
        head, *rows = parts["on"].splitlines() or [""]
        if not head.startswith("Filename"):
            raise ValueError("/proc/swaps has no heading")
        plans = [line.split(" ") for line in parts["table"].splitlines()]
        rights = parts["file"]
        return cls(
            on={row.split()[0]: int(row.split()[2]) * _KIB for row in rows},
            planned=tuple(name for one in plans if one[-1] == "swap" for name in one[:2]),
            rights=f"{int(rights, 8):03o}" if rights else "",
        )


class JudgedSwap(Record):
    """The declared swap, and what is wrong with it."""

    file: str
    """Empty: whichever."""
    on: bool
    size: int
    """Bytes."""
    too_small: bool
    lost_at_boot: bool
    open_to_others: bool

    @property
    def is_wrong(self) -> bool:
        return not self.on or self.too_small or self.lost_at_boot or self.open_to_others


def judged_swap(wanted: DeclaredSwap | None, found: SwapSpaces) -> JudgedSwap:
    """What the inventory wants, beside what there is."""
    assert wanted is not None
    size = found.on.get(wanted.file, 0) if wanted.file else sum(found.on.values())
    return JudgedSwap(
        file=wanted.file or "",
        on=size > 0,
        size=size,
        # The first page is the header's.
        too_small=0 < size < (wanted.size or 0) * 0.99,
        lost_at_boot=wanted.file not in found.planned if wanted.file else not found.planned,
        open_to_others=found.rights != "" and int(found.rights, 8) & 0o077 != 0,
    )
