"""The targets of a run: entries with a name, resolved limits and known relations."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar

from sickbay.inventory.base import Entry
from sickbay.inventory.limits import Limits
from sickbay.inventory.model import Waiver

OWN_NAME = "waivers"
"""Name of the target that stands for the inventory's waivers."""


@dataclass(frozen=True, eq=False)
class Target:
    """One thing that a run observes. ``limits`` are the entry's, each with its source."""

    name: str
    entry: Entry
    limits: Limits

    @property
    def kind(self) -> str:
        return self.entry.kind

    def __repr__(self) -> str:
        return self.name


class WaiversEntry(Entry):
    """The inventory's own waivers, so that a health test can speak about them."""

    kind: ClassVar = "inventory"

    waivers: tuple[Waiver, ...]
    sources: tuple[str, ...]
    """Where each waiver is written, ``file:line``."""


@dataclass(frozen=True)
class Mention:
    """A place in an inventory that names a symptom (or a pattern of them): a waiver, or not."""

    symptom: str
    where: str
    waiver: Waiver | None


@dataclass(frozen=True)
class Inventory:
    """All targets that a run may look at, their relations, and the waivers."""

    name: str
    targets: dict[str, Target]
    waivers: tuple[Waiver, ...] = ()
    waiver_sources: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    """What works, but should be known: ``file:line: what``."""
    mentions: tuple[Mention, ...] = ()
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """Every secret value that the inventory holds, to be kept out of whatever is shown."""
    chosen: frozenset[str] | None = None
    """Names of the targets to look at; None for all. The others only count as relations."""

    def with_own_target(self) -> Inventory:
        """The same with a target for its waivers, where it has any: they can be ill too (expired)."""
        if not self.waivers:
            return self
        entry = WaiversEntry(waivers=self.waivers, sources=self.waiver_sources)
        own = Target(OWN_NAME, entry, Limits())
        return replace(self, targets={**self.targets, OWN_NAME: own})

    def of_kind(self, kind: str) -> tuple[Target, ...]:
        """The targets of a kind that are to be looked at."""
        return self._by_kind.get(kind, ())

    def upstream(self, name: str) -> tuple[Target, ...]:
        """What a target rests on: itself, then all it runs on or depends on, nearest first."""
        return self._upstream[name]

    @cached_property
    def _by_kind(self) -> dict[str, tuple[Target, ...]]:
        kinds: dict[str, list[Target]] = {}
        for target in self.targets.values():
            if self.chosen is None or target.name in self.chosen:
                kinds.setdefault(target.kind, []).append(target)
        return {kind: tuple(members) for kind, members in kinds.items()}

    @cached_property
    def _upstream(self) -> dict[str, tuple[Target, ...]]:
        return {name: tuple(self._walk(name)) for name in self.targets}

    def _walk(self, start: str) -> list[Target]:
        seen: dict[str, Target] = {}
        waiting = [start]
        while waiting:
            name = waiting.pop(0)
            if name in seen or name not in self.targets:
                continue
            target = seen[name] = self.targets[name]
            waiting += [target.entry.runs_on] if target.entry.runs_on else []
            waiting += target.entry.depends_on
        return list(seen.values())
