"""Where reports go, what happens when one fails, and what users see through the real plugin."""

from __future__ import annotations

import json
import os
import pty
import re
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from selftest.unit.reports import samples
from sickbay import reports
from sickbay.redact import Redactor
from sickbay.reports import allure, html


def a_run(**changes: Any) -> Any:
    return SimpleNamespace(
        snapshot=None, inventory=None, redactor=Redactor(), unwritten=[], **changes
    )


FILES = {"diagnosis.json", "report.html", "report.md", "junit.xml", "allure-results"}


def test_every_report_is_written_and_latest_points_to_it(tmp_path: Path) -> None:
    """One folder per run, named by its moment; latest is a relative link."""
    run = a_run()
    home = reports.write(tmp_path / "r", run, samples.rich())
    assert home == tmp_path / "r/20261123T063304"
    assert {path.name for path in home.iterdir()} == FILES
    assert (tmp_path / "r/latest").readlink() == Path("20261123T063304")
    assert run.unwritten == []
    assert {path.name for path in (tmp_path / "r").iterdir()} == {"latest", "20261123T063304"}


def test_second_run_in_the_same_second_leaves_the_first_alone(tmp_path: Path) -> None:
    """Nothing is overwritten."""
    first = reports.write(tmp_path, a_run(), samples.rich())
    second = reports.write(tmp_path, a_run(), samples.healthy())
    assert first is not None
    assert second == tmp_path / "20261123T063304-2"
    assert json.loads((first / "diagnosis.json").read_text())["summary"]["findings"] == 7
    assert (tmp_path / "latest").readlink() == Path("20261123T063304-2")


def test_files_have_the_permissions_of_the_umask(tmp_path: Path) -> None:
    """Neither secretive nor open to all: what the operator's umask says."""
    before = os.umask(0o027)
    try:
        home = reports.write(tmp_path, a_run(), samples.rich())
    finally:
        os.umask(before)
    assert home is not None
    assert stat.S_IMODE(home.stat().st_mode) == 0o750
    for path in home.rglob("*"):
        if path.is_file():
            assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_failing_renderer_does_not_lose_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What went wrong is told in a line."""

    def broken(_: object) -> str:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(html, "render", broken)
    run = a_run()
    home = reports.write(tmp_path, run, samples.rich())
    assert home is not None
    assert {path.name for path in home.iterdir()} == FILES - {"report.html"}
    assert run.unwritten == ["report.html could not be written: ZeroDivisionError: oops"]


def test_missing_allure_library_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without allure-pytest there is no folder and no complaint."""
    monkeypatch.setattr(allure, "installed", lambda: False)
    run = a_run()
    home = reports.write(tmp_path, run, samples.rich())
    assert home is not None
    assert not (home / "allure-results").exists()
    assert run.unwritten == []


def test_folder_that_cannot_be_made_is_told_and_does_not_raise(tmp_path: Path) -> None:
    """A read-only checkout must not cost the diagnosis on the terminal."""
    (tmp_path / "file").write_text("")
    run = a_run()
    assert reports.write(tmp_path / "file/reports", run, samples.rich()) is None
    assert run.unwritten[0].startswith("no reports were written:")


def test_where_links_fail_latest_is_a_copy_that_the_next_run_renews(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some file systems have no symbolic links."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    reports.write(tmp_path, a_run(), samples.rich())
    home = reports.write(tmp_path, a_run(), samples.healthy())
    assert home is not None
    latest = tmp_path / "latest"
    assert not latest.is_symlink()
    assert (latest / "diagnosis.json").read_text() == (home / "diagnosis.json").read_text()
    monkeypatch.undo()
    reports.write(tmp_path, a_run(), samples.chain())
    assert latest.is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "20261123T063304", "20261123T063304-2", "20261123T063304-3", "latest",
    ]  # fmt: skip


def test_folder_named_latest_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    """Nothing of anybody's is deleted."""
    (tmp_path / "latest").mkdir()
    (tmp_path / "latest/mine").write_text("precious")
    run = a_run()
    assert reports.write(tmp_path, run, samples.rich()) is not None
    assert (tmp_path / "latest/mine").read_text() == "precious"
    assert "a folder that no run has made" in run.unwritten[0]


# ---------------------------------------------------------------------- through the plugin

