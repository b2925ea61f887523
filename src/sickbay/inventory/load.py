"""Read an inventory file into targets; whatever is wrong with it is told at once, with its line."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError

from sickbay.inventory.limits import resolve
from sickbay.inventory.model import SECTIONS, Document
from sickbay.inventory.source import InventoryError, Problem, Source, YamlPath
from sickbay.inventory.targets import OWN_NAME, Inventory, Mention, Target
from sickbay.inventory.wording import dotted, near, near_or_all, problems_in
from sickbay.redact import MASK, Redactor, names_secret

__all__ = ["InventoryError", "Problem", "load"]

_OPEN_HEADERS = frozenset({"accept", "content-type", "host", "user-agent"})


def load(path: Path, environ: Mapping[str, str] = os.environ) -> Inventory:
    """The inventory in ``path``; raises InventoryError with every problem found."""
    source = Source(path, environ)
    data = _without_blanks(source.read())
    _validated(data, source, look=False)
    _check_names(data, source)
    _check_relations(data, source)
    if source.problems:
        raise InventoryError(source.problems)
    document = _validated(data, source, look=True)
    if document is None:
        raise InventoryError(source.problems)
    shared_at = partial(_limit_at, source, ())
    targets = {
        name: Target(
            name,
            entry,
            resolve(
                entry.limits,
                document.limits,
                partial(_limit_at, source, (section, name)),
                shared_at,
            ),
        )
        for section, name, entry in document.entries()
    }
    secrets = {secret for _, _, entry in document.entries() for secret in entry.secrets()}
    return Inventory(
        name=path.stem,
        targets=targets,
        waivers=document.waivers,
        secrets=tuple(secrets | source.secrets),
        waiver_sources=tuple(source.where(("waivers", i)) for i in range(len(document.waivers))),
        warnings=(*_inline_secrets(document, source), *_idle_waivers(document, targets, source)),
        mentions=tuple(_mentions(document, source)),
    ).with_own_target()


def _limit_at(source: Source, at: YamlPath, limit: str) -> str:
    return source.where((*at, "limits", limit))


def _without_blanks(data: dict[str, Any]) -> dict[str, Any]:
    """A section or a target with nothing below it is one without keys."""
    filled = {section: content for section, content in data.items() if content is not None}
    for section in SECTIONS:
        if isinstance(entries := filled.get(section), dict):
            filled[section] = {name: {} if e is None else e for name, e in entries.items()}
    return filled


def _validated(data: dict[str, Any], source: Source, *, look: bool) -> Document | None:
    """The document, or None with what is wrong added to the source's problems.

    Without ``look`` no secret's file is read and no command is run: only the form is checked.
    """
    try:
        return Document.model_validate(data, context={"directory": source.directory, "look": look})
    except ValidationError as error:
        for found in problems_in(error, data):
            if found.about_key or not (
                found.at in source.unfilled or (not look and _stands_in(found.written))
            ):
                source.problem(found.at, found.message)
        return None


def _stands_in(written: Any) -> bool:
    """Whether it is a secret's file or command, well-formed, that has not been looked at yet."""
    return (
        isinstance(written, dict)
        and list(written) in (["file"], ["command"])
        and all(isinstance(where, str) and where for where in written.values())
    )


# ---------------------------------------------------------------------- names and relations


