"""How the journal is kept: on disk or in memory, from when on, and until when."""

from __future__ import annotations

import re

from sickbay.facts import Record, fact
from sickbay.targets.host.command import Command
from sickbay.targets.host.facts.processes import TICKS
from sickbay.targets.host.journalctl import GRANT
from sickbay.targets.host.sections import mark, sections

_AT_START = 30
"""Seconds after a start within which a journal that begins with it does so."""
_SCRIPT = f"""
{mark("now")}; date +%s
{mark("started")}; cat /proc/1/stat /proc/self/stat
{mark("oldest")}
[ ! -d /var/log/journal ] ||
  journalctl --no-pager -o short-unix --no-hostname -D /var/log/journal | grep -m 1 -o '^[0-9]\\{{9,\\}}'
{mark("written")}
new=
for f in /run/log/journal/*/system.journal /var/log/journal/*/system.journal; do
  if [ -e "$f" ] && {{ [ -z "$new" ] || [ "$f" -nt "$new" ]; }}; then new=$f; fi
done
echo "$new"
{mark("archives")}
for f in /var/log/journal/*/*@*.journal*; do [ ! -e "$f" ] || echo "$f"; done | head -n 5000
exit 0
"""
_ASKED = Command(_SCRIPT, tool="journalctl", root=True, grant=GRANT)
# systemd-journald(8): NAME@SERIES-NUMBER-TIME.journal, or NAME@TIME-RANDOM.journal~ where it was
# not closed; TIME is that of its first entry, in microseconds since 1970.
_ARCHIVE = re.compile(
    r"/[^/\s@]+@(?:[0-9a-f]{32}-[0-9a-f]{16}-([0-9a-f]{16})\.journal"
    r"|([0-9a-f]{16})-[0-9a-f]{16}\.journal~)\Z"
)
_KEPT = 10


@fact("journal_keeping", _ASKED)
class JournalKeeping(Record):
    """Whether the journal survives a restart, and how far back it reaches."""

    of: str
    on_disk: bool
    reach_seconds: float
    """Age of its first entry on disk; 0 where there is none."""
    up_seconds: float | None
    """How long ago the machine (or container) started; None where that may not be seen."""

    @property
    def begins_with_the_start(self) -> bool:
        return self.up_seconds is not None and self.reach_seconds >= self.up_seconds - _AT_START

    def is_short(self, reach: float) -> bool:
        """It does not reach as far back, though the machine has been up since before it begins."""
        return self.reach_seconds < reach and not self.begins_with_the_start

    @classmethod
    def parse(cls, out: str) -> JournalKeeping:
        """Parse the times, and the name of the file that is written to."""
        parts = sections(out)
        now = int(parts["now"])
        # The newest process is the one that looked: what lies between is what the machine is up.
        starts = [
            int(line.rpartition(")")[2].split()[19]) for line in parts["started"].splitlines()
        ]
        return cls(
            of="the journal",
            on_disk=parts["written"].startswith("/var/"),
            reach_seconds=max(0, now - int(parts["oldest"] or now)),
            up_seconds=(starts[1] - starts[0]) / TICKS if len(starts) > 1 else None,
        )


@fact("journal_archives", _ASKED)
class JournalArchive(Record):
    """An archived file of the journal, one of the oldest."""

    file: str
    age_seconds: float
    """Of its first entry."""

    @classmethod
    def parse(cls, out: str) -> tuple[JournalArchive, ...]:
        """Parse the names of the archived files."""
        parts = sections(out)
        now = int(parts["now"])
        found = [
            cls(file=file, age_seconds=max(0.0, now - _begin(named)))
            for file in parts["archives"].splitlines()
            if (named := _ARCHIVE.search(file))
        ]
        return tuple(sorted(found, key=lambda one: (-one.age_seconds, one.file))[:_KEPT])


def _begin(named: re.Match[str]) -> float:
    return int(named[1] or named[2], 16) / 1e6
