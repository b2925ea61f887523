"""Start the demo's system, diagnose it, stop it, and say where the report lies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from lab.demo.parts import system

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """0 when the suite ran and found that the system is ill, as it is."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    print("starting PostgreSQL, Redis, AWS (moto) and a web shop ...", flush=True)
    with tempfile.TemporaryDirectory(prefix="sickbay-demo-") as folder:
        Path(folder).chmod(0o755)  # PostgreSQL runs as a user of its own when we are root
        with system(Path(folder)) as variables:
            done = subprocess.run(
                [sys.executable, "-m", "pytest", "--hosts=demo", *sys.argv[1:]],
                cwd=ROOT,
                env={**os.environ, **variables},
                stdin=subprocess.DEVNULL,
                check=False,
            )
    report = ROOT / "reports/latest/report.html"
    if done.returncode != pytest.ExitCode.TESTS_FAILED or not report.exists():
        print(f"the demo did not go as it should (pytest ended with {done.returncode})")
        return 1
    findings = json.loads(report.with_name("diagnosis.json").read_text())["summary"]["findings"]
    print(f"\nThe demo's system is ill, and the suite found it: {findings} findings.")
    print(f"The whole report: {report.resolve()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
