"""How long the units that have to start in time took to be ready."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from sickbay.errors import NotApplicable, Unsupported
from sickbay.facts import Record, fact
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.command import Command
from sickbay.targets.host.facts.units import unit_name
from sickbay.targets.host.journalctl import ASK, GRANT
from sickbay.targets.host.properties import units
from sickbay.targets.host.sections import mark, sections

_PROPERTIES = "Id,Type,ActiveState,InactiveExitTimestampMonotonic,ActiveEnterTimestampMonotonic"
_TELLING = frozenset(("notify", "notify-reload", "forking", "dbus", "oneshot"))
"""Types of units that are active only when they are ready (systemd.service(5))."""
_STARTING = 2
"""Seconds within which systemd writes to the journal that it starts a unit."""
_DAY = 86400
_AFTERWARDS = 600
"""Seconds after its time in which a line that says so still counts, as one that came late."""

# What systemd says of the start is in the journal for as long as all that came after it.
_FIRST = f"""
first() {{
  said=$(ask "--since=@$since" "--until=@$((since + $1))" -o json --output-fields=MESSAGE "$2" "$3") ||
    exit
  [ -z "$said" ] || printf '%s\\n' "$said" | grep -m 1 '^{{'
}}
ready() {{
  unit=$1
  started=$(TZ=UTC systemctl show --value -p InactiveExitTimestamp -- "$unit") || exit
  run=$(systemctl show --value -p InvocationID -- "$unit") || exit
  since=$(date -u -d "${{started:-n/a}}" +%s 2>/dev/null) || return 0
  echo "==sickbay== began $unit"; first {_STARTING} --unit "$unit"
  echo "==sickbay== ready $unit"; first "$2" "_SYSTEMD_INVOCATION_ID=$run" "--grep=$3"
}}
"""


def _script(entry: HostEntry, _: Mapping[str, Any]) -> str | None:
    wanted = {
        unit_name(name): unit
        for name, unit in entry.units.items()
        if unit.starts_within is not None
    }
    if not wanted:
        return None
    names = " ".join(map(shlex.quote, wanted))
    calls = "\n".join(
        f"ready {shlex.quote(name)} {unit.starts_within + _AFTERWARDS:.0f} {shlex.quote(unit.ready)}"
        for name, unit in wanted.items()
        if unit.starts_within is not None and unit.ready is not None
    )
    return (
        f"[ -d /run/systemd/system ] || {{ {mark('none')}; exit 0; }}\n{ASK}{_FIRST}"
        f"{mark('uptime')}; cat /proc/uptime\n"
        f"{mark('units')}; systemctl show --no-pager -p {_PROPERTIES} -- {names} || exit\n"
        f"{calls}\n{mark('end')}"
    )


@fact("unit_starts", Command(_script, tool="journalctl", root=True, grant=GRANT))
class UnitStart(Record):
    """The last start of a unit that the inventory wants to be ready in time (systemctl(1)).

    ``active_after`` is what it took to become active, ``ready_after`` what it took to write the line
    that says so; both in seconds, None where that has not happened. ``logged`` says whether the
    journal still tells of the start.
    """

    name: str
    type: str
    active: str
    ago: float
    """Seconds since the start began."""
    active_after: float | None
    ready_after: float | None = None
    logged: bool = False

    @classmethod
    def parse(cls, out: str) -> tuple[UnitStart, ...]:
        """Parse the units' properties, then the first lines of their journals."""
        if not out:
            raise NotApplicable("the inventory says of no unit how fast it has to start")
        parts = sections(out)
        if "none" in parts:
            raise Unsupported(
                "the inventory declares units, but this host was not started by systemd",
                "take the units out of the inventory, or boot the host with systemd",
            )
        if "end" not in parts:
            raise ValueError("the answer breaks off before its end")
        now = float(parts["uptime"].split()[0])
        return tuple(
            cls._from(name, unit, now, parts) for name, unit in units(parts["units"]).items()
        )

    @classmethod
    def _from(
        cls, name: str, unit: Mapping[str, str], now: float, parts: Mapping[str, str]
    ) -> UnitStart:
        began = int(unit.get("InactiveExitTimestampMonotonic") or 0) / 1e6
        active = int(unit.get("ActiveEnterTimestampMonotonic") or 0) / 1e6
        ready = _moment(parts.get(f"ready {name}", ""))
        return cls(
            name=name,
            type=unit.get("Type", ""),
            active=unit["ActiveState"],
            ago=round(max(0.0, now - began), 1),
            active_after=round(active - began, 2) if active >= began > 0 else None,
            ready_after=None if ready is None else round(max(0.0, ready - began), 2),
            logged=parts.get(f"began {name}", "") != "",
        )


def _moment(line: str) -> float | None:
    """When an entry of the journal was written, in seconds of the monotonic clock."""
    return int(json.loads(line)["__MONOTONIC_TIMESTAMP"]) / 1e6 if line else None


class JudgedStart(Record):
    """The last start of a unit beside the time that it may take."""

    name: str
    seconds: float
    """What it took, or has taken so far."""
    within: float
    is_ready: bool

    @property
    def is_late(self) -> bool:
        return self.seconds > self.within


def judged_starts(entry: HostEntry, starts: Iterable[UnitStart]) -> tuple[JudgedStart, ...]:
    """The starts of units that are up or on their way.

    Unsupported where nothing tells how long one of today took, and none that is told of was late.
    """
    wanted = {unit_name(name): unit for name, unit in entry.units.items()}
    rows, untold = [], []
    for one in starts:
        unit = wanted.get(one.name)
        if unit is None or unit.starts_within is None or one.active not in _UP:
            continue
        after = one.ready_after if unit.ready else one.active_after
        if unit.ready is None and one.type not in _TELLING:
            raise Unsupported(
                f"{one.name} is active as soon as it is started (Type={one.type or 'none'}): that "
                "does not tell when it is ready",
                "declare the line of its journal that does (ready), or use Type=notify",
            )
        if unit.ready and after is None and not one.logged:
            untold.append(one)
            continue
        rows.append(
            JudgedStart(
                name=one.name,
                seconds=one.ago if after is None else after,
                within=unit.starts_within,
                is_ready=after is not None,
            )
        )
    recent = [one.name for one in untold if one.ago < _DAY]
    if recent and not any(row.is_late for row in rows):
        raise Unsupported(
            f"the journal does not reach back to the start of {', '.join(recent)}",
            "keep the journal for longer (Storage=persistent, SystemMaxUse=)",
        )
    if not rows:
        raise NotApplicable(
            "of the units that have to start in time none is up, or the journal no longer tells of it"
        )
    return tuple(rows)


_UP = frozenset(("active", "activating", "reloading", "refreshing"))
