"""Packages of which the archives have a newer version, as apt knows them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sickbay.errors import NotApplicable, Unsupported
from sickbay.facts import Record, fact
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.command import Command
from sickbay.targets.host.sections import mark, sections

_EXAMPLES = 10
_LINE = re.compile(r"Inst (\S+) \[(\S+)\] \((\S+) (.*)\)[^)]*")
# Only root could write apt's caches, and is told to use none. Held packages are asked for as well:
# what is held may be what is needed most.
_SCRIPT = f"""
set -- /var/lib/apt/lists/*_Packages*
{mark("lists")}; if [ -e "$1" ]; then echo $#; else echo 0; fi
set --; [ "$(id -u)" != 0 ] || set -- -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
said=$(apt-get -s -o Debug::NoLocking=1 "$@" --ignore-hold --with-new-pkgs upgrade) || exit
{mark("upgrade")}
printf '%s\\n' "$said" | sed -n -e '/^Inst .*\\[/p' -e '/^[0-9]* upgraded, /p' \
-e '/kept back:$/,/^[0-9A-Z]/{{/^  /p;}}'
{mark("held")}; dpkg-query -W -f '${{db:Status-Want}} ${{Package}}\\n' | sed -n 's/^hold //p'
{mark("automatic")}
[ -x /usr/bin/unattended-upgrade ] && systemctl is-active apt-daily-upgrade.timer 2>/dev/null
exit 0
"""


def _script(entry: HostEntry, _: Mapping[str, Any]) -> str | None:
    return _SCRIPT if entry.updates else None


@fact("updates", Command(_script, tool="apt-get", timeout=10))
class Updates(Record):
    """Newer versions of what is installed (apt-get(8), simulated), by the lists that the host has.

    ``security`` are those that a security archive has, ``kept_back`` those that need another package
    removed. ``automatic``: unattended-upgrades is there, and its timer is active.
    """

    of: str
    pending: int
    security: int
    kept_back: int = 0
    held: tuple[str, ...] = ()
    """Packages with a newer version that may not be upgraded (apt-mark(8))."""
    automatic: bool = False
    examples: tuple[str, ...] = ()
    """Some of them, those of security archives first."""

    @classmethod
    def parse(cls, out: str) -> Updates:
        """Parse what an upgrade would install, and which packages are held."""
        if not out:
            raise NotApplicable("the inventory does not ask for pending updates")
        parts = sections(out)
        if int(parts["lists"]) == 0:
            raise Unsupported(
                "apt has no package lists here, so it knows of no newer versions",
                "apt-get update; for an image that is never upgraded take updates: true away",
            )
        lines = parts["upgrade"].splitlines()
        found = [matched for line in lines if (matched := _LINE.fullmatch(line))]
        kept = [name for line in lines if line.startswith("  ") for name in line.split()]
        summary = re.search(r"(?m)^(\d+) upgraded, ", parts["upgrade"])
        if summary is None or int(summary[1]) != len(found):
            raise ValueError("apt's list of upgrades is not whole")
        ordered = sorted(found, key=lambda one: not _is_security(one))
        names = {one[1].partition(":")[0] for one in found} | set(kept)
        return cls(
            of="packages",
            pending=len(found) + len(kept),
            security=sum(map(_is_security, found)),
            kept_back=len(kept),
            held=tuple(name for name in parts["held"].split() if name in names),
            automatic=parts["automatic"].strip() == "active",
            examples=tuple(f"{one[1]} {one[2]} -> {one[3]}" for one in ordered[:_EXAMPLES]),
        )


def _is_security(line: re.Match[str]) -> bool:
    """Whether one of the archives that have it is a security archive, by label or suite."""
    return "security" in line[4].lower()
