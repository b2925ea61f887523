"""Run a command of the lab's, and say what it said when it fails."""

from __future__ import annotations

import subprocess


def run(*command: str) -> str:
    """A command's output; RuntimeError with that output when it fails."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(command)} ended with {done.returncode}: {done.stdout.strip()}"
        )
    return done.stdout
