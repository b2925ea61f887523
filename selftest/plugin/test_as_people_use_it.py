"""pytest as people use it: the options and habits that a plugin must not break."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest


def test_keyword_narrows_the_run(suite: pytest.Pytester) -> None:
    """-k means what it always means."""
    suite.runpytest("--hosts=two.yaml", "-k", "few_tags and not b").assert_outcomes(
        passed=1, deselected=9
    )


def test_severity_marker_narrows_the_run(suite: pytest.Pytester) -> None:
    """-m critical takes the critical health tests, and strict markers hold."""
    result = suite.runpytest("--hosts=two.yaml", "-m", "critical and infra", "--strict-markers")
    result.assert_outcomes(passed=2, deselected=8)


def test_stop_at_the_first_finding_says_what_was_not_run(suite: pytest.Pytester) -> None:
    """-x stops; the diagnosis does not pretend to have seen the rest."""
    suite.runpytest("--hosts=ill.yaml", "-x")
    diagnosis = json.loads((suite.path / "reports/latest/diagnosis.json").read_text())
    assert diagnosis["summary"]["not_run"] > 0


def test_last_failed_runs_only_the_findings(suite: pytest.Pytester) -> None:
    """--lf repeats what failed."""
    suite.runpytest("--hosts=ill.yaml")
    suite.runpytest("--hosts=ill.yaml", "--lf").assert_outcomes(failed=1)


def test_workers_give_one_merged_diagnosis(suite: pytest.Pytester) -> None:
    """With -n the verdicts of all workers add up, and nothing is left behind."""
    suite.runpytest("--hosts=ill.yaml")
    alone = json.loads((suite.path / "reports/latest/diagnosis.json").read_text())
    result = suite.runpytest("--hosts=ill.yaml", "-n", "2", "--reports-dir=spread")
    result.assert_outcomes(passed=6, failed=1, skipped=3)
    spread = json.loads((suite.path / "spread/latest/diagnosis.json").read_text())
    assert spread["summary"] == alone["summary"]
    assert spread["roots"] == alone["roots"]
    assert (suite.path / "spread/latest/snapshot.json").exists()


def test_without_cache_provider_runs(suite: pytest.Pytester) -> None:
    """-p no:cacheprovider, as in read-only checkouts."""
    suite.runpytest("--hosts=two.yaml", "-p", "no:cacheprovider").assert_outcomes(
        passed=8, skipped=2
    )


def test_collecting_only_contacts_nothing_and_writes_nothing(suite: pytest.Pytester) -> None:
    """--collect-only lists the tests; no report comes of it."""
    result = suite.runpytest("--hosts=two.yaml", "--co", "-q", "-m", "critical")
    result.stdout.fnmatch_lines(
        ["test_suite.py::test_answers[[]a[]]", "test_suite.py::test_answers[[]b[]]"]
    )
    assert not (suite.path / "reports").exists()


def test_own_tests_and_conftest_stand_beside_ours(suite: pytest.Pytester) -> None:
    """A team's own fixtures, facts-using tests and failures keep pytest's ways, traceback included."""
    suite.makeconftest("import pytest\n@pytest.fixture\ndef answer():\n    return 42\n")
    suite.makepyfile(
        test_own="""
        def test_own(answer):
            assert answer == 41
        def test_with_a_fact(contact, filesystems):
            assert contact.outcome == "answered"
        """
    )
    result = suite.runpytest("--hosts=two.yaml")
    result.assert_outcomes(passed=10, skipped=2, failed=1)
    result.stdout.fnmatch_lines(["*FAILURES*", ">*assert answer == 41", "E*assert 42 == 41"])


def test_session_without_health_tests_leaves_no_trace(pytester: pytest.Pytester) -> None:
    """Installed beside an ordinary suite, the plugin prints and writes nothing."""
    pytester.makepyfile("def test_it():\n    assert True\n")
    result = pytester.runpytest()
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*diagnosis*")
    assert not (pytester.path / "reports").exists()


def test_interrupt_still_writes_the_reports(suite: pytest.Pytester) -> None:
    """Ctrl-C in the middle leaves a diagnosis that says it was interrupted."""
    suite.makepyfile(
        test_zz_slow="""
        import time
        def test_slow(filesystems):
            open("started", "w").close()
            time.sleep(30)
        """
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "--hosts=two.yaml"],
        cwd=suite.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    for _ in range(200):
        if (suite.path / "started").exists():
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == pytest.ExitCode.INTERRUPTED, output
    diagnosis = json.loads((suite.path / "reports/latest/diagnosis.json").read_text())
    assert diagnosis["run"]["interrupted"] is True
    assert diagnosis["summary"]["healthy"] == 8


def test_two_kinds_in_one_plain_test_is_a_clear_error(pytester: pytest.Pytester) -> None:
    """A test is about one target; what to do otherwise is said."""
    pytester.makepyfile("def test_both(host, nodes):\n    pass\n")
    result = pytester.runpytest()
    result.stdout.fnmatch_lines(["*asks for facts of 2 kinds of target (host, kubernetes)*"])
