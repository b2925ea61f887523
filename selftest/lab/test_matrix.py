"""The detection matrix on real systems: every fault is seen, named, explained, and gone when mended."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.fault import WORLDS, Fault, all_faults, disagreements
from lab.world import World, record
from lab.worlds import opened


@pytest.fixture(scope="session", params=WORLDS)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """One world at a time, started once, with a look at it before anything is broken."""
    with opened(request.param) as running:
        yield running


def _cases() -> list[object]:
    cases: list[object] = []
    for name in WORLDS:
        group = pytest.mark.xdist_group(name)
        cases.append(pytest.param(name, None, id=f"{name}-healthy", marks=group))
        cases += [
            pytest.param(name, fault, id=f"{name}-{fault.name}", marks=group)
            for fault in all_faults()
            if fault.world == name
        ]
    return cases


@pytest.mark.parametrize(("world", "fault"), _cases(), indirect=["world"])
def test_suite_in_a_broken_world_finds_the_fault_and_nothing_else(
    world: World, fault: Fault | None, pytestconfig: pytest.Config
) -> None:
    """With the fault its symptom shows with its cause; once mended, all is healthy again."""
    if fault is not None:
        with fault.applied(world.parts):
            ill = world.diagnose()
        assert disagreements(fault, ill.diagnosis) == [], ill.output
        assert ill.exit_code == pytest.ExitCode.TESTS_FAILED, ill.output
        if pytestconfig.getoption("record"):
            record(fault.recording, ill.snapshot)
    healthy = world.diagnose()
    assert [f["message"] for f in healthy.diagnosis["findings"]] == [], healthy.output
    assert healthy.diagnosis["not_evaluated"] == [], healthy.output
    assert healthy.exit_code == pytest.ExitCode.OK, healthy.output
    if fault is None and pytestconfig.getoption("record"):
        record(f"{world.name}-healthy", healthy.snapshot)
