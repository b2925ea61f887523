"""testinfra's other ways to a host (docker://, podman://, kubectl://, chroot:// ...)."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from sickbay.errors import Missing, TimedOut, Unreachable, Unreadable, Unsupported
from sickbay.inventory.units import show
from sickbay.targets.host.transport import MOST_BYTES, Output
from sickbay.targets.threads import in_thread


class Backend:
    """A host behind one of testinfra's backends."""

    def __init__(self, host: Any) -> None:
        self._host = host

    async def run(self, script: str, seconds: float) -> Output:
        """Run the script as an argument of sh: these backends give no standard input."""
        try:
            async with asyncio.timeout(seconds):
                ran = await in_thread(partial(self._host.run, "sh -c %s", script))
        except TimeoutError:
            return Output(b"", b"", TimedOut(f"no answer within {show(seconds, 'seconds')}"))
        except Exception as error:  # noqa: BLE001 (each backend raises what its client raises)
            said = str(error).strip().partition("\n")[0]
            return Output(b"", b"", Unreachable(f"{type(error).__name__}: {said}"))
        stdout, stderr = ran.stdout_bytes, ran.stderr_bytes
        flood: Missing | None = None
        if len(stdout) + len(stderr) > MOST_BYTES:
            flood = Unreadable(f"the host sent more than {show(MOST_BYTES, 'bytes')} of answers")
        return Output(stdout[:MOST_BYTES], stderr[:MOST_BYTES], flood)


async def backend(spec: str) -> Backend:
    """The host of a testinfra host spec. Raises Unsupported where testinfra does not know it."""
    try:
        return Backend(await in_thread(partial(testinfra_host, spec)))
    except ImportError as error:
        raise Unsupported(
            f"{spec} needs a package that is not installed: {error}", f"pip install {error.name}"
        ) from None
    except RuntimeError as error:
        raise Unsupported(f"{spec}: {error}", "see testinfra's list of backends") from None


def testinfra_host(spec: str) -> Any:
    """testinfra's Host for a spec."""
    import testinfra  # noqa: PLC0415 (only where it is used)

    if spec.startswith("chroot://"):  # testinfra looks for a host's name in it and finds none
        return testinfra.get_host(spec.removeprefix("chroot://"), connection="chroot")
    return testinfra.get_host(spec)
