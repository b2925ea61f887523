"""This machine: the script runs in a subprocess."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal

from sickbay.errors import Missing, TimedOut, Unreadable, Unsupported
from sickbay.inventory.units import show
from sickbay.targets.host.transport import Intake, Output

_ENDING_SECONDS = 1


class Local:
    """This machine, as the user that runs pytest."""

    async def run(self, script: str, seconds: float) -> Output:
        """Run the script in a session of its own, whose processes all end with the time limit."""
        try:
            process = await asyncio.create_subprocess_exec(
                "sh", "-s", stdin=-1, stdout=-1, stderr=-1, start_new_session=True
            )
        except OSError as error:
            return Output(b"", b"", Unsupported(f"sh cannot be started here: {error}"))
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        intake = Intake()
        broken: Missing | None = None
        try:
            async with asyncio.timeout(seconds):
                process.stdin.write(script.encode())
                process.stdin.close()
                await intake.take(process.stdout, process.stderr)
        except TimeoutError:
            broken = TimedOut(f"no answer within {show(seconds, 'seconds')}")
        except Unreadable as flood:
            broken = flood
        finally:
            _end(process.pid)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _ENDING_SECONDS)
        return intake.output(broken)


def _end(group: int) -> None:
    """End every process of the group, also those that a part left running in the background."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
