"""Memory of services over several runs."""

from __future__ import annotations

from datetime import datetime

from sickbay.inventory.host import HostLimits
from sickbay.judge import worst
from sickbay.snapshot import Earlier
from sickbay.symptoms import symptom
from sickbay.targets.host.facts.service_processes import ServiceProcess
from sickbay.targets.host.growth import memory_growth


@symptom(
    "host.memory-climbs",
    severity="major",
    signals=[
        "ai-orchestrator-hub:memory-high/rss-growth",
        "sergas:application-crashes/app-memory-growth",
    ],
    explained_by=["host.process-stuck"],
)
def test_memory_of_services_does_not_climb(
    service_processes: tuple[ServiceProcess, ...],
    history: tuple[Earlier, ...],
    limits: HostLimits,
    now: datetime,
) -> None:
    """The memory of a service's process has grown from run to run, and never fell."""
    growth = memory_growth(service_processes, history, now, limits.memory_growth_span)
    assert worst(growth, "growth_fraction") <= limits.memory_growth


@test_memory_of_services_does_not_climb.cause(
    "it leaks memory",
    remedy="Restart it before it is killed (systemctl restart UNIT), and bound it (MemoryMax=); then "
    "look for the leak on another machine, with a memory profiler and the same load.",
)
def leaks(
    service_processes: tuple[ServiceProcess, ...],
    history: tuple[Earlier, ...],
    limits: HostLimits,
    now: datetime,
) -> object:
    growth = memory_growth(service_processes, history, now, limits.memory_growth_span)
    return [one for one in growth if one.growth_fraction > limits.memory_growth]
