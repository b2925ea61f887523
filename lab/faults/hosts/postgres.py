"""PostgreSQL on db1 is cut off, runs out of sessions, is blocked, or is not looked after."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from lab.fault import fault
from lab.worlds.hosts import MAX_CONNECTIONS, Hosts

SLOTS = MAX_CONNECTIONS - 3
"""Those that are not kept for superusers."""
_STREAMS = (
    'su postgres -c "psql -qAtX -c \\"SELECT state FROM pg_stat_replication\\"" | grep -q streaming'
)
_TABLE = "CREATE TABLE stock (id int); INSERT INTO stock SELECT generate_series(1, 4000)"


@fault(
    "postgres.unreachable",
    on="main",
    cause="the server is not running",
    also=["host.unit-inactive@db1"],
    proves=[
        "sergas:component-down/database-answers",
        "neurallog:core-services-down/database-answers",
        "ai-orchestrator-hub:database-unreachable/select-one",
    ],
)
def postgres_was_stopped(hosts: Hosts) -> Iterator[None]:
    """Somebody stopped PostgreSQL; the shop says 503."""
    hosts.db1.run("systemctl stop postgresql@15-main")
    yield
    hosts.db1.run("systemctl start postgresql@15-main")
    hosts.db1.wait_for("pg_isready -q -h 127.0.0.1")


@fault(
    "postgres.unreachable",
    on="main",
    cause="role, password or database are wrong",
    also=["postgres.unreachable@standby"],
    proves=["sergas:application-wont-start/database-login"],
)
def password_of_postgres_was_changed(hosts: Hosts) -> Iterator[None]:
    """The role's password is not the one in the inventory any more."""
    hosts.sql("ALTER ROLE sickbay PASSWORD 'another'")
    yield
    hosts.sql(f"ALTER ROLE sickbay PASSWORD '{hosts.passwords['sickbay']}'")


@fault("postgres.unreachable", on="main", cause="all its connection slots are taken")
def not_even_we_get_a_session(hosts: Hosts) -> Iterator[None]:
    """All slots are taken, and sickbay's role has none kept for it."""
    with hosts.sessions(SLOTS):
        yield


@fault(
    "postgres.connections-short",
    on="main",
    cause="idle sessions hold the pool",
    also=["postgres.idle-sessions@main"],
    proves=[
        "sergas:pool-exhausted/connections-headroom",
        "ai-orchestrator-hub:pool-exhausted/connection-count",
        "neurallog:postgres-connections/connections-headroom",
    ],
)
def idle_sessions_hold_the_pool(hosts: Hosts) -> Iterator[None]:
    """A worker keeps nearly all sessions and uses none."""
    with hosts.sessions(SLOTS - 2):
        hosts.app1.run("sleep 0.6")
        yield


@fault(
    "postgres.connections-short",
    on="main",
    cause="one application holds most of them",
    also=["postgres.long-running@main"],
)
def busy_sessions_take_the_pool(hosts: Hosts) -> Iterator[None]:
    """A worker runs one statement in each of nearly all sessions."""
    with hosts.sessions(SLOTS - 2, "SELECT pg_sleep(60)"):
        hosts.app1.run("sleep 0.6")
        yield


@fault(
    "postgres.connections-short",
    on="main",
    cause="the limit is too low for the load",
    also=["postgres.long-running@main"],
)
def load_outgrows_the_limit(hosts: Hosts) -> Iterator[None]:
    """Nearly all sessions are at work."""
    with hosts.sessions(SLOTS - 2, "SELECT pg_sleep(61)"):
        hosts.app1.run("sleep 0.6")
        yield


@fault(
    "postgres.idle-sessions",
    on="main",
    cause="one application keeps far more connections than it uses",
    proves=[
        "sergas:pool-exhausted/idle-sessions",
        "ai-orchestrator-hub:pool-exhausted/stale-idle-sessions",
    ],
)
def worker_keeps_idle_sessions(hosts: Hosts) -> Iterator[None]:
    """A worker keeps some sessions that it does not use."""
    with hosts.sessions(5):
        hosts.app1.run("sleep 0.6")
        yield


@fault(
    "postgres.idle-in-transaction",
    on="main",
    proves=[
        "sergas:pool-exhausted/idle-in-transaction",
        "neurallog:postgres-connections/no-stuck-transactions",
    ],
)
def transaction_is_left_open(hosts: Hosts) -> Iterator[None]:
    """A worker began a transaction and forgot it."""
    with hosts.sessions(1) as (session,):
        session.execute("BEGIN")
        hosts.app1.run("sleep 0.6")
        yield


@fault(
    "postgres.connections-short",
    on="main",
    cause="sessions sit idle in open transactions",
    also=["postgres.idle-in-transaction@main"],
)
def open_transactions_hold_the_pool(hosts: Hosts) -> Iterator[None]:
    """A worker forgets a transaction in nearly all sessions."""
    with hosts.sessions(SLOTS - 2) as sessions:
        for session in sessions:
            session.execute("BEGIN")
        hosts.app1.run("sleep 0.6")
        yield


