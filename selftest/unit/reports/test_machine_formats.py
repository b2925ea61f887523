"""diagnosis.json, junit.xml, report.md and allure-results: what programs read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import msgspec
import pytest

from selftest.unit.reports import samples
from sickbay.diagnosis import Diagnosis, without_secrets
from sickbay.redact import Redactor
from sickbay.reports import allure, junit, markdown, schema

PROJECT = Path(__file__).parents[3]


def cases(diagnosis: Diagnosis) -> dict[str, str]:
    """Outcome per test case name."""
    root = ET.fromstring(junit.render(diagnosis))
    return {
        case.get("name", ""): next(
            (child.tag for child in case if child.tag in {"failure", "error", "skipped"}), "passed"
        )
        for case in root.iter("testcase")
    }


def test_published_schema_is_current() -> None:
    """docs/diagnosis.schema.json is what the model says: python -m sickbay.reports.schema FILE."""
    assert (PROJECT / "docs/diagnosis.schema.json").read_text() == schema.text()


@pytest.mark.parametrize("name", samples.EVERY)
def test_diagnosis_fits_its_schema(name: str) -> None:
    """Every diagnosis validates, and reads back as the same."""
    jsonschema = pytest.importorskip("jsonschema")
    written = msgspec.json.encode(samples.EVERY[name]())
    jsonschema.validate(json.loads(written), schema.schema())
    assert msgspec.json.encode(msgspec.json.decode(written, type=Diagnosis)) == written


def test_diagnosis_has_the_keys_that_programs_rely_on() -> None:
    """The top-level keys of the first published format."""
    data = json.loads(msgspec.json.encode(samples.rich()))
    assert {"schema_version", "run", "summary", "roots", "findings", "not_evaluated"} <= set(data)
    assert {"inventory", "started", "duration_s", "options"} <= set(data["run"])
    finding = data["findings"][0]
    assert {
        "symptom", "target", "kind", "layer", "severity", "title", "measured", "limit", "limit_source",
        "evidence", "causes", "explained_by", "signals",
    } <= set(finding)  # fmt: skip
    assert data["summary"]["by_severity"] == {"critical": 3, "major": 3, "minor": 1}


def test_targets_tell_their_condition() -> None:
    """Ill, unreachable, not all seen, waived, healthy: each from its own verdicts."""
    conditions = {target.name: target.condition for target in samples.rich().targets}
    assert conditions["app1"] == "ill"
    assert conditions["db2"] == "unreachable"
    assert conditions["worker1"] == "unseen"
    assert conditions["cache"] == "waived"
    assert conditions["app2"] == "healthy"


# ---------------------------------------------------------------------- the second net


def test_secrets_in_late_text_are_masked() -> None:
    """A message made after the facts were redacted goes through the redactor again."""
    secret = "correct-horse-battery"
    gap = samples.Gap(reason="unreadable", detail=f"ValueError: postgres://app:{secret}@db/x")
    diagnosis = samples.of(
        samples.verdict(
            "host.x", "a", "finding", message=f"said {secret}",
            evidence=[{"_": "row", "line": f"token {secret}", "password": "hunter2"}],
            causes=[samples.WeighedCause(id="c", text="c", status="possible", remedy="r", detail=secret)],
        ),
        samples.verdict("host.y", "a", "not_evaluated", gap=gap),
        samples.verdict("host.z", "a", "not_applicable", message=secret),
        options={"hosts": f"ssh://root:{secret}@h"},
    )  # fmt: skip
    written = msgspec.json.encode(without_secrets(diagnosis, Redactor([secret]))).decode()
    assert secret not in written
    assert "hunter2" not in written


def test_text_that_cannot_be_encoded_is_made_printable_and_bounded() -> None:
    """A lone surrogate or a line of a megabyte must not cost the reports."""
    diagnosis = samples.of(
        samples.verdict(
            "host.x",
            "a",
            "finding",
            message="bad \udc80 byte",
            evidence=[{"_": "r", "l": "x" * 10**6}],
        )
    )
    written = msgspec.json.encode(without_secrets(diagnosis, Redactor()))
    assert len(written) < 10_000


# ---------------------------------------------------------------------- junit


def test_junit_maps_outcomes_as_pytest_does() -> None:
    """Roots fail, what they explain and what is waived is skipped, what is hidden is an error."""
    outcome = cases(samples.rich())
    assert outcome["host.disk-filling on app1"] == "failure"
    assert outcome["endpoint.wrong-status on api"] == "skipped"
    assert outcome["host.overloaded on db2"] == "skipped"
    assert outcome["postgres.lock-waits on main"] == "error"
    assert outcome["redis.memory-full on cache"] == "skipped"
    assert outcome["redis.persistence-failing on cache"] == "skipped"
    assert outcome["host.zombies on app1"] == "passed"
    assert outcome["came to its end"] == "error"


@pytest.mark.parametrize("name", samples.EVERY)
def test_junit_counts_add_up(name: str) -> None:
    """Readers trust the numbers in the heads."""
    root = ET.fromstring(junit.render(samples.EVERY[name]()))
    for key, tag in (
        ("tests", "testcase"),
        ("failures", "failure"),
        ("errors", "error"),
        ("skipped", "skipped"),
    ):
        assert int(root.get(key, "-1")) == len(list(root.iter(tag)))
        assert sum(int(suite.get(key, "-1")) for suite in root) == int(root.get(key, "-1"))


@pytest.mark.parametrize("name", ["circle", "orphan", "one finding", "all unreachable"])
def test_junit_of_an_ill_run_has_a_failure(name: str) -> None:
    """However odd the explanations are, a reader that counts failures sees one."""
    assert "failure" in cases(samples.EVERY[name]()).values()


def test_junit_of_a_run_cut_short_has_an_error() -> None:
    """Nothing run is not nothing wrong."""
    assert cases(samples.interrupted_at_once()) == {"came to its end": "error"}


def test_junit_names_stay_the_same_when_the_outcome_changes() -> None:
    """A CI server follows a case by classname and name."""

    def names(state: str) -> set[tuple[str | None, str | None]]:
        root = ET.fromstring(junit.render(samples.of(samples.verdict("host.x", "a", state))))
        return {(c.get("classname"), c.get("name")) for c in root.iter("testcase")}

    assert names("healthy") == names("finding") == {("infra.host", "host.x on a")}


# ---------------------------------------------------------------------- markdown


def test_markdown_tells_story_and_remedy() -> None:
    """The same order as the terminal."""
    text = markdown.render(samples.rich())
    assert text.startswith("## 🔴 4 root causes explain 7 findings")
    assert "    - `endpoint.wrong-status` on **api**: `status 502 is not == 200` (critical)" in text
    assert "  - **Do:** GRANT pg\\_monitor TO monitor;" in text
    assert markdown.render(samples.healthy()).startswith("## 🟢 Healthy")
    assert markdown.render(samples.interrupted_at_once()).startswith("## 🟡 Nothing was evaluated")


def test_markdown_keeps_hostile_text_harmless() -> None:
    """Outside of code spans no HTML, link or mention survives; code spans cannot be left."""
    text = markdown.render(samples.hostile())
    prose = "".join(part for i, part in enumerate(_outside_of_code(text)) if i % 2 == 0)
    assert "<script" not in prose
    assert "@everyone" not in prose
    assert "](javascript" not in prose.replace("\\]", "")
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) < 4000


def _outside_of_code(text: str) -> list[str]:
    """Parts of a text outside and inside of code spans, in turn, as CommonMark splits them."""
    parts, rest = [], text
    while "`" in rest:
        before, rest = rest[: rest.index("`")], rest[rest.index("`") :]
        if before.endswith("\\"):
            parts.append(before + rest[0])
            parts.append("")
            rest = rest[1:]
            continue
        fence = rest[: len(rest) - len(rest.lstrip("`"))]
        end = _closing(rest, fence)
        parts += [before, rest[:end]]
        rest = rest[end:]
    return [*parts, rest]


def _closing(text: str, fence: str) -> int:
    at = len(fence)
    while True:
        at = text.index(fence, at)
        run = len(text[at:]) - len(text[at:].lstrip("`"))
        if run == len(fence):
            return at + run
        at += run


def test_markdown_of_a_huge_run_fits_a_step_summary() -> None:
    """GitHub takes one MiB."""
    assert len(markdown.render(samples.huge(1000, 20, ill=500)).encode()) < 2**20


# ---------------------------------------------------------------------- allure


def allure_results(folder: Path, diagnosis: Diagnosis) -> dict[str, dict[str, Any]]:
    pytest.importorskip("allure_commons")
    allure.write(folder, diagnosis)
    every = [json.loads(path.read_text()) for path in folder.glob("*-result.json")]
    return {result["fullName"]: result for result in every}


def labels(result: dict[str, Any]) -> dict[str, str]:
    return {label["name"]: label["value"] for label in result["labels"]}


def test_allure_maps_outcomes_labels_and_steps(tmp_path: Path) -> None:
    """Severity, epic, feature, target, causes as steps, evidence attached."""
    results = allure_results(tmp_path, samples.rich())
    root = results["host.disk-filling on app1"]
    assert root["status"] == "failed"
    assert labels(root)["epic"] == "infra"
    assert labels(root)["feature"] == "host"
    assert labels(root)["severity"] == "critical"
    assert root["parameters"] == [{"name": "target", "value": "app1"}]
    assert [step["status"] for step in root["steps"]] == ["failed", "broken", "passed"]
    assert root["stop"] - root["start"] == 400
    assert "journalctl --vacuum-size=500M" in root["description"]
    for attachment in (*root["attachments"], *root["steps"][0]["attachments"]):
        assert (tmp_path / attachment["source"]).stat().st_size > 0
    assert results["endpoint.wrong-status on api"]["status"] == "skipped"
    assert results["postgres.lock-waits on main"]["status"] == "broken"
    assert results["redis.memory-full on cache"]["statusDetails"]["known"] is True
    assert results["host.zombies on app1"]["status"] == "passed"
    assert results["run on run"]["status"] == "broken"


def test_allure_history_ids_are_the_same_in_the_next_run(tmp_path: Path) -> None:
    """History hangs on symptom and target, not on the run or its outcome."""
    first = allure_results(tmp_path / "1", samples.of(samples.verdict("host.x", "a", "finding")))
    second = allure_results(
        tmp_path / "2",
        samples.of(samples.verdict("host.x", "a"), started="2027-01-01T00:00:00+00:00"),
    )
    other = allure_results(tmp_path / "3", samples.of(samples.verdict("host.x", "b")))
    assert first["host.x on a"]["historyId"] == second["host.x on a"]["historyId"]
    assert first["host.x on a"]["uuid"] != second["host.x on a"]["uuid"]
    assert first["host.x on a"]["historyId"] != other["host.x on b"]["historyId"]
    assert first["host.x on a"]["testCaseId"] == other["host.x on b"]["testCaseId"]


def test_allure_of_a_huge_run_is_bounded(tmp_path: Path) -> None:
    """Tens of thousands of healthy verdicts do not become as many files."""
    results = allure_results(tmp_path, samples.huge(300, 10, ill=10))
    assert len(results) < 100
    assert results["host.c1 on many targets (passed)"]["statusDetails"]["message"].startswith(
        "passed on 300 targets"
    )


def test_allure_table_holds_no_formula(tmp_path: Path) -> None:
    """A log line that begins with = must not be computed by a spreadsheet."""
    verdict = samples.verdict(
        "host.x", "a", "finding", evidence=[{"_": "=cmd|' /C calc'!A0", "n": -1}]
    )
    allure_results(tmp_path, samples.of(verdict))
    (table,) = tmp_path.glob("*.csv")
    assert table.read_text().splitlines()[1] == "'=cmd|' /C calc'!A0,-1"


@pytest.mark.parametrize("name", samples.EVERY)
def test_allure_takes_every_diagnosis(name: str, tmp_path: Path) -> None:
    """Whatever the diagnosis looks like."""
    allure_results(tmp_path, samples.EVERY[name]())
