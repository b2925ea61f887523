"""How a fact of a host is asked for: a piece of POSIX shell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from sickbay.inventory.host import HostEntry

Script = Callable[[HostEntry, Mapping[str, Any]], str | None]

QUICK_SECONDS = 5.0
"""A request with a longer time limit is one that may take long, and runs beside the others."""


@dataclass(frozen=True, slots=True)
class Command:
    """A piece of POSIX shell whose standard output holds a fact.

    ``script`` is the shell text, or a function of the host's entry and of the facts named in
    ``after`` that returns it (None: there is nothing to ask, the answer is empty). It runs with
    LC_ALL=C. ``tool`` is a program that it cannot do without; a host without it does not support
    the fact. ``timeout`` (seconds) ends it on the host. ``grant`` says what to give to whom when
    the host denies it; ``root`` marks a script that runs under ``sudo -n`` where the inventory
    allows sudo, ``everything`` one for which reading every file is not enough. A non-zero exit status not in ``accept`` means that the fact could not be had.
    """

    kind: ClassVar = "host"

    script: str | Script
    tool: str | None = None
    timeout: float = QUICK_SECONDS
    grant: str = ""
    root: bool = False
    everything: bool = False
    accept: tuple[int, ...] = (0,)
    after: tuple[str, ...] = ()