SUITE = '''
from sickbay.judge import worst
from sickbay.symptoms import symptom


@symptom("host.many-tags", severity="critical", layer="infra")
def test_few_tags(declared, contact):
    """Many tags are hard to read."""
    assert len(declared.tags) <= 2


@test_few_tags.cause("someone likes tags", remedy="Take some away.")
def liked(declared):
    return declared.tags


@symptom("host.loud", severity="minor", layer="infra", explained_by=["host.many-tags"])
def test_quiet(declared, contact):
    """Loud hosts wake people."""
    assert "loud" not in declared.tags
'''


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """Two health tests and inventories of this machine."""
    pytester.makepyfile(test_own_suite=SUITE)
    pytester.makefile(
        ".yaml",
        fine="hosts:\n  a: {connection: local}\n  b: {connection: local}\n",
        ill="hosts:\n  a: {connection: local}\n  b: {connection: local, tags: [x, y, loud]}\n",
    )
    return pytester


def test_healthy_run_says_so_in_a_line(suite: pytest.Pytester) -> None:
    """And where the page lies."""
    result = suite.runpytest("--hosts=fine.yaml")
    result.stdout.fnmatch_lines(
        [
            "*= diagnosis =*",
            "Healthy: 4 health tests on 2 targets (*)",
            "report: reports/latest/report.html",
        ]
    )
    assert (suite.path / "reports/latest/report.html").is_file()


def test_finding_is_told_before_pytests_own_summary(suite: pytest.Pytester) -> None:
    """Cause, remedy and consequence, plain where no terminal reads along."""
    result = suite.runpytest("--hosts=ill.yaml")
    result.stdout.fnmatch_lines(
        [
            "*= diagnosis =*",
            "CRITICAL host.many-tags on b",
            "  Many tags are hard to read.",
            "  found   3 is not <= 2",
            "  cause   someone likes tags",
            "  do      Take some away.",
            "  hence   host.loud on b: *(minor)",
            "2 findings (1 critical, 1 minor), 2 healthy; 2 targets in *",
            "report: reports/latest/report.html",
            "*= short test summary info =*",
        ]
    )
    assert "\x1b" not in result.stdout.str()


def test_stopping_at_the_first_finding_says_how_much_was_not_run(suite: pytest.Pytester) -> None:
    """-x leaves a diagnosis that knows what it did not see."""
    result = suite.runpytest("--hosts=ill.yaml", "-x")
    result.stdout.fnmatch_lines(["1 finding (1 critical), 2 not run, 1 healthy; 2 targets in *"])


def test_explanation_is_told_even_where_the_run_ended_before_its_turn(
    suite: pytest.Pytester,
) -> None:
    """What explains a finding is judged, whether or not its own test was run."""
    suite.makeconftest(
        """
        def pytest_collection_modifyitems(session, items):
            items.reverse()
        def pytest_runtest_logreport(report):
            if "test_quiet[b]" in report.nodeid and report.when == "teardown":
                import pytest
                pytest.exit("enough")
        """
    )
    suite.runpytest("--hosts=ill.yaml")
    diagnosis = json.loads((suite.path / "reports/latest/diagnosis.json").read_text())
    assert [root["symptom"] for root in diagnosis["roots"]] == ["host.many-tags"]
    assert diagnosis["run"]["interrupted"] is True
    assert diagnosis["summary"]["not_run"] == 2


def test_terminal_gets_colours_and_wrapped_lines(suite: pytest.Pytester) -> None:
    """On a terminal: bold and red, at most as wide as it is; NO_COLOR takes the colours away."""
    command = [sys.executable, "-m", "pytest", "--hosts=ill.yaml", "-p", "no:cacheprovider"]
    plain_environment = {
        k: v for k, v in os.environ.items() if k not in {"NO_COLOR", "PY_COLORS", "FORCE_COLOR"}
    }
    environment = {**plain_environment, "TERM": "xterm", "COLUMNS": "44"}
    coloured = _on_a_terminal(command, suite.path, environment)
    assert "\x1b[31m\x1b[1mCRITICAL" in coloured
    shown = re.sub(r"\x1b\[[0-9;]*[mK]", "", coloured).replace("\r", "")
    _, _, diagnosis = shown.partition("= diagnosis =")
    told = diagnosis.partition("short test summary")[0].splitlines()[1:-1]
    assert max(map(len, told)) <= 44
    assert "\x1b[31m" not in _on_a_terminal(command, suite.path, {**environment, "NO_COLOR": "1"})


def test_c_locale_gets_ascii(suite: pytest.Pytester) -> None:
    """Nothing raises and nothing is unreadable where the stream knows ASCII only."""
    environment = {**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--hosts=ill.yaml", "-p", "no:cacheprovider"],
        cwd=suite.path, env=environment, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert b"CRITICAL host.many-tags on b" in done.stdout
    assert done.stdout.isascii()


def _on_a_terminal(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    """What a command prints where its output is a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=theirs, stderr=theirs, stdin=theirs
    )
    os.close(theirs)
    output = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:
            break
        if not piece:
            break
        output += piece
    process.wait(timeout=60)
    os.close(ours)
    return output.decode()
