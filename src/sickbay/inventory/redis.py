"""Redis servers (and those that speak its protocol)."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from sickbay.inventory.base import Entry, Secret
from sickbay.inventory.limits import Limits, limit
from sickbay.inventory.units import Fraction


class RedisLimits(Limits):
    redis_memory_used: Fraction = limit("80 %", "used_memory of maxmemory, where one is set")


class RedisEntry(Entry):
    kind: ClassVar = "redis"

    url: Secret = Field(
        description="redis://, rediss:// or unix:// URL; give the password by ${VARIABLE}"
    )
    limits: RedisLimits = RedisLimits()
