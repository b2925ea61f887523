"""A suite and an inventory of a few lines, to see what the plugin makes of them."""

from __future__ import annotations

import pytest

SUITE = '''
from sickbay.errors import Denied, NotApplicable
from sickbay.judge import worst, offenders
from sickbay.symptoms import symptom


@symptom("host.unreachable", severity="critical", layer="infra")
def test_answers(contact):
    """It answers."""
    assert contact.outcome == "answered"


@symptom("host.many-tags", severity="major", layer="infra")
def test_few_tags(declared, contact):
    """Many tags are hard to read."""
    assert len(declared.tags) <= 2


@test_few_tags.cause("someone likes tags", remedy="Take some away.")
def liked(declared):
    return declared.tags


@symptom("host.loud", severity="minor", layer="infra", explained_by=["host.many-tags"])
def test_quiet(declared, contact):
    """Loud hosts wake people."""
    assert "loud" not in declared.tags


@symptom("host.never", severity="minor", layer="infra")
def test_never_applies(contact):
    """Never applies."""
    raise NotApplicable("there is no such thing here")


@symptom("host.hidden", severity="minor", layer="infra")
def test_hidden(contact, declared):
    """Hidden on some hosts."""
    if "shy" in declared.tags:
        raise Denied("may not look", "grant it")
'''


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines are compared whole; pytest cuts them to the terminal's width."""
    monkeypatch.setenv("COLUMNS", "240")


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """A folder with five health tests and an inventory of two healthy hosts, this machine both."""
    pytester.makepyfile(test_suite=SUITE)
    pytester.makefile(
        ".yaml",
        two="hosts:\n  a: {connection: local}\n  b: {connection: local, tags: [x]}\n",
        ill="hosts:\n  a: {connection: local}\n  b: {connection: local, tags: [x, y, loud]}\n",
        shy="hosts:\n  a: {connection: local, tags: [shy]}\n",
        waived="hosts:\n  b: {connection: local, tags: [x, y, z]}\n"
        "waivers:\n  - {symptom: host.many-tags, target: b, reason: known, owner: me, until: 2999-01-01}\n",
    )
    return pytester
