"""PostgreSQL has room for sessions, and its sessions do not stand in each other's way."""

from __future__ import annotations

from collections import Counter

from sickbay.inventory.postgres import PostgresLimits
from sickbay.judge import offenders, share
from sickbay.symptoms import symptom
from sickbay.targets.postgres.facts.server import PostgresServer
from sickbay.targets.postgres.facts.sessions import LockWait, Session, SessionCount

MOST = 0.5
"""The share of all sessions from which on one application holds most of them."""


@symptom(
    "postgres.connections-short",
    severity="critical",
    signals=[
        "sergas:pool-exhausted/connections-headroom",
        "ai-orchestrator-hub:pool-exhausted/connection-count",
        "neurallog:postgres-connections/connections-headroom",
    ],
)
def test_connections_have_headroom(
    session_count: SessionCount, postgres_server: PostgresServer, limits: PostgresLimits
) -> None:
    """Clients are refused with "too many clients" once all connection slots are taken."""
    assert session_count.sessions / postgres_server.slots < limits.connections_used


@test_connections_have_headroom.cause(
    "idle sessions hold the pool",
    remedy="Terminate sessions idle for more than 5 minutes; use a pooler such as PgBouncer.",
    because="postgres.idle-sessions",
)
def idle_sessions(
    sessions: tuple[Session, ...], postgres_server: PostgresServer, limits: PostgresLimits
) -> object:
    idle = [s for s in sessions if s.state == "idle"]
    return idle if len(idle) / postgres_server.slots > limits.idle_share else None


@test_connections_have_headroom.cause(
    "sessions sit idle in open transactions",
    remedy="Find the code that leaves transactions open; set idle_in_transaction_session_timeout.",
    because="postgres.idle-in-transaction",
)
def idle_in_transaction(sessions: tuple[Session, ...], limits: PostgresLimits) -> object:
    return [
        s
        for s in sessions
        if s.idle_in_transaction and s.seconds_in_state > limits.idle_in_transaction
    ]


@test_connections_have_headroom.cause(
    "sessions wait for each other's locks",
    remedy="Look at who holds them: SELECT pid, pg_blocking_pids(pid) FROM pg_stat_activity.",
    because="postgres.lock-waits",
)
def waiting(lock_waits: tuple[LockWait, ...], sessions: tuple[Session, ...]) -> object:
    return lock_waits if len(lock_waits) > len(sessions) * MOST else None


@test_connections_have_headroom.cause(
    "one application holds most of them",
    remedy="Lower that application's pool size, or its number of workers.",
)
def one_application(sessions: tuple[Session, ...]) -> object:
    ranked = Counter(s.application or s.role for s in sessions).most_common(1)
    if not ranked or ranked[0][1] <= len(sessions) * MOST:
        return None
    name, number = ranked[0]
    return f"{name} holds {number} of {len(sessions)} sessions"


@test_connections_have_headroom.cause(
    "the limit is too low for the load",
    remedy="Raise max_connections (a restart), or put a pooler in front.",
)
def limit_too_low(sessions: tuple[Session, ...], postgres_server: PostgresServer) -> object:
    active = [s for s in sessions if s.state == "active"]
    return postgres_server if len(active) > len(sessions) * MOST else None


@symptom(
    "postgres.idle-sessions",
    severity="major",
    signals=[
        "sergas:pool-exhausted/idle-sessions",
        "ai-orchestrator-hub:pool-exhausted/stale-idle-sessions",
    ],
)
def test_few_sessions_idle(
    sessions: tuple[Session, ...], postgres_server: PostgresServer, limits: PostgresLimits
) -> None:
    """Sessions that do nothing take the slots of those that would."""
    idle = share(
        sessions,
        lambda s: s.state == "idle" and s.seconds_in_state > limits.idle_after,
        of=postgres_server.slots,
    )
    assert idle <= limits.idle_share


@test_few_sessions_idle.cause(
    "one application keeps far more connections than it uses",
    remedy="Lower its pool's minimum size, or let the pool close what it does not use.",
)
def hoarder(sessions: tuple[Session, ...]) -> object:
    idle = [s for s in sessions if s.state == "idle"]
    ranked = Counter(s.application or s.role for s in idle).most_common(1)
    if not ranked or ranked[0][1] <= len(idle) * MOST:
        return None
    return f"{ranked[0][0]} holds {ranked[0][1]} idle sessions"


@symptom(
    "postgres.idle-in-transaction",
    severity="major",
    signals=[
        "sergas:pool-exhausted/idle-in-transaction",
        "neurallog:postgres-connections/no-stuck-transactions",
    ],
)
def test_no_transaction_stands_idle(sessions: tuple[Session, ...], limits: PostgresLimits) -> None:
    """An open transaction keeps its locks, and keeps vacuum from removing dead rows."""
    stuck = offenders(
        sessions,
        lambda s: s.idle_in_transaction and s.seconds_in_state > limits.idle_in_transaction,
    )
    assert stuck == ()


@symptom(
    "postgres.long-running",
    severity="major",
    signals=[
        "sergas:high-error-rate/long-running-queries",
        "ai-orchestrator-hub:slow-queries/long-running-queries",
        "neurallog:postgres-connections/no-long-queries",
    ],
)
def test_statements_end_in_time(sessions: tuple[Session, ...], limits: PostgresLimits) -> None:
    """A statement that runs and runs makes its client wait, and often others too."""
    slow = offenders(
        sessions, lambda s: s.state == "active" and s.seconds_in_query > limits.query_time
    )
    assert slow == ()


@test_statements_end_in_time.cause(
    "it waits for a lock", remedy="See postgres.lock-waits.", because="postgres.lock-waits"
)
def held_up(lock_waits: tuple[LockWait, ...]) -> object:
    return lock_waits


@symptom("postgres.lock-waits", severity="major", explained_by=["postgres.idle-in-transaction"])
def test_nobody_waits_long_for_a_lock(
    lock_waits: tuple[LockWait, ...], limits: PostgresLimits
) -> None:
    """Requests queue up behind a session that holds a lock and does not let go."""
    assert offenders(lock_waits, lambda wait: wait.seconds > limits.lock_wait) == ()


@test_nobody_waits_long_for_a_lock.cause(
    "the lock is held by a transaction that stands idle",
    remedy="End that session: SELECT pg_terminate_backend(pid).",
    because="postgres.idle-in-transaction",
)
def idle_holder(lock_waits: tuple[LockWait, ...], sessions: tuple[Session, ...]) -> object:
    holders = {pid for wait in lock_waits for pid in wait.blockers}
    return [s for s in sessions if s.pid in holders and s.idle_in_transaction]


@test_nobody_waits_long_for_a_lock.cause(
    "the lock is held by a statement that runs long",
    remedy="Let it end, or cancel it: SELECT pg_cancel_backend(pid).",
)
def busy_holder(lock_waits: tuple[LockWait, ...], sessions: tuple[Session, ...]) -> object:
    waiting_pids = {wait.pid for wait in lock_waits}
    holders = {pid for wait in lock_waits for pid in wait.blockers} - waiting_pids
    return [s for s in sessions if s.pid in holders and s.state == "active"]
