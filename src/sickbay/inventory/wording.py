"""What is wrong with an inventory, in the words of the one who wrote it and not of the validator."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from sickbay.inventory.model import SECTIONS, Document
from sickbay.inventory.source import YamlPath, kind_of
from sickbay.redact import MASK, Redactor

MOST_NAMED = 10
_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number", "int_parsing": "a whole number",
    "int_from_float": "a whole number", "int_parsing_size": "a whole number",
    "float_type": "a number", "float_parsing": "a number", "finite_number": "a number",
    "bool_type": "true or false", "bool_parsing": "true or false",
    "tuple_type": "a list such as [a, b]", "list_type": "a list such as [a, b]",
    "set_type": "a list such as [a, b]", "frozen_set_type": "a list such as [a, b]",
    "dict_type": "keys and values", "model_type": "keys and values",
    "model_attributes_type": "keys and values", "mapping_type": "keys and values",
    "date_type": "a day such as 2027-01-15", "date_parsing": "a day such as 2027-01-15",
    "date_from_datetime_parsing": "a day such as 2027-01-15",
    "date_from_datetime_inexact": "a day such as 2027-01-15, without a time",
    "none_required": "nothing",
}  # fmt: skip
_ABOUT_FIELD = {
    "missing": "this key is missing",
    "string_pattern_mismatch": "does not have the right form",
    "invalid-json-value": "expected what JSON can hold; put a date in quotes",
}
_BOUNDS = {
    "greater_than": ("more than", "gt"), "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"), "less_than_equal": ("at most", "le"),
}  # fmt: skip


class Finding(NamedTuple):
    """Something that a validation found: where, what, and whether a value or its key is wrong."""

    at: YamlPath
    message: str
    written: Any
    about_key: bool


def problems_in(error: ValidationError, data: Any) -> Iterator[Finding]:
    """Everything that a validation found, in people's words."""
    expected: dict[YamlPath, list[str]] = {}
    for detail in error.errors(include_url=False):
        at = _place(detail["loc"], data)
        if detail["type"] in _EXPECTED:
            expected.setdefault(at, []).append(_EXPECTED[detail["type"]])
        else:
            said = f"{dotted(at)}: {_message(at, detail, data)}"
            yield Finding(at, said, _at(data, at), detail["type"] == "extra_forbidden")
    for at, kinds in expected.items():
        given = "" if _is_secret(at) else f", not {kind_of(_at(data, at))}"
        said = f"expected {' or '.join(dict.fromkeys(kinds))}{given}{_quoting(at, kinds, data)}"
        yield Finding(at, f"{dotted(at)}: {said}", _at(data, at), about_key=False)


def dotted(at: YamlPath) -> str:
    """A place as people speak of it: ``hosts.app1.ports[0]``."""
    said = ""
    for part in at:
        said += f"[{part}]" if isinstance(part, int) else f"{'.' if said else ''}{part}"
    return said


def near(word: object, known: Iterable[str]) -> str:
    """``; did you mean 'x'?`` where a known word is near, else nothing."""
    by_folded = {name.lower(): name for name in known}
    found = difflib.get_close_matches(str(word).lower(), list(by_folded), n=1)
    return f"; did you mean {by_folded[found[0]]!r}?" if found else ""


def near_or_all(word: object, known: Iterable[str]) -> str:
    """The nearest known word, or else all of them (a few, where there are many)."""
    known = sorted(set(known))
    rest = f" and {len(known) - MOST_NAMED} more" if len(known) > MOST_NAMED else ""
    there_are = f"; there are {', '.join(known[:MOST_NAMED])}{rest}" if known else ""
    return near(word, known) or there_are


