"""What an inventory says in vain: waivers and exceptions that speak of nothing there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from sickbay import suite
from sickbay.inventory.load import load

COLLECTED = {"host.disk-filling": "host", "postgres.unreachable": "postgres"}
TEXT = """\
hosts:
  a:
    not_applicable: {host.disk-filing: never, host.disk-filling: never}
postgres:
  main: {dsn: "host=h"}
waivers:
  - {symptom: host.disk-filling, target: a, reason: r, owner: o, until: 2099-01-01}
  - {symptom: 'postgres.*', target: '*', reason: r, owner: o, until: 2099-01-01}
  - {symptom: host.disk-filling, target: main, reason: r, owner: o, until: 2099-01-01}
  - {symptom: host.dsk-filling, target: a, reason: r, owner: o, until: 2099-01-01}
"""


def told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, collected: dict[str, str], *shipped: str
) -> list[str]:
    monkeypatch.chdir(tmp_path)
    tests = tmp_path / "tests"
    tests.mkdir()
    for number, name in enumerate(shipped):
        (tests / f"test_{number}.py").write_text(
            "from sickbay.symptoms import symptom\n"
            f"@symptom({name!r}, severity='minor', layer='infra')\n"
            "def test_it(declared): 'Says.'\n"
        )
    monkeypatch.setattr(suite, "shipped_tests", lambda: tests)
    Path("inv.yaml").write_text(TEXT)
    return list(suite.idle_mentions(load(Path("inv.yaml"), {}), collected))


def test_idle_mentions_whole_suite_collected_names_the_nearest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What no symptom is called, and what is about another kind of target."""
    assert told(tmp_path, monkeypatch, COLLECTED, *COLLECTED) == [
        (
            "inv.yaml:9: this waiver matches nothing: host.disk-filling is about host targets, "
            "and main is postgres"
        ),
        (
            "inv.yaml:10: this waiver matches nothing: no symptom is called 'host.dsk-filling'"
            "; did you mean 'host.disk-filling'?"
        ),
        (
            "inv.yaml:3: this says nothing: no symptom is called 'host.disk-filing'"
            "; did you mean 'host.disk-filling'?"
        ),
    ]


def test_idle_mentions_part_of_the_suite_collected_says_nothing_of_unknown_ids(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever runs one file does not want to hear about the others."""
    (line,) = told(tmp_path, monkeypatch, COLLECTED, *COLLECTED, "host.not-collected")
    assert "is about host targets" in line


def test_find_reads_a_file_once_and_leaves_others_alone(tmp_path: Path) -> None:
    """Files that do not even hold the word are not loaded; the same path twice counts once."""
    (tmp_path / "test_a.py").write_text(
        "from sickbay.symptoms import symptom\n"
        "@symptom('host.a', severity='minor', layer='infra')\n"
        "def test_it(declared): 'Says.'\n"
    )
    (tmp_path / "test_b.py").write_text("raise RuntimeError\n")
    found = suite.find([tmp_path, tmp_path / "test_a.py"])
    assert [symptom.id for symptom in found.symptoms] == ["host.a"]
    assert found.broken == ()
