"""Every verdict as a test result, for the formats that CI servers read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sickbay.assess import Ref
from sickbay.diagnosis import Diagnosis, Finding, NotEvaluated, SymptomTally
from sickbay.reports.story import Node, stories
from sickbay.reports.text import essence, found, listed, plain

Outcome = Literal["passed", "failed", "error", "skipped", "waived"]


@dataclass(frozen=True)
class Result:
    """What one health test said of one target, in the words that pytest has for it."""

    ref: Ref
    about: SymptomTally
    outcome: Outcome
    message: str = ""
    finding: Finding | None = None
    unseen: NotEvaluated | None = None
    node: Node | None = None
    """The finding with all that it explains, where it is a root."""


def results(diagnosis: Diagnosis) -> Iterator[Result]:
    """All results: healthy passes, a root fails, what it explains or does not apply is skipped,
    what could not be looked at and nothing explains is an error.
    """
    about = {tally.id: tally for tally in diagnosis.symptoms}
    roots = {node.finding.ref: node for node in stories(diagnosis)}
    known = {f.ref for f in diagnosis.findings if f.waiver is None}
    for ref in diagnosis.healthy:
        yield Result(ref, about[ref.symptom], "passed")
    for finding in diagnosis.findings:
        tally, ref = about[finding.symptom], finding.ref
        if finding.waiver is not None:
            message = f"waived: {plain(finding.waiver)}: {essence(finding)}"
            yield Result(ref, tally, "waived", message, finding)
        elif ref in roots:
            yield Result(ref, tally, "failed", found(finding), finding, node=roots[ref])
        else:
            message = f"{_explained(finding)}: {essence(finding)}"
            yield Result(ref, tally, "skipped", message, finding)
    for item in diagnosis.not_evaluated:
        tally = about[item.symptom]
        if any(parent in known for parent in item.explained_by):
            message = f"{_explained(item)}: {plain(item.detail)}"
            yield Result(item.ref, tally, "skipped", message, unseen=item)
        else:
            yield Result(
                item.ref, tally, "error", f"not evaluated: {plain(item.detail)}", unseen=item
            )
    for absent in diagnosis.not_applicable:
        ref = Ref(symptom=absent.symptom, target=absent.target)
        yield Result(ref, about[ref.symptom], "skipped", f"not applicable: {plain(absent.reason)}")


def _explained(item: Finding | NotEvaluated) -> str:
    return f"explained by {plain(listed([str(ref) for ref in item.explained_by]))}"
