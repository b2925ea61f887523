"""How verdicts become results of pytest, in the lines and exit codes that a user sees."""

from __future__ import annotations

import json

import pytest


def test_suite_on_healthy_hosts_passes(suite: pytest.Pytester) -> None:
    """What is healthy passes, what does not apply is skipped with its reason, the exit code is 0."""
    result = suite.runpytest("--hosts=two.yaml", "-rs")
    result.assert_outcomes(passed=8, skipped=2)
    result.stdout.fnmatch_lines(["*not applicable: there is no such thing here*"])
    assert result.ret == pytest.ExitCode.OK


def test_finding_fails_and_what_it_explains_is_skipped(suite: pytest.Pytester) -> None:
    """Only the root fails; the other finding is skipped and points at it."""
    result = suite.runpytest("--hosts=ill.yaml", "-rfs")
    result.assert_outcomes(passed=6, failed=1, skipped=3)
    result.stdout.fnmatch_lines(["*explained by host.many-tags on b*"])
    result.stdout.fnmatch_lines(["FAILED test_suite.py::test_few_tags*b* - 3 is not <= 2"])
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_explanation_that_was_not_selected_hides_nothing(suite: pytest.Pytester) -> None:
    """A finding is only excused by one that is told in the same run."""
    result = suite.runpytest("--hosts=ill.yaml", "-k", "quiet")
    result.assert_outcomes(passed=1, failed=1, deselected=8)


def test_fact_that_is_denied_is_an_error_and_says_what_to_grant(suite: pytest.Pytester) -> None:
    """What could not be looked at counts against the run."""
    result = suite.runpytest("--hosts=shy.yaml")
    result.stdout.fnmatch_lines(["*test_hidden*not evaluated, denied: may not look (grant it)"])
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_waived_finding_is_an_xfail(suite: pytest.Pytester) -> None:
    """A waiver turns a finding into an expected failure with its reason and owner."""
    result = suite.runpytest("--hosts=waived.yaml", "-rx")
    result.assert_outcomes(passed=3, skipped=1, xfailed=1)
    result.stdout.fnmatch_lines(["XFAIL*test_few_tags*known (owner me, until 2999-01-01)*"])
    assert result.ret == pytest.ExitCode.OK


def test_diagnosis_json_tells_measure_limit_cause_and_explanation(suite: pytest.Pytester) -> None:
    """What the terminal tells is there as data."""
    suite.runpytest("--hosts=ill.yaml")
    diagnosis = json.loads((suite.path / "reports/latest/diagnosis.json").read_text())
    assert diagnosis["summary"]["findings"] == 2
    (root,) = diagnosis["roots"]
    assert (root["symptom"], root["target"], root["cause"]) == (
        "host.many-tags",
        "b",
        "someone likes tags",
    )
    assert root["explains"] == [{"symptom": "host.loud", "target": "b"}]
    finding = next(f for f in diagnosis["findings"] if f["symptom"] == "host.many-tags")
    assert (finding["measured"]["value"], finding["limit"]["value"]) == (3, 2)
    assert finding["causes"][0]["status"] == "confirmed"


def test_replay_of_a_run_gives_the_same_findings(suite: pytest.Pytester) -> None:
    """A snapshot judged again says the same, without its inventory file."""
    suite.runpytest("--hosts=ill.yaml")
    first = json.loads((suite.path / "reports/latest/diagnosis.json").read_text())
    snapshot = (suite.path / "reports/latest/snapshot.json").rename(suite.path / "kept.json")
    (suite.path / "ill.yaml").unlink()
    suite.runpytest(f"--replay={snapshot}", "--reports-dir=again")
    second = json.loads((suite.path / "again/latest/diagnosis.json").read_text())
    for key in ("roots", "findings", "not_evaluated", "not_applicable", "healthy"):
        assert first[key] == second[key]


def test_plain_assertion_rewriting_off_still_gives_a_finding(suite: pytest.Pytester) -> None:
    """With --assert=plain the numbers are lost, the finding is not."""
    result = suite.runpytest("--hosts=ill.yaml", "--assert=plain")
    result.assert_outcomes(passed=6, failed=1, skipped=3)


def test_health_test_that_breaks_is_not_healthy(pytester: pytest.Pytester) -> None:
    """A defect in a test is told as one; it is never a pass."""
    pytester.makepyfile(
        """
        from sickbay.symptoms import symptom
        @symptom("host.broken", severity="minor", layer="infra")
        def test_broken(contact):
            contact.no_such_thing
        """
    )
    result = pytester.runpytest("--hosts=local")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["FAILED*the health test itself failed: AttributeError*"])
