"""Redis has memory, and knows what it may throw away."""

from __future__ import annotations

from sickbay.inventory.redis import RedisLimits
from sickbay.judge import offenders, worst
from sickbay.symptoms import symptom
from sickbay.targets.redis.facts.info import RedisKeyspace, RedisMemory
from sickbay.targets.redis.facts.queues import RedisQueue

NEVER_EVICTS = "noeviction"


@symptom(
    "redis.memory-full",
    severity="critical",
    signals=[
        "neurallog:redis-memory-problems/memory-headroom",
        "claudebox:slow-response-times/redis-memory-headroom",
    ],
)
def test_redis_has_memory_left(redis_memory: RedisMemory, limits: RedisLimits) -> None:
    """At its limit Redis refuses writes, or throws away what others still need."""
    assert worst([redis_memory], "used_fraction") < limits.redis_memory_used


@test_redis_has_memory_left.cause(
    "keys that never expire fill it",
    remedy="Give cached keys a time to live (EXPIRE); keep only what has to stay.",
    because="redis.keys-without-expiry",
)
def never_expire(redis_keyspaces: tuple[RedisKeyspace, ...], limits: RedisLimits) -> object:
    return [k for k in redis_keyspaces if k.unexpiring_share > limits.redis_unexpiring]


@test_redis_has_memory_left.cause(
    "nothing may be evicted",
    remedy="For a cache set maxmemory-policy allkeys-lru; for a store raise maxmemory.",
)
def nothing_evicted(redis_memory: RedisMemory) -> object:
    return redis_memory if redis_memory.policy == NEVER_EVICTS else None


@test_redis_has_memory_left.cause(
    "a queue is not drained",
    remedy="Look at the queue's workers: are they running, do they fail?",
    because="redis.queue-growing",
)
def undrained(redis_queues: tuple[RedisQueue, ...]) -> object:
    return [queue for queue in redis_queues if queue.length > 0]


@symptom("redis.keys-without-expiry", severity="major")
def test_keys_expire_where_memory_is_short(
    redis_keyspaces: tuple[RedisKeyspace, ...], redis_memory: RedisMemory, limits: RedisLimits
) -> None:
    """Keys that never expire fill a limited memory sooner or later, and then writes fail."""
    at_risk = redis_memory.used_fraction >= limits.redis_memory_used
    keeps = redis_memory.policy == NEVER_EVICTS or redis_memory.policy.startswith("volatile-")
    lasting = offenders(
        redis_keyspaces,
        lambda k: at_risk and keeps and k.unexpiring_share > limits.redis_unexpiring,
    )
    assert lasting == ()


@test_keys_expire_where_memory_is_short.cause(
    "the application sets keys without a time to live",
    remedy="Set one where the key is written: SET key value EX seconds.",
)
def no_time_to_live(redis_keyspaces: tuple[RedisKeyspace, ...]) -> object:
    return [keyspace for keyspace in redis_keyspaces if keyspace.expiring == 0]


@symptom(
    "redis.evictions",
    severity="major",
    signals=["claudebox:slow-response-times/redis-memory-headroom"],
)
def test_redis_throws_nothing_away(redis_memory: RedisMemory, limits: RedisLimits) -> None:
    """Evicted keys (since the server started) are sessions lost and caches asked in vain."""
    assert worst([redis_memory], "evicted") <= limits.redis_evictions


@test_redis_throws_nothing_away.cause(
    "memory is at its limit", remedy="Raise maxmemory, or keep less in it."
)
def at_the_limit(redis_memory: RedisMemory, limits: RedisLimits) -> object:
    return redis_memory if redis_memory.used_fraction >= limits.redis_memory_used else None


@symptom(
    "redis.limit-unset",
    severity="minor",
    signals=["neurallog:redis-memory-problems/memory-limit-set"],
)
def test_redis_has_a_memory_limit(redis_memory: RedisMemory) -> None:
    """Without maxmemory Redis grows until the kernel ends it, or something else."""
    assert offenders([redis_memory], lambda memory: memory.limit == 0) == ()


@symptom(
    "redis.fragmented",
    severity="minor",
    signals=["neurallog:redis-memory-problems/fragmentation-low"],
)
def test_redis_memory_is_not_fragmented(redis_memory: RedisMemory, limits: RedisLimits) -> None:
    """Fragmented memory is taken from the system and of no use to anybody."""
    large = [redis_memory] if redis_memory.used > limits.redis_fragmentation_floor else []
    assert worst(large, "fragmentation") < limits.redis_fragmentation