def _entries(data: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """(section, name, what is written) of every target, well-formed or not."""
    for section in SECTIONS:
        if isinstance(entries := data.get(section), dict):
            for name, entry in entries.items():
                yield section, name, entry


def _check_names(data: Mapping[str, Any], source: Source) -> None:
    first: dict[str, YamlPath] = {}
    for section, name, _ in _entries(data):
        at: YamlPath = (section, name)
        if name == OWN_NAME:
            source.problem(
                at, f"the name {name!r} stands for the inventory's own waivers; take another"
            )
        elif name in first:
            source.problem(
                at,
                f"the name {name!r} is taken by {dotted(first[name])} (line {source.line(first[name])}); "
                "a target's name is unique",
            )
        elif not name.strip() or any(sign in name for sign in ",[]!*?") or not name.isprintable():
            source.problem(
                at,
                f"a target's name cannot be {name!r}: it must work with --limit (no , ! * ? [ ])",
            )
        first.setdefault(name, at)


def _check_relations(data: Mapping[str, Any], source: Source) -> None:
    names = [name for _, name, _ in _entries(data)]
    for section, name, entry in _entries(data):
        if not isinstance(entry, dict):
            continue
        for at, related in _relations(entry):
            place, others = (section, name, *at), [other for other in names if other != name]
            if place in source.unfilled:
                continue
            if related not in names:
                source.problem(
                    place,
                    f"{dotted(place)}: {related!r} is no target of this inventory{near_or_all(related, others)}",
                )
            elif related == name:
                source.problem(place, f"{dotted(place)}: {name!r} cannot rest on itself")


def _relations(entry: Mapping[str, Any]) -> Iterator[tuple[YamlPath, str]]:
    if isinstance(name := entry.get("runs_on"), str):
        yield ("runs_on",), name
    if isinstance(names := entry.get("depends_on"), list):
        for index, name in enumerate(names):
            if isinstance(name, str):
                yield ("depends_on", index), name


# ---------------------------------------------------------------------- warnings


def _inline_secrets(document: Document, source: Source) -> Iterator[str]:
    """Secrets that stand in the file itself."""
    places = [
        place
        for section, name, entry in document.entries()
        for place in _secret_places(entry, (section, name))
    ]
    found = {at for at in places if _is_inline(source.raw.get(at, ""), at, secret=True)}
    found |= {at for at, raw in source.raw.items() if _is_inline(raw, at, secret=False)}
    for at in sorted(found, key=source.line):
        yield (
            f"{source.where(at)}: {dotted(at)}: a secret stands in the file; "
            "write ${VARIABLE}, {file: PATH} or {command: LINE} instead"
        )


def _is_inline(raw: str, at: YamlPath, *, secret: bool) -> bool:
    """Whether a text as written holds a secret rather than the name of a variable that does."""
    if not raw:
        return False
    masked = Redactor().text(raw)
    if masked != raw:
        # What is masked is a secret unless it is (or holds) a variable.
        bare = Redactor().text(_without_variables(raw))
        return MASK in bare
    if not secret or "${" in raw or "://" in raw or "=" in raw:
        return False
    if len(at) > 1 and at[-2] == "headers":
        return names_secret(str(at[-1])) and str(at[-1]).lower() not in _OPEN_HEADERS
    return at[-1] not in {"file", "command"}


def _without_variables(raw: str) -> str:
    """``raw`` with what variables stand for taken out, so that only what is written remains."""
    parts = raw.split("${")
    return parts[0] + "".join(part.partition("}")[2] for part in parts[1:])


def _secret_places(value: Any, at: YamlPath) -> Iterator[YamlPath]:
    if isinstance(value, SecretStr):
        yield at
    elif isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            yield from _secret_places(getattr(value, name), (*at, field.alias or name))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _secret_places(item, (*at, key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _secret_places(item, (*at, index))


def _idle_waivers(
    document: Document, targets: Mapping[str, Target], source: Source
) -> Iterator[str]:
    """Waivers for targets that are not there."""
    for index, waiver in enumerate(document.waivers):
        if not any(waiver.matches_target(name) for name in (*targets, OWN_NAME)):
            yield (
                f"{source.where(('waivers', index))}: this waiver matches no target: "
                f"there is none named {waiver.target!r}{near(waiver.target, targets)}"
            )


def _mentions(document: Document, source: Source) -> Iterator[Mention]:
    """Every place where a symptom is named."""
    for index, waiver in enumerate(document.waivers):
        yield Mention(waiver.symptom, source.where(("waivers", index, "symptom")), waiver)
    for section, name, entry in document.entries():
        for symptom in entry.not_applicable:
            yield Mention(symptom, source.where((section, name, "not_applicable", symptom)), None)