def _message(at: YamlPath, detail: Any, data: Any) -> str:
    context = detail.get("ctx", {})
    kind = detail["type"]
    if kind == "extra_forbidden":
        return _unknown(at)
    if kind in _ABOUT_FIELD:
        field = _field(at)
        about = f" ({field.description})" if field is not None and field.description else ""
        return f"{_ABOUT_FIELD[kind]}{about}"
    if kind in _BOUNDS:
        words, name = _BOUNDS[kind]
        return f"has to be {words} {context[name]:g}"
    if kind in {"string_too_short", "too_short"}:
        return "must not be empty"
    if kind in {"literal_error", "enum"}:
        choices = str(context.get("expected", ""))
        given = _at(data, at)
        known = [choice.strip("' ") for choice in choices.replace(" or ", ", ").split(",")]
        hidden = "" if _is_secret(at) else f", not {kind_of(given)}{near(given, known)}"
        return f"expected {choices}{hidden}"
    said = str(detail["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if _is_secret(at) and isinstance(given := _at(data, at), str):
        said = Redactor([given]).text(said.replace(given, MASK) if given else said)
    return said if kind == "value_error" else said[:1].lower() + said[1:]


def _quoting(at: YamlPath, kinds: list[str], data: Any) -> str:
    given = _at(data, at)
    if "text" in kinds and isinstance(given, bool | int | float):
        return "; put it in quotes"
    if kinds == ["a list such as [a, b]"] and isinstance(given, str) and not _is_secret(at):
        return f"; write [{given}]"
    return ""


def _unknown(at: YamlPath) -> str:
    key = str(at[-1])
    if at == (key,) and key in {"all", "ungrouped"}:
        return (
            "this looks like an Ansible inventory: "
            "use it with --hosts=ansible://all --ansible-inventory=FILE"
        )
    known = _keys_at(at[:-1])
    if len(at) > 1 and at[-2] == "limits":
        elsewhere = [s for s in SECTIONS if key in _limits_of(s)]
        if elsewhere:
            return f"unknown limit here; {key} is a limit of {elsewhere[0]}"
    what = "limit" if len(at) > 1 and at[-2] == "limits" else "section" if len(at) == 1 else "key"
    hint = near(key, known)
    return (
        f"unknown {what}{hint}" if hint else f"unknown {what}; expected one of {', '.join(known)}"
    )


def _limits_of(section: str) -> Iterable[str]:
    field = _field((section, "any", "limits"))
    model = field.annotation if field else None
    return model.model_fields if isinstance(model, type) and issubclass(model, BaseModel) else ()


# ---------------------------------------------------------------------- places


def _place(loc: tuple[int | str, ...], data: Any) -> YamlPath:
    """The place in the file that a validator's location means: without the branches of unions."""
    at: YamlPath = ()
    current = data
    for index, part in enumerate(loc):
        here = isinstance(current, dict) and part in current
        if here or (isinstance(current, list) and isinstance(part, int) and part < len(current)):
            current, at = current[part], (*at, part)
        elif index == len(loc) - 1 and isinstance(current, dict) and part in _keys_at(at):
            at = (*at, part)  # the key that is missing
    return at


def _at(data: Any, at: YamlPath) -> Any:
    for part in at:
        if isinstance(data, dict):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int):
            data = data[part]
    return data


def _field(at: YamlPath) -> FieldInfo | None:
    """The field of the models that a place in the file belongs to; None inside of free mappings."""
    current: Any = Document
    field: FieldInfo | None = None
    for part in at:
        model = _model(current)
        if model is None:
            current, field = _inner(current), None
            continue
        field = next((f for n, f in model.model_fields.items() if part in {n, f.alias}), None)
        if field is None:
            return None
        current = field.annotation
    return field


def _annotation(at: YamlPath) -> Any:
    current: Any = Document
    for part in at:
        model = _model(current)
        if model is None:
            current = _inner(current)
        else:
            field = next((f for n, f in model.model_fields.items() if part in {n, f.alias}), None)
            current = field.annotation if field else None
    return current


def _keys_at(at: YamlPath) -> list[str]:
    """The keys that are valid at a place in the document."""
    model = _model(_annotation(at))
    if model is None:
        return []
    return [field.alias or name for name, field in model.model_fields.items()]


def _is_secret(at: YamlPath) -> bool:
    """Whether what stands at a place is kept secret, itself or as a part of what is."""
    return any(_holds_secret(_annotation(at[:depth])) for depth in range(1, len(at) + 1))


def _holds_secret(annotation: Any) -> bool:
    if annotation is SecretStr:
        return True
    if typing.get_origin(annotation) in {types.UnionType, typing.Union, typing.Annotated}:
        return any(_holds_secret(part) for part in typing.get_args(annotation))
    return False


def _model(annotation: Any) -> type[BaseModel] | None:
    """The model in an annotation such as ``X``, ``X | None`` or ``Annotated[X, ...]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if typing.get_origin(annotation) in {types.UnionType, typing.Union, typing.Annotated}:
        return next((m for p in typing.get_args(annotation) if (m := _model(p))), None)
    return None


def _inner(annotation: Any) -> Any:
    """What a mapping or list of this annotation holds."""
    if typing.get_origin(annotation) in {types.UnionType, typing.Union, typing.Annotated}:
        parts = [p for p in typing.get_args(annotation) if typing.get_args(p)]
        return _inner(parts[0]) if parts else None
    arguments = [a for a in typing.get_args(annotation) if a is not Ellipsis]
    return arguments[-1] if arguments else None
