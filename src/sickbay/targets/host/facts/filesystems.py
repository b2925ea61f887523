"""Mounted file systems: space, inodes, whether they can be written."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sickbay.facts import Record, fact
from sickbay.targets.host.command import Command
from sickbay.targets.host.mounts import Mount, mounts, unescaped
from sickbay.targets.host.sections import mark, sections

# GNU df leaves out remote file systems with -l, as a dead server would hold it up; BusyBox's df has
# no -l and complains. Without -i (a small BusyBox) inodes are unknown.
_SCRIPT = "; ".join(
    (
        mark("space"), "df -Pkl || df -Pk",
        mark("inodes"), "df -Pil 2>/dev/null || df -Pi 2>/dev/null",
        mark("mounts"), "cat /proc/self/mountinfo",
        mark("fstab"), "cat /etc/fstab 2>/dev/null",
        "exit 0",
    )
)  # fmt: skip

_ROW = re.compile(
    r"(?P<device>\S.*?)\s+(?P<size>\d+|-)\s+(?P<used>-?\d+|-)\s+(?P<free>-?\d+|-)\s+\S+\s+(?P<mount>/.*)"
)

# Kernel interfaces, and images that are full and read-only by their nature.
_NOT_STORAGE = frozenset(
    (
        *("autofs", "bdev", "bpf", "binfmt_misc", "cgroup", "cgroup2", "configfs", "cramfs"),
        *("cpuset", "debugfs", "devpts", "devtmpfs", "efivarfs", "erofs", "fusectl", "hugetlbfs"),
        *("iso9660", "mqueue", "nsfs", "proc", "pstore", "ramfs", "romfs", "rpc_pipefs"),
        *("securityfs", "selinuxfs", "squashfs", "sysfs", "tracefs", "udf"),
    )
)
_NOT_FOR_DATA = ("/dev", "/proc", "/sys", "/run/credentials", "/run/user", "/run/host")
"""Below these nothing is stored for long, except in /dev/shm."""
_LENT_FILES = frozenset(("/etc/hosts", "/etc/hostname", "/etc/resolv.conf"))
"""Single files of the machine that container runtimes mount."""


@fact("filesystems", Command(_SCRIPT, tool="df"))
class Filesystem(Record):
    """One mounted local file system that holds data (df(1), proc_pid_mountinfo(5), fstab(5)).

    Sizes in bytes. Images (squashfs, iso9660 ...), kernel interfaces, the layers of containers and
    remote file systems are left out; file systems in memory that programs write to count. ``read_only`` means that nothing can be written through this
    mount; ``declared_read_only`` that fstab, or a mount of a writable file system, wants it so.
    """

    mount: str
    type: str
    device: str
    size: int
    used: int
    available: int
    inodes: int | None = None
    inodes_used: int | None = None
    read_only: bool = False
    declared_read_only: bool = False
    in_fstab: bool = False

    @property
    def used_fraction(self) -> float:
        """Share of the space that ordinary users can have which is in use, as df's Capacity."""
        return self.used / (self.used + self.available) if self.used + self.available else 0.0

    @property
    def inodes_used_fraction(self) -> float | None:
        """Share of the inodes in use; None where there is no fixed number of them (btrfs, vfat)."""
        return (
            self.inodes_used / self.inodes if self.inodes and self.inodes_used is not None else None
        )

    @classmethod
    def parse(cls, out: str) -> tuple[Filesystem, ...]:
        """Parse df's two tables with mountinfo and fstab behind them."""
        parts = sections(out)
        mounted_at = mounts(parts.get("mounts", ""))
        fstab = _fstab(parts.get("fstab", ""))
        inodes = {row["mount"]: row for row in _rows(parts.get("inodes", ""))}
        found: dict[str, Filesystem] = {}
        for row in _rows(parts.get("space", "")):
            mounted = mounted_at.get(row["mount"])
            if mounted is None or not _holds_data(row, mounted):
                continue
            nodes = inodes.get(row["mount"], {})
            declared = fstab.get(row["mount"])
            # A read-only mount of a file system that is writable itself was made so on purpose,
            # unless fstab says otherwise; after an error the file system itself is read-only.
            on_purpose = not mounted.frozen and declared is None
            one = cls(
                mount=row["mount"],
                type=mounted.type,
                device=row["device"],
                size=_number(row["size"]) * 1024,
                used=_number(row["used"]) * 1024,
                available=max(0, _number(row["free"])) * 1024,
                inodes=_number(nodes.get("size", "-")) or None,
                inodes_used=_number(nodes["used"]) if nodes else None,
                read_only=mounted.takes_no_writes,
                declared_read_only=(declared is not None and "ro" in declared)
                or (mounted.read_only and on_purpose),
                in_fstab=declared is not None,
            )
            key = one.device if one.device.startswith("/dev/") else one.mount
            if key not in found or len(one.mount) < len(found[key].mount):
                found[key] = one
        if not found and not parts.get("space"):
            raise ValueError("df printed nothing")
        return tuple(found.values())


def _rows(table: str) -> Iterable[dict[str, str]]:
    for line in table.splitlines()[1:]:
        matched = _ROW.fullmatch(line.strip())
        if matched is None:
            raise ValueError(f"df printed a line that cannot be understood: {line[:100]!r}")
        yield matched.groupdict()


def _number(text: str) -> int:
    return 0 if text == "-" else int(text)


def _fstab(text: str) -> dict[str, set[str]]:
    found = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 4 and not words[0].startswith("#"):  # noqa: PLR2004 (fstab(5))
            found[unescaped(words[1])] = set(words[3].split(","))
    return found


def _holds_data(row: dict[str, str], mounted: Mount) -> bool:
    mount = row["mount"]
    if mounted.type in _NOT_STORAGE or mounted.type.startswith("fuse.") or mount in _LENT_FILES:
        return False
    inside = any(f"{mount}/".startswith(f"{path}/") for path in _NOT_FOR_DATA)
    if inside and mount != "/dev/shm":  # noqa: S108 (the name of a mount)
        return False
    if mounted.type == "tmpfs":
        return not mounted.read_only
    if mounted.type == "overlay":
        return mount == "/"
    return _number(row["size"]) > 0
