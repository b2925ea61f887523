"""Observe a PostgreSQL server: one read-only connection, one pipelined batch of queries.

What a look inevitably touches on the server: its own session in pg_stat_activity, and the counters
of its own transactions in pg_stat_database (xact_commit, sessions, session_time, blks_hit).
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import dict_row

from sickbay.errors import Denied, Missing, Unreachable, Unreadable, Unsupported
from sickbay.facts import FactSpec
from sickbay.inventory.postgres import PostgresEntry
from sickbay.targets.postgres.query import Query
from sickbay.targets.probe import Probe
from sickbay.targets.threads import in_thread

_INSUFFICIENT_PRIVILEGE, _QUERY_CANCELED = "42501", "57014"
_UNKNOWN = {"42P01", "42883", "42703", "0A000", "55000"}
"""Undefined table, function or column, not supported, not preloaded: this server has no such thing."""


async def observe(probe: Probe) -> None:
    """Have every wanted fact; what one role may not see hides only itself."""
    await in_thread(_observe, probe)


def _observe(probe: Probe) -> None:
    connection = _connected(probe)
    with connection:
        probe.reached()
        asked = []
        for spec in probe.wanted:
            assert isinstance(spec.request, Query)
            if connection.info.server_version < spec.request.since:
                version = connection.info.server_version // 10000
                probe.miss(spec, Unsupported(f"PostgreSQL {version} has no such view"))
            else:
                asked.append((spec, spec.request))
        try:
            _ask(connection, probe, asked)
        except psycopg.OperationalError as error:
            raise Unreachable(
                f"the connection broke off: {_first_line(error)}", failure="broken-off"
            ) from None


def _ask(
    connection: psycopg.Connection[Any], probe: Probe, asked: list[tuple[FactSpec, Query]]
) -> None:
    """Send all queries at once, each a transaction of its own, and take the answers in order."""
    early: list[psycopg.Error] = []  # of queries that failed while others were still being sent
    cursors = [connection.cursor() for _ in asked]
    with connection.pipeline() as pipeline:
        for cursor, (_, query) in zip(cursors, asked, strict=True):
            for send in (lambda c=cursor, q=query: c.execute(q.sql.encode()), pipeline.sync):
                try:
                    send()
                except psycopg.Error as error:
                    if connection.closed:
                        raise
                    early.append(error)
        for cursor, (spec, query) in zip(cursors, asked, strict=True):
            try:
                rows = cursor.fetchall()
            except psycopg.Error as error:
                if connection.closed:
                    raise
                told = early.pop(0) if early and cursor.pgresult is None else error
                probe.miss(spec, _missed(told, query, connection.info.user))
            else:
                probe.answer(spec, rows)


def _missed(error: psycopg.Error, query: Query, role: str) -> Missing:
    if error.sqlstate == _INSUFFICIENT_PRIVILEGE:
        return Denied(_first_line(error), f"{query.grant} TO {role};")
    if error.sqlstate in _UNKNOWN:
        return Unsupported(_first_line(error))
    if error.sqlstate == _QUERY_CANCELED:
        return Unreadable("the query took longer than it may (statement_timeout)")
    return Unreadable(_first_line(error))


def _connected(probe: Probe) -> psycopg.Connection[Any]:
    """A connection that can change nothing and waits for nobody."""
    entry = probe.target.entry
    assert isinstance(entry, PostgresEntry)
    milliseconds = int(probe.deadline * 500)
    settings = (
        f"-c default_transaction_read_only=on -c statement_timeout={milliseconds} "
        f"-c lock_timeout={milliseconds} -c idle_in_transaction_session_timeout={2 * milliseconds}"
    )
    try:
        return psycopg.connect(
            entry.dsn.get_secret_value(),
            autocommit=True,
            row_factory=dict_row,
            prepare_threshold=None,
            application_name="sickbay",
            connect_timeout=max(2, int(probe.deadline) - 1),
            options=settings,
        )
    except psycopg.ProgrammingError as error:
        raise Unreachable(
            f"the DSN cannot be used: {_first_line(error)}",
            "mend the dsn in the inventory",
            failure="bad-dsn",
        ) from None
    except psycopg.OperationalError as error:
        raise _refused(str(error)) from None


_FAILURES: tuple[tuple[str, type[Missing], str, str], ...] = (
    ("too many clients already", Unreachable, "too-many-connections", "free sessions, or raise max_connections"),
    ("remaining connection slots are reserved", Unreachable, "too-many-connections", "free sessions, or raise max_connections"),
    ("password authentication failed", Denied, "login-refused", "correct role and password in the DSN"),
    ("no password supplied", Denied, "login-refused", "give a password in the DSN"),
    ("no pg_hba.conf entry", Denied, "login-refused", "allow this role from this address in pg_hba.conf"),
    ("authentication failed", Denied, "login-refused", "correct role and password in the DSN"),
    ("is not permitted to log in", Denied, "login-refused", "ALTER ROLE ... LOGIN, or use another role"),
    ("does not exist", Denied, "login-refused", "correct role and database in the DSN"),
    ("starting up", Unreachable, "starting", "wait until recovery has ended; read the server's log"),
    ("shutting down", Unreachable, "starting", "find out who stops it"),
    ("not yet accepting", Unreachable, "starting", "wait until recovery has ended; read the server's log"),
    ("Connection refused", Unreachable, "refused", "start the server; compare host and port in the DSN"),
    ("No such file or directory", Unreachable, "refused", "start the server; compare the socket in the DSN"),
    ("No route to host", Unreachable, "no-route", "look at routes and firewalls in between"),
    ("Network is unreachable", Unreachable, "no-route", "look at routes and firewalls in between"),
    ("could not translate host name", Unreachable, "name-unknown", "correct the host in the DSN, or its DNS entry"),
    ("Name or service not known", Unreachable, "name-unknown", "correct the host in the DSN, or its DNS entry"),
    ("failed to resolve host", Unreachable, "name-unknown", "correct the host in the DSN, or its DNS entry"),
    ("timeout expired", Unreachable, "silent", "look for a firewall that drops, or a server that hangs"),
    ("received invalid response", Unreadable, "garbage", "something else listens there; compare the port"),
    ("expected authentication request", Unreadable, "garbage", "something else listens there; compare the port"),
    ("closed the connection unexpectedly", Unreachable, "broken-off", "read the server's log"),
    ("certificate verify failed", Unreachable, "tls-failed", "give the right sslrootcert"),
    ("SSL", Unreachable, "tls-failed", "compare sslmode with what the server offers"),
)  # fmt: skip


def _refused(message: str) -> Missing:
    """libpq tells failures apart by their text only."""
    line = next((line for line in reversed(message.strip().splitlines()) if line.strip()), message)
    for words, missing, failure, remedy in _FAILURES:
        if words in message:
            return missing(line.strip(), remedy, failure=failure)
    return Unreachable(line.strip(), "read the server's log", failure="broken-off")


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
