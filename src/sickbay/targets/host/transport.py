"""What every way to a host has in common: it runs a shell script and brings back what it printed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Protocol

from sickbay.errors import Missing, Unreadable
from sickbay.inventory.units import show

MOST_BYTES = 32 * 2**20
"""Output kept of one script, both streams together: a host must not fill our memory."""
_CHUNK = 2**16


@dataclass(frozen=True, slots=True)
class Output:
    """What a script printed. ``broken`` says why it is not all of it, where it is not."""

    stdout: bytes
    stderr: bytes
    broken: Missing | None = None


class Transport(Protocol):
    """A host that has let us in."""

    async def run(self, script: str, seconds: float) -> Output:
        """Run a script by the host's sh and end it after ``seconds``; raises nothing of its own."""


class Reader(Protocol):
    """The reading end of a stream of bytes."""

    async def read(self, n: int = -1, /) -> bytes: ...


@dataclass(slots=True)
class Intake:
    """Both output streams of a script while they come in, up to MOST_BYTES together."""

    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)

    async def take(self, stdout: Reader, stderr: Reader) -> None:
        """Read both to their ends; Unreadable when they hold too much."""
        both = [
            asyncio.ensure_future(self._drain(stdout, self.stdout)),
            asyncio.ensure_future(self._drain(stderr, self.stderr)),
        ]
        try:
            await asyncio.gather(*both)
        finally:
            for reading in both:
                reading.cancel()

    async def _drain(self, reader: Reader, kept: bytearray) -> None:
        while chunk := await reader.read(_CHUNK):
            if len(self.stdout) + len(self.stderr) + len(chunk) > MOST_BYTES:
                raise Unreadable(
                    f"the host sent more than {show(MOST_BYTES, 'bytes')} of answers",
                    "find out what on the host prints without end",
                )
            kept += chunk

    def output(self, broken: Missing | None = None) -> Output:
        """What has come in so far."""
        return Output(bytes(self.stdout), bytes(self.stderr), broken)
