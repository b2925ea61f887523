"""Two readings of what the kernel counts, two seconds apart: one answer that several facts are read from."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from typing import Any

from sickbay.inventory.host import HostEntry
from sickbay.targets.host.command import Command
from sickbay.targets.host.facts.units import unit_name
from sickbay.targets.host.sections import mark, sections

SECONDS = 2
"""How far the two readings lie apart, as we ask for it."""

_GROUPS = "/sys/fs/cgroup"
# Every reading is of a few files at once, so that all of them together cost a dozen forks. What a
# control group counts lies in one tree (v2) or in one for each controller (v1); the first two files
# are those of a container that has a group to itself.
_LOOK = f"""
look() {{
  echo "==sickbay== $1"; cat /proc/uptime; grep -h -E '^(cpu|pswpin|pswpout) ' /proc/stat /proc/vmstat
  echo "==sickbay== $1.disks"; cat /proc/diskstats 2>/dev/null
  echo "==sickbay== $1.interfaces"; cat /proc/net/dev 2>/dev/null
  echo "==sickbay== $1.groups"
  grep -s -H -E '^(nr_periods|nr_throttled|(total_)?inactive_file|[0-9]+$)' $files
  echo "==sickbay== $1.processes"; cat /proc/[0-9]*/stat 2>/dev/null
}}
files='{_GROUPS}/cpu.stat {_GROUPS}/cpu/cpu.stat'
{mark("devices")}
for device in /sys/block/*/device; do [ ! -e "$device" ] || echo "$device"; done
{mark("page")}
getconf PAGESIZE 2>/dev/null || while read -r name size _; do
  [ "$name" != KernelPageSize: ] || {{ echo $((size * 1024)); break; }}
done </proc/self/smaps
"""
# A unit's group lies in slices alone: what lies deeper is a user's, or a container's.
_MEMBERS = f"""
members=$(grep -s -H -m 1 -E {{pattern}} /proc/[0-9]*/cgroup)
{mark("members")}; printf '%s\\n' "$members"
seen=
files=$files$(printf '%s\\n' "$members" | while read -r line; do
  [ -n "$line" ] || continue
  group=${{{{line#*:*:*:}}}}
  case $group in *.service/*) group=${{{{group%%.service/*}}}}.service ;; esac
  case $seen in *" $group "*) continue ;; esac
  seen="$seen $group "
  for file in "$group/cpu.stat" "/cpu$group/cpu.stat" "$group/memory.current" "$group/memory.stat" \\
    "/memory$group/memory.usage_in_bytes" "/memory$group/memory.stat"; do
    [ ! -r "{_GROUPS}$file" ] || printf ' %s' "{_GROUPS}$file"
  done
done)
"""
# BusyBox prints the line ends within a command line as they are.
_COMMANDS = f"""
{mark("commands")}
{{ ps -ww -e -o pid= -o args= 2>/dev/null || ps -o pid,args; }} | grep -E '^ *[0-9]+ '
"""
_READ = f"""
look before
{mark("slept")}; read -r up _ </proc/uptime; echo "$up"
sleep {SECONDS}
read -r up _ </proc/uptime; echo "$up"
look after
exit 0
"""


def _script(entry: HostEntry, _: Mapping[str, Any]) -> str:
    units = [unit_name(name) for name in entry.units]
    declared = {
        "units": units,
        "processes": {name: process.command for name, process in entry.processes.items()},
    }
    text = f"{mark('declared')}; printf '%s\\n' {shlex.quote(json.dumps(declared))}\n{_LOOK}"
    if services := [unit for unit in units if unit.endswith(".service")]:
        names = "|".join(re.sub(r"([.\\])", r"\\\1", unit) for unit in services)
        text += _MEMBERS.format(pattern=shlex.quote(f":/([^/]+\\.slice/)*({names})(/|$)"))
    return text + (_COMMANDS if entry.processes else "") + _READ


WINDOW = Command(
    _script,
    timeout=SECONDS + 8,
    root=True,
    grant="let the user see all processes (the gid= of /proc's hidepid), or set sudo: true",
)
"""Both readings. As root only because /proc may hide the processes of others."""

_NAMES = {
    "declared", "devices", "page", "members", "commands", "slept",
    *(f"{which}{part}" for which in ("before", "after")
      for part in ("", ".disks", ".interfaces", ".groups", ".processes")),
}  # fmt: skip


def readings(out: str) -> dict[str, str]:
    """The parts of both readings; ValueError where the answer is not whole, or has what is not ours."""
    parts = sections(out)
    if strange := parts.keys() - _NAMES:  # such as a process with a mark for a name
        raise ValueError(f"the answer holds what was not asked for: {min(strange)[:100]!r}")
    if "after.processes" not in parts:
        raise ValueError("the answer breaks off before its end")
    return parts


def elapsed(parts: Mapping[str, str]) -> float:
    """Seconds between the two readings, by the host's uptime."""
    before, after = (float(parts[name].split()[0]) for name in ("before", "after"))
    if after <= before:
        raise ValueError("the host's uptime stands still")
    return after - before