@fault(
    "postgres.long-running",
    on="main",
    proves=[
        "sergas:high-error-rate/long-running-queries",
        "ai-orchestrator-hub:slow-queries/long-running-queries",
        "neurallog:postgres-connections/no-long-queries",
    ],
)
def statement_runs_and_runs(hosts: Hosts) -> Iterator[None]:
    """A statement does not come to its end."""
    with hosts.sessions(1, "SELECT pg_sleep(60)"):
        hosts.app1.run("sleep 0.6")
        yield


def _blocked(hosts: Hosts, stack: ExitStack, number: int) -> None:
    """Sessions that wait for a row that another one has changed."""
    stack.enter_context(hosts.sessions(number, "UPDATE stock SET id = 0 WHERE id = 1"))
    hosts.app1.run("sleep 0.7")


@fault(
    "postgres.lock-waits",
    on="main",
    cause="the lock is held by a transaction that stands idle",
    also=["postgres.idle-in-transaction@main", "postgres.long-running@main"],
)
def idle_transaction_holds_a_lock(hosts: Hosts) -> Iterator[None]:
    """A worker changed a row and forgot to commit; another waits for the row."""
    hosts.sql(_TABLE, "GRANT ALL ON stock TO worker", database="shop")
    with ExitStack() as stack:
        (holder,) = stack.enter_context(hosts.sessions(1))
        holder.execute("BEGIN")
        holder.execute("UPDATE stock SET id = 1 WHERE id = 1")
        _blocked(hosts, stack, 1)
        yield
    hosts.sql("DROP TABLE stock", database="shop")


@fault(
    "postgres.lock-waits",
    on="main",
    cause="the lock is held by a statement that runs long",
    also=["postgres.long-running@main"],
)
def long_statement_holds_a_lock(hosts: Hosts) -> Iterator[None]:
    """A statement that takes its time has locked the table that another wants to change."""
    hosts.sql(_TABLE, "GRANT ALL ON stock TO worker", database="shop")
    with ExitStack() as stack:
        stack.enter_context(
            hosts.sessions(1, "UPDATE stock SET id = 1 WHERE id = 1 AND pg_sleep(60) IS NOT NULL")
        )
        hosts.app1.run("sleep 0.1")
        stack.enter_context(hosts.sessions(1, "BEGIN; LOCK TABLE stock"))
        hosts.app1.run("sleep 0.7")
        yield
    hosts.sql("DROP TABLE stock", database="shop")


@fault(
    "postgres.long-running",
    on="main",
    cause="it waits for a lock",
    also=["postgres.lock-waits@main", "postgres.idle-in-transaction@main"],
)
def statement_waits_for_a_lock(hosts: Hosts) -> Iterator[None]:
    """A statement runs long because it waits."""
    yield from idle_transaction_holds_a_lock.breaker(hosts)


@fault(
    "postgres.connections-short",
    on="main",
    cause="sessions wait for each other's locks",
    also=[
        "postgres.lock-waits@main",
        "postgres.idle-in-transaction@main",
        "postgres.long-running@main",
    ],
)
def waiting_sessions_hold_the_pool(hosts: Hosts) -> Iterator[None]:
    """One worker forgets to commit, and all others wait for it."""
    hosts.sql(_TABLE, "GRANT ALL ON stock TO worker", database="shop")
    with ExitStack() as stack:
        (holder,) = stack.enter_context(hosts.sessions(1))
        holder.execute("BEGIN")
        holder.execute("UPDATE stock SET id = 1 WHERE id = 1")
        _blocked(hosts, stack, SLOTS - 3)
        yield
    hosts.sql("DROP TABLE stock", database="shop")


@fault(
    "postgres.wraparound-near",
    on="main",
    also=["postgres.wraparound-near@standby"],
    how="real, with the limit set close: two billion transactions take hours",
)
def transaction_ids_run_out(hosts: Hosts) -> Iterator[None]:
    """Vacuum has not frozen rows for tens of thousands of transactions."""
    hosts.sql(
        "CREATE PROCEDURE burn(n int) LANGUAGE plpgsql AS "
        "'BEGIN FOR i IN 1..n LOOP PERFORM txid_current(); COMMIT; END LOOP; END'",
        "CALL burn(50000)",
    )
    yield
    hosts.sql("DROP PROCEDURE burn", "ALTER DATABASE template0 ALLOW_CONNECTIONS true")
    hosts.db1.run("su postgres -c 'vacuumdb --quiet --all --freeze'")
    hosts.sql("ALTER DATABASE template0 ALLOW_CONNECTIONS false", "CHECKPOINT")
    hosts.db1.wait_for(
        "[ $(su postgres -c \"psql -qAtX -p 5433 -c 'SELECT max(age(datfrozenxid)) FROM pg_database'\") -lt 20000 ]"
    )


