"""What declared services use of CPUs and memory, measured over the window."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec

from sickbay.errors import NotApplicable
from sickbay.facts import Record, fact
from sickbay.inventory.declared.services import Service
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.facts.activity import lasting_cores
from sickbay.targets.host.facts.load import Load
from sickbay.targets.host.facts.process_use import (
    groups_of,
    kernel_share,
    members_of,
    processes_of,
    spent,
)
from sickbay.targets.host.facts.units import Unit, unit_name
from sickbay.targets.host.window import WINDOW, elapsed, readings

FEWEST_PERIODS = 5
"""A group that wanted a CPU in fewer periods than this says nothing of how it is held up."""

_COUNT = re.compile(
    r"^/sys/fs/cgroup(?:/cpu|/memory)?(/|/.+/)"
    r"(cpu\.stat|memory\.stat|memory\.current|memory\.usage_in_bytes):(?:(\w+) )?(\d+)$",
    re.MULTILINE,
)


@fact("service_use", WINDOW)
class ServiceUse(Record):
    """What the processes of a declared unit (cgroups(7)) or process used in about two seconds.

    ``cores`` is 1.0 for one core. ``largest`` is the resident memory of the largest of them, ``held``
    the memory of the unit's control group without the cache that it can give back, both in bytes.
    ``periods`` are those of its CPU quota in which it wanted to run. What no control group counts is
    None.
    """

    name: str
    processes: int
    cores: float
    largest: int
    kernel_share: float | None = None
    held: int | None = None
    periods: int | None = None
    throttled: int | None = None

    @property
    def throttled_share(self) -> float | None:
        """Share of the periods in which its quota held it up."""
        if self.periods is None or self.throttled is None:
            return None
        return self.throttled / self.periods if self.periods >= FEWEST_PERIODS else 0.0

    @classmethod
    def parse(cls, out: str) -> tuple[ServiceUse, ...]:
        """Parse two readings of processes and control groups, and what belongs to what."""
        parts = readings(out)
        before, after = processes_of(parts)
        seconds, page = elapsed(parts), int(parts["page"])
        counted = _moved(_counts(parts["before.groups"]), _counts(parts["after.groups"]))
        group_of = {group.rpartition("/")[2]: group for _, group in groups_of(parts)}
        rows = []
        for name, pids in members_of(parts).items():
            own = [after[pid] for pid in pids if pid in after]
            times = [spent(before[one.pid], one) for one in own if one.pid in before]
            row = cls(
                name=name,
                processes=len(own),
                cores=round(sum(map(sum, times)) / seconds, 2),
                largest=max((one.pages * page for one in own), default=0),
                kernel_share=kernel_share(times, seconds),
            )
            own_group = counted.get(group_of[name], {}) if name in group_of else {}
            rows.append(msgspec.structs.replace(row, **own_group))
        # A container's own group, where it has one; that of a whole machine counts no periods.
        if (root := counted.get("", {})).get("periods"):
            whole = cls(name="all of the container", processes=len(after), cores=0.0, largest=0)
            rows.append(msgspec.structs.replace(whole, **root))
        if not rows:
            raise NotApplicable("the inventory declares no units or processes for this host")
        return tuple(rows)


class JudgedUse(Record):
    """A declared service beside what the inventory lets it use; ``cores`` as far as it lasted."""

    name: str
    cores: float
    most_cores: float | None
    kernel_share: float | None
    largest: int
    most_memory: float | None
    processes: int

    @property
    def uses_more_cpu(self) -> bool:
        return self.most_cores is not None and self.cores > self.most_cores

    @property
    def holds_more_memory(self) -> bool:
        return self.most_memory is not None and self.largest > self.most_memory


def judged_use(
    entry: HostEntry, services: Iterable[ServiceUse], load: Load, *keys: str
) -> list[JudgedUse]:
    """The services for which the inventory says one of ``keys``; NotApplicable where it does of none."""
    declared: dict[str, Service] = {
        **entry.processes,
        **{unit_name(name): unit for name, unit in entry.units.items()},
    }
    wanted = {
        name: service
        for name, service in declared.items()
        if any(getattr(service, key) is not None for key in keys)
    }
    if not wanted:
        raise NotApplicable(f"the inventory declares no {' or '.join(keys)} of a unit or process")
    return [
        JudgedUse(
            name=one.name,
            cores=min(one.cores, lasting_cores(load)),
            most_cores=wanted[one.name].most_cores(load.cores),
            kernel_share=one.kernel_share,
            largest=one.largest,
            most_memory=wanted[one.name].memory,
            processes=one.processes,
        )
        for one in services
        if one.name in wanted
    ]


class BoundedUnit(Record):
    """What a unit's control group holds of the memory that systemd lets it have (bytes)."""

    name: str
    held: int
    limit: int

    @property
    def held_fraction(self) -> float:
        return self.held / self.limit


def bounded_units(units: Iterable[Unit], services: Iterable[ServiceUse]) -> list[BoundedUnit]:
    """The declared units that have a limit, and whose memory is counted."""
    held = {one.name: one.held for one in services}
    return [
        BoundedUnit(name=unit.name, held=used, limit=unit.memory_limit)
        for unit in units
        if unit.declared and unit.memory_limit and (used := held.get(unit.name)) is not None
    ]


def _counts(text: str) -> dict[str, dict[str, int]]:
    """What each control group counts, by its path and the name of the figure."""
    found: dict[str, dict[str, int]] = {}
    for group, file, name, number in _COUNT.findall(text):
        found.setdefault(group.rstrip("/"), {})[name or file] = int(number)
    return found


def _moved(
    before: Mapping[str, Mapping[str, int]], after: Mapping[str, Mapping[str, int]]
) -> dict[str, dict[str, int | None]]:
    """What happened to each group between two readings, as fields of ServiceUse."""
    return {
        group: {
            "held": _held(now),
            "periods": _difference(before.get(group, {}), now, "nr_periods"),
            "throttled": _difference(before.get(group, {}), now, "nr_throttled"),
        }
        for group, now in after.items()
    }


def _difference(before: Mapping[str, int], after: Mapping[str, int], name: str) -> int | None:
    if name not in before or name not in after:
        return None
    return max(0, after[name] - before[name])


def _held(counts: Mapping[str, int]) -> int | None:
    whole = counts.get("memory.current", counts.get("memory.usage_in_bytes"))
    if whole is None:
        return None
    return max(0, whole - counts.get("total_inactive_file", counts.get("inactive_file", 0)))
