"""Sessions: who is connected, what they do, who waits for whom."""

from __future__ import annotations

from typing import Any

from sickbay.errors import Denied
from sickbay.facts import Record, fact
from sickbay.targets.postgres.query import Query

_HIDDEN = "<insufficient privilege>"


@fact(
    "sessions",
    Query("""
        SELECT pid, usename AS role, datname AS database, application_name AS application, state,
               extract(epoch FROM now() - state_change)::float8 AS seconds_in_state,
               extract(epoch FROM now() - query_start)::float8 AS seconds_in_query,
               extract(epoch FROM now() - xact_start)::float8 AS seconds_in_transaction,
               left(query, 120) AS query
        FROM pg_stat_activity
        WHERE (backend_type = 'client backend' OR backend_type IS NULL) AND pid <> pg_backend_pid()
    """),
)
class Session(Record):
    """A client's session (manual, table 28.4, view pg_stat_activity); our own is left out.

    ``seconds_in_state`` counts from the last change of ``state`` (active, idle, idle in
    transaction, ...). Of a statement the first 120 characters are kept: enough to tell it.
    """

    pid: int
    role: str
    database: str
    application: str
    state: str
    seconds_in_state: float = 0.0
    seconds_in_query: float = 0.0
    seconds_in_transaction: float = 0.0
    query: str = ""

    @property
    def label(self) -> str:
        return f"{self.role}@{self.database} (pid {self.pid})"

    @property
    def idle_in_transaction(self) -> bool:
        """It holds a transaction open and does nothing in it."""
        return self.state.startswith("idle in transaction")

    @classmethod
    def parse(cls, rows: list[dict[str, Any]]) -> tuple[Session, ...]:
        """Parse the rows; other roles' sessions are hidden from a role without pg_monitor."""
        if any(row["state"] is None and row["query"] == _HIDDEN for row in rows):
            raise Denied(
                "other roles' sessions are hidden from this role",
                "GRANT pg_monitor (or pg_read_all_stats)",
            )
        return tuple(
            cls(
                pid=row["pid"],
                role=row["role"] or "",
                database=row["database"] or "",
                application=row["application"] or "",
                state=row["state"] or "disabled",
                seconds_in_state=row["seconds_in_state"] or 0.0,
                seconds_in_query=row["seconds_in_query"] or 0.0,
                seconds_in_transaction=row["seconds_in_transaction"] or 0.0,
                query=row["query"] or "",
            )
            for row in rows
        )


@fact(
    "session_count",
    # Every role sees these numbers; in pg_stat_activity others' sessions may be hidden.
    Query("SELECT sum(numbackends)::int AS n FROM pg_stat_database"),
)
class SessionCount(Record):
    """How many clients are connected, ourselves left out; every role may know that."""

    sessions: int

    @property
    def label(self) -> str:
        return "sessions"

    @classmethod
    def parse(cls, rows: list[dict[str, Any]]) -> SessionCount:
        """Parse the one row."""
        return cls(sessions=max(0, rows[0]["n"] - 1))


@fact(
    "lock_waits",
    Query("""
        SELECT DISTINCT ON (l.pid) l.pid, a.usename AS role, a.datname AS database,
               extract(epoch FROM now() - l.waitstart)::float8 AS seconds,
               pg_blocking_pids(l.pid) AS blockers, left(a.query, 120) AS query
        FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
        WHERE NOT l.granted
    """, since=140000),
)  # fmt: skip
class LockWait(Record):
    """A session that waits for a lock (view pg_locks, function pg_blocking_pids)."""

    pid: int
    role: str
    database: str
    seconds: float
    blockers: tuple[int, ...]
    query: str = ""

    @property
    def label(self) -> str:
        return f"{self.role}@{self.database} (pid {self.pid}), held up by {', '.join(map(str, self.blockers))}"

    @classmethod
    def parse(cls, rows: list[dict[str, Any]]) -> tuple[LockWait, ...]:
        """Parse the rows."""
        return tuple(
            cls(
                pid=row["pid"],
                role=row["role"] or "",
                database=row["database"] or "",
                seconds=row["seconds"] or 0.0,
                blockers=tuple(row["blockers"]),
                query=row["query"] or "",
            )
            for row in rows
        )
