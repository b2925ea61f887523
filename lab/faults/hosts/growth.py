"""A service of app1 takes more memory from run to run."""

from __future__ import annotations

from collections.abc import Iterator

from lab.fault import fault
from lab.world import World
from lab.worlds.hosts import Hosts

RUNS = 3


@fault(
    "host.memory-climbs",
    on="app1",
    cause="it leaks memory",
    proves=[
        "ai-orchestrator-hub:memory-high/rss-growth",
        "sergas:application-crashes/app-memory-growth",
    ],
    how="real, within seconds: the lab compares runs that lie less than an hour apart",
)
def shop_leaks_memory(hosts: Hosts, world: World) -> Iterator[None]:
    """It keeps what it should forget; three earlier runs have seen it smaller."""
    hosts.unit(hosts.app1, "shop-app", "[Service]\nEnvironment=SHOP_LEAK=1\n")
    hosts.wait_for_shop()
    for _ in range(RUNS):
        world.remember("-k", "memory_of_services", "--limit=app1")
    yield
    world.forget()
    hosts.unit(hosts.app1, "shop-app")
