"""Whose sockets those are that listen for TCP connections."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from sickbay.errors import Denied, NotApplicable
from sickbay.facts import Record, fact
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.cgroups import unit_of
from sickbay.targets.host.command import Command
from sickbay.targets.host.facts.listeners import split_socket
from sickbay.targets.host.sections import mark, sections

GRANT = "set sudo: true for this host: only root sees whose the sockets of other accounts are"

_LISTENING = f"""
{mark("user")}; id -u
{mark("listening")}; listening=$(ss -Hltnp) || exit; printf '%s\\n' "$listening"
{mark("groups")}
printf '%s\\n' "$listening" | grep -o ',pid=[0-9]*' | sort -u | while IFS='=' read -r _ pid; do
  [ -r "/proc/$pid/cgroup" ] || continue
  while IFS= read -r line; do
    case $line in 0:* | *:name=systemd:*) echo "$pid $line" ;; esac
  done <"/proc/$pid/cgroup"
done 2>/dev/null
{mark("end")}
"""


def _listening(entry: HostEntry, _: Mapping[str, Any]) -> str | None:
    services = (*entry.units.values(), *entry.processes.values())
    return _LISTENING if any(service.ports for service in services) else None


@fact("port_owners", Command(_listening, tool="ss", root=True, everything=True, grant=GRANT))
class PortOwner(Record):
    """A process that listens on a TCP port (ss(8)), and the unit that it belongs to (cgroups(7)).

    A socket that no process holds (the kernel's own, or one that cannot be seen) has ``pid`` 0.
    """

    socket: str
    address: str
    port: int
    name: str = ""
    pid: int = 0
    unit: str = ""

    @classmethod
    def parse(cls, out: str) -> tuple[PortOwner, ...]:
        """Parse ss's list of listeners, then the control groups of their processes."""
        if not out:
            raise NotApplicable("the inventory declares no ports of a unit or process")
        parts = sections(out)
        if "end" not in parts:
            raise ValueError("the answer breaks off before its end")
        is_root = int(parts["user"]) == 0
        units = _units(parts["groups"])
        rows: dict[tuple[str, int], PortOwner] = {}
        for line in filter(None, parts["listening"].split("\n")):
            row = _LISTENER.fullmatch(line)
            if row is None:
                raise ValueError(f"ss tells of no listener: {line[:80]!r}")
            address, port = split_socket(row[1])
            holders = list(_holders(row[2]))
            if not holders and not is_root:
                raise Denied(f"whose socket {row[1]} is cannot be seen by this user", GRANT)
            for name, pid in holders or [("", "0")]:
                rows[row[1], int(pid)] = cls(
                    socket=row[1],
                    address=address,
                    port=port,
                    name=name,
                    pid=int(pid),
                    unit=units.get(int(pid), ""),
                )
        return tuple(rows.values())


_LISTENER = re.compile(r"LISTEN +\d+ +\d+ +(\S+:\d+) +\S+ *(.*)", re.ASCII)
_HOLDER = re.compile(r'",pid=(\d{1,10}),fd=\d{1,10}\)', re.ASCII)


def _holders(text: str) -> Iterator[tuple[str, str]]:
    """Name and id of each process; one whose name imitates another's entry does not get lost."""
    end = 0
    for found in _HOLDER.finditer(text):
        yield (
            text[end : found.start()].removeprefix("users:(").lstrip(",").removeprefix('("'),
            found[1],
        )
        end = found.end()


def _units(text: str) -> dict[int, str]:
    units: dict[int, str] = {}
    for line in filter(None, text.split("\n")):
        pid, _, group = line.partition(" ")
        if unit := unit_of(group):
            units[int(pid)] = unit
    return units
