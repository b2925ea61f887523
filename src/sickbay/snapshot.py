"""All observations of one run, at one moment: what tests judge, what is saved and replayed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from pydantic import SecretStr, ValidationError

from sickbay.errors import UsageError
from sickbay.facts import Record
from sickbay.inventory.base import Entry
from sickbay.inventory.limits import Limit, resolve
from sickbay.inventory.model import SECTIONS, Document, Waiver
from sickbay.inventory.targets import OWN_NAME, Inventory, Target
from sickbay.redact import Redactor
from sickbay.targets.kinds import known_facts
from sickbay.targets.probe import Contact, Gap, Observation

FORMAT = 1
_Form = TypeVar("_Form")


class TargetState(Record):
    """What is known about one target."""

    contact: Contact
    facts: dict[str, Observation] = {}
    seconds: float = 0.0


class Earlier(Record):
    """Facts of a target in an earlier run, by their names; those that could not be had are not there."""

    taken: datetime
    facts: dict[str, Any]


class Snapshot(Record):
    """The state of every observed target at the moment ``taken``.

    ``earlier`` is what earlier runs saw of it, the oldest first, where a test asks for that.
    """

    taken: datetime
    states: dict[str, TargetState]
    earlier: dict[str, tuple[Earlier, ...]] = {}


class _SavedTarget(Record):
    section: str
    entry: dict[str, Any]
    limits: dict[str, tuple[float, str]]
    state: TargetState | None = None
    earlier: tuple[Earlier, ...] = ()


class _Version(Record):
    schema_version: int


class _Saved(Record):
    schema_version: int
    inventory: str
    taken: datetime
    targets: dict[str, _SavedTarget]
    waivers: list[dict[str, Any]] = []
    waiver_sources: list[str] = []


# What is read of an earlier run. A folder holds many of them: facts that nobody asks for stay text.
class _PastState(Record):
    facts: dict[str, msgspec.Raw]


class _PastTarget(Record):
    state: _PastState | None = None


class _Past(Record):
    inventory: str
    taken: datetime
    targets: dict[str, _PastTarget]


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
                earlier=snapshot.earlier.get(name, ()),
            )
            for name, target in inventory.targets.items()
            if name != OWN_NAME
        },
        waivers=[waiver.model_dump(mode="json") for waiver in inventory.waivers],
        waiver_sources=list(inventory.waiver_sources),
    )
    path.write_bytes(msgspec.json.encode(saved))


def load(path: Path) -> tuple[Inventory, Snapshot]:
    """Read back what ``save`` wrote, from the file or the run's folder that it lies in.

    A fact that this version does not know is left out; one that it knows in another form is told
    as unreadable. UsageError when the file is none of ours.
    """
    path = path / "snapshot.json" if path.is_dir() else path
    saved = _read(path, _Saved)
    try:
        targets = {name: _target(name, target) for name, target in saved.targets.items()}
        waivers = tuple(Waiver.model_validate(waiver) for waiver in saved.waivers)
    except KeyError as error:
        raise UsageError(f"{path}: speaks of {error}, which this version does not know") from None
    except ValidationError as error:
        where = ".".join(map(str, error.errors(include_input=False)[0]["loc"]))
        raise UsageError(f"{path}: the entry {error.title} has an unusable {where}") from None
    inventory = Inventory(
        name=saved.inventory,
        targets=targets,
        waivers=waivers,
        waiver_sources=tuple(saved.waiver_sources),
    ).with_own_target()
    states = {name: _decoded(t.state) for name, t in saved.targets.items() if t.state}
    past = {name: tuple(map(_typed_earlier, t.earlier)) for name, t in saved.targets.items()}
    return inventory, Snapshot(taken=saved.taken, states=states, earlier=past)


def earlier(path: Path, inventory: str, facts: Iterable[str]) -> dict[str, Earlier]:
    """These facts of each target in a saved run of an inventory; none where it is of another.

    UsageError when the file is none of ours.
    """
    past = _read(path, _Past)
    if past.inventory != inventory:
        return {}
    found = {}
    for name, target in past.targets.items():
        known = target.state.facts if target.state else {}
        try:
            values = {
                fact: msgspec.json.decode(known[fact], type=Observation).value
                for fact in facts
                if fact in known
            }
        except _UNREADABLE as error:
            raise _no_snapshot(path, error) from None
        had = {fact: value for fact, value in values.items() if value is not None}
        found[name] = _typed_earlier(Earlier(taken=past.taken, facts=had))
    return found


def _typed_earlier(seen: Earlier) -> Earlier:
    specs = known_facts()
    typed = {
        name: _typed(Observation(value=value), specs[name].shape).value
        for name, value in seen.facts.items()
        if name in specs
    }
    return Earlier(
        taken=seen.taken, facts={name: value for name, value in typed.items() if value is not None}
    )


_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def _no_snapshot(path: Path, error: Exception) -> UsageError:
    return UsageError(f"{path}: not a snapshot that can be replayed: {error}")


def _read(path: Path, form: type[_Form]) -> _Form:
    try:
        data = path.read_bytes()
        version = msgspec.json.decode(data, type=_Version).schema_version
        if version != FORMAT:
            raise UsageError(
                f"{path}: a snapshot of format {version}; this version reads format {FORMAT}"
            )
        return msgspec.json.decode(data, type=form)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from None
    except _UNREADABLE as error:
        raise _no_snapshot(path, error) from None


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
    kind = _entry_type(saved.section)
    known = {key for name, field in kind.model_fields.items() for key in (name, field.alias)}
    entry = kind.model_validate({key: v for key, v in saved.entry.items() if key in known})
    limits_of_kind = type(entry.limits)
    # A limit that is younger than the snapshot holds by its default.
    unsaid = limits_of_kind()
    limits = resolve(unsaid, unsaid, lambda _: "default", lambda _: "default")
    values: dict[str, Any] = {
        limit: Limit(value, name=limit, unit=limits_of_kind.unit_of(limit), source=source)
        for limit, (value, source) in saved.limits.items()
        if limit in limits_of_kind.model_fields
    }
    return Target(name, entry, limits.model_copy(update=values))


def _decoded(state: TargetState) -> TargetState:
    """Facts come back as builtin data; give each the type that its parser returns."""
    specs = known_facts()
    facts = {
        name: _typed(observation, specs[name].shape)
        for name, observation in state.facts.items()
        if name in specs
    }
    return TargetState(contact=state.contact, facts=facts, seconds=state.seconds)


def _typed(observation: Observation, shape: Any) -> Observation:
    if observation.gap is not None or observation.absent is not None:
        return observation
    try:
        return Observation(value=msgspec.convert(observation.value, shape))
    except msgspec.MsgspecError as error:
        detail = f"recorded in another form than this version has: {error}"
        gap = Gap(reason="unreadable", detail=detail, remedy="observe again with this version")
        return Observation(gap=gap)


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