@fault(
    "postgres.dead-rows",
    on="main",
    proves=[
        "sergas:slow-queries/table-bloat",
        "neurallog:postgres-slow/dead-rows-few",
        "ai-orchestrator-hub:query-analysis/dead-tuples",
    ],
)
def table_is_not_vacuumed(hosts: Hosts) -> Iterator[None]:
    """Autovacuum was turned off for a table whose rows change."""
    hosts.sql(
        "CREATE TABLE stock (id int) WITH (autovacuum_enabled = off)",
        "INSERT INTO stock SELECT generate_series(1, 4000)",
        "DELETE FROM stock WHERE id > 2000",
        database="shop",
    )
    hosts.app1.run("sleep 0.5")
    yield
    hosts.sql("DROP TABLE stock", database="shop")


@fault(
    "postgres.dead-rows",
    on="main",
    cause="an old transaction keeps vacuum from removing them",
    also=["postgres.idle-in-transaction@main"],
)
def old_transaction_keeps_dead_rows(hosts: Hosts) -> Iterator[None]:
    """A forgotten transaction might still want to see the deleted rows."""
    hosts.sql("CREATE TABLE stock (id int) WITH (autovacuum_enabled = off)", database="shop")
    hosts.sql("INSERT INTO stock SELECT generate_series(1, 4000)", database="shop")
    with hosts.sessions(1) as (session,):
        session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        session.execute("SELECT txid_current()")
        hosts.sql("DELETE FROM stock WHERE id > 2000", "VACUUM stock", database="shop")
        hosts.app1.run("sleep 0.6")
        yield
    hosts.sql("DROP TABLE stock", database="shop")


@fault(
    "postgres.invalid-index",
    on="main",
    cause="CREATE INDEX CONCURRENTLY did not come to its end",
    also=["postgres.invalid-index@standby"],
)
def index_was_left_half_made(hosts: Hosts) -> Iterator[None]:
    """A unique index could not be made, as there are duplicates, and was left behind."""
    hosts.sql("CREATE TABLE stock AS SELECT 1 AS id FROM generate_series(1, 2)", database="shop")
    hosts.db1.run(
        "su postgres -c \"psql -qX shop -c 'CREATE UNIQUE INDEX CONCURRENTLY once ON stock (id)'\"",
        check=False,
    )
    yield
    hosts.sql("DROP TABLE stock", database="shop")


@fault(
    "postgres.pending-restart",
    on="main",
)
def setting_waits_for_a_restart(hosts: Hosts) -> Iterator[None]:
    """max_connections was raised, and nobody dared to restart."""
    hosts.sql("ALTER SYSTEM SET max_connections = 50", "SELECT pg_reload_conf()")
    hosts.app1.run("sleep 0.3")
    yield
    hosts.sql("ALTER SYSTEM RESET max_connections", "SELECT pg_reload_conf()")
    hosts.app1.run("sleep 0.3")


@fault("postgres.replication-lag", on="standby")
def standby_stops_replaying(hosts: Hosts) -> Iterator[None]:
    """Somebody paused the standby's recovery."""
    on_standby = "su postgres -c \"psql -qAtX -p 5433 -c 'SELECT pg_wal_replay_{}()'\""
    hosts.db1.wait_for(_STREAMS)
    hosts.db1.run(on_standby.format("pause"))
    hosts.sql("CREATE TABLE news (id int)", "DROP TABLE news", database="shop")
    hosts.app1.run("sleep 0.6")
    yield
    hosts.db1.run(on_standby.format("resume"))
    hosts.app1.run("sleep 0.3")


@fault("postgres.slot-retains-wal", on="main", cause="nobody reads the slot any more")
def slot_is_forgotten(hosts: Hosts) -> Iterator[None]:
    """A replica was taken down, and its replication slot was not."""
    hosts.sql(
        "SELECT pg_create_physical_replication_slot('gone', true)",
        "CREATE TABLE news AS SELECT repeat('x', 1000) FROM generate_series(1, 12000)",
        "DROP TABLE news",
        database="shop",
    )
    yield
    hosts.sql("SELECT pg_drop_replication_slot('gone')")


@fault("postgres.archiving-fails", on="main")
def archive_cannot_be_written(hosts: Hosts) -> Iterator[None]:
    """The command that archives the write-ahead log fails."""
    hosts.sql("ALTER SYSTEM SET archive_command = '/bin/false'", "SELECT pg_reload_conf()")
    hosts.sql("SELECT txid_current()", "SELECT pg_switch_wal()")
    state = "su postgres -c \"psql -qAtX -c 'SELECT last_failed_time > last_archived_time FROM pg_stat_archiver'\""
    failing = f"[ $({state}) = t ]"
    hosts.db1.wait_for(failing)
    yield
    hosts.sql("ALTER SYSTEM RESET archive_command", "SELECT pg_reload_conf()")
    hosts.db1.wait_for(f"! {failing}", seconds=90)
