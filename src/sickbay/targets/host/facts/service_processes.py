"""The processes of the declared services: who they are, and what state they are in."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sickbay.errors import Denied, NotApplicable
from sickbay.facts import Record, fact
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.command import Command
from sickbay.targets.host.facts.units import unit_name
from sickbay.targets.host.sections import mark, sections

MOST = 100
"""Processes that are kept of one service."""
_LONGEST = 300
"""Characters that are kept of a command line."""
_GRANT = (
    "let the user see the processes of others (/proc is mounted with hidepid): add it to the group "
    "that the mount option gid names"
)

# One ps and one grep for the whole table: a read of every process's files would cost a fork each.
_TABLE = f"""
{mark("processes")}; ps -eww -o pid=,ppid=,user:32=,stat=,nlwp=,rss=,etimes=,args= || exit
{mark("groups")}; grep -HE '^(0:|[0-9]+:name=systemd):' /proc/[0-9]*/cgroup 2>/dev/null
exit 0
"""


def _script(entry: HostEntry, _: Mapping[str, Any]) -> str | None:
    if not entry.units and not entry.processes:
        return None
    units = " ".join(shlex.quote(unit_name(name)) for name in entry.units)
    show = "systemctl show --no-pager -p Id,MainPID,ControlGroup --"
    declared = "\n".join(
        f"printf '%s %s\\n' {name} {shlex.quote(wanted.command)}"
        for name, wanted in entry.processes.items()
    )
    asked = f"[ ! -d /run/systemd/system ] || {show} {units} || exit" if units else ":"
    return f"{mark('units')}; {asked}\n{mark('patterns')}\n{declared or ':'}\n{_TABLE}"


@fact("service_processes", Command(_script, tool="ps", grant=_GRANT))
class ServiceProcess(Record):
    """A process of a declared unit (all that is in its control group), or one whose command line holds
    the pattern of a declared process (ps(1), cgroups(7)).

    ``service`` is the unit's full name, or the name that the inventory gives. ``main`` is the unit's
    main process; of declared processes each is. ``state`` is ps's first letter. ``resident`` in bytes.
    """

    pid: int
    service: str
    main: bool
    parent: int
    user: str
    state: str
    threads: int
    resident: int
    age_seconds: int
    command: str

    @property
    def program(self) -> str:
        """The name of what runs, without its directory; servers put a colon behind it."""
        return self.command.split(" ", 1)[0].rpartition("/")[2].rstrip(":")

    @classmethod
    def parse(cls, out: str) -> tuple[ServiceProcess, ...]:
        """Parse the units, the patterns, the table of processes and their control groups."""
        if not out:
            raise NotApplicable("the inventory declares no units or processes for this host")
        parts = sections(out)
        table = list(_table(parts["processes"]))
        groups = _groups(parts["groups"])
        if not any(one["pid"] == 1 for one in table) or not groups:
            raise Denied("/proc hides the processes of other accounts", _GRANT)
        # Seen from outside of a container's own namespace, all groups lie below one of the container.
        above = groups.get(1, "").removesuffix("/init.scope").rstrip("/")
        rows: list[ServiceProcess] = []
        for block in parts["units"].split("\n\n"):
            unit = dict(line.partition("=")[::2] for line in block.splitlines())
            if unit.get("ControlGroup"):
                group = above + unit["ControlGroup"]
                inside = [
                    one for one in table if f"{groups.get(one['pid'])}/".startswith(f"{group}/")
                ]
                main = int(unit["MainPID"])
                rows += [
                    cls(service=unit["Id"], main=one["pid"] == main, **one) for one in inside[:MOST]
                ]
        for line in parts["patterns"].splitlines():
            name, _, pattern = line.partition(" ")
            found = [one for one in table if re.search(pattern, one["command"])]
            rows += [cls(service=name, main=True, **one) for one in found[:MOST]]
        return tuple(rows)


def _table(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        pid, parent, user, state, threads, resident, age, command = line.split(None, 7)
        if command.startswith("ps -eww "):
            continue
        yield {
            "pid": int(pid),
            "parent": int(parent),
            "user": user,
            "state": state[0],
            "threads": int(threads),
            "resident": int(resident) * 1024,
            "age_seconds": int(age),
            "command": command[:_LONGEST],
        }


def _groups(text: str) -> dict[int, str]:
    """The control group of each process: systemd's own hierarchy, or the unified one."""
    groups: dict[int, str] = {}
    for line in text.splitlines():
        file, number, controller, group = line.split(":", 3)
        pid = int(file.split("/")[2])
        if controller or pid not in groups:
            groups[pid] = group
        assert number.isdigit()
    return groups


def of_services(
    processes: Iterable[ServiceProcess], names: Iterable[str]
) -> dict[str, list[ServiceProcess]]:
    """The processes of each of these services, none left out."""
    found: dict[str, list[ServiceProcess]] = {name: [] for name in names}
    for one in processes:
        if one.service in found:
            found[one.service].append(one)
    return found
