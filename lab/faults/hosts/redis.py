"""Redis on db1 is cut off, full, slow, or cannot save."""

from __future__ import annotations

from collections.abc import Iterator

from lab.fault import fault
from lab.worlds.hosts import Hosts


def _fill(hosts: Hosts, keys: int, *, size: int = 4096) -> None:
    """Keys that never expire."""
    hosts.redis(
        f"EVAL \"for n=1,{keys} do redis.call('SET', 'session:'..n, string.rep('x', {size})) end\" 0"
    )


@fault(
    "redis.unreachable",
    on="cache",
    cause="the server is not running",
    also=["host.unit-inactive@db1"],
    proves=[
        "sergas:component-down/redis-answers",
        "claudebox:authentication-failure/redis-ping",
        "neurallog:core-services-down/redis-pings",
    ],
)
def redis_was_stopped(hosts: Hosts) -> Iterator[None]:
    """Somebody stopped Redis."""
    hosts.db1.run("systemctl stop redis-server")
    yield
    hosts.db1.run("systemctl start redis-server")
    hosts.db1.wait_for("ss -Hltn sport = :6379 | grep -q LISTEN")
    hosts.wait_for_replica()


@fault("redis.unreachable", on="cache", cause="user or password are wrong")
def password_of_redis_was_changed(hosts: Hosts) -> Iterator[None]:
    """The password is not the one in the inventory any more."""
    hosts.redis("CONFIG SET requirepass another")
    yield
    hosts.db1.run(
        f"redis-cli --no-auth-warning -a another CONFIG SET requirepass {hosts.passwords['redis']}"
    )


@fault(
    "redis.unreachable",
    on="cache",
    cause="the address is cut off, the server hangs, or something drops what is sent there",
    also=["host.process-stuck@db1"],
)
def redis_hangs(hosts: Hosts) -> Iterator[None]:
    """Redis takes connections and answers nothing."""
    hosts.db1.run("kill -STOP $(systemctl show --value -p MainPID redis-server)")
    yield
    hosts.db1.run("kill -CONT $(systemctl show --value -p MainPID redis-server)")
    hosts.wait_for_replica()


@fault("redis.unreachable", on="cache", cause="it takes no more clients")
def clients_are_refused(hosts: Hosts) -> Iterator[None]:
    """All clients that Redis takes are there already."""
    hosts.redis("CONFIG SET maxclients 2")
    hosts.db1.run(
        "systemd-run -q --collect --unit=client python3 -c 'import socket, time; "
        's = [socket.create_connection(("127.0.0.1", 6379)) for _ in range(3)]; time.sleep(600)\'; sleep 0.3'
    )
    yield
    hosts.db1.run("systemctl stop client; sleep 0.2")
    hosts.redis("CONFIG SET maxclients 10000", "CONFIG RESETSTAT")


@fault(
    "redis.memory-full",
    on="cache",
    cause="keys that never expire fill it",
    also=[
        "redis.keys-without-expiry@cache",
        "redis.memory-full@replica",
        "redis.keys-without-expiry@replica",
    ],
    proves=[
        "neurallog:redis-memory-problems/memory-headroom",
        "claudebox:slow-response-times/redis-memory-headroom",
    ],
)
def keys_that_never_expire_fill_it(hosts: Hosts) -> Iterator[None]:
    """Sessions are kept without a time to live."""
    _fill(hosts, 2600)
    yield
    hosts.redis("FLUSHALL")


@fault(
    "redis.keys-without-expiry",
    on="cache",
    cause="the application sets keys without a time to live",
    also=[
        "redis.memory-full@cache",
        "redis.memory-full@replica",
        "redis.keys-without-expiry@replica",
    ],
)
def sessions_never_expire(hosts: Hosts) -> Iterator[None]:
    """No key has a time to live, and nothing may be evicted."""
    _fill(hosts, 2700)
    yield
    hosts.redis("FLUSHALL")


@fault(
    "redis.memory-full",
    on="cache",
    cause="nothing may be evicted",
    also=["redis.memory-full@replica"],
)
def nothing_may_be_evicted(hosts: Hosts) -> Iterator[None]:
    """A cache whose keys do expire, but that may throw none away before."""
    hosts.redis(
        "EVAL \"for n=1,2600 do redis.call('SET', 'page:'..n, string.rep('x', 4096), 'EX', 3600) end\" 0"
    )
    yield
    hosts.redis("FLUSHALL")


@fault(
    "redis.memory-full",
    on="cache",
    cause="a queue is not drained",
    also=[
        "redis.queue-growing@cache",
        "redis.memory-full@replica",
        "redis.keys-without-expiry@cache",
        "redis.keys-without-expiry@replica",
    ],
)
def queue_fills_the_memory(hosts: Hosts) -> Iterator[None]:
    """Jobs pile up, as no worker runs, and take all memory."""
    hosts.redis(
        "EVAL \"for n=1,2600 do redis.call('RPUSH', 'jobs', string.rep('x', 4096)..n) end\" 0"
    )
    yield
    hosts.redis("FLUSHALL")


@fault(
    "redis.queue-growing",
    on="cache",
    cause="no worker waits for the queue",
    proves=["neurallog:log-ingestion-stalled/queue-short"],
)
def workers_are_gone(hosts: Hosts) -> Iterator[None]:
    """More jobs wait than may, and no worker does."""
    hosts.redis("RPUSH jobs 1 2 3 4 5 6 7 8 9 10 11 12")
    yield
    hosts.redis("DEL jobs")


