"""A world: real systems, an inventory that describes them, and a way to run the suite on them."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RECORDINGS = ROOT / "lab" / "recordings"
RUN_SECONDS = 120
"""A run of the suite on a lab world takes seconds; one that takes this long hangs."""


@dataclass(frozen=True)
class Outcome:
    """What one run of the suite left: its diagnosis, its snapshot, its output and exit code.

    ``files`` are all reports by their path, those that the test tools write beside ours included.
    """

    diagnosis: Mapping[str, Any]
    snapshot: bytes
    output: str
    exit_code: int
    files: Mapping[str, bytes]


@dataclass(frozen=True)
class World:
    """Running systems. ``parts`` are what faults may ask for; ``environ`` what the inventory's
    variables need; ``prefix`` the command that puts a process where it can reach the systems.
    """

    name: str
    inventory: Path
    parts: Mapping[str, Any]
    environ: Mapping[str, str] = field(default_factory=dict)
    prefix: tuple[str, ...] = ()

    def diagnose(self, *options: str) -> Outcome:
        """Run the suite as a user does, and read what it left."""
        with tempfile.TemporaryDirectory(prefix="sickbay-lab-") as reports:
            done = subprocess.run(
                [
                    *self.prefix, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
                    f"--hosts={self.inventory}", f"--reports-dir={reports}",
                    *([f"--history={self.history}"] if self.history.is_dir() else []), *options,
                ],
                cwd=ROOT,
                env={**os.environ, **self.environ},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=RUN_SECONDS,
                check=False,
            )  # fmt: skip
            latest = Path(reports) / "latest"
            try:
                diagnosis = json.loads((latest / "diagnosis.json").read_text())
                snapshot = (latest / "snapshot.json").read_bytes()
            except FileNotFoundError:
                raise RuntimeError(f"the run left no reports:\n{done.stdout}") from None
            files = {
                str(path.relative_to(reports)): path.read_bytes()
                for path in sorted(Path(reports).rglob("*"))
                if path.is_file()
            }
            return Outcome(diagnosis, snapshot, done.stdout, done.returncode, files)

    @property
    def history(self) -> Path:
        """Where the reports of earlier runs lie, where there were any."""
        return self.inventory.parent / "history"

    def remember(self, *options: str) -> None:
        """Run the suite, for later runs to compare with."""
        seen = self.diagnose(*options)
        run = self.history / f"{len(list(self.history.glob('*'))):03}"
        run.mkdir(parents=True)
        (run / "snapshot.json").write_bytes(seen.snapshot)

    def forget(self) -> None:
        """Have no history any more."""
        shutil.rmtree(self.history)


def record(name: str, snapshot: bytes) -> None:
    """Keep a snapshot for the fast tests; the same content gives the same file."""
    RECORDINGS.mkdir(exist_ok=True)
    (RECORDINGS / f"{name}.json.gz").write_bytes(gzip.compress(snapshot, 9, mtime=0))


def recording(name: str) -> bytes:
    """A kept snapshot."""
    return gzip.decompress((RECORDINGS / f"{name}.json.gz").read_bytes())
