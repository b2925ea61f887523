"""Mounted file systems: space, inodes, mount options."""

from __future__ import annotations

from sickbay.facts import Record, fact
from sickbay.targets.host.command import Command


@fact(
    "filesystems",
    Command("df -PkT -x tmpfs -x devtmpfs -x squashfs -x overlay", tool="df", accept=(0, 1)),
)
class Filesystem(Record):
    """One mounted file system (df(1), POSIX output). Sizes in bytes."""

    mount: str
    type: str
    size: int
    used: int
    available: int

    @property
    def used_fraction(self) -> float:
        """Share of the space that ordinary users can have which is in use, as df's Capacity."""
        return self.used / (self.used + self.available) if self.used + self.available else 0.0

    @classmethod
    def parse(cls, out: str) -> tuple[Filesystem, ...]:
        """Parse the table of ``df -PkT``."""
        rows = []
        for line in out.splitlines()[1:]:
            _, kind, size, used, available, _, mount = line.split(None, 6)
            rows.append(
                cls(
                    mount=mount,
                    type=kind,
                    size=int(size) * 1024,
                    used=int(used) * 1024,
                    available=int(available) * 1024,
                )
            )
        return tuple(rows)
