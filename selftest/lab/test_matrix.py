"""The detection matrix on real systems: every fault is seen, named, explained, and gone when mended.

The faults of a world are set one after the other, such that neighbours concern different symptoms.
That a fault is gone when it is mended is told by the run under the next one, which must find
nothing that its own fault does not explain; and by the last run, under none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from lab.fault import WORLDS, Fault, disagreements, faults_of
from lab.world import Outcome, World, record

SHARDS = {"hosts": 4, "cluster": 2}
"""How many copies of a world are run side by side, where workers for them are there."""


def _in_turn(faults: list[Fault]) -> list[Fault]:
    """The faults so ordered that those of one symptom lie far apart."""
    seen: Counter[str] = Counter()
    turns = []
    for fault in faults:
        turns.append((seen[fault.symptom], fault.symptom, fault))
        seen[fault.symptom] += 1
    return [fault for _, _, fault in sorted(turns, key=lambda turn: turn[:2])]


def _cases() -> Iterator[object]:
    for name in WORLDS:
        faults = _in_turn(faults_of(name))
        shards = SHARDS.get(name, 1)
        for shard in range(shards):
            group = pytest.mark.xdist_group(f"{name}-{shard}")
            wanted: dict[str, Fault | None] = {f"{name}-healthy-{shard}": None}
            wanted |= {f"{name}-{fault.name}": fault for fault in faults[shard::shards]}
            wanted[f"{name}-healthy-again-{shard}"] = None
            for label, fault in wanted.items():
                yield pytest.param(name, fault, id=label, marks=group)


def _looked_at(world: World, is_wrong: Callable[[Outcome], object]) -> Outcome:
    """What the suite says of a world; what it says at a second look where the first was wrong.

    Several worlds at once keep a small machine so busy that one of them may really be ill for a
    moment. What a fault brings about lasts.
    """
    seen = world.diagnose()
    return world.diagnose() if is_wrong(seen) else seen


@pytest.mark.parametrize(("world", "fault"), list(_cases()), indirect=["world"])
def test_suite_in_a_world_finds_the_fault_and_nothing_else(
    world: World, fault: Fault | None, pytestconfig: pytest.Config
) -> None:
    """With a fault its symptom shows with its cause; without one all is healthy and was seen."""
    recording = pytestconfig.getoption("record")
    if fault is None:
        healthy = _looked_at(world, lambda seen: seen.exit_code != pytest.ExitCode.OK)
        assert [f["message"] for f in healthy.diagnosis["findings"]] == [], healthy.output
        assert healthy.diagnosis["not_evaluated"] == [], healthy.output
        assert healthy.exit_code == pytest.ExitCode.OK, healthy.output
        if recording:
            record(f"{world.name}-healthy", healthy.snapshot)
        return
    with fault.applied(world.parts):
        ill = _looked_at(world, lambda seen: disagreements(fault, seen.diagnosis))
    assert disagreements(fault, ill.diagnosis) == [], ill.output
    assert ill.exit_code == pytest.ExitCode.TESTS_FAILED, ill.output
    if recording:
        record(fault.recording, ill.snapshot)
