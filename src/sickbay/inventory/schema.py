"""The inventory's form as JSON Schema, for editors, and its limits as a list, for people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sickbay.inventory.limits import Limits
from sickbay.inventory.model import SECTIONS, Document
from sickbay.inventory.units import Unit, show

_VARIABLE = {"type": "string", "pattern": r"\$\{", "description": "a ${VARIABLE}"}
_UNITS: dict[Unit, str] = {
    "fraction": "a share, such as 85 % or 0.85",
    "seconds": "a duration, such as 90 s, 5 min, 2 h or 30 d",
    "bytes": "a size, such as 500 MiB, 10 GiB or 5 GB",
    "per_second": "a rate, such as 5 /s or 10 /min",
    "count": "a whole number",
    "ratio": "a number",
}


@dataclass(frozen=True)
class KnownLimit:
    """A limit that an inventory can set."""

    name: str
    section: str
    """Which targets it is about: a section of the inventory."""
    default: str
    unit: Unit
    meaning: str


def known_limits() -> Iterator[KnownLimit]:
    """Every limit of every kind of target."""
    for section in SECTIONS:
        kind = limits_of(section)
        defaults = kind()
        for name, field in kind.model_fields.items():
            unit = kind.unit_of(name)
            written = field.default
            default = written if isinstance(written, str) else show(getattr(defaults, name), unit)
            yield KnownLimit(name, section, default, unit, field.description or "")


def limits_of(section: str) -> type[Limits]:
    """The limits of the targets in a section."""
    annotation: Any = Document.model_fields[section].annotation
    kind: type[Limits] = annotation.__args__[1].model_fields["limits"].annotation
    return kind


def schema() -> dict[str, Any]:
    """The JSON Schema of an inventory file."""
    made = Document.model_json_schema(by_alias=True)
    definitions = made["$defs"]
    limits = {limit.name: limit for limit in known_limits()}
    for definition in definitions.values():
        _plain(definition)
        for name, part in definition.get("properties", {}).items():
            if name == "limits":
                part.setdefault("description", "limits for this target alone")
            elif name in limits and definition["title"].endswith("Limits"):
                part.update(_limit(limits[name]))
    _plain(made)
    for section in SECTIONS:
        part = made["properties"][section]
        entry = part.pop("additionalProperties")
        part["additionalProperties"] = {"anyOf": [entry, {"type": "null"}]}
        part["type"] = ["object", "null"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **made,
        "title": "Sickbay inventory",
        "description": "What runs where, how it hangs together, and what is tolerated until when.",
        "patternProperties": {"^x-": {"description": "left out: a place to keep anchors"}},
    }


def schema_text() -> str:
    """The schema as it stands in ``inventories/schema.json``."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def _limit(limit: KnownLimit) -> dict[str, Any]:
    meaning = (
        f"{limit.meaning}: {_UNITS[limit.unit]} (default {limit.default}, for {limit.section})"
    )
    return {"description": meaning, "default": limit.default}


def _plain(definition: dict[str, Any]) -> None:
    """Let variables stand for numbers and switches; leave out defaults that say nothing."""
    for part in definition.get("properties", {}).values():
        if part.get("default", ...) in (None, [], {}) or isinstance(part.get("default"), dict):
            del part["default"]
        branches = part.get("anyOf", [part])
        types = {branch.get("type") for branch in branches}
        if "string" in types or not types & {"integer", "number", "boolean"}:
            continue
        if "anyOf" in part:
            part["anyOf"] = [*branches, _VARIABLE]
        else:
            moved = {"type", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
            typed = {key: part.pop(key) for key in list(part) if key in moved}
            part["anyOf"] = [typed, _VARIABLE]
