"""One inventory file as data: YAML with ``${VARIABLES}`` filled in, and the line of every value.

``${NAME}`` is the environment variable NAME, ``${NAME:-DEFAULT}`` falls back to DEFAULT where it
is unset or empty, and ``$${`` stands for a plain ``${``. Anchors, aliases and merge keys (``<<``)
work; top-level keys that begin with ``x-`` are left out and are a place to keep anchors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from sickbay.errors import UsageError
from sickbay.redact import Redactor, variable_names_secret

YamlPath = tuple[str | int, ...]

MOST_BYTES = 2 * 2**20
"""A larger file is no inventory; 1,000 targets make about 200 kB."""
MOST_VALUES = 200_000
"""Values in a file with all aliases followed: what a few nested ones can multiply to is bounded."""
DEEPEST = 50

_VARIABLE = re.compile(r"\$\$\{|\$\{(\w+)(?::-([^}]*))?\}|\$\{")
_MISFIT = "this line or the one before it is not indented like its neighbours, or lacks a colon"
_MERGE = "tag:yaml.org,2002:merge"
_PLAIN_TAGS = {"tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}


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
        self.problems = sorted(set(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Source:
    """One file being read. ``problems`` collects what is wrong with it, in any order."""

    def __init__(self, path: Path, environ: Mapping[str, str]) -> None:
        self.path = path
        self.shown = _shown(path)
        self.directory = path.absolute().parent
        self.problems: list[Problem] = []
        self.secrets: set[str] = set()
        """Values of the variables used whose names speak of secrets."""
        self.raw: dict[YamlPath, str] = {}
        """Every text as it is written, variables not filled in."""
        self.unfilled: set[YamlPath] = set()
        """Where a value is missing because a variable is; nothing else is said of these."""
        self._environ = environ
        self._lines: dict[YamlPath, int] = {(): 1}
        self._values = 0
        self._above: list[yaml.Node] = []

    def read(self) -> dict[str, Any]:
        """The data; problems with single values are collected. Raises InventoryError without any."""
        node = self._composed()
        try:
            data = None if node is None else self._value(node, ())
        except _TooMuch as error:
            raise self._unusable(error.line, str(error)) from None
        if data is None:
            return {}
        if not isinstance(data, dict):
            raise self._unusable(
                1, f"expected sections (hosts, postgres, ...), not {kind_of(data)}"
            )
        return {key: value for key, value in data.items() if not str(key).startswith("x-")}

    def problem(self, at: YamlPath, message: str) -> None:
        """Note what is wrong at a place; a secret in the message is masked."""
        said = Redactor(self.secrets).known(message)
        self.problems.append(Problem(self.shown, self.line(at), said))

    def where(self, at: YamlPath) -> str:
        """``file:line`` of a value, or of the nearest thing around it."""
        return f"{self.shown}:{self.line(at)}"

    def line(self, at: YamlPath) -> int:
        """The line of a value, or of the nearest thing around it."""
        while at not in self._lines:
            at = at[:-1]
        return self._lines[at]

    def _unusable(self, line: int, message: str) -> InventoryError:
        return InventoryError([*self.problems, Problem(self.shown, line, message)])

    # ------------------------------------------------------------------ text to nodes

    def _composed(self) -> yaml.Node | None:
        text = self._text()
        try:
            return yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark else 1
            raise self._unusable(line, _in_words(error, text.splitlines(), line)) from None
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            raise self._unusable(
                line, f"the character U+{int(error.character):04X} is not allowed in YAML"
            ) from None
        except RecursionError:
            raise self._unusable(1, f"nested more than {DEEPEST} levels deep") from None

    def _text(self) -> str:
        try:
            if self.path.is_dir():
                raise self._unusable(1, "is a directory; expected an inventory file")
            size = self.path.stat().st_size
            if size > MOST_BYTES:
                raise self._unusable(
                    1, f"has {size // 2**20} MiB; an inventory has at most {MOST_BYTES // 2**20}"
                )
            return self.path.read_bytes().decode("utf-8-sig")
        except OSError as error:
            raise self._unusable(1, f"cannot be read: {error.strerror or error}") from None
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            raise self._unusable(line, "is not UTF-8 text; save it as UTF-8") from None

    # ------------------------------------------------------------------ nodes to values

    def _value(self, node: yaml.Node, at: YamlPath) -> Any:
        line = node.start_mark.line + 1
        self._lines.setdefault(at, line)
        self._values += 1
        if self._values > MOST_VALUES:
            raise _TooMuch(line, f"more than {MOST_VALUES:,} values once all aliases are followed")
        if len(self._above) >= DEEPEST:
            raise _TooMuch(line, f"nested more than {DEEPEST} levels deep")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, at)
        if any(node is outer for outer in self._above):
            raise _TooMuch(line, "an alias (*) stands inside of what it refers to")
        if node.tag not in _PLAIN_TAGS:
            self.problem(at, f"the tag {_tag(node)} is not understood; leave it out")
        self._above.append(node)
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, at)
            assert isinstance(node, yaml.SequenceNode)
            return [self._value(item, (*at, index)) for index, item in enumerate(node.value)]
        finally:
            self._above.pop()

    def _mapping(self, node: yaml.MappingNode, at: YamlPath) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                for source in self._merged(value_node, at):
                    data = source | data
        own: set[str] = set()
        for key_node, value_node in node.value:
            key = None if key_node.tag == _MERGE else self._key(key_node, at)
            if key is None:
                continue
            self._lines[(*at, key)] = key_node.start_mark.line + 1
            if key in own:
                self.problem((*at, key), f"{key!r} stands twice in the same mapping")
            own.add(key)
            data[key] = self._value(value_node, (*at, key))
        return data

    def _merged(self, node: yaml.Node, at: YamlPath) -> Iterator[dict[str, Any]]:
        """What ``<<`` brings in: one mapping or several. Own keys and earlier ones win."""
        parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
        for part in parts:
            value = self._value(part, at)
            if isinstance(value, dict):
                yield value
            else:
                self._lines[(*at, "<<")] = part.start_mark.line + 1
                self.problem((*at, "<<"), f"<< takes keys and values, not {kind_of(value)}")

    def _key(self, node: yaml.Node, at: YamlPath) -> str | None:
        inner = (*at, f"line {node.start_mark.line + 1}")
        self._lines[inner] = node.start_mark.line + 1
        if not isinstance(node, yaml.ScalarNode):
            self.problem(
                inner, "a key has to be text, not a list or mapping; quote ${...} and {...}"
            )
            return None
        key = self._scalar(node, inner)
        if isinstance(key, str):
            return key
        self.problem(inner, f"the key {node.value} is read as {kind_of(key)}; put it in quotes")
        return None

    def _scalar(self, node: yaml.ScalarNode, at: YamlPath) -> Any:
        try:
            value = yaml.SafeLoader("").construct_object(node)
        except yaml.constructor.ConstructorError:
            value = NotImplemented
        except ValueError:  # 2027-02-30 has the form of a date
            self.problem(at, f"there is no such day or number as {node.value}")
            self.unfilled.add(at)
            return node.value
        if not isinstance(value, str | int | float | date | None):
            self.problem(at, f"the tag {_tag(node)} is not understood; leave it out")
            self.unfilled.add(at)
            return ""
        if not isinstance(value, str):
            return value
        self.raw[at] = value
        return _VARIABLE.sub(lambda match: self._filled(match, at), value)

    def _filled(self, match: re.Match[str], at: YamlPath) -> str:
        if match[0] == "$${":
            return "${"
        name, default = match[1], match[2]
        if name is None:
            self.problem(
                at,
                "${ begins a variable, ${NAME} or ${NAME:-DEFAULT}; for the text itself write $${",
            )
            self.unfilled.add(at)
            return ""
        value = self._environ.get(name)
        if default is not None:
            value = value or default
        if value is None:
            self.problem(
                at, f"the variable {name} is not set; export it, or write ${{{name}:-DEFAULT}}"
            )
            self.unfilled.add(at)
            return ""
        if variable_names_secret(name):
            self._remember(value)
        return value

    def _remember(self, value: str) -> None:
        self.secrets.add(value)
        if "://" in value and "@" not in value:  # a webhook: what is secret is its path
            self.secrets.add(value.partition("://")[2].partition("/")[2])


class _TooMuch(Exception):
    """A file that would grow beyond all bounds."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def kind_of(value: object) -> str:
    """What a value is, in the words of someone who writes YAML."""
    match value:
        case None:
            said = "nothing"
        case bool():
            said = f"{'true' if value else 'false'} (a yes-or-no value)"
        case int() | float():
            said = f"the number {value}"
        case str():
            said = f"the text {_cut(value)!r}"
        case dict():
            said = "keys and values"
        case list() | tuple():
            said = "a list"
        case _:
            said = f"{value} (a {type(value).__name__})"
    return said


