"""TCP connections, counted by state, port and process."""

from __future__ import annotations

import re

from sickbay.facts import Record, fact
from sickbay.targets.host.command import Command
from sickbay.targets.host.facts.port_owners import GRANT
from sickbay.targets.host.sections import mark, sections

MOST = 300
"""Groups of connections that are told of, by either port; the largest first."""
_TELLING = 10
"""Connections from which on a group must not be cut off."""

# Of the two ports of a connection one is ephemeral and different each time: counted by the other one,
# a few lines tell of all connections. Those of one connection alone are left out.
_SCRIPT = f"""
held=$(ss -Htanp state established state close-wait) || exit
held=$(printf '%s\\n' "$held" | sed -E \
  -e 's/^([A-Z-]+) +[0-9]+ +[0-9]+ +[^ ]*:([0-9]+) +[^ ]*:([0-9]+)/\\1 \\2 \\3/' \
  -e 's/ +users:\\(\\("([^"]*)",pid=([0-9]+),.*/ \\2 \\1/' \
  -e 's/ +users:.*,pid=([0-9]+),fd=[0-9]+\\).*/ \\1 ?/' \
  -e 's/^([A-Z-]+ [0-9]+ [0-9]+) *$/\\1 0 /')
grouped() {{ sort | uniq -c | grep -v '^ *1 ' | sort -rn | head -n {MOST}; }}
{mark("here")}; printf '%s\\n' "$held" | cut -d' ' -f1,2,4- | grouped
{mark("there")}; printf '%s\\n' "$held" | cut -d' ' -f1,3- | grouped
{mark("end")}
"""
_GROUP = re.compile(r" *(\d{1,9}) (ESTAB|CLOSE-WAIT) (\d{1,5}) (\d{1,10}) (.{0,500})", re.ASCII)


@fact("connections", Command(_SCRIPT, tool="ss", root=True, grant=GRANT))
class Connections(Record):
    """Connections of one process that are alike (ss(8)); a single one is left out.

    ``side`` says whose port it is: ``here``, or ``there``, at the other end. ``state`` is ``ESTAB`` or
    ``CLOSE-WAIT`` (the other end has closed it, the process has not). Of a socket
    that several processes share the first counts; ``pid`` is 0 where none can be seen.
    """

    process: str
    pid: int
    state: str
    side: str
    port: int
    count: int

    @classmethod
    def parse(cls, out: str) -> tuple[Connections, ...]:
        """Parse lines of count, state, port, process id and name."""
        parts = sections(out)
        if "end" not in parts:
            raise ValueError("the answer breaks off before its end")
        return tuple(one for side in ("here", "there") for one in cls._of(side, parts[side]))

    @classmethod
    def _of(cls, side: str, text: str) -> list[Connections]:
        rows = []
        for line in filter(None, text.split("\n")):
            found = _GROUP.fullmatch(line)
            if found is None:
                raise ValueError(f"{line[:80]!r} tells of no connections")
            count, state, port, pid, name = found.groups()
            rows.append(
                cls(
                    process=name or "unknown",
                    pid=int(pid),
                    state=state,
                    side=side,
                    port=int(port),
                    count=int(count),
                )
            )
        if len(rows) >= MOST and rows[-1].count >= _TELLING:
            raise ValueError(f"there are more than {MOST} groups of {_TELLING} connections")
        return rows
