"""Carry out a plan: all targets at once, each under its own deadline, on one event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Self, TypeVar

from sickbay.errors import Missing, TimedOut, Unreachable, Unreadable
from sickbay.facts import FactSpec
from sickbay.inventory.targets import Inventory, Target
from sickbay.inventory.units import show
from sickbay.redact import Redactor
from sickbay.snapshot import Snapshot, TargetState, now
from sickbay.targets.kinds import KINDS, known_facts
from sickbay.targets.probe import Connection, Contact, Observer, Probe

T = TypeVar("T")
Plan = Mapping[str, frozenset[str]]
"""Target name to the names of the facts that are wanted of it."""
Progress = Callable[[str, int, int], None]
"""Called with a target's name, how many targets are done, and how many there are."""

_CLOSING_SECONDS = 3


class Observatory:
    """Where observations are made: an event loop in a thread, and the connections left open.

    Use as a context manager; leaving it closes every connection.
    """

    def __init__(self, inventory: Inventory, redactor: Redactor) -> None:
        self.inventory = inventory
        self.redactor = redactor
        self.connections: dict[str, Connection] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, daemon=True, name="sickbay-loop"
        )
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def observe(self, plan: Plan, *, deadline: float, progress: Progress | None = None) -> Snapshot:
        """The state of every target in the plan, in at most ``deadline`` seconds."""
        observers = {self.inventory.targets[name].kind for name in plan}
        ready = {kind: KINDS[kind].observer() for kind in observers}
        return self.run(self._all(plan, ready, deadline, progress))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop and wait for it. Ctrl-C gets through and cancels it."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Close what is open and end the thread."""
        if self._loop.is_closed():
            return
        try:
            self.run(self._close_connections())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_CLOSING_SECONDS)
            if not self._thread.is_alive():
                self._loop.close()

    async def _close_connections(self) -> None:
        closing = [connection.close() for connection in self.connections.values()]
        self.connections.clear()
        _, late = await asyncio.wait(
            [asyncio.ensure_future(c) for c in closing]
            or [asyncio.ensure_future(asyncio.sleep(0))],
            timeout=_CLOSING_SECONDS,
        )
        for task in late:
            task.cancel()

    async def _all(
        self, plan: Plan, ready: Mapping[str, Observer], deadline: float, progress: Progress | None
    ) -> Snapshot:
        taken, done = now(), 0

        async def one(name: str) -> tuple[str, TargetState]:
            nonlocal done
            target = self.inventory.targets[name]
            state = await self._one(target, plan[name], ready[target.kind], deadline)
            done += 1
            if progress:
                progress(name, done, len(plan))
            return name, state

        states = await asyncio.gather(*(one(name) for name in plan))
        return Snapshot(taken=taken, states=dict(states))

    async def _one(
        self, target: Target, wanted: frozenset[str], observer: Observer, run_deadline: float
    ) -> TargetState:
        seconds = min(target.entry.deadline, run_deadline)
        specs = known_facts()
        probe = Probe(
            target,
            _in_order([specs[name] for name in wanted]),
            self.redactor,
            deadline=seconds,
            connections=self.connections,
        )
        started = time.monotonic()
        failure: Missing
        try:
            async with asyncio.timeout(seconds):
                await observer(probe)
            failure = Unreadable("the observation ended without an answer to this")
        except TimeoutError:
            failure = TimedOut(
                f"no answer within {show(seconds, 'seconds')}",
                "raise the target's deadline, or find out what holds it up",
            )
        except Missing as missing:
            failure = missing
        except OSError as error:
            failure = Unreachable(f"{error.strerror or error}")
        except Exception as error:  # noqa: BLE001 (whatever a client library raises on garbage)
            failure = Unreadable(f"{type(error).__name__}: {error}")
        return self._state(probe, failure, time.monotonic() - started)

    @staticmethod
    def _state(probe: Probe, failure: Missing, seconds: float) -> TargetState:
        observations = dict(
            probe.observations
        )  # a blocking client may still be at work; what it adds is late
        gap = probe.gap(failure)
        contact = probe.contact or Contact(
            outcome=gap.reason,
            failure=failure.failure or ("silent" if gap.reason == "timed_out" else ""),
            detail=gap.detail,
            remedy=gap.remedy,
        )
        for spec in probe.wanted:
            if spec.name not in observations:
                probe.miss(spec, failure)
                observations[spec.name] = probe.observations[spec.name]
        rounded = round(seconds, 3)
        return TargetState(contact=contact, facts=observations, seconds=rounded)


def _in_order(specs: list[FactSpec]) -> list[FactSpec]:
    """Facts so sorted that each comes behind those that its request builds on."""
    by_name = {spec.name: spec for spec in specs}
    ordered: dict[str, FactSpec] = {}

    def place(spec: FactSpec) -> None:
        for earlier in spec.request.after:
            if earlier in by_name:
                place(by_name[earlier])
        ordered[spec.name] = spec

    for name in sorted(by_name):
        place(by_name[name])
    return list(ordered.values())
