"""Whatever a server answers, no parser ends the run, and nothing senseless is read as a fact."""

from __future__ import annotations

from typing import Any

import pytest

from sickbay.facts import FactSpec
from sickbay.inventory.postgres import PostgresEntry
from sickbay.inventory.redis import RedisEntry
from sickbay.inventory.targets import Target
from sickbay.redact import Redactor
from sickbay.targets.kinds import known_facts
from sickbay.targets.probe import Probe

ENTRIES = {"postgres": PostgresEntry(dsn="host=x"), "redis": RedisEntry(url="redis://x")}
SENSELESS: list[Any] = [
    None,
    7,
    b"\xff\x00",
    "\x1b[31mtext",
    [[1, 2]],
    [{"unexpected": 1}],
    [{"name": None, "pid": "x"}],
    {"INFO": "no"},
    {("INFO", "everything"): {}},
    {("INFO", "everything"): "# Server\r\nredis_version:7"},
    {("INFO", "everything"): {"redis_version": "7", "used_memory": "much", "role": "?"}},
    {("SLOWLOG", "GET", "128"): [["x"]]},
]
CASES = [
    pytest.param(spec, raw, id=f"{spec.name}-{number}")
    for spec in known_facts().values()
    if spec.kind in ENTRIES
    and spec.name != "redis_queues"  # whose replies go by the keys asked for
    for number, raw in enumerate(SENSELESS)
]
NONE_OF_THEM = {"redis_keyspaces", "redis_link"}
"""Facts that a server without keys or master does not have; and that is what these say."""


@pytest.mark.parametrize(("spec", "raw"), CASES)
def test_senseless_answer_is_a_gap(spec: FactSpec, raw: Any) -> None:
    """It is unreadable, and what was answered is quoted."""
    entry = ENTRIES[spec.kind]
    probe = Probe(Target("it", entry, entry.limits), [spec], Redactor(), deadline=1, connections={})
    probe.answer(spec, raw)
    seen = probe.observations[spec.name]
    if spec.name in NONE_OF_THEM and seen.gap is None:
        assert seen.value in (None, ())
        return
    assert seen.value is None
    assert seen.gap is not None
    assert seen.gap.reason == "unreadable"
    assert "the answer began with" in seen.gap.detail
