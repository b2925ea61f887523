"""From facts to verdicts: what a health test says of a target, with its causes weighed."""

from __future__ import annotations

import operator as ops
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal

import msgspec

from sickbay.errors import Missing, NotApplicable, Unreadable, Unsupported
from sickbay.facts import Record
from sickbay.inventory.limits import Limit
from sickbay.inventory.model import Waiver
from sickbay.inventory.targets import Inventory, Target
from sickbay.inventory.units import show
from sickbay.judge import Amount, Comparison, Measure, Offenders, Share, comparisons
from sickbay.snapshot import Snapshot
from sickbay.symptoms import Cause, Symptom
from sickbay.targets.kinds import known_facts
from sickbay.targets.probe import Gap

AMBIENT = ("target", "declared", "limits", "contact", "now", "history")
"""What a test may ask for beside facts."""
MOST_ROWS = 20
"""Evidence rows kept per finding; the worst come first, and the report says how many more there are."""

State = Literal["healthy", "finding", "waived", "not_applicable", "not_evaluated"]
Status = Literal["confirmed", "possible", "ruled_out"]

_HOLDS: dict[str, Callable[[Any, Any], bool]] = {
    "<": ops.lt, "<=": ops.le, ">": ops.gt, ">=": ops.ge, "==": ops.eq, "!=": ops.ne,
}  # fmt: skip


class Ref(Record):
    """A symptom on a target."""

    symptom: str
    target: str

    def __str__(self) -> str:
        return f"{self.symptom} on {self.target}"


class Quantity(Record):
    """A measured or allowed value: as data, and as people read it."""

    value: float | int | str | bool | None
    text: str
    unit: str | None = None
    where: str | None = None
    """Which of several things it was measured on."""


class WeighedCause(Record):
    """A documented cause and what the snapshot says of it."""

    id: str
    text: str
    status: Status
    remedy: str
    evidence: list[dict[str, Any]] = []
    target: str | None = None
    """The related target on which the evidence lies, where it is another one."""
    detail: str = ""
    """Why it could not be told, for a possible cause."""


class Verdict(Record):
    """What a health test says of one target."""

    symptom: str
    target: str
    kind: str
    layer: str
    severity: str
    title: str
    state: State
    signals: tuple[str, ...] = ()
    message: str = ""
    measured: Quantity | None = None
    limit: Quantity | None = None
    limit_name: str | None = None
    limit_source: str | None = None
    evidence: list[dict[str, Any]] = []
    evidence_left_out: int = 0
    causes: list[WeighedCause] = []
    explained_by: list[Ref] = []
    gap: Gap | None = None
    waiver: str | None = None

    @property
    def ref(self) -> Ref:
        return Ref(symptom=self.symptom, target=self.target)


