"""What the tests of the lab share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

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
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """The world that a test is parametrised with, one at a time, started once."""
    with running(request.param) as started:
        yield started
