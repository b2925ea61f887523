"""What the tests of the lab share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from lab.cache import Unavailable
from lab.world import World
from lab.worlds import opened


@contextmanager
def running(name: str) -> Iterator[World]:
    """A world; skipped where this machine cannot offer it, which counts as failed in CI."""
    try:
        world = opened(name)
        started = world.__enter__()
    except Unavailable as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(f"nothing is skipped under CI=true: {missing}")
        pytest.skip(str(missing))
    try:
        yield started
    finally:
        world.__exit__(None, None, None)


@pytest.fixture(scope="session")
def worlds() -> Iterator[Callable[[str], World]]:
    """Gives the world of a name: the one that runs, or a new one in its place."""
    with ExitStack() as stack:
        now: dict[str, World] = {}

        def world(name: str) -> World:
            if name not in now:
                stack.close()
                now.clear()
                now[name] = stack.enter_context(running(name))
            return now[name]

        yield world


@pytest.fixture
def world(request: pytest.FixtureRequest, worlds: Callable[[str], World]) -> World:
    """The world that a test is parametrised with, started once for all that follow each other.

    Not a fixture with parameters of its own: of those, pytest makes a new one for every test.
    """
    return worlds(request.param)
