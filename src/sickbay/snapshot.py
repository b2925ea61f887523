"""All observations of one run, at one moment: what tests judge, what is saved and replayed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from pydantic import SecretStr

from sickbay.errors import UsageError
from sickbay.facts import Record
from sickbay.inventory.base import Entry
from sickbay.inventory.limits import Limit
from sickbay.inventory.model import SECTIONS, Document, Waiver
from sickbay.inventory.targets import OWN_NAME, Inventory, Target
from sickbay.redact import Redactor
from sickbay.targets.kinds import known_facts
from sickbay.targets.probe import Contact, Observation

FORMAT = 1


class TargetState(Record):
    """What is known about one target."""

    contact: Contact
    facts: dict[str, Observation] = {}
    seconds: float = 0.0


class Snapshot(Record):
    """The state of every observed target at the moment ``taken``."""

    taken: datetime
    states: dict[str, TargetState]


class _SavedTarget(Record):
    section: str
    entry: dict[str, Any]
    limits: dict[str, tuple[float, str]]
    state: TargetState | None = None


class _Saved(Record):
    schema_version: int
    inventory: str
    taken: datetime
    targets: dict[str, _SavedTarget]
    waivers: list[dict[str, Any]] = []
    waiver_sources: list[str] = []


def save(path: Path, inventory: Inventory, snapshot: Snapshot, redactor: Redactor) -> None:
    """Write a snapshot with the inventory that it belongs to; secrets are masked."""
    saved = _Saved(
        schema_version=FORMAT,
        inventory=inventory.name,
        taken=snapshot.taken,
        targets={
            name: _SavedTarget(
                section=_section_of(target),
                entry=_public(target.entry, redactor),
                limits={
                    limit: (
                        float(getattr(target.limits, limit)),
                        getattr(target.limits, limit).source,
                    )
                    for limit in type(target.limits).model_fields
                },
                state=snapshot.states.get(name),
            )
            for name, target in inventory.targets.items()
            if name != OWN_NAME
        },
        waivers=[waiver.model_dump(mode="json") for waiver in inventory.waivers],
        waiver_sources=list(inventory.waiver_sources),
    )
    path.write_bytes(msgspec.json.encode(saved))


def load(path: Path) -> tuple[Inventory, Snapshot]:
    """Read back what ``save`` wrote; UsageError when the file is none of ours."""
    try:
        saved = msgspec.json.decode(path.read_bytes(), type=_Saved)
        if saved.schema_version != FORMAT:
            raise UsageError(
                f"{path}: a snapshot of format {saved.schema_version}; this version reads format {FORMAT}"
            )
        targets = {name: _target(name, target) for name, target in saved.targets.items()}
        inventory = Inventory(
            name=saved.inventory,
            targets=targets,
            waivers=tuple(Waiver.model_validate(waiver) for waiver in saved.waivers),
            waiver_sources=tuple(saved.waiver_sources),
        ).with_own_target()
        states = {
            name: _decoded(target.state) for name, target in saved.targets.items() if target.state
        }
    except (OSError, msgspec.MsgspecError, ValueError, KeyError) as error:
        raise UsageError(f"{path}: not a snapshot that can be replayed: {error}") from None
    return inventory, Snapshot(taken=saved.taken, states=states)


def now() -> datetime:
    """This moment, to the second, as it is written in snapshots."""
    return datetime.now(UTC).replace(microsecond=0)


def _section_of(target: Target) -> str:
    return next(s for s in SECTIONS if _entry_type(s) is type(target.entry))


def _entry_type(section: str) -> type[Entry]:
    annotation: Any = Document.model_fields[section].annotation
    entry: type[Entry] = annotation.__args__[1]
    return entry


def _target(name: str, saved: _SavedTarget) -> Target:
    entry = _entry_type(saved.section).model_validate(saved.entry)
    kind_limits = type(entry.limits)
    values: dict[str, Any] = {
        limit: Limit(value, name=limit, unit=kind_limits.unit_of(limit), source=source)
        for limit, (value, source) in saved.limits.items()
        if limit in kind_limits.model_fields
    }
    return Target(name, entry, kind_limits.model_construct(**values))


def _decoded(state: TargetState) -> TargetState:
    """Facts come back as builtin data; give each the type that its parser returns."""
    specs = known_facts()
    facts = {
        name: Observation(value=msgspec.convert(observation.value, specs[name].shape))
        if observation.gap is None and observation.absent is None
        else observation
        for name, observation in state.facts.items()
        if name in specs
    }
    return TargetState(contact=state.contact, facts=facts, seconds=state.seconds)


def _public(entry: Entry, redactor: Redactor) -> dict[str, Any]:
    """An entry as plain data; of a secret, only what the redactor leaves."""

    def plain(value: Any) -> Any:
        if isinstance(value, SecretStr):
            return redactor.text(value.get_secret_value())
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [plain(item) for item in value]
        return value

    dumped = entry.model_dump(mode="python", by_alias=True, exclude_unset=True, exclude={"limits"})
    public = msgspec.to_builtins(plain(dumped))
    assert isinstance(public, dict)
    return redactor.data(public)  # type: ignore[no-any-return]
