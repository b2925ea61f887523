"""How far the processes of declared services, and their units, are from their limits."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from sickbay.errors import NotApplicable
from sickbay.facts import Record, fact
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.command import Command
from sickbay.targets.host.facts.units import unit_name
from sickbay.targets.host.properties import units
from sickbay.targets.host.sections import mark, sections

MOST = 300
"""Processes that are looked at, main processes first."""
GRANT = "set sudo: true for this host: only root sees what the processes of others have open"
_PROPERTIES = "Id,TasksCurrent,TasksMax,LimitNOFILE,LimitNOFILESoft"
_ENDLESS = 2**63 - 1

# The shell itself counts what a process has open, and awk the threads of each account, so that a
# few forks do for all processes.
_COUNT = f"""
{mark("limits")}
for pid in $pids; do set -- "$@" "/proc/$pid/limits" "/proc/$pid/status"; done
grep -s -H -E '^(Max open files|Max processes|Uid:)' /dev/null "$@"
{mark("open")}
for pid in $pids; do
  if [ -r "/proc/$pid/fd" ]; then
    set -- "/proc/$pid/fd/"*
    if [ -L "$1" ] || [ $# -gt 1 ]; then echo "$pid $#"; else echo "$pid 0"; fi
  elif [ -d "/proc/$pid" ]; then echo "$pid hidden"
  fi
done
{mark("accounts")}
cat /proc/[0-9]*/status 2>/dev/null |
  awk '/^Uid:/ {{ user = $2 }} /^Threads:/ {{ n[user] += $2 }} END {{ for (user in n) print user, n[user] }}'
{mark("end")}
"""


def _script(entry: HostEntry, facts: Mapping[str, Any]) -> str | None:
    processes = sorted(facts["service_processes"], key=lambda one: not one.main)
    pids = dict.fromkeys(one.pid for one in processes)
    if not pids:
        return None
    names = " ".join(shlex.quote(unit_name(name)) for name in entry.units)
    show = f"systemctl show --no-pager -p {_PROPERTIES} -- {names}"
    asked = f"[ ! -d /run/systemd/system ] || {show} || exit" if names else ":"
    looked = " ".join(map(str, list(pids)[:MOST]))
    return f"{mark('units')}; {asked}\nset --; pids='{looked}'\n{_COUNT}"


_LIMITS = Command(_script, root=True, grant=GRANT, after=("service_processes",))


@fact("process_limits", _LIMITS)
class ProcessLimits(Record):
    """What a process of a declared service may have, and has (proc_pid_limits(5)).

    A limit of None is none. ``open`` are its open files, None where they cannot be seen; ``account``
    is the number of its account, ``account_threads`` counts the threads of all its processes.
    """

    pid: int
    open: int | None
    soft_files: int | None
    hard_files: int | None
    processes: int | None
    account: int
    account_threads: int

    @classmethod
    def parse(cls, out: str) -> tuple[ProcessLimits, ...]:
        """Parse the limits, what is open, and the accounts; a process that has ended is left out."""
        parts = _parts(out)
        said: dict[int, dict[str, tuple[str, ...]]] = {}
        for line in filter(None, parts["limits"].split("\n")):
            found = _LIMIT.fullmatch(line)
            if found is None:
                raise ValueError(f"{line[:80]!r} tells of no limit")
            said.setdefault(int(found[1]), {})[found[2]] = tuple(found[3].split()[:2])
        opened = dict(line.split(" ") for line in filter(None, parts["open"].split("\n")))
        threads = dict(line.split(" ") for line in filter(None, parts["accounts"].split("\n")))
        return tuple(
            cls(
                pid=pid,
                open=None if opened[str(pid)] == "hidden" else int(opened[str(pid)]),
                soft_files=_number(one["Max open files"][0]),
                hard_files=_number(one["Max open files"][1]),
                processes=_number(one["Max processes"][0]),
                account=int(one["Uid"][0]),
                account_threads=int(threads.get(one["Uid"][0], 0)),
            )
            for pid, one in said.items()
            if len(one) == len(_FIELDS) and str(pid) in opened
        )


_FIELDS = ("Max open files", "Max processes", "Uid")
_LIMIT = re.compile(
    rf"/proc/(\d+)/(?:limits|status):({'|'.join(_FIELDS)}):?\s+(\S+\s+\S.*)", re.ASCII
)


@fact("unit_limits", _LIMITS)
class UnitLimits(Record):
    """What systemd lets a declared unit have (systemctl(1), systemd.exec(5)); None is no limit.

    ``tasks`` are its processes and threads, where systemd counts them.
    """

    name: str
    tasks: int | None
    most_tasks: int | None
    soft_files: int | None
    hard_files: int | None

    @classmethod
    def parse(cls, out: str) -> tuple[UnitLimits, ...]:
        """Parse the properties of the declared units."""
        return tuple(
            cls(
                name=name,
                tasks=_number(unit.get("TasksCurrent", "[not set]")),
                most_tasks=_number(unit.get("TasksMax", "infinity")),
                soft_files=_number(unit.get("LimitNOFILESoft", "infinity")),
                hard_files=_number(unit.get("LimitNOFILE", "infinity")),
            )
            for name, unit in units(_parts(out)["units"]).items()
        )


def _parts(out: str) -> dict[str, str]:
    if not out:
        raise NotApplicable("the declared services have no processes")
    parts = sections(out)
    if "end" not in parts:
        raise ValueError("the answer breaks off before its end")
    return parts


def _number(text: str) -> int | None:
    """A limit; systemd says "[not set]", or the greatest number, where there is none."""
    if text in {"unlimited", "infinity", "[not set]"}:
        return None
    number = int(text)
    if number < 0:
        raise ValueError(f"{text[:80]!r} is no limit")
    return number if number < _ENDLESS else None