class Assessor:
    """Judges symptoms on targets against one snapshot. Pure: no I/O, the same answer every time.

    ``selected`` are the (symptom id, target name) pairs of this run. Only they can explain others:
    what nobody asked about must not hide what they did ask about.
    """

    def __init__(
        self,
        inventory: Inventory,
        snapshot: Snapshot,
        symptoms: Iterable[Symptom],
        selected: Iterable[tuple[str, str]] | None = None,
    ) -> None:
        self.inventory = inventory
        self.snapshot = snapshot
        self._symptoms = {symptom.id: symptom for symptom in symptoms}
        self._selected = None if selected is None else frozenset(selected)
        self._shown: dict[tuple[str, str], Verdict] = {}
        self._edges: dict[Ref, list[Ref]] = {}

    # ------------------------------------------------------------------ facts

    def fact(self, target: Target, name: str) -> Any:
        """A fact, or one of the ambient values, for a test about ``target``.

        A fact of another kind is that of the one related target of that kind. Raises Missing or
        NotApplicable where there is no value.
        """
        if name in AMBIENT:
            return self._ambient(target, name)
        kind = known_facts()[name].kind
        if kind != target.kind:
            related = [t for t in self.inventory.upstream(target.name) if t.kind == kind]
            if len(related) != 1:
                raise NotApplicable(
                    f"{target.name} is related to {len(related) or 'no'} {kind} targets; this needs one"
                )
            target = related[0]
        return self._own_fact(target, name)

    def _own_fact(self, target: Target, name: str) -> Any:
        state = self.snapshot.states.get(target.name)
        observation = state.facts.get(name) if state else None
        if observation is None:
            raise Unsupported(f"{name} of {target.name} is not in this snapshot")
        if observation.absent is not None:
            raise NotApplicable(observation.absent)
        if observation.gap is not None:
            raise _missing(observation.gap)
        return observation.value

    def _ambient(self, target: Target, name: str) -> Any:
        if name == "contact":
            state = self.snapshot.states.get(target.name)
            if state is None:
                raise Unsupported(f"{target.name} is not in this snapshot")
            return state.contact
        values = {
            "target": target,
            "declared": target.entry,
            "limits": target.limits,
            "now": self.snapshot.taken,
            "history": self.snapshot.earlier.get(target.name, ()),
        }
        return values[name]

    # ------------------------------------------------------------------ verdicts

    def verdict(self, symptom: Symptom, target: Target) -> Verdict:
        """The verdict with all that explains it."""
        return self.explained(self.judge(symptom, target))

    def judge(self, symptom: Symptom, target: Target) -> Verdict:
        """What the test says, by calling it; not yet what explains it."""
        key = (symptom.id, target.name)
        if key not in self._shown:
            self._shown[key] = self._call(symptom, target)
        return self._shown[key]

    def _call(self, symptom: Symptom, target: Target) -> Verdict:
        arguments: dict[str, Any] = {}
        with comparisons() as seen:
            try:
                arguments = {name: self.fact(target, name) for name in symptom.needs}
                symptom.function(**arguments)
            except Exception as error:  # noqa: BLE001 (a test that breaks is told, not healthy)
                return self.failed(symptom, target, error, seen, arguments)
        return self.said(symptom, target, "healthy")

    def said(self, symptom: Symptom, target: Target, state: State, **more: Any) -> Verdict:
        """A verdict of this test on this target."""
        return Verdict(
            symptom=symptom.id, target=target.name, kind=target.kind, layer=symptom.layer,
            severity=symptom.severity, title=symptom.title, signals=symptom.signals, state=state,
            **more,
        )  # fmt: skip

    def excused(self, symptom: Symptom, target: Target) -> str | None:
        """Why the inventory says that the symptom does not apply to the target, if it does."""
        return target.entry.not_applicable.get(symptom.id)

    def failed(
        self,
        symptom: Symptom,
        target: Target,
        error: BaseException,
        seen: list[Comparison],
        arguments: Mapping[str, Any],
    ) -> Verdict:
        """The verdict of a test that raised."""
        if (reason := self.excused(symptom, target)) is not None:
            return self.said(symptom, target, "not_applicable", message=reason)
        if isinstance(error, NotApplicable):
            return self.said(symptom, target, "not_applicable", message=str(error))
        if isinstance(error, AssertionError):
            return self._finding(symptom, target, error, seen, arguments)
        if not isinstance(error, Missing):
            error = Unreadable(
                f"the health test itself failed: {type(error).__name__}: {error}",
                "this is a defect of the test: report it",
            )
        gap = Gap(reason=error.reason, detail=error.detail, remedy=error.remedy)
        return self.said(symptom, target, "not_evaluated", message=error.detail, gap=gap)

    def _finding(
        self,
        symptom: Symptom,
        target: Target,
        error: AssertionError,
        seen: list[Comparison],
        arguments: Mapping[str, Any],
    ) -> Verdict:
        waiver = self._waiver(symptom, target)
        more: dict[str, Any] = {}
        if waiver:
            more["waiver"] = f"{waiver.reason} (owner {waiver.owner}, until {waiver.until})"
        rows: list[Record] = []
        if seen:
            parts, rows = _measured(seen[-1])
            more |= parts
        else:
            more["message"] = str(error).partition("\n")[0]
        if not rows:
            rows = [value for value in arguments.values() if isinstance(value, Record)]
        more["evidence"] = [_row(row) | _judged_by(seen, row) for row in rows[:MOST_ROWS]]
        more["evidence_left_out"] = max(0, len(rows) - MOST_ROWS)
        more["causes"] = [
            weighed
            for cause in symptom.causes
            if (weighed := self._weigh(cause, target)) is not None
        ]
        return self.said(symptom, target, "waived" if waiver else "finding", **more)

    def _waiver(self, symptom: Symptom, target: Target) -> Waiver | None:
        today = self.snapshot.taken.date()
        return next(
            (
                w
                for w in self.inventory.waivers
                if w.matches(symptom.id, target.name) and today <= w.until
            ),
            None,
        )

    # ------------------------------------------------------------------ causes

    def _weigh(self, cause: Cause, target: Target) -> WeighedCause | None:
        """A cause weighed on this target, or on each related one; None where it cannot apply."""
        specs = known_facts()
        foreign = {specs[n].kind for n in cause.needs if n not in AMBIENT} - {target.kind}
        if not foreign:
            return self._weigh_on(cause, target, target)
        kind = foreign.pop()
        weighed = [
            self._weigh_on(cause, target, related)
            for related in self.inventory.upstream(target.name)
            if related.kind == kind
        ]
        order: dict[Status, int] = {"confirmed": 0, "possible": 1, "ruled_out": 2}
        return min(weighed, key=lambda w: order[w.status], default=None)

    def _weigh_on(self, cause: Cause, target: Target, related: Target) -> WeighedCause:
        """``related`` is the target whose facts of its kind are used; all else is ``target``'s."""
        elsewhere = None if related is target else related.name
        specs = known_facts()

        def judged(status: Status, **more: Any) -> WeighedCause:
            return WeighedCause(
                id=cause.id,
                text=cause.text,
                remedy=cause.remedy,
                status=status,
                target=elsewhere,
                **more,
            )

        try:
            arguments = {
                name: self.fact(target, name)
                if name in AMBIENT or specs[name].kind == target.kind
                else self._own_fact(related, name)
                for name in cause.needs
            }
            evidence = list(_rows(cause.weigh(**arguments)))
        except NotApplicable as absent:
            return judged("ruled_out", detail=str(absent))
        except Missing as missing:
            return judged("possible", detail=missing.detail)
        except Exception as error:  # noqa: BLE001 (a cause that breaks must not hide the finding)
            return judged(
                "possible", detail=f"could not be weighed: {type(error).__name__}: {error}"
            )
        return (
            judged("confirmed", evidence=evidence[:MOST_ROWS]) if evidence else judged("ruled_out")
        )

    # ------------------------------------------------------------------ explanations

    def explained(self, verdict: Verdict) -> Verdict:
        """The verdict with the findings that explain it."""
        if verdict.state == "finding":
            refs = [ref for ref in self._links(verdict) if not self._is_behind(ref, verdict.ref)]
        elif verdict.state == "not_evaluated":
            refs = self._unreached(verdict)
        else:
            return verdict
        return msgspec.structs.replace(verdict, explained_by=refs)

    def _is_behind(self, ref: Ref, finding: Ref) -> bool:
        """Whether ``ref`` is itself explained by ``finding``; of two that explain each other, one leads."""
        seen: set[Ref] = set()
        waiting = [ref]
        while waiting:
            current = waiting.pop()
            if current == finding:
                return (ref.symptom, ref.target) > (finding.symptom, finding.target)
            if current not in seen:
                seen.add(current)
                waiting += self._links(self._of(current))
        return False

    def _links(self, verdict: Verdict) -> list[Ref]:
        if verdict.ref not in self._edges:
            symptom = self._symptoms[verdict.symptom]
            confirmed = {cause.id for cause in verdict.causes if cause.status == "confirmed"}
            names = list(symptom.explained_by)
            names += [n for c in symptom.causes if c.id in confirmed for n in c.because]
            self._edges[verdict.ref] = list(self._showing(dict.fromkeys(names), verdict))
        return self._edges[verdict.ref]

    def _showing(self, names: Iterable[str], verdict: Verdict) -> Iterator[Ref]:
        """Those of the named symptoms that show on the verdict's target or on what it rests on."""
        for target in self.inventory.upstream(verdict.target):
            for name in names:
                symptom = self._symptoms.get(name)
                if symptom is None or symptom.kind != target.kind:
                    continue
                ref = Ref(symptom=name, target=target.name)
                if (
                    ref != verdict.ref
                    and self._counts(ref)
                    and self.judge(symptom, target).state == "finding"
                ):
                    yield ref

    def _unreached(self, verdict: Verdict) -> list[Ref]:
        """The finding that a target cannot be reached, for a symptom that could not be looked at.

        It is the symptom's own, or one of those that it rests on and needs facts of.
        """
        specs = known_facts()
        needs = self._symptoms[verdict.symptom].needs
        kinds = [verdict.kind, *(specs[name].kind for name in needs if name in specs)]
        return list(
            self._showing([f"{kind}.unreachable" for kind in dict.fromkeys(kinds)], verdict)
        )

    def _counts(self, ref: Ref) -> bool:
        return self._selected is None or (ref.symptom, ref.target) in self._selected

    def of(self, ref: Ref) -> Verdict:
        """The verdict of a symptom on a target, with all that explains it."""
        return self.explained(self._of(ref))

    def _of(self, ref: Ref) -> Verdict:
        return self.judge(self._symptoms[ref.symptom], self.inventory.targets[ref.target])


