"""Observe one target in a test, as a run would."""

from __future__ import annotations

from collections.abc import Iterable

from sickbay.inventory.base import Entry
from sickbay.inventory.targets import Inventory, Target
from sickbay.observe import Observatory
from sickbay.redact import Redactor
from sickbay.snapshot import TargetState
from sickbay.targets.kinds import known_facts


def facts_of(kind: str) -> tuple[str, ...]:
    """The names of all facts of a kind."""
    return tuple(name for name, spec in known_facts().items() if spec.kind == kind)


def observed(entry: Entry, facts: Iterable[str] | None = None) -> TargetState:
    """What is seen of a target: all facts of its kind, or those named."""
    target = Target("it", entry, entry.limits)
    inventory = Inventory(name="test", targets={"it": target})
    redactor = Redactor(entry.secrets())
    wanted = frozenset(facts_of(entry.kind) if facts is None else facts)
    with Observatory(inventory, redactor) as observatory:
        return observatory.observe({"it": wanted}, deadline=60).states["it"]
