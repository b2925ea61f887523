"""The commands that the inventory declares, and where they are."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from sickbay.errors import NotApplicable
from sickbay.facts import Record, fact
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.command import Command

_PLACES = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def _script(entry: HostEntry, _: Mapping[str, Any]) -> str | None:
    if not entry.tools:
        return None
    names = " ".join(map(shlex.quote, entry.tools))
    # A login without a terminal often has no sbin in its PATH.
    return (
        f"PATH=$PATH:{_PLACES}\n"
        f'for t in {names}; do echo "$t $(command -v -- "$t" 2>/dev/null)"; done; exit 0'
    )


@fact("tools", Command(_script))
class Tool(Record):
    """A declared command and its path (command(1)); empty where it is not installed."""

    name: str
    path: str = ""

    @classmethod
    def parse(cls, out: str) -> tuple[Tool, ...]:
        """Parse a line for each: its name and its path."""
        if not out:
            raise NotApplicable("the inventory declares no tools for this host")
        rows = [line.split(" ", 1) for line in out.strip("\n").split("\n")]
        if any(len(row) < 2 or not row[0] or (row[1] and row[1][0] != "/") for row in rows):  # noqa: PLR2004 (name and path)
            raise ValueError("the answer is not of names and paths")
        return tuple(cls(name=name, path=path) for name, path in rows)
