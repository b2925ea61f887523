"""The detection matrix in seconds: every recorded snapshot judged again by the health tests of now."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lab.fault import WORLDS, Fault, all_faults, disagreements
from lab.matrix import PROOFS, SIGNALS, TABLE, proofs, signals, symptoms, table
from lab.reference import PAGE, reference
from lab.world import recording
from sickbay import snapshot as snapshots
from sickbay.assess import Assessor
from sickbay.coverage import outcomes
from sickbay.diagnosis import Run, diagnose
from sickbay.suite import catalogue


def _judged(name: str, folder: Path) -> dict[str, Any]:
    """The diagnosis of a recorded snapshot, as its JSON."""
    path = folder / "snapshot.json"
    path.write_bytes(recording(name))
    inventory, snapshot = snapshots.load(path)
    known = [symptom for symptom in symptoms() if not symptom.active]
    assessor = Assessor(inventory, snapshot, known)
    verdicts = [
        assessor.verdict(symptom, target)
        for symptom in known
        for target in inventory.of_kind(symptom.kind)
    ]
    run = Run(inventory=inventory.name, started="", duration_s=0, options={})
    diagnosis = diagnose(run, verdicts, selected=len(verdicts))
    data: dict[str, Any] = json.loads(msgspec.json.encode(diagnosis))
    return data


@pytest.mark.parametrize("fault", all_faults(), ids=lambda fault: fault.recording)
def test_recording_of_a_fault_is_judged_as_the_fault_demands(fault: Fault, tmp_path: Path) -> None:
    """The symptom with its cause, nothing that the fault does not explain, and every signal that it
    is said to prove decided by a symptom that it turned red.
    """
    diagnosis = _judged(fault.recording, tmp_path)
    assert disagreements(fault, diagnosis) == []
    red = {ref for finding in diagnosis["findings"] for ref in finding["signals"]}
    assert sorted(set(fault.proves) - red) == []


@pytest.mark.parametrize("world", WORLDS)
def test_recording_of_a_healthy_world_has_no_finding(world: str, tmp_path: Path) -> None:
    """Healthy systems are quiet, and everything in them could be looked at."""
    diagnosis = _judged(f"{world}-healthy", tmp_path)
    assert diagnosis["findings"] == []
    assert diagnosis["not_evaluated"] == []


def test_proofs_and_table_are_those_of_the_faults() -> None:
    """What the package and the docs say is proven is what `python -m lab.matrix` writes now."""
    assert PROOFS.read_text() == proofs()
    assert TABLE.read_text() == table()
    assert SIGNALS.read_text() == signals()
    assert PAGE.read_text() == reference(symptoms())


def test_every_symptom_has_been_seen_red() -> None:
    """A health test that never failed proves nothing."""
    proven = {fault.symptom for fault in all_faults()}
    assert sorted(s.id for s in symptoms() if s.id not in proven) == []


def test_every_signal_is_one_of_the_catalogue() -> None:
    """What a symptom decides and a fault proves is documented under that very reference."""
    known = catalogue()
    named = {ref for symptom in symptoms() for ref in symptom.signals}
    named |= {ref for fault in all_faults() for ref in fault.proves}
    assert sorted(named - known.keys()) == []


def test_every_decided_signal_has_been_seen_red() -> None:
    """A symptom may not claim a signal that no fault has turned red."""
    unproven = [o.signal.ref for o in outcomes(symptoms()) if o.decided and not o.proven]
    assert unproven == []


def test_every_fault_has_a_name_of_its_own() -> None:
    """Of two with one name only the second's snapshot would be kept."""
    names = [fault.recording for fault in all_faults()]
    assert [name for name in names if names.count(name) > 1] == []


def test_every_explanation_names_a_symptom_that_exists() -> None:
    """explained_by and because point at something."""
    ids = {symptom.id for symptom in symptoms()}
    named = {name for s in symptoms() for name in s.explained_by}
    named |= {name for s in symptoms() for cause in s.causes for name in cause.because}
    assert sorted(named - ids) == []
