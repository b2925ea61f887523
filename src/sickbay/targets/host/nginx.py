"""nginx's configuration as ``nginx -T`` prints it. Pure (nginx.org, "Configuration file's structure")."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sickbay.facts import Record

_TOKEN = re.compile(
    r"""\s+|\#[^\n]*|(?P<mark>[;{}])|"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>(?:[^'\\]|\\.)*)'"""
    r"""|(?P<word>(?:[^\s;{}"'\\]|\\.|\$\{[^}\s]*\}|["'])(?:[^\s;{}\\]|\\.|(?<=\$)\{[^}\s]*\})*)""",
    re.DOTALL,
)
_DEEPEST = 20


class Directive(Record):
    """A directive with its arguments, and what is in its block."""

    name: str
    arguments: tuple[str, ...] = ()
    block: tuple[Directive, ...] = ()

    def all(self, name: str) -> Iterator[Directive]:
        """The directives of a name in its block, and in the blocks within."""
        for one in self.block:
            if one.name == name:
                yield one
            yield from one.all(name)


def directives(text: str) -> tuple[Directive, ...]:
    """The directives of a configuration; ValueError where it cannot be one."""
    tokens = _tokens(text)
    found = tuple(_block(tokens, 0))
    if next(tokens, None) is not None:
        raise ValueError("a block is closed that was not opened")
    return found


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    position = 0
    while position < len(text):
        matched = _TOKEN.match(text, position)
        if matched is None:
            raise ValueError("a quote or an escape is not closed")
        position = matched.end()
        if matched.lastgroup is not None:
            yield matched.lastgroup, matched[matched.lastgroup]


def _block(tokens: Iterator[tuple[str, str]], depth: int) -> Iterator[Directive]:
    words: list[str] = []
    for kind, token in tokens:
        if kind != "mark":
            words.append(token)
        elif token == ";":  # noqa: S105 (a semicolon)
            if words:
                yield Directive(name=words[0], arguments=tuple(words[1:]))
            words = []
        elif token == "{":  # noqa: S105 (a brace)
            if not words or depth == _DEEPEST:
                raise ValueError("a block has no name, or lies too deep")
            block = tuple(_block(tokens, depth + 1))
            yield Directive(name=words[0], arguments=tuple(words[1:]), block=block)
            words = []
        elif depth == 0:
            raise ValueError("a block is closed that was not opened")
        else:
            break
    else:
        if depth:
            raise ValueError("a block is not closed")
    if words:
        raise ValueError(f"the directive {words[0][:40]!r} is not ended")
