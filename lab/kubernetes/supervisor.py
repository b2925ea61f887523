"""Run servers for exactly as long as the process that asked for them lives.

Run as a script of its own with a directory as its argument. Each line on standard input is an order
in JSON and is answered by one line: ``{"start": NAME, "argv": [...]}``, ``{"stop": NAME}``, or
``{"ended": true}`` (which servers have ended by themselves). When standard input ends, be it that the
asker closed it or that it died in whatever way, all servers are killed and the directory, in which
they run and log, is removed. Uses only the standard library, so that it starts at once.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1


class Supervisor:
    """The servers that run in ``directory``; ``NAME.log`` there has what each one said."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.servers: dict[str, subprocess.Popen[bytes]] = {}

    def obey(self, order: dict[str, Any]) -> dict[str, Any]:
        if "start" in order:
            return {"pid": self.start(order["start"], order["argv"])}
        if "stop" in order:
            self.stop([order["stop"]])
            return {}
        return {
            name: run.returncode for name, run in self.servers.items() if run.poll() is not None
        }

    def start(self, name: str, argv: list[str]) -> int:
        with (self.directory / f"{name}.log").open("ab") as log:
            self.servers[name] = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509  this process has one thread
            )
        return self.servers[name].pid

    def stop(self, names: list[str]) -> None:
        """Kill: nothing that these servers would do on an orderly way out is of use to anyone."""
        ending = [self.servers.pop(name) for name in names]
        for server in ending:
            server.kill()
        for server in ending:
            server.wait()


def _die_with(parent: int) -> Callable[[], None]:
    prctl = ctypes.CDLL(None).prctl  # looked up before the fork

    def preexec() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)

    return preexec


def main() -> None:
    directory = Path(sys.argv[1])
    supervisor = Supervisor(directory)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        for line in sys.stdin:
            print(json.dumps(supervisor.obey(json.loads(line))), flush=True)
    finally:
        supervisor.stop(list(supervisor.servers))
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