def _missing(gap: Gap) -> Missing:
    kinds = {kind.reason: kind for kind in Missing.__subclasses__()}
    return kinds[gap.reason](gap.detail, gap.remedy)  # type: ignore[index]


def _measured(comparison: Comparison) -> tuple[dict[str, Any], list[Record]]:
    """What a failed comparison says, as the fields of a verdict, and the records it is about."""
    left, right, sign = comparison.left, comparison.right, comparison.operator
    if isinstance(left, Limit):
        left, right, sign = (
            right,
            left,
            {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(sign, sign),
        )
    unit = right.unit if isinstance(right, Limit) else None
    rows: list[Record] = []
    where = name = None
    if isinstance(left, Measure):
        holds = _HOLDS[sign]
        rows = [row for row in left.rows if not holds(getattr(row, left.attribute), right)]
        where, name = rows[0].label, left.attribute.replace("_", " ")
    elif isinstance(left, Offenders):
        rows, where = list(left), ", ".join(row.label for row in left[:3])
    elif isinstance(left, Amount | Share):
        rows = list(left.rows)
        where = ", ".join(row.label for row in rows[:3]) or None
    measured = _quantity(len(left) if isinstance(left, Offenders) else left, unit, where)
    allowed = _quantity(0 if isinstance(left, Offenders) else right, unit, None)
    if isinstance(left, Offenders):
        more = f" and {len(left) - 3} more" if len(left) > 3 else ""  # noqa: PLR2004 (three are named)
        message = f"{where}{more}"
    else:
        subject = " ".join(
            part for part in (f"{where}:" if where else "", name or "", measured.text) if part
        )
        message = f"{subject} is not {sign} {allowed.text}"
    parts = {
        "message": message,
        "measured": measured,
        "limit": allowed,
        "limit_name": right.name if isinstance(right, Limit) else None,
        "limit_source": right.source if isinstance(right, Limit) else None,
    }
    return parts, rows


def _quantity(value: Any, unit: Any, where: str | None) -> Quantity:
    if isinstance(value, bool) or value is None:
        return Quantity(value=value, text=str(value).lower(), where=where)
    if isinstance(value, int) and unit in {None, "count"}:
        return Quantity(value=int(value), text=str(int(value)), unit=unit, where=where)
    if isinstance(value, int | float):
        return Quantity(value=float(value), text=show(float(value), unit), unit=unit, where=where)
    return Quantity(value=str(value), text=str(value), where=where)


def _rows(evidence: Any) -> Iterator[dict[str, Any]]:
    """What a cause returned as rows: a record, several, a line of text, or nothing."""
    if evidence is None or evidence is False:
        return
    if isinstance(evidence, Record):
        yield _row(evidence)
    elif isinstance(evidence, list | tuple | set | frozenset):
        for item in evidence:
            yield from _rows(item)
    elif evidence is True or evidence:
        yield {"text": "it is so" if evidence is True else str(evidence)}


def _judged_by(seen: list[Comparison], row: Record) -> dict[str, Any]:
    """What a record was judged by where that is no field of it, such as a share that it works out."""
    for side in (seen[-1].left, seen[-1].right) if seen else ():
        if isinstance(side, Measure) and side.attribute not in row.__struct_fields__:
            return {side.attribute: getattr(row, side.attribute, None)}
    return {}


def _row(record: Record) -> dict[str, Any]:
    row = msgspec.to_builtins(record)
    assert isinstance(row, dict)
    return {"_": record.label, **row}
