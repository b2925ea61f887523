"""Processes come and go as they should."""

from __future__ import annotations

from sickbay.inventory.host import HostLimits
from sickbay.judge import count
from sickbay.symptoms import symptom
from sickbay.targets.host.facts.processes import Zombie, persistent


@symptom(
    "host.zombies",
    severity="minor",
    signals=["claudebox:process-management/no-zombies"],
)
def test_no_zombies_stay(zombies: tuple[Zombie, ...], limits: HostLimits) -> None:
    """Ended processes whose parent takes no note of them fill the process table."""
    assert count(persistent(zombies, limits.zombie_age)) <= limits.zombies


@test_no_zombies_stay.cause(
    "their parent does not wait for its children",
    remedy="Restart the parent process (ps -o ppid= -p PID names it); its zombies go with it. A "
    "container without an init needs one (docker run --init).",
)
def careless_parent(zombies: tuple[Zombie, ...], limits: HostLimits) -> object:
    return persistent(zombies, limits.zombie_age)
