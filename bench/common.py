"""What the benchmarks share: run a command, and tell its time and peak memory."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


USUAL = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
"""Without what keeps Python from remembering what it compiled: nobody runs it so for speed."""


@dataclass(frozen=True)
class Cost:
    """What a process took: wall and CPU seconds, peak resident memory in MiB, and what it printed."""

    wall: float
    cpu: float
    peak: float
    output: str

    def __str__(self) -> str:
        return f"{self.wall:7.2f} s wall {self.cpu:7.2f} s cpu {self.peak:7.0f} MiB"


def cost(*command: str, cwd: Path = ROOT, **environ: str) -> Cost:
    """Run a command to its end, whatever its exit code."""
    started = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env={**USUAL, **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    output = process.stdout.read()
    _, _, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - started
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, output)


def pytest_cost(*options: str, cwd: Path = ROOT, **environ: str) -> Cost:
    """A pytest run in a process of its own."""
    return cost(sys.executable, "-m", "pytest", *options, cwd=cwd, **environ)


def seconds_in_summary(output: str) -> float:
    """pytest's own figure: from the start of collection to the end of the last test."""
    found = re.search(r" in ([\d.]+)s", output.rstrip().splitlines()[-1])
    if found is None:
        raise SystemExit(f"the run did not end as expected:\n{output[-2000:]}")
    return float(found[1])
