"""One run: from the collected tests to the written reports. The plugin's hooks call in here."""

from __future__ import annotations

import fcntl
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from sickbay import history
from sickbay import snapshot as snapshots
from sickbay.assess import Assessor, Verdict
from sickbay.diagnosis import Diagnosis, Run, diagnose, without_secrets
from sickbay.errors import UsageError
from sickbay.inventory.targets import Inventory, Target
from sickbay.observe import Observatory, Progress
from sickbay.redact import Redactor
from sickbay.snapshot import Snapshot
from sickbay.symptoms import Symptom
from sickbay.targets.kinds import known_facts


@dataclass(frozen=True)
class Check:
    """A test on a target: what it needs to know, and its symptom when it is a health test of ours."""

    target: Target
    needs: frozenset[str]
    symptom: Symptom | None


@dataclass(eq=False)
class RunState:
    """What one pytest session knows of its run."""

    inventory: Inventory
    deadline: float
    options: Mapping[str, Any]
    replayed: Snapshot | None = None
    shared: Path | None = None
    """Folder through which the workers of pytest-xdist share one observation."""
    history: Path | None = None
    """Folder of earlier runs' reports, for tests that compare with them."""

    checks: list[Check] = field(default_factory=list)
    verdicts: dict[tuple[str, str], Verdict] = field(default_factory=dict)
    selected: int = 0
    started: float = field(default_factory=time.time)
    snapshot: Snapshot | None = None
    assessor: Assessor | None = None
    diagnosis: Diagnosis | None = None
    written: Path | None = None
    """Where the reports of this run lie."""
    unwritten: list[str] = field(default_factory=list)
    """Which reports could not be written, and why."""

    def __post_init__(self) -> None:
        self.redactor = Redactor(self.inventory.secrets)
        self._observatory: Observatory | None = None

    # ------------------------------------------------------------------ plan and observe

    def select(self, checks: Iterable[Check]) -> None:
        """Take note of what is going to be judged."""
        self.checks = list(checks)
        self.selected = sum(check.symptom is not None for check in self.checks)

    def plan(self) -> dict[str, frozenset[str]]:
        """What has to be known of which target: what the tests and their causes ask for."""
        specs = known_facts()
        plan: dict[str, set[str]] = {}
        for check in self.checks:
            needs = set(check.needs)
            for cause in check.symptom.causes if check.symptom else ():
                needs.update(cause.needs)
            for name in needs:
                if name in specs:
                    for target in self._holders(check.target, specs[name].kind):
                        plan.setdefault(target.name, set()).add(name)
                elif name == "contact":
                    plan.setdefault(check.target.name, set())
        for names in plan.values():
            _add_earlier(names)
        return {name: frozenset(names) for name, names in plan.items()}

    def _holders(self, target: Target, kind: str) -> Sequence[Target]:
        """Whose facts of a kind a test about ``target`` uses: its own, or those it rests on."""
        if target.kind == kind:
            return [target]
        chosen = self.inventory.chosen
        return [
            related
            for related in self.inventory.upstream(target.name)
            if related.kind == kind and (chosen is None or related.name in chosen)
        ]

    def observe(self, progress: Progress | None = None) -> None:
        """Have the snapshot, from the replayed file, another worker or the targets themselves."""
        if self.replayed is not None:
            self.snapshot = self.replayed
        elif self.shared is not None:
            self.snapshot = self._shared_snapshot(self.shared)
        else:
            self.snapshot = self._observed(progress)
        pairs = [(c.symptom.id, c.target.name) for c in self.checks if c.symptom]
        symptoms = [c.symptom for c in self.checks if c.symptom]
        self.assessor = Assessor(self.inventory, self.snapshot, symptoms, pairs)

    def _observed(self, progress: Progress | None = None) -> Snapshot:
        seen = self.observatory.observe(self.plan(), deadline=self.deadline, progress=progress)
        if self.history is None or not any("history" in check.needs for check in self.checks):
            return seen
        return msgspec.structs.replace(
            seen, earlier=history.read(self.history, self.inventory.name)
        )

    def _shared_snapshot(self, folder: Path) -> Snapshot:
        """The first worker to come observes; the others wait for it and read what it saw."""
        kept = folder / "snapshot.json"
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not kept.exists():
                (folder / "selected").write_text(str(self.selected))
                seen = self._observed()
                fresh = folder / "snapshot.new"
                snapshots.save(fresh, self.inventory, seen, self.redactor)
                fresh.rename(kept)
            return snapshots.load(kept)[1]

    @property
    def observatory(self) -> Observatory:
        """Where observations are made and connections kept; opened when first needed."""
        if self._observatory is None:
            self._observatory = Observatory(self.inventory, self.redactor)
        return self._observatory

    def close(self) -> None:
        """Close every connection."""
        if self._observatory is not None:
            self._observatory.close()
            self._observatory = None

    # ------------------------------------------------------------------ judge

    def fact(self, target: Target, name: str) -> Any:
        """The value of a fact or ambient name for a test; raises Missing or NotApplicable."""
        assert self.assessor is not None
        return self.assessor.fact(target, name)

    def keep(self, verdict: Verdict) -> None:
        """Take a verdict into the diagnosis."""
        self.verdicts[verdict.symptom, verdict.target] = verdict

    # ------------------------------------------------------------------ report

    def finish(self, *, interrupted: bool) -> Diagnosis:
        """The diagnosis of what has been judged so far."""
        if self.shared is not None and self.snapshot is None:
            self._gather(self.shared)
        verdicts = self._with_explanations()
        planned = Counter(check.target.name for check in self.checks if check.symptom)
        names = dict.fromkeys([*planned, *(target for _, target in self.verdicts)])
        states = self.snapshot.states if self.snapshot else {}
        diagnosis = diagnose(
            Run(
                inventory=self.inventory.name,
                started=(self.snapshot.taken if self.snapshot else snapshots.now()).isoformat(),
                duration_s=round(time.time() - self.started, 2),
                options=dict(self.options),
                interrupted=interrupted,
            ),
            verdicts,
            selected=max(self.selected, len(verdicts)),
            targets=[self.inventory.targets[n] for n in names if n in self.inventory.targets],
            planned=planned,
            seconds={name: state.seconds for name, state in states.items()},
            warnings=self.inventory.warnings,
        )
        self.diagnosis = without_secrets(diagnosis, self.redactor)
        return self.diagnosis

    def _with_explanations(self) -> list[Verdict]:
        """All verdicts, and those that explain them even where the run ended before their turn."""
        verdicts = dict(self.verdicts)
        waiting = list(verdicts.values())
        while waiting and self.assessor is not None:
            for ref in waiting.pop().explained_by:
                if (ref.symptom, ref.target) not in verdicts:
                    verdict = self.assessor.of(ref)
                    verdicts[ref.symptom, ref.target] = verdict
                    waiting.append(verdict)
        return list(verdicts.values())

    def _gather(self, folder: Path) -> None:
        """What the workers left, for the process that reports for all of them."""
        if (folder / "selected").exists():
            self.selected = int((folder / "selected").read_text())
        if (folder / "snapshot.json").exists():
            self.snapshot = snapshots.load(folder / "snapshot.json")[1]


def replay(path: Path) -> tuple[Inventory, Snapshot]:
    """The inventory and snapshot of an earlier run."""
    if not path.exists():
        raise UsageError(f"--replay: there is no snapshot at {path}")
    return snapshots.load(path)


def as_data(verdict: Verdict) -> dict[str, Any]:
    """A verdict as plain data that a pytest report can carry between processes."""
    if verdict.state == "healthy":
        verdict = msgspec.structs.replace(verdict, signals=())
    data: dict[str, Any] = msgspec.to_builtins(verdict)
    return data


def from_data(data: dict[str, Any]) -> Verdict:
    """The verdict that ``as_data`` packed."""
    return msgspec.convert(data, Verdict)


def _add_earlier(names: set[str]) -> None:
    """Add what the requests of the named facts build on."""
    specs = known_facts()
    waiting = list(names)
    while waiting:
        for earlier in specs[waiting.pop()].request.after:
            if earlier not in names:
                names.add(earlier)
                waiting.append(earlier)
