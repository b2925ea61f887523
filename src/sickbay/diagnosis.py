"""From verdicts to a diagnosis: what is wrong, root causes first. One model, many renderings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sickbay.assess import Quantity, Ref, Verdict, WeighedCause
from sickbay.facts import Record
from sickbay.symptoms import SEVERITIES

FORMAT = 1


class Run(Record):
    """What was asked for, and when."""

    inventory: str
    started: str
    duration_s: float
    options: dict[str, Any]
    interrupted: bool = False


class Summary(Record):
    """How many targets and verdicts of each sort."""

    targets: int
    evaluated: int
    healthy: int
    findings: int
    not_evaluated: int
    not_applicable: int
    waived: int
    not_run: int
    by_severity: dict[str, int]
    """Findings per severity."""


class Root(Record):
    """A finding that nothing else explains, and all that it explains."""

    symptom: str
    target: str
    severity: str
    cause: str | None
    """The most certain cause's text."""
    cause_status: str | None
    remedy: str | None
    explains: list[Ref]


class Finding(Record):
    """A symptom that shows on a target."""

    symptom: str
    target: str
    kind: str
    layer: str
    severity: str
    title: str
    message: str
    measured: Quantity | None
    limit: Quantity | None
    limit_source: str | None
    evidence: list[dict[str, Any]]
    evidence_left_out: int
    causes: list[WeighedCause]
    explained_by: list[Ref]
    signals: list[str]
    waiver: str | None


class NotEvaluated(Record):
    """A symptom that could not be looked at, and why."""

    symptom: str
    target: str
    severity: str
    reason: str
    detail: str
    remedy: str
    explained_by: list[Ref]


class Diagnosis(Record, omit_defaults=False):
    """What a run found. ``findings`` holds the waived ones too, each with its waiver."""

    schema_version: int
    run: Run
    summary: Summary
    roots: list[Root]
    findings: list[Finding]
    not_evaluated: list[NotEvaluated]
    not_applicable: list[Ref]
    healthy: list[Ref]


def diagnose(run: Run, verdicts: Iterable[Verdict], *, selected: int) -> Diagnosis:
    """The diagnosis that the verdicts of a run add up to; ``selected`` is how many were asked for."""
    verdicts = list(verdicts)
    showing = [v for v in verdicts if v.state in {"finding", "waived"}]
    findings = sorted((_finding(v) for v in showing), key=_gravity)
    unseen = [v for v in verdicts if v.state == "not_evaluated"]
    open_findings = [f for f in findings if f.waiver is None]
    return Diagnosis(
        schema_version=FORMAT,
        run=run,
        summary=Summary(
            targets=len({v.target for v in verdicts}),
            evaluated=len(verdicts) - len(unseen) - _number(verdicts, "not_applicable"),
            healthy=_number(verdicts, "healthy"),
            findings=len(open_findings),
            not_evaluated=len(unseen),
            not_applicable=_number(verdicts, "not_applicable"),
            waived=_number(verdicts, "waived"),
            not_run=selected - len(verdicts),
            by_severity={s: sum(f.severity == s for f in open_findings) for s in SEVERITIES},
        ),
        roots=_roots(open_findings, unseen),
        findings=findings,
        not_evaluated=[_not_evaluated(v) for v in unseen],
        not_applicable=[v.ref for v in verdicts if v.state == "not_applicable"],
        healthy=[v.ref for v in verdicts if v.state == "healthy"],
    )


def _number(verdicts: list[Verdict], state: str) -> int:
    return sum(v.state == state for v in verdicts)


def _roots(findings: list[Finding], unseen: list[Verdict]) -> list[Root]:
    """Ranked: the gravest story first, then the one that explains most, then the surest."""
    below: dict[Ref, list[Ref]] = {}
    items: list[Finding | Verdict] = [*findings, *unseen]
    for item in items:
        for parent in item.explained_by:
            below.setdefault(parent, []).append(Ref(symptom=item.symptom, target=item.target))
    severity = {Ref(symptom=f.symptom, target=f.target): f.severity for f in findings}
    ranked = []
    for finding in findings:
        if finding.explained_by:
            continue
        ref = Ref(symptom=finding.symptom, target=finding.target)
        explains = _all_below(ref, below)
        cause = min(
            (c for c in finding.causes if c.status != "ruled_out"),
            key=lambda c: c.status != "confirmed",
            default=None,
        )
        root = Root(
            symptom=ref.symptom,
            target=ref.target,
            severity=finding.severity,
            cause=cause.text if cause else None,
            cause_status=cause.status if cause else None,
            remedy=cause.remedy if cause else None,
            explains=explains,
        )
        gravest = min(SEVERITIES.index(severity[r]) for r in (ref, *explains) if r in severity)
        unsure = cause is None or cause.status != "confirmed"
        ranked.append(((gravest, -len(explains), unsure, ref.symptom, ref.target), root))
    return [root for _, root in sorted(ranked, key=lambda pair: pair[0])]


def _all_below(ref: Ref, below: Mapping[Ref, list[Ref]]) -> list[Ref]:
    seen: dict[Ref, None] = {}
    waiting = list(below.get(ref, ()))
    while waiting:
        current = waiting.pop(0)
        if current not in seen and current != ref:
            seen[current] = None
            waiting += below.get(current, ())
    return list(seen)


def _gravity(finding: Finding) -> tuple[int, str, str]:
    return (SEVERITIES.index(finding.severity), finding.symptom, finding.target)


def _finding(verdict: Verdict) -> Finding:
    return Finding(
        symptom=verdict.symptom, target=verdict.target, kind=verdict.kind, layer=verdict.layer,
        severity=verdict.severity, title=verdict.title, message=verdict.message,
        measured=verdict.measured, limit=verdict.limit, limit_source=verdict.limit_source,
        evidence=verdict.evidence, evidence_left_out=verdict.evidence_left_out,
        causes=verdict.causes, explained_by=verdict.explained_by, signals=list(verdict.signals),
        waiver=verdict.waiver,
    )  # fmt: skip


def _not_evaluated(verdict: Verdict) -> NotEvaluated:
    assert verdict.gap is not None
    return NotEvaluated(
        symptom=verdict.symptom, target=verdict.target, severity=verdict.severity,
        reason=verdict.gap.reason, detail=verdict.gap.detail, remedy=verdict.gap.remedy,
        explained_by=verdict.explained_by,
    )  # fmt: skip
