"""The facts of hosts on other Debian releases, and with BusyBox's shell and tools."""

from __future__ import annotations

import json

import pytest

from lab.world import World
from lab.worlds import OTHERS

pytestmark = [
    pytest.mark.parametrize("world", OTHERS, indirect=True),
    pytest.mark.xdist_group("hosts-elsewhere"),
]


def test_facts_of_hosts_elsewhere_are_had(world: World) -> None:
    """None is unreadable, and none lacks more than a tool that is not there."""
    seen = world.diagnose()
    state = json.loads(seen.snapshot)["targets"]["other"]["state"]
    assert state["contact"]["outcome"] == "answered", seen.output
    facts = state["facts"]
    gaps = {name: one["gap"] for name, one in facts.items() if one.get("gap")}
    lacking = {"unsupported"} if world.name == "busybox" else set()
    assert {name: gap for name, gap in gaps.items() if gap["reason"] not in lacking} == {}
    had = {name for name, one in facts.items() if one.get("value") is not None}
    assert len(had) > (20 if world.name == "busybox" else 50), sorted(set(facts) - had)
