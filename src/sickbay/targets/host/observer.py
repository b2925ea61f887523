"""Observe a host: one login, one script with all that is asked, one more for what that revealed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from sickbay.errors import Denied, Missing, TimedOut, Unreadable
from sickbay.facts import FactSpec
from sickbay.inventory.host import HostEntry
from sickbay.targets.host import script
from sickbay.targets.host.command import QUICK_SECONDS, Command
from sickbay.targets.host.place import place_of
from sickbay.targets.host.script import Part
from sickbay.targets.host.transport import Transport
from sickbay.targets.probe import Observation, Probe

_MARGIN = 0.1
"""Share of the deadline kept back, so that we and not the engine end what takes too long."""
_REMOTE_MARGIN = 0.5
"""Seconds that the host's script ends before we stop listening."""

_SLOW_LANES = 3
"""Scripts that run beside the quick one; sshd allows ten sessions unless told otherwise."""


async def observe(probe: Probe) -> None:
    """Have every wanted fact of a host."""
    await _Observation(probe).all()


class _Observation:
    def __init__(self, probe: Probe) -> None:
        entry = probe.target.entry
        assert isinstance(entry, HostEntry)
        self._probe = probe
        self._entry = entry
        self._loop = asyncio.get_running_loop()
        self._end = self._loop.time() + probe.deadline * (1 - _MARGIN)

    async def all(self) -> None:
        """At most two trips; the first also when nothing but the contact is wanted."""
        transport = await self._transport()
        first = [spec for spec in self._probe.wanted if not _command(spec).after]
        await self._trip(transport, first)
        second = [spec for spec in self._probe.wanted if _command(spec).after]
        second = [spec for spec in second if self._grounds(spec)]
        if second:
            await self._trip(transport, second)

    async def _transport(self) -> Transport:
        place = place_of(self._probe.target.name, self._entry)
        if place.means == "local":
            from sickbay.targets.host.local import Local  # noqa: PLC0415 (only what is used)

            return Local()
        if place.means == "ssh":
            from sickbay.targets.host.ssh import connect  # noqa: PLC0415

            ssh = await connect(place, self._left)
            self._probe.connections[self._probe.target.name] = ssh
            return ssh
        from sickbay.targets.host.backend import backend  # noqa: PLC0415

        return await backend(place.spec)

    @property
    def _left(self) -> float:
        return max(0.1, self._end - self._loop.time())

    def _grounds(self, spec: FactSpec) -> bool:
        """Whether all that a request builds on is known; otherwise its lack is this one's as well."""
        for name in _command(spec).after:
            earlier = self._probe.observations.get(name)
            if earlier is None or earlier.value is None:
                self._probe.observations[spec.name] = earlier or Observation(
                    gap=self._probe.gap(Unreadable(f"{name} was not had, which this builds on"))
                )
                return False
        return True

    async def _trip(self, transport: Transport, specs: Iterable[FactSpec]) -> None:
        # Several facts can be read out of one answer, which is asked for once.
        asked: dict[Part, list[FactSpec]] = {}
        for spec in specs:
            if (part := self._part(spec)) is not None:
                asked.setdefault(part, []).append(spec)
        lanes = _lanes(list(asked))
        ended = await asyncio.gather(*(self._lane(transport, asked, lane) for lane in lanes))
        # A host that allows fewer sessions at a time gets what it refused when the others are over,
        # which it may notice a moment later than we do.
        refused = [lane for lane, why in zip(lanes, ended, strict=True) if _is_refusal(why)]
        if 0 < len(refused) < len(lanes):
            rest = [part for lane in refused for part in lane]
            while (  # noqa: ASYNC110 (the host does not say when)
                _is_refusal(again := await self._lane(transport, asked, rest)) and self._left > 1
            ):
                await asyncio.sleep(0.2)
            ended = [*(why for why in ended if not _is_refusal(why)), again]
        for why in ended:
            if why is not None:
                raise why

    async def _lane(
        self, transport: Transport, asked: Mapping[Part, list[FactSpec]], lane: list[Part]
    ) -> Missing | None:
        """Run a script of these parts; why not all of them were answered."""
        parts = {f"p{number}": part for number, part in enumerate(lane)}
        seconds, nonce = self._left, script.new_nonce()
        text = script.build(parts, nonce, seconds=seconds - _REMOTE_MARGIN, sudo=self._entry.sudo)
        output = await transport.run(text, seconds)
        if not script.begun(output.stdout, nonce):
            return _no_shell(output.stdout, output.stderr, output.broken)
        self._probe.reached()
        elevated = [n for n, part in parts.items() if script.is_elevated(part, self._entry.sudo)]
        answers = script.parse(output.stdout, output.stderr, nonce, elevated)
        for name, part in parts.items():
            for spec in asked[part]:
                if name in answers:
                    self._answer(spec, part, answers[name])
        if len(answers) == len(parts):
            return None
        return output.broken or Unreadable(
            "the host's shell ended before it came to this",
            "see what ends the user's processes there (ulimit, an OOM kill)",
        )

    def _part(self, spec: FactSpec) -> Part | None:
        """What to run for a fact; None where there is nothing to ask or the question failed."""
        command = _command(spec)
        asked = command.script
        text = asked if isinstance(asked, str) else None
        if not isinstance(asked, str):
            try:
                text = asked(self._entry, {name: self._probe.fact(name) for name in command.after})
            except Exception as error:  # noqa: BLE001 (one fact's question must not end the others')
                self._probe.miss(spec, Unreadable(f"{type(error).__name__}: {error}"))
                return None
        if text is None:
            self._probe.answer(spec, "")
            return None
        return Part(
            text,
            tool=command.tool,
            timeout=command.timeout,
            root=command.root,
            everything=command.everything,
            accept=command.accept,
            grant=command.grant,
        )

    def _answer(self, spec: FactSpec, part: Part, answer: script.Answer) -> None:
        missing = script.failure(part, answer)
        if missing is None:
            self._probe.answer(spec, answer.stdout)
        else:
            self._probe.miss(spec, missing)


def _command(spec: FactSpec) -> Command:
    request: Any = spec.request
    assert isinstance(request, Command)
    return request


def _lanes(parts: list[Part]) -> list[list[Part]]:
    """What is asked side by side: all that is quick in one script, what may take long in others."""
    quick = [part for part in parts if part.timeout <= QUICK_SECONDS]
    slow = [part for part in parts if part.timeout > QUICK_SECONDS]
    return [
        lane for lane in (quick, *(slow[at::_SLOW_LANES] for at in range(_SLOW_LANES))) if lane
    ] or [[]]


def _is_refusal(why: Missing | None) -> bool:
    return why is not None and why.failure == "no-shell"


def _no_shell(stdout: bytes, stderr: bytes, broken: Missing | None) -> Missing:
    """Why the host's shell did not take the script."""
    said = (stderr.strip() or stdout.strip()).decode(errors="replace").partition("\n")[0][:200]
    if broken is not None:
        if isinstance(broken, TimedOut):
            return TimedOut(
                f"the host let us in but its shell did not start: {broken.detail}",
                "see whether the host hangs (memory, disk, a home directory on a dead server)",
                failure="silent",
            )
        return broken
    return Denied(
        f"the host let us in but gave us no POSIX shell{f': {said}' if said else ''}",
        "give the user a shell (chsh), or see that the container runs and has sh",
        failure="no-shell",
    )
