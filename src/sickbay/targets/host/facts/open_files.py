"""Open files of the whole machine."""

from __future__ import annotations

from sickbay.facts import Record, fact
from sickbay.targets.host.command import Command


@fact("open_files", Command("cat /proc/sys/fs/file-nr"))
class OpenFiles(Record):
    """Open files of all processes together and how many there may be (proc_sys_fs(5))."""

    of: str
    open: int
    most: int

    @property
    def used_fraction(self) -> float:
        return self.open / self.most if self.most else 0.0

    @classmethod
    def parse(cls, out: str) -> OpenFiles:
        """Parse /proc/sys/fs/file-nr: allocated, unused, maximum."""
        allocated, unused, most = (int(word) for word in out.split())
        return cls(of="machine", open=allocated - unused, most=most)
