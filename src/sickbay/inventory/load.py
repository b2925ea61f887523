"""Read an inventory file: YAML with ``${VARIABLES}``, every problem told at once with its line."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from sickbay.errors import UsageError
from sickbay.inventory.limits import resolve
from sickbay.inventory.model import Document
from sickbay.inventory.targets import Inventory, Target

YamlPath = tuple[str | int, ...]
_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


@dataclass(frozen=True, order=True)
class Problem:
    """Something wrong in an inventory: where, what, and how to mend it."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class InventoryError(UsageError):
    """An inventory cannot be used; ``problems`` holds all that is wrong with it."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def load(path: Path, environ: Mapping[str, str] = os.environ) -> Inventory:
    """The inventory in ``path``; raises InventoryError with every problem found."""
    source = _Source(path, environ)
    data = source.read()
    try:
        document = Document.model_validate(data, context={"directory": path.parent})
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            source.problem(detail["loc"], _explain(detail))
        raise InventoryError(source.problems) from None
    targets: dict[str, Target] = {}
    for section, name, entry in document.entries():
        if name in targets:
            source.problem(
                (section, name), f"the name {name!r} is taken by another target; names are unique"
            )
        limits = resolve(
            entry.limits,
            document.limits,
            partial(source.limit_at, (section, name)),
            partial(source.limit_at, ()),
        )
        targets[name] = Target(name, entry, limits)
    for section, name, entry in document.entries():
        for key, related in _relations(entry):
            if related not in targets:
                source.problem(
                    (section, name, key),
                    f"{related!r} is no target of this inventory{_hint(related, targets)}",
                )
    if source.problems:
        raise InventoryError(source.problems)
    return Inventory(
        name=path.stem,
        targets=targets,
        waivers=document.waivers,
        secrets=tuple({secret for _, _, entry in document.entries() for secret in entry.secrets()}),
        waiver_sources=tuple(source.where(("waivers", i)) for i in range(len(document.waivers))),
    ).with_own_target()


def _relations(entry: Any) -> Iterator[tuple[str, str]]:
    if entry.runs_on:
        yield "runs_on", entry.runs_on
    for name in entry.depends_on:
        yield "depends_on", name


def _hint(name: str, known: Iterator[str] | Mapping[str, object] | list[str]) -> str:
    near = difflib.get_close_matches(str(name), list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _explain(detail: Any) -> str:
    location = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        known = _names_at(Document, detail["loc"][:-1])
        return f"{location}: unknown key{_hint(detail['loc'][-1], known) or ', expected one of ' + ', '.join(known)}"
    if detail["type"] == "missing":
        return f"{location}: missing"
    return f"{location}: {detail['msg'].removeprefix('Value error, ')}"


def _names_at(model: type[BaseModel], loc: YamlPath) -> list[str]:
    """The keys that are valid at a place in the document."""
    current: Any = model
    for part in loc:
        if isinstance(current, type) and issubclass(current, BaseModel):
            field = next((f for n, f in current.model_fields.items() if part in {n, f.alias}), None)
            if field is None:
                return []
            current = field.annotation
        else:
            current = getattr(current, "__args__", (None,))[-1]
    if isinstance(current, type) and issubclass(current, BaseModel):
        return [field.alias or name for name, field in current.model_fields.items()]
    return []


class _Source:
    """One file being read: its data with variables filled in, and the line of every value."""

    def __init__(self, path: Path, environ: Mapping[str, str]) -> None:
        self.path = path
        self.environ = environ
        self.lines: dict[YamlPath, int] = {(): 1}
        self.problems: list[Problem] = []

    def read(self) -> Any:
        try:
            node = yaml.compose(self.path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        except (OSError, UnicodeDecodeError) as error:
            raise InventoryError([Problem(str(self.path), 1, f"cannot be read: {error}")]) from None
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise InventoryError(
                [
                    Problem(
                        str(self.path),
                        mark.line + 1 if mark else 1,
                        f"not valid YAML: {error.problem}",
                    )
                ]
            ) from None
        data = {} if node is None else self._value(node, ())
        if not isinstance(data, dict):
            self.problem((), "expected a mapping of sections (hosts, postgres, ...)")
        if self.problems:
            raise InventoryError(self.problems)
        return data

    def problem(self, at: YamlPath, message: str) -> None:
        self.problems.append(Problem(str(self.path), self._line(at), message))

    def where(self, at: YamlPath) -> str:
        return f"{self.path}:{self._line(at)}"

    def limit_at(self, at: YamlPath, limit: str) -> str:
        return self.where((*at, "limits", limit))

    def _line(self, at: YamlPath) -> int:
        while at not in self.lines:
            at = at[:-1]
        return self.lines[at]

    def _value(self, node: yaml.Node, at: YamlPath) -> Any:
        self.lines.setdefault(at, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            data: dict[Any, Any] = {}
            for key_node, value_node in node.value:
                key = self._value(key_node, (*at, "<key>"))
                self.lines[(*at, key)] = key_node.start_mark.line + 1
                if key in data:
                    self.problem((*at, key), f"{key!r} stands twice in the same mapping")
                data[key] = self._value(value_node, (*at, key))
            return data
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, (*at, index)) for index, item in enumerate(node.value)]
        value = yaml.SafeLoader("").construct_object(node)
        return self._filled(value, at) if isinstance(value, str) else value

    def _filled(self, text: str, at: YamlPath) -> str:
        def fill(match: re.Match[str]) -> str:
            name, default = match[1], match[2]
            if name in self.environ:
                return self.environ[name]
            if default is None:
                self.problem(
                    at, f"the variable {name} is not set; export it, or write ${{{name}:-DEFAULT}}"
                )
                return ""
            return default

        return _VARIABLE.sub(fill, text)
