"""What is installed is all that is needed: the health tests and inventories come along."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's content."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def _run(installed: Path, folder: Path, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(installed)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_wheel_without_a_clone_runs_the_health_tests(installed: Path, tmp_path: Path) -> None:
    """--pyargs finds them, and this machine can be looked at."""
    said = _run(
        installed, tmp_path, "pytest", "--pyargs", "sickbay.tests", "--hosts=local", "-m", "infra",
        "-q",
    )  # fmt: skip
    assert "report: reports/latest/report.html" in said, said
    assert "host.disk-filling" in (tmp_path / "reports/latest/diagnosis.json").read_text()


def test_wheel_knows_its_symptoms_and_proofs(installed: Path, tmp_path: Path) -> None:
    """The command line has them too."""
    said = _run(installed, tmp_path, "sickbay.cli", "explain", "host.disk-filling")
    assert "journalctl --vacuum-size=500M" in said, said
