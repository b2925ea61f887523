"""What earlier runs saw is read out of their reports, and goes along in the snapshot."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from sickbay import history
from sickbay import snapshot as snapshots
from sickbay.inventory.load import load
from sickbay.inventory.targets import Inventory
from sickbay.redact import Redactor
from sickbay.snapshot import Earlier, Snapshot, TargetState
from sickbay.targets.host.facts.load import Load
from sickbay.targets.host.facts.service_processes import ServiceProcess
from sickbay.targets.probe import Contact, Observation

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
PROCESS = ServiceProcess(
    pid=7, service="shop.service", main=True, parent=1, user="shop", state="S", threads=1,
    resident=1000, age_seconds=9, command="shop",
)  # fmt: skip
LOAD = Load(of="load", cores=1, minute_1=0.1, minutes_5=0.1, minutes_15=0.1, running=1)


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    """One host."""
    (tmp_path / "prod.yaml").write_text("hosts: {a: {}}\n")
    return load(tmp_path / "prod.yaml", {})


def _run(folder: Path, inventory: Inventory, hour: int, **more: tuple[Earlier, ...]) -> Path:
    facts = {
        "service_processes": Observation(value=(PROCESS,)), "load": Observation(value=LOAD),
    }  # fmt: skip
    state = TargetState(contact=Contact(outcome="answered"), facts=facts)
    seen = Snapshot(taken=NOON + timedelta(hours=hour), states={"a": state}, earlier=more)
    path = folder / f"run-{hour:02}" / "snapshot.json"
    path.parent.mkdir(parents=True)
    snapshots.save(path, inventory, seen, Redactor(()))
    return path


def test_history_is_of_this_inventory_and_the_oldest_comes_first(
    tmp_path: Path, inventory: Inventory
) -> None:
    """Only what tests ask for is kept of each run; the link to the latest is no run of its own."""
    runs = tmp_path / "reports"
    for hour in (2, 1):
        _run(runs, inventory, hour)
    other = _run(runs, inventory, 3)
    other.write_text(other.read_text().replace('"inventory":"', '"inventory":"other-'))
    (runs / "latest").symlink_to("run-02")
    (found,) = history.read(runs, inventory.name).values()
    assert [seen.taken.hour for seen in found] == [13, 14]
    assert found[0].facts == {"service_processes": (PROCESS,)}


def test_history_leaves_out_what_cannot_be_read(tmp_path: Path, inventory: Inventory) -> None:
    """A run that was cut off, one of another version, and folders that are none of ours."""
    runs = tmp_path / "reports"
    _run(runs, inventory, 1)
    _run(runs, inventory, 2).write_text('{"schema_version": 1, "inv')
    _run(runs, inventory, 3).write_text('{"schema_version": 99}')
    (runs / "notes").mkdir()
    odd = _run(runs, inventory, 4)
    data = json.loads(odd.read_text())
    data["targets"]["a"]["state"]["facts"]["service_processes"]["value"] = "garbage"
    odd.write_text(json.dumps(data))
    (found,) = history.read(runs, inventory.name).values()
    assert [len(seen.facts) for seen in found] == [1, 0]


@pytest.mark.parametrize("folder", ["none", "empty"])
def test_history_of_no_runs_is_empty(tmp_path: Path, folder: str) -> None:
    """The first run has none."""
    (tmp_path / "empty").mkdir()
    assert history.read(tmp_path / folder, "prod") == {}


def test_snapshot_brings_its_history_along(tmp_path: Path, inventory: Inventory) -> None:
    """So that a replay compares with the same runs."""
    earlier = (Earlier(taken=NOON, facts={"service_processes": (PROCESS,)}),)
    path = _run(tmp_path, inventory, 5, a=earlier)
    assert snapshots.load(path)[1].earlier == {"a": earlier}
    assert msgspec.json.decode(path.read_bytes())["targets"]["a"]["earlier"][0]["taken"]
