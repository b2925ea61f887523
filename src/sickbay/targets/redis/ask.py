"""How a fact of a Redis server is asked for: read-only commands, sent in one pipeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from sickbay.inventory.redis import RedisEntry

Words = tuple[str, ...]
Replies = Mapping[Words, Any]
Commands = Callable[[RedisEntry], tuple[Words, ...]]


@dataclass(frozen=True, slots=True)
class Ask:
    """One or more commands, each a tuple of words; the raw answer maps each to its reply.

    ``commands`` may be a function of the inventory's entry, for keys that it names. A reply that is
    one of the errors in ``accept`` (its first word) is None in the raw answer.
    """

    kind: ClassVar = "redis"

    commands: tuple[Words, ...] | Commands
    accept: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    def words(self, entry: RedisEntry) -> tuple[Words, ...]:
        """The commands for one server."""
        return self.commands(entry) if callable(self.commands) else self.commands
