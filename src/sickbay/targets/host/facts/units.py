"""systemd units: those that the inventory declares, and those that are in trouble."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from sickbay.errors import NotApplicable, Unsupported
from sickbay.facts import Record, fact
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.command import Command
from sickbay.targets.host.sections import mark, sections

SETTLED_SECONDS = 3600
"""A unit that has been up for this long is not flapping, however often it was restarted before."""

_PROPERTIES = (
    "Id,Description,LoadState,ActiveState,SubState,UnitFileState,Type,Result,ExecMainCode,"
    "ExecMainStatus,NRestarts,ActiveEnterTimestampMonotonic,NeedDaemonReload,"
    "MemoryMax,MemoryHigh,MemoryLimit"
)
_SUFFIXES = (
    ".service", ".socket", ".timer", ".mount", ".automount", ".path", ".target", ".swap", ".slice",
    ".scope", ".device",
)  # fmt: skip


def unit_name(name: str) -> str:
    """The full name of a unit: a service unless it says otherwise."""
    return name if name.endswith(_SUFFIXES) else f"{name}.service"


def _script(entry: HostEntry, _: Mapping[str, Any]) -> str:
    declared = " ".join(shlex.quote(unit_name(name)) for name in entry.units)
    show = f"systemctl show --no-pager -p {_PROPERTIES} --"
    return f"""
    [ -d /run/systemd/system ] || {{ {mark("none")}; echo {len(entry.units)}; exit 0; }}
    {mark("uptime")}; cat /proc/uptime
    {mark("declared")}
    {f"{show} {declared} || exit" if declared else ":"}
    {mark("troubled")}
    listed=$(systemctl list-units --state=failed,auto-restart --all --full --plain --no-legend \
--no-pager) || exit
    set -f
    set -- $(echo "$listed" | while read -r unit _; do printf '%s\\n' "$unit"; done)
    [ $# -eq 0 ] || {show} "$@"
    """


@fact("units", Command(_script))
class Unit(Record):
    """A unit that is declared, failed, or being restarted (systemctl(1), org.freedesktop.systemd1(5)).

    ``result``, ``exit_code`` (``exited``, ``killed``, ``dumped``) and ``exit_status`` (a number, or
    a signal's) are of the last run. ``restarts`` counts automatic restarts since somebody last
    started the unit.
    """

    name: str
    declared: bool
    load: str
    active: str
    sub: str
    result: str
    description: str = ""
    enabled: str = ""
    type: str = ""
    exit_code: str | None = None
    exit_status: int | None = None
    restarts: int = 0
    up_seconds: float | None = None
    """How long it has been active; None when it is not."""
    needs_reload: bool = False
    """Its file has changed since systemd read it."""
    memory_limit: int | None = None
    """Bytes that systemd lets it have, or slows it down from (MemoryMax=, MemoryHigh=)."""

    @property
    def failed(self) -> bool:
        return self.active == "failed"

    @property
    def runs(self) -> bool:
        return self.active in {"active", "reloading", "refreshing"}

    @property
    def recent_restarts(self) -> int:
        """Restarts of a unit that has not been up for an hour since; 0 once it has settled."""
        settled = self.up_seconds is not None and self.up_seconds >= SETTLED_SECONDS
        return 0 if settled else self.restarts

    @property
    def ended(self) -> str:
        """How the last run ended, in words."""
        if self.exit_code is None:
            return self.result
        return f"{self.exit_code}, status {self.exit_status}"

    @classmethod
    def parse(cls, out: str) -> tuple[Unit, ...]:
        """Parse the properties of the declared and of the troubled units."""
        parts = sections(out)
        if parts.get("none", "0") != "0":
            raise Unsupported(
                "the inventory declares units, but this host was not started by systemd",
                "take the units out of the inventory, or boot the host with systemd",
            )
        if "none" in parts:
            raise NotApplicable("this host was not started by systemd")
        uptime = float(parts["uptime"].split()[0])
        found: dict[str, Unit] = {}
        for name in ("declared", "troubled"):
            for properties in _blocks(parts[name]):
                unit = _unit(properties, uptime, declared=name == "declared")
                found.setdefault(unit.name, unit)
        return tuple(found.values())


def declared_units(units: Iterable[Unit]) -> tuple[Unit, ...]:
    """Those that the inventory declares; NotApplicable where it declares none."""
    declared = tuple(unit for unit in units if unit.declared)
    if not declared:
        raise NotApplicable("the inventory declares no units for this host")
    return declared


class UnitToRestart(Record):
    """A unit that has to be restarted at set times; ``up_seconds`` is None while it is not active."""

    name: str
    up_seconds: float | None
    at_most_seconds: float

    @property
    def is_up_too_long(self) -> bool:
        return self.up_seconds is not None and self.up_seconds > self.at_most_seconds


def units_to_restart(entry: HostEntry, units: Iterable[Unit]) -> tuple[UnitToRestart, ...]:
    """Those of which the inventory says how long they may be up; NotApplicable where of none."""
    up = {unit.name: unit.up_seconds for unit in units}
    found = tuple(
        UnitToRestart(
            name=unit_name(name),
            up_seconds=up.get(unit_name(name)),
            at_most_seconds=wanted.up_at_most,
        )
        for name, wanted in entry.units.items()
        if wanted.up_at_most is not None
    )
    if not found:
        raise NotApplicable("the inventory says of no unit how long it may be up")
    return found


_ENDLESS = 2**63 - 1
_EXIT_CODES = {"1": "exited", "2": "killed", "3": "dumped"}


def _blocks(text: str) -> Iterable[dict[str, str]]:
    for block in text.split("\n\n"):
        lines = (line.partition("=") for line in block.splitlines())
        properties = {name: value for name, sign, value in lines if sign}
        if properties:
            yield properties


def _unit(properties: dict[str, str], uptime: float, *, declared: bool) -> Unit:
    if "Id" not in properties or "ActiveState" not in properties:
        raise ValueError("systemctl told of a unit without name or state")
    active = properties["ActiveState"]
    since = int(properties.get("ActiveEnterTimestampMonotonic") or 0) / 1e6
    code = _EXIT_CODES.get(properties.get("ExecMainCode", "0"))
    return Unit(
        name=properties["Id"],
        declared=declared,
        load=properties.get("LoadState", ""),
        active=active,
        sub=properties.get("SubState", ""),
        result=properties.get("Result", ""),
        description=properties.get("Description", ""),
        enabled=properties.get("UnitFileState", ""),
        type=properties.get("Type", ""),
        exit_code=code,
        exit_status=int(properties["ExecMainStatus"]) if code else None,
        restarts=int(properties.get("NRestarts") or 0),
        up_seconds=max(0.0, round(uptime - since, 1)) if active == "active" and since else None,
        needs_reload=properties.get("NeedDaemonReload") == "yes",
        memory_limit=_memory_limit(properties),
    )


def _memory_limit(properties: dict[str, str]) -> int | None:
    """The lowest of its limits; systemd before 240 says "infinity" as the greatest number."""
    told = (properties.get(name, "") for name in ("MemoryMax", "MemoryHigh", "MemoryLimit"))
    limits = [int(value) for value in told if value.isdecimal()]
    return min((value for value in limits if value < _ENDLESS), default=None)
