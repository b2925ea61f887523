"""From verdicts to a diagnosis: what is wrong, root causes first. One model, many renderings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, TypeVar

import msgspec

import sickbay
from sickbay.assess import Quantity, Ref, State, Verdict, WeighedCause
from sickbay.facts import Record
from sickbay.inventory.targets import Target, WaiversEntry
from sickbay.redact import Redactor, names_secret
from sickbay.symptoms import SEVERITIES
from sickbay.targets.kinds import KINDS

R = TypeVar("R", bound=Record)

FORMAT = 1
GRAVITY: dict[str, int] = {severity: rank for rank, severity in enumerate(SEVERITIES)}
"""0 for the gravest."""
LONGEST_TEXT = 4000
"""Characters of one text (a log line, a query) that are kept; the snapshot has all of it."""

SymptomId = Annotated[str, msgspec.Meta(description="id of a symptom, such as host.disk-filling")]
TargetName = Annotated[str, msgspec.Meta(description="name of a target in the inventory")]
Severity = Annotated[str, msgspec.Meta(description="critical, major or minor")]
Layer = Annotated[str, msgspec.Meta(description="infra, services, aws or k8s")]
Rows = Annotated[
    list[dict[str, Any]],
    msgspec.Meta(description="records of what was observed, the worst first; _ is a record's name"),
]
Explanations = Annotated[
    list[Ref], msgspec.Meta(description="the findings that explain this one; none for a root")
]

Condition = Literal["ill", "unreachable", "unseen", "waived", "healthy", "not_applicable"]
"""How a target is: with findings; not even reached; without findings, but not all was looked at;
with waived findings only; wholly healthy; nothing applied to it."""


class Run(Record):
    """What was asked for, and when."""

    inventory: str
    started: Annotated[str, msgspec.Meta(description="moment of the observation, ISO 8601")]
    duration_s: float
    options: dict[str, Any]
    interrupted: bool = False
    version: Annotated[str, msgspec.Meta(description="version of Sickbay")] = sickbay.__version__


class Summary(Record):
    """How many targets and verdicts of each sort."""

    targets: int
    evaluated: int
    healthy: int
    findings: int
    not_evaluated: int
    not_applicable: int
    waived: int
    not_run: Annotated[
        int, msgspec.Meta(description="selected, but the run ended before it came to them")
    ]
    by_severity: Annotated[dict[str, int], msgspec.Meta(description="findings per severity")]


class Root(Record):
    """A finding that nothing else explains, and all that it explains."""

    symptom: SymptomId
    target: TargetName
    severity: Severity
    cause: Annotated[str | None, msgspec.Meta(description="the most certain cause")]
    cause_status: str | None
    remedy: str | None
    explains: list[Ref]


class Finding(Record):
    """A symptom that shows on a target."""

    symptom: SymptomId
    target: TargetName
    kind: str
    layer: Layer
    severity: Severity
    title: str
    message: str
    measured: Quantity | None
    limit: Quantity | None
    limit_name: Annotated[
        str | None, msgspec.Meta(description="key under limits: in the inventory that changes it")
    ]
    limit_source: Annotated[
        str | None, msgspec.Meta(description="default, or the inventory's file:line")
    ]
    evidence: Rows
    evidence_left_out: Annotated[int, msgspec.Meta(description="how many more rows there are")]
    causes: list[WeighedCause]
    explained_by: Explanations
    signals: Annotated[list[str], msgspec.Meta(description="signals of the catalogue")]
    waiver: str | None

    @property
    def ref(self) -> Ref:
        return Ref(symptom=self.symptom, target=self.target)

    @property
    def cause(self) -> WeighedCause | None:
        """The most certain cause: the first confirmed one, else the first possible one."""
        for status in ("confirmed", "possible"):
            for cause in self.causes:
                if cause.status == status:
                    return cause
        return None


class NotEvaluated(Record):
    """A symptom that could not be looked at, and why."""

    symptom: SymptomId
    target: TargetName
    kind: str
    layer: Layer
    severity: Severity
    title: str
    reason: Annotated[
        str,
        msgspec.Meta(description="unreachable, denied, unsupported, timed_out or unreadable"),
    ]
    detail: str
    remedy: str
    explained_by: Explanations

    @property
    def ref(self) -> Ref:
        return Ref(symptom=self.symptom, target=self.target)


class NotApplicable(Record):
    """A symptom that says nothing about a target, and why."""

    symptom: SymptomId
    target: TargetName
    reason: str


class TargetHealth(Record):
    """One target: how it is, what it rests on, and how many verdicts of each sort it has."""

    name: TargetName
    kind: str
    layer: Layer
    condition: Condition
    severity: Annotated[str | None, msgspec.Meta(description="that of its gravest finding")]
    runs_on: str | None
    depends_on: list[str]
    seconds: Annotated[
        float | None, msgspec.Meta(description="how long observing it took; null if it was not")
    ]
    healthy: int = 0
    findings: int = 0
    not_evaluated: int = 0
    not_applicable: int = 0
    waived: int = 0
    not_run: int = 0


class SymptomTally(Record):
    """One health test of the run: what it is about, and how many verdicts of each sort it gave."""

    id: SymptomId
    title: str
    kind: str
    layer: Layer
    severity: Severity
    healthy: int = 0
    findings: int = 0
    not_evaluated: int = 0
    not_applicable: int = 0
    waived: int = 0


class Diagnosis(Record, omit_defaults=False):
    """What a run found. ``findings`` holds the waived ones too, each with its waiver."""

    schema_version: int
    run: Run
    summary: Summary
    roots: Annotated[
        list[Root], msgspec.Meta(description="ranked; the first is the best single answer")
    ]
    findings: list[Finding]
    not_evaluated: list[NotEvaluated]
    not_applicable: list[NotApplicable]
    healthy: list[Ref]
    targets: list[TargetHealth]
    symptoms: list[SymptomTally]
    warnings: Annotated[list[str], msgspec.Meta(description="what is odd about the inventory")]


def diagnose(
    run: Run,
    verdicts: Iterable[Verdict],
    *,
    selected: int,
    targets: Iterable[Target] = (),
    planned: Mapping[str, int] | None = None,
    seconds: Mapping[str, float] | None = None,
    warnings: Iterable[str] = (),
) -> Diagnosis:
    """The diagnosis that the verdicts of a run add up to.

    ``selected`` is how many verdicts were asked for, ``planned`` how many of each target where that
    is known; ``targets`` are those of the run, ``seconds`` how long observing each took.
    """
    verdicts = list(verdicts)
    showing = [v for v in verdicts if v.state in {"finding", "waived"}]
    findings = sorted((_finding(v) for v in showing), key=_gravity)
    unseen = [v for v in verdicts if v.state == "not_evaluated"]
    open_findings = [f for f in findings if f.waiver is None]
    healths = _targets(verdicts, list(targets), planned or {}, seconds or {})
    return Diagnosis(
        schema_version=FORMAT,
        run=run,
        summary=Summary(
            targets=sum(health.kind != WaiversEntry.kind for health in healths),
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
        not_applicable=[
            NotApplicable(symptom=v.symptom, target=v.target, reason=v.message)
            for v in verdicts
            if v.state == "not_applicable"
        ],
        healthy=[v.ref for v in verdicts if v.state == "healthy"],
        targets=healths,
        symptoms=_symptoms(verdicts),
        warnings=list(warnings),
    )


def without_secrets(diagnosis: Diagnosis, redactor: Redactor) -> Diagnosis:
    """The same with every free text freed of secrets once more, made printable and bounded.

    Facts were redacted as they came in. This second net is for text that is made afterwards: the
    message of an assertion about an inventory entry, an exception that quotes an address, an
    option. What identifies (symptoms, targets) is left, so that references keep matching.
    """
    clean = _Cleaner(redactor).data

    def cleaned(record: R, *names: str) -> R:
        data = {
            name: msgspec.to_builtins(getattr(record, name)) for name in record.__struct_fields__
        }
        for name in names:
            data[name] = clean(data[name])
        return msgspec.convert(data, type(record))

    return msgspec.structs.replace(
        diagnosis,
        run=cleaned(diagnosis.run, "inventory", "options"),
        roots=[cleaned(root, "cause", "remedy") for root in diagnosis.roots],
        findings=[
            cleaned(f, "message", "measured", "limit", "evidence", "causes", "waiver", "title")
            for f in diagnosis.findings
        ],
        not_evaluated=[cleaned(n, "detail", "remedy", "title") for n in diagnosis.not_evaluated],
        not_applicable=[cleaned(n, "reason") for n in diagnosis.not_applicable],
        warnings=clean(diagnosis.warnings),
    )


class _Cleaner:
    """Redacts builtin data, each text once: evidence repeats itself, and looking takes time."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._known: dict[str, str] = {}

    def data(self, value: Any) -> Any:
        """The same data with every string clean, printable and at most LONGEST_TEXT long."""
        if isinstance(value, str):
            if value not in self._known:
                self._known[value] = _printable(self._redactor.text(value))
            return self._known[value]
        if isinstance(value, dict):
            return {self.data(key): self._valued(key, item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.data(item) for item in value]
        return value

    def _valued(self, key: Any, value: Any) -> Any:
        """What a key that names a secret has for a value is one, however it looks."""
        if isinstance(key, str) and isinstance(value, str) and names_secret(key):
            (value,) = self._redactor.data({key: value}).values()
        return self.data(value)


def _printable(text: str) -> str:
    text = text.encode("utf-8", "replace").decode("utf-8")
    more = len(text) - LONGEST_TEXT
    return f"{text[:LONGEST_TEXT]}... ({more} more characters)" if more > 0 else text


def _number(verdicts: Iterable[Verdict], state: State) -> int:
    return sum(v.state == state for v in verdicts)


def _roots(findings: list[Finding], unseen: list[Verdict]) -> list[Root]:
    """Ranked: the gravest story first, then the one that explains most, then the surest."""
    severity = {finding.ref: finding.severity for finding in findings}
    below: dict[Ref, list[Ref]] = {}
    items: list[Finding | Verdict] = [*findings, *unseen]
    for item in items:
        for parent in item.explained_by:
            below.setdefault(parent, []).append(item.ref)
    ranked = []
    for finding in findings:
        # What explains a finding may be missing: the run can have ended before it came to that.
        if any(parent in severity for parent in finding.explained_by):
            continue
        explains = _all_below(finding.ref, below)
        cause = finding.cause
        root = Root(
            symptom=finding.symptom,
            target=finding.target,
            severity=finding.severity,
            cause=cause.text if cause else None,
            cause_status=cause.status if cause else None,
            remedy=cause.remedy if cause else None,
            explains=explains,
        )
        story = [severity[ref] for ref in (finding.ref, *explains) if ref in severity]
        gravest = min(GRAVITY[s] for s in story)
        unsure = cause is None or cause.status != "confirmed"
        # Findings count before what could merely not be looked at: that is as much as there are tests.
        weight = (gravest, -len(story), -len(explains), unsure)
        rank = (*weight, finding.symptom, finding.target)
        ranked.append((rank, root))
    return [root for _, root in sorted(ranked, key=lambda pair: pair[0])]


def _all_below(ref: Ref, below: Mapping[Ref, list[Ref]]) -> list[Ref]:
    """What a finding explains, each behind all that lies between: the order of the story."""
    depth: dict[Ref, int] = {ref: 0}
    waiting = [ref]
    while waiting:
        current = waiting.pop(0)
        for following in below.get(current, ()):
            deeper = depth[current] + 1
            if depth.get(following, 0) < deeper <= len(below):
                depth[following] = deeper
                waiting.append(following)
    del depth[ref]
    return sorted(depth, key=lambda found: depth[found])


def _gravity(finding: Finding) -> tuple[int, str, str]:
    return (GRAVITY[finding.severity], finding.symptom, finding.target)


# ---------------------------------------------------------------------- per target and symptom

_FIELDS: dict[State, str] = {
    "healthy": "healthy", "finding": "findings", "waived": "waived",
    "not_applicable": "not_applicable", "not_evaluated": "not_evaluated",
}  # fmt: skip


def _counts(verdicts: Iterable[Verdict]) -> dict[str, int]:
    counts = dict.fromkeys(_FIELDS.values(), 0)
    for verdict in verdicts:
        counts[_FIELDS[verdict.state]] += 1
    return counts


def _targets(
    verdicts: list[Verdict],
    targets: list[Target],
    planned: Mapping[str, int],
    seconds: Mapping[str, float],
) -> list[TargetHealth]:
    by_target: dict[str, list[Verdict]] = {target.name: [] for target in targets}
    for verdict in verdicts:
        by_target.setdefault(verdict.target, []).append(verdict)
    known = {target.name: target for target in targets}
    healths = []
    for name, own in by_target.items():
        target = known.get(name)
        kind = target.kind if target else own[0].kind
        counts = _counts(own)
        counts["not_run"] = max(0, planned.get(name, 0) - len(own))
        grave = [v.severity for v in own if v.state == "finding"]
        layer = KINDS[kind].layer if kind in KINDS else (own[0].layer if own else "")
        healths.append(
            TargetHealth(
                name=name,
                kind=kind,
                layer=layer,
                condition=_condition(kind, own, counts),
                severity=min(grave, key=GRAVITY.__getitem__, default=None),
                runs_on=target.entry.runs_on if target else None,
                depends_on=list(target.entry.depends_on) if target else [],
                seconds=seconds.get(name),
                **counts,
            )
        )
    return healths


def _condition(kind: str, verdicts: list[Verdict], counts: Mapping[str, int]) -> Condition:
    if any(v.symptom == f"{kind}.unreachable" and v.state == "finding" for v in verdicts):
        return "unreachable"
    if counts["findings"]:
        return "ill"
    if counts["not_evaluated"] or counts["not_run"]:
        return "unseen"
    if counts["waived"]:
        return "waived"
    return "healthy" if counts["healthy"] else "not_applicable"


def _symptoms(verdicts: list[Verdict]) -> list[SymptomTally]:
    by_symptom: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        by_symptom.setdefault(verdict.symptom, []).append(verdict)
    return [
        SymptomTally(
            id=name,
            title=next((v.title for v in own if v.title), name),
            kind=own[0].kind,
            layer=own[0].layer,
            severity=own[0].severity,
            **_counts(own),
        )
        for name, own in sorted(by_symptom.items())
    ]


def _finding(verdict: Verdict) -> Finding:
    return Finding(
        symptom=verdict.symptom, target=verdict.target, kind=verdict.kind, layer=verdict.layer,
        severity=verdict.severity, title=verdict.title, message=verdict.message,
        measured=verdict.measured, limit=verdict.limit, limit_name=verdict.limit_name,
        limit_source=verdict.limit_source, evidence=verdict.evidence,
        evidence_left_out=verdict.evidence_left_out, causes=verdict.causes,
        explained_by=verdict.explained_by, signals=list(verdict.signals), waiver=verdict.waiver,
    )  # fmt: skip


def _not_evaluated(verdict: Verdict) -> NotEvaluated:
    assert verdict.gap is not None
    return NotEvaluated(
        symptom=verdict.symptom, target=verdict.target, kind=verdict.kind, layer=verdict.layer,
        severity=verdict.severity, title=verdict.title, reason=verdict.gap.reason,
        detail=verdict.gap.detail, remedy=verdict.gap.remedy, explained_by=verdict.explained_by,
    )  # fmt: skip
