"""Redis servers (and those that speak its protocol)."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from sickbay.inventory.base import Entry, Part, Secret
from sickbay.inventory.limits import Limits, limit
from sickbay.inventory.units import Count, Duration, Fraction, Ratio, Size


class RedisLimits(Limits):
    redis_memory_used: Fraction = limit("85 %", "used_memory of maxmemory, where one is set")
    redis_evictions: Count = limit(0, "keys evicted since the server started")
    redis_refused: Count = limit(0, "connections refused since the server started")
    redis_clients_used: Fraction = limit("80 %", "connected clients of maxclients")
    redis_blocked: Count = limit(100, "clients that wait in a blocking command")
    redis_fragmentation: Ratio = limit(1.5, "memory taken from the system per memory used")
    redis_fragmentation_floor: Size = limit(
        "100 MB", "memory used below which fragmentation says nothing"
    )
    redis_slow_window: Duration = limit("1 h", "how far back a slow command counts")
    redis_slow_commands: Count = limit(10, "slow commands in the window")
    redis_unexpiring: Fraction = limit(
        "90 %",
        "keys without expiry of all keys, once memory is short and only others may be evicted",
    )


class Queue(Part):
    """A list, stream or sorted set that workers have to drain."""

    longest: int = Field(1000, ge=0, description="entries that may wait in it")


class RedisEntry(Entry):
    kind: ClassVar = "redis"

    url: Secret = Field(
        description="redis://, rediss:// or unix:// URL; give the password by ${VARIABLE}"
    )
    queues: dict[str, Queue] = Field(
        {}, description="keys of queues, each with how long it may get"
    )
    limits: RedisLimits = RedisLimits()
