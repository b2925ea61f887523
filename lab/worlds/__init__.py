"""The worlds of the lab: running systems with an inventory, each opened by its name."""

from __future__ import annotations

import importlib
from contextlib import AbstractContextManager

from lab.world import World

OTHERS = ("debian11", "debian13", "busybox")
"""Hosts of another kind than those of the world ``hosts``, one each."""


def opened(name: str) -> AbstractContextManager[World]:
    """The world of that name, running for as long as the block lasts.

    A world's module is imported when it is wanted: what one needs (root, Go, an extra) must not
    keep the others from running.
    """
    if name in OTHERS:
        return importlib.import_module("lab.worlds.others").opened(name)  # type: ignore[no-any-return]
    world: AbstractContextManager[World] = importlib.import_module(f"lab.worlds.{name}").opened()
    return world
