"""allure-results/: every verdict as an Allure result, written with allure-pytest's own library.

Epic is the layer, feature the kind of target, suite the symptom; the target is a parameter, so
that Allure shows a symptom's targets side by side and follows each through its history.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import importlib.util
import io
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from sickbay.assess import Ref
from sickbay.diagnosis import Diagnosis, Finding
from sickbay.reports.results import Outcome, Result, results
from sickbay.reports.terminal import told_in_full
from sickbay.reports.text import counted, found, listed, plain, row_text, verdict_line

MOST_ALIKE = 2000
"""Each result is a file. Where more than this came out alike, those of one symptom become one."""
MOST_ATTACHED = 200
"""Findings whose evidence is attached; that of the others is in diagnosis.json."""
_STATUS: dict[Outcome, str] = {
    "passed": "passed", "failed": "failed", "error": "broken", "skipped": "skipped",
    "waived": "skipped",
}  # fmt: skip
_SEVERITY = {"critical": "critical", "major": "normal", "minor": "minor"}
_CAUSE = {"confirmed": "failed", "possible": "broken", "ruled_out": "passed"}
"""A step that stands out is a cause that holds."""


def installed() -> bool:
    """Whether allure-pytest (its library allure_commons) is there."""
    return importlib.util.find_spec("allure_commons") is not None


def write(folder: Path, diagnosis: Diagnosis) -> None:
    """Write every result and its attachments to ``folder``; needs allure-pytest."""
    _Writer(folder, diagnosis).write()


class _Writer:
    def __init__(self, folder: Path, diagnosis: Diagnosis) -> None:
        from allure_commons import model2  # noqa: PLC0415 (an extra)
        from allure_commons.logger import AllureFileLogger  # noqa: PLC0415 (an extra)

        self._model: Any = model2
        logger: Any = AllureFileLogger
        self._logger = logger(str(folder))
        self._folder = folder
        self._diagnosis = diagnosis
        self._described = 0
        self._start = int(datetime.fromisoformat(diagnosis.run.started).timestamp() * 1000)
        self._seconds = {target.name: target.seconds or 0.0 for target in diagnosis.targets}

    def write(self) -> None:
        """All of it."""
        for result in self._merged(results(self._diagnosis)):
            self._logger.report_result(self._result(result))
        run, summary = self._diagnosis.run, self._diagnosis.summary
        if summary.not_run or run.interrupted:
            self._logger.report_result(self._unfinished())
        # Allure shows this file as the run's environment.
        lines = {"inventory": run.inventory, "sickbay": run.version, **run.options}
        text = "".join(f"{name}={plain(value)}\n" for name, value in lines.items())
        (self._folder / "environment.properties").write_text(text, encoding="utf-8")

    def _merged(self, every: Iterable[Result]) -> Iterator[Result]:
        """The same results; where very many came out alike, one for all targets of a symptom."""
        every = list(every)
        numbers = Counter(result.outcome for result in every)
        alike: dict[tuple[str, Outcome], list[Result]] = {}
        for result in every:
            if numbers[result.outcome] <= MOST_ALIKE:
                yield result
            else:
                alike.setdefault((result.ref.symptom, result.outcome), []).append(result)
        for (symptom, outcome), members in alike.items():
            targets = [result.ref.target for result in members]
            message = (
                f"{outcome} on {counted(len(targets), 'target')}: {plain(listed(targets, 20))}"
            )
            ref = Ref(symptom=symptom, target=f"many targets ({outcome})")
            yield dataclasses.replace(members[0], ref=ref, message=message)

    def _result(self, result: Result) -> Any:
        about, model = result.about, self._model
        built = self._base(result.ref, about.title, _STATUS[result.outcome])
        built.stop = self._start + int(1000 * self._seconds.get(result.ref.target, 0))
        built.labels = self._labels(
            severity=_SEVERITY.get(about.severity, "normal"), epic=about.layer, feature=about.kind,
            suite=about.id, host=result.ref.target, tag=about.severity, framework="sickbay",
            language="python",
        )  # fmt: skip
        if result.message:
            built.statusDetails = model.StatusDetails(
                message=result.message,
                trace=told_in_full(result.node) if result.node else None,
                known=result.outcome == "waived" or None,
            )
        if result.finding is not None:
            self._describe(built, result.finding)
        elif result.unseen is not None:
            gap = result.unseen
            built.description = f"{plain(gap.detail, 4000)}\n\nDo: {plain(gap.remedy, 4000)}"
        return built

    def _unfinished(self) -> Any:
        run, summary = self._diagnosis.run, self._diagnosis.summary
        message = verdict_line(summary, len(self._diagnosis.roots), interrupted=run.interrupted)
        built = self._base(Ref(symptom="run", target="run"), "The run came to its end", "broken")
        built.statusDetails = self._model.StatusDetails(message=message)
        built.labels = self._labels(severity="blocker", epic="run", suite="run")
        return built

    def _base(self, ref: Ref, title: str, status: str) -> Any:
        model = self._model
        name = f"{plain(ref.symptom, 120)} on {plain(ref.target, 120)}"
        return model.TestResult(
            uuid=str(uuid.uuid4()), name=name, fullName=str(ref), status=status, stage="finished",
            historyId=_digest(ref.symptom, ref.target), testCaseId=_digest(ref.symptom),
            description=plain(title), start=self._start, stop=self._start,
            parameters=[model.Parameter(name="target", value=plain(ref.target, 120))],
            titlePath=ref.symptom.split(".", 1),
        )  # fmt: skip

    def _labels(self, **labels: str) -> list[Any]:
        return [self._model.Label(name=name, value=plain(value)) for name, value in labels.items()]

    def _describe(self, built: Any, finding: Finding) -> None:
        """Description, causes as steps, evidence as attachments."""
        model = self._model
        parts = [plain(finding.title), found(finding)]
        if finding.cause is not None:
            parts.append(f"Cause ({finding.cause.status}): {plain(finding.cause.text)}")
            parts.append(f"Do: {plain(finding.cause.remedy, 4000)}")
        built.description = "\n\n".join(parts)
        for cause in finding.causes:
            step = model.TestStepResult(
                id=cause.id, name=f"{cause.status.replace('_', ' ')}: {plain(cause.text)}",
                status=_CAUSE[cause.status], stage="finished", start=built.start, stop=built.stop,
                statusDetails=model.StatusDetails(message=plain(cause.detail)) if cause.detail else None,
            )  # fmt: skip
            step.parameters.append(model.Parameter(name="remedy", value=plain(cause.remedy, 4000)))
            if cause.evidence and self._described < MOST_ATTACHED:
                text = "\n".join(row_text(row, 4000) for row in cause.evidence)
                step.attachments.append(self._attached("evidence", text, "text/plain", "txt"))
            built.steps.append(step)
        self._described += 1
        if finding.evidence and self._described <= MOST_ATTACHED:
            rows = msgspec.json.format(msgspec.json.encode(finding.evidence), indent=1).decode()
            built.attachments += [
                self._attached("evidence (table)", _csv(finding.evidence), "text/csv", "csv"),
                self._attached("evidence", rows, "application/json", "json"),
            ]

    def _attached(self, name: str, body: str, kind: str, extension: str) -> Any:
        source = self._model.ATTACHMENT_PATTERN.format(prefix=uuid.uuid4(), ext=extension)
        self._logger.report_attached_data(body, source)
        return self._model.Attachment(name=name, source=source, type=kind)


def _csv(rows: list[dict[str, Any]]) -> str:
    """Evidence for a spreadsheet; a cell that a spreadsheet would take for a formula is quoted."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([_cell(name) for name in columns])
    writer.writerows([_cell(row.get(name, "")) for name in columns] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, int | float) or value is None:
        return value
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    text = plain(text, 4000)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def _digest(*parts: str) -> str:
    """The same in every run for the same symptom and target: Allure's history hangs on it."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:32]
