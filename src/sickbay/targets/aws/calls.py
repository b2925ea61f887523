"""How a fact of an account is asked for: read-only calls of one service."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, ClassVar, TypeVar

from sickbay.errors import TimedOut
from sickbay.inventory.aws import AwsEntry

T = TypeVar("T")
R = TypeVar("R")

AT_ONCE = 8
"""Calls of one fact that are under way at the same time."""
_GLOB = frozenset("*?[")


@dataclass(frozen=True)
class Asked:
    """What a fetch works with: clients, the entry, the moment, and the facts named in ``after``.

    ``client`` gives the boto3 client of a service; every client of a target refuses operations
    that are not read-only. ``until`` is the time (monotonic) at which the observation ends.
    """

    client: Callable[[str], Any]
    entry: AwsEntry
    now: datetime
    known: Mapping[str, Any]
    until: float

    def check_time(self) -> None:
        """Raises TimedOut once the observation is over, so that no thread pages on for nobody."""
        if time.monotonic() > self.until:
            raise TimedOut(
                "the account has more of it than could be read in time",
                "raise the target's deadline, or name fewer functions, stacks or queues",
            )

    def pages(self, service: str, operation: str, /, **parameters: Any) -> Iterator[dict[str, Any]]:
        """Every page of a paginated operation (its name as boto3 has it)."""
        for page in self.client(service).get_paginator(operation).paginate(**parameters):
            yield page
            self.check_time()

    def all(self, service: str, operation: str, key: str, /, **parameters: Any) -> list[Any]:
        """The items that stand under ``key`` on every page."""
        return [
            item
            for page in self.pages(service, operation, **parameters)
            for item in page.get(key) or ()
        ]

    def each(self, items: Iterable[T], function: Callable[[T], R]) -> list[R]:
        """The function's result for every item in order, a few at a time. The first error ends it.

        The threads are daemons: one that hangs does not keep the process from ending.
        """
        todo = list(items)
        results: dict[int, R] = {}
        errors: list[BaseException] = []
        waiting = iter(range(len(todo)))
        lock = threading.Lock()

        def work() -> None:
            while not errors:
                with lock:
                    index = next(waiting, None)
                if index is None:
                    return
                try:
                    self.check_time()
                    results[index] = function(todo[index])
                except BaseException as error:  # noqa: BLE001 (raised in the caller's thread)
                    errors.append(error)

        threads = [
            threading.Thread(target=work, daemon=True, name="sickbay-aws-call")
            for _ in range(min(AT_ONCE, len(todo)))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]
        return [results[index] for index in range(len(todo))]


Fetch = Callable[[Asked], Any]


@dataclass(frozen=True, slots=True)
class Calls:
    """Read-only calls whose answers, as plain data, hold a fact.

    ``fetch`` makes them and only collects; all understanding is the parser's. Facts with the same
    request share one fetch. ``service`` is its name in boto3, ``actions`` the IAM actions that the
    role needs, ``after`` names the facts that ``fetch`` builds on.
    """

    kind: ClassVar = "aws"

    service: str
    fetch: Fetch
    actions: tuple[str, ...]
    after: tuple[str, ...] = ()


def chosen(name: str, patterns: Iterable[str]) -> bool:
    """Whether a name is among those that the inventory speaks of; no pattern means all."""
    patterns = tuple(patterns)
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)


def spelled_out(patterns: Iterable[str]) -> tuple[str, ...]:
    """Those of the inventory's patterns that are plain names: they have to exist."""
    return tuple(pattern for pattern in patterns if not _GLOB & set(pattern))
