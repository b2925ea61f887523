"""Redis does its work: clients, queues, persistence, replication, speed."""

from __future__ import annotations

from datetime import datetime

from sickbay.inventory.redis import RedisEntry, RedisLimits
from sickbay.judge import count, offenders, worst
from sickbay.symptoms import symptom
from sickbay.targets.redis.facts.info import RedisClients, RedisLink, RedisPersistence
from sickbay.targets.redis.facts.queues import RedisQueue, SlowCommand


@symptom(
    "redis.queue-growing",
    severity="major",
    signals=["neurallog:log-ingestion-stalled/queue-short"],
)
def test_queues_are_drained(redis_queues: tuple[RedisQueue, ...], declared: RedisEntry) -> None:
    """What waits in a queue has been promised and not been done."""
    assert offenders(redis_queues, lambda q: q.length > declared.queues[q.name].longest) == ()


@test_queues_are_drained.cause(
    "no worker waits for the queue",
    remedy="Start the workers; look at why they ended.",
)
def nobody_waits(redis_clients: RedisClients) -> object:
    return redis_clients if redis_clients.blocked == 0 else None


@symptom("redis.rejected-connections", severity="major")
def test_redis_takes_all_clients(redis_clients: RedisClients, limits: RedisLimits) -> None:
    """A client that is refused (counted since the server started) has nothing to fall back on."""
    assert worst([redis_clients], "refused") <= limits.redis_refused


@test_redis_takes_all_clients.cause(
    "more clients come than maxclients allows",
    remedy="Raise maxclients, or find out who opens so many connections: CLIENT LIST.",
)
def too_many(redis_clients: RedisClients) -> object:
    return redis_clients


@symptom("redis.clients-short", severity="major")
def test_redis_has_room_for_clients(redis_clients: RedisClients, limits: RedisLimits) -> None:
    """Beyond maxclients every further connection is refused."""
    assert worst([redis_clients], "used_fraction") < limits.redis_clients_used


@symptom("redis.blocked-clients", severity="minor")
def test_few_clients_are_blocked(redis_clients: RedisClients, limits: RedisLimits) -> None:
    """Very many clients in blocking commands hold connections and wait for work that is not there."""
    assert worst([redis_clients], "blocked") <= limits.redis_blocked


@symptom("redis.persistence-failing", severity="critical", explained_by=["host.disk-filling"])
def test_redis_can_save(redis_persistence: RedisPersistence) -> None:
    """When saving fails Redis refuses writes (MISCONF), and a restart loses what was not saved."""
    failing = offenders(
        [redis_persistence],
        lambda p: p.snapshot != "ok" or (p.append_only_on and p.append_only != "ok"),
    )
    assert failing == ()


@test_redis_can_save.cause(
    "the last snapshot could not be written",
    remedy="Look at the directory (CONFIG GET dir): space, rights; then BGSAVE by hand.",
)
def snapshot_failed(redis_persistence: RedisPersistence) -> object:
    return redis_persistence if redis_persistence.snapshot != "ok" else None


@symptom(
    "redis.replica-broken", severity="major", explained_by=["host.unreachable", "redis.unreachable"]
)
def test_replica_is_linked(redis_link: RedisLink) -> None:
    """A replica without its master serves old data and cannot take over."""
    assert redis_link.status == "up"


@test_replica_is_linked.cause(
    "the master does not answer the replica",
    remedy="Look at the master, at masterauth, and at the network between the two.",
)
def master_gone(redis_link: RedisLink) -> object:
    return redis_link if redis_link.status != "up" else None


@symptom(
    "redis.slow-commands",
    severity="minor",
    signals=["neurallog:redis-memory-problems/no-slow-commands"],
)
def test_commands_are_fast(
    slow_commands: tuple[SlowCommand, ...], limits: RedisLimits, now: datetime
) -> None:
    """While one command is slow every other client waits."""
    recent = count(slow_commands, lambda c: now.timestamp() - c.at < limits.redis_slow_window)
    assert recent <= limits.redis_slow_commands


@test_commands_are_fast.cause(
    "a command goes through all keys",
    remedy="Use SCAN instead of KEYS; page through large collections.",
)
def whole_keyspace(slow_commands: tuple[SlowCommand, ...]) -> object:
    return [
        c for c in slow_commands if c.command.split(" ")[0].upper() in {"KEYS", "SORT", "SMEMBERS"}
    ]
