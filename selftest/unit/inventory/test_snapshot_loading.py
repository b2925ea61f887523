"""A snapshot is read back as it was, and a file that is none is told so."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sickbay import snapshot as snapshots
from sickbay.errors import UsageError
from sickbay.facts import FactSpec, Record
from sickbay.inventory.load import load
from sickbay.redact import Redactor
from sickbay.snapshot import Snapshot, TargetState
from sickbay.targets.host.command import Command
from sickbay.targets.probe import Contact, Observation

INVENTORY = """\
limits: {disk_used: 60 %}
hosts:
  a: {units: [cron]}
  b: {runs_on: a}
postgres:
  main: {dsn: "${DB_DSN}", runs_on: a}
waivers:
  - {symptom: host.x, target: a, reason: r, owner: o, until: 2099-01-01}
"""


class Room(Record):
    """A fact as any other."""

    mount: str
    used: float


ROOM = (Room(mount="/", used=0.5),)
SPEC = FactSpec("rooms", Command("df"), tuple[Room, ...], lambda _: ROOM, "")

Change = Callable[[Callable[[dict[str, Any]], None]], Path]


@pytest.fixture
def changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Change:
    """A saved snapshot after a change to its data."""
    monkeypatch.setattr(snapshots, "known_facts", lambda: {"rooms": SPEC})
    (tmp_path / "inv.yaml").write_text(INVENTORY)
    inventory = load(tmp_path / "inv.yaml", {"DB_DSN": "postgresql://u:canary-1@h/x"})
    state = TargetState(
        contact=Contact(outcome="answered"), facts={"rooms": Observation(value=ROOM)}
    )
    seen = Snapshot(taken=snapshots.now(), states={"a": state})
    path = tmp_path / "snapshot.json"
    snapshots.save(path, inventory, seen, Redactor(inventory.secrets))

    def change(how: Callable[[dict[str, Any]], None]) -> Path:
        data = json.loads(path.read_text())
        how(data)
        path.write_text(json.dumps(data))
        return path

    return change


def test_load_gives_back_what_was_saved(changed: Change) -> None:
    """Targets, limits with their sources, relations, waivers, typed facts; and no secret."""
    path = changed(lambda _: None)
    for given in (path, path.parent):
        inventory, seen = snapshots.load(given)
        assert set(inventory.targets) == {"a", "b", "main", "waivers"}
        assert [t.name for t in inventory.upstream("main")] == ["main", "a"]
        assert inventory.targets["a"].limits.disk_used.source.endswith("inv.yaml:1")  # type: ignore[attr-defined]
        assert seen.states["a"].facts["rooms"].value == ROOM
    assert "canary" not in path.read_text()


def test_load_snapshot_of_another_version_keeps_what_it_can(changed: Change) -> None:
    """Unknown facts, keys and limits are left out; limits not recorded hold by their default."""

    def other(data: dict[str, Any]) -> None:
        a = data["targets"]["a"]
        a["entry"]["key_of_tomorrow"] = 1
        a["limits"] = {"limit_of_tomorrow": [1.0, "x:1"]}
        a["state"]["facts"]["fact_of_tomorrow"] = {"value": 5}

    inventory, seen = snapshots.load(changed(other))
    assert float(inventory.targets["a"].limits.disk_used) == 0.85  # type: ignore[attr-defined]
    assert inventory.targets["a"].limits.disk_used.source == "default"  # type: ignore[attr-defined]
    assert list(seen.states["a"].facts) == ["rooms"]


def test_load_fact_in_another_form_is_unreadable_not_healthy(changed: Change) -> None:
    """One fact that changed its form does not take the others with it."""

    def other(data: dict[str, Any]) -> None:
        data["targets"]["a"]["state"]["facts"]["rooms"] = {"value": "many"}

    _, seen = snapshots.load(changed(other))
    gap = seen.states["a"].facts["rooms"].gap
    assert gap is not None
    assert gap.reason == "unreadable"


def _no_waiver_owner(data: dict[str, Any]) -> None:
    del data["waivers"][0]["owner"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            lambda data: data.update(schema_version=99),
            "a snapshot of format 99; this version reads",
        ),
        (lambda data: data.pop("targets"), "not a snapshot that can be replayed"),
        (lambda data: data["targets"]["a"].update(section="ships"), "does not know"),
        (lambda data: data["targets"]["main"]["entry"].pop("dsn"), "has an unusable dsn"),
        (_no_waiver_owner, "has an unusable owner"),
    ],
)
def test_load_unusable_snapshot_says_why(
    changed: Change, change: Callable[[dict[str, Any]], None], expected: str
) -> None:
    """In one line, with the path."""
    path = changed(change)
    with pytest.raises(UsageError) as caught:
        snapshots.load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"\xff\xfe", b"null", b'{"schema_version": 1}', b"[" * 100_000]
)
def test_load_other_file_is_no_snapshot(tmp_path: Path, data: bytes) -> None:
    """Empty, cut off, of another kind, or hostile."""
    (tmp_path / "snapshot.json").write_bytes(data)
    with pytest.raises(UsageError, match="not a snapshot that can be replayed"):
        snapshots.load(tmp_path / "snapshot.json")


def test_load_missing_file_says_so(tmp_path: Path) -> None:
    """A folder without a snapshot, or a path that is not there."""
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        snapshots.load(tmp_path)