def _cut(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."  # noqa: PLR2004 (a line in a terminal)


def _tag(node: yaml.Node) -> str:
    return str(node.tag).replace("tag:yaml.org,2002:", "!!")


def _shown(path: Path) -> str:
    """A path as people would type it: from where they stand, if it lies below."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def _in_words(error: yaml.MarkedYAMLError, lines: list[str], line: int) -> str:
    """What is wrong with the YAML, for someone who does not know the parser's terms."""
    told = str(error.problem)
    text = lines[line - 1] if line <= len(lines) else ""
    if "'\\t'" in told or "\t" in text[: len(text) - len(text.lstrip())]:
        return "a tab stands where YAML wants spaces"
    if "${" in text and ("{" in text.replace("${", "") or "[" in text):
        return "inside of { } or [ ], put ${VARIABLE} in quotes"
    if "undefined alias" in told:
        return f"{told.removeprefix('found ')}: there is no anchor (&) of that name above"
    words = {
        "mapping values are not allowed": "a colon that YAML does not expect here: "
        "indent the line properly, or quote the text",
        "found another document": "a second document (---) begins here; an inventory is one",
        "but found '<block": _MISFIT,
        "could not find expected ':'": _MISFIT,
    }
    return next((said for part, said in words.items() if part in told), f"not valid YAML: {told}")