@fault(
    "redis.evictions",
    on="cache",
    cause="memory is at its limit",
    also=[
        "redis.memory-full@cache",
        "redis.memory-full@replica",
        "redis.keys-without-expiry@replica",
    ],
    proves=["claudebox:slow-response-times/redis-memory-headroom"],
)
def keys_are_thrown_away(hosts: Hosts) -> Iterator[None]:
    """The cache holds less than its users want to keep in it."""
    hosts.redis("CONFIG SET maxmemory-policy allkeys-lru")
    _fill(hosts, 4200)
    yield
    hosts.redis("CONFIG SET maxmemory-policy noeviction", "FLUSHALL", "CONFIG RESETSTAT")


@fault(
    "redis.limit-unset",
    on="cache",
    proves=["neurallog:redis-memory-problems/memory-limit-set"],
)
def memory_limit_was_removed(hosts: Hosts) -> Iterator[None]:
    """maxmemory was set to 0 to get rid of errors."""
    hosts.redis("CONFIG SET maxmemory 0")
    yield
    hosts.redis("CONFIG SET maxmemory 16mb")


@fault(
    "redis.fragmented",
    on="cache",
    also=["redis.fragmented@replica"],
    proves=["neurallog:redis-memory-problems/fragmentation-low"],
)
def memory_is_fragmented(hosts: Hosts) -> Iterator[None]:
    """Most of many small values were deleted, and left holes."""
    for port in (6379, 6380):
        hosts.redis("CONFIG SET maxmemory 100mb", port=port)
    hosts.redis(
        "EVAL \"for n=1,80000 do redis.call('SET', 'k'..n, string.rep('x', 400)) end\" 0",
        "EVAL \"for n=1,80000,2 do redis.call('DEL', 'k'..n) end\" 0",
    )
    yield
    hosts.redis("FLUSHALL")
    for port in (6379, 6380):
        hosts.redis("CONFIG SET maxmemory 16mb", "MEMORY PURGE", port=port)


@fault(
    "redis.rejected-connections",
    on="cache",
    cause="more clients come than maxclients allows",
)
def a_client_was_refused(hosts: Hosts) -> Iterator[None]:
    """For a moment there were more clients than may be."""
    cli = f"redis-cli --no-auth-warning -a {hosts.passwords['redis']}"
    hosts.db1.run(
        f"{cli} CONFIG SET maxclients 2 >/dev/null\n"
        "python3 -c 'import socket; "
        's = [socket.create_connection(("127.0.0.1", 6379)) for _ in range(4)]; s[3].recv(99)\'\n'
        f"sleep 0.2; {cli} CONFIG SET maxclients 10000"
    )
    yield
    hosts.redis("CONFIG RESETSTAT")


@fault("redis.clients-short", on="cache")
def nearly_all_clients_are_there(hosts: Hosts) -> Iterator[None]:
    """90 % of the clients that Redis takes are connected."""
    hosts.db1.run(
        "systemd-run -q --collect --unit=clients python3 -c 'import socket, time; "
        's = [socket.create_connection(("127.0.0.1", 6379)) for _ in range(27)]; time.sleep(600)\'; sleep 0.3'
    )
    hosts.redis("CONFIG SET maxclients 32")
    yield
    hosts.redis("CONFIG SET maxclients 10000")
    hosts.db1.run("systemctl stop clients; sleep 0.2")


@fault("redis.blocked-clients", on="cache")
def clients_wait_in_blocking_commands(hosts: Hosts) -> Iterator[None]:
    """Far more workers wait for work than there is."""
    password = hosts.passwords["redis"]
    hosts.db1.run(
        "systemd-run -q --collect --unit=workers python3 -c 'import socket, time; "
        's = [socket.create_connection(("127.0.0.1", 6379)) for _ in range(120)]; '
        f'[c.sendall(b"AUTH {password}\\r\\nBLPOP nothing 0\\r\\n") for c in s]; time.sleep(600)\'; sleep 0.5'
    )
    yield
    hosts.db1.run("systemctl stop workers; sleep 0.2")


@fault("redis.persistence-failing", on="cache", cause="the last snapshot could not be written")
def snapshot_cannot_be_written(hosts: Hosts) -> Iterator[None]:
    """Redis may not write into its directory any more."""
    hosts.db1.run("chown root: /var/lib/redis; chmod 700 /var/lib/redis")
    hosts.redis("BGSAVE")
    hosts.app1.run("sleep 0.5")
    yield
    hosts.db1.run("chown redis: /var/lib/redis; chmod 750 /var/lib/redis")
    hosts.redis("BGSAVE")
    hosts.app1.run("sleep 0.5")


@fault("redis.replica-broken", on="replica", cause="the master does not answer the replica")
def replica_is_not_let_in(hosts: Hosts) -> Iterator[None]:
    """The replica's password for its master is wrong since the last change of it."""
    hosts.redis("CONFIG SET masterauth another", port=6380)
    hosts.redis("CLIENT KILL TYPE replica")
    hosts.app1.run("sleep 1.2")
    yield
    hosts.redis(f"CONFIG SET masterauth {hosts.passwords['redis']}", port=6380)
    hosts.wait_for_replica()


@fault(
    "redis.slow-commands",
    on="cache",
    cause="a command goes through all keys",
    proves=["neurallog:redis-memory-problems/no-slow-commands"],
)
def commands_go_through_all_keys(hosts: Hosts) -> Iterator[None]:
    """A job asks for all keys again and again; what counts as slow is lowered for the small lab."""
    hosts.redis(
        "CONFIG SET slowlog-log-slower-than 0",
        *["KEYS *"] * 12,
        "CONFIG SET slowlog-log-slower-than 10000",
    )
    yield
    hosts.redis("SLOWLOG RESET")
