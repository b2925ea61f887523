"""Observing PostgreSQL: a real server, and what only pretends to be one."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from lab.demo.parts import postgres
from selftest.servers import Behaviour, answering, garbage, hang_up, nobody, served, silent
from selftest.unit.observing import facts_of, observed
from sickbay.inventory.postgres import PostgresEntry
from sickbay.snapshot import TargetState

DEADLINE = 3.0
NOT_HERE = {"standby_lag", "archiver"}
"""Facts of a standby, and of a server that archives."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server of the superuser's, with a role ``shop`` that has no rights."""
    with tempfile.TemporaryDirectory(prefix="sickbay-postgres-") as folder:
        Path(folder).chmod(0o755)
        with postgres(Path(folder) / "data") as uri:
            with psycopg.connect(uri, autocommit=True) as connection:
                connection.execute("ALTER SYSTEM SET log_statement = 'all'")
                connection.execute("SELECT pg_reload_conf()")
                connection.execute("CREATE ROLE nobody NOLOGIN")
            yield uri


def _look(dsn: str, *facts: str, deadline: float = DEADLINE) -> TargetState:
    return observed(PostgresEntry(dsn=dsn, deadline=deadline), facts or None)


def test_server_that_answers_has_every_fact(server: str) -> None:
    """All that a single primary has, in one connection."""
    state = _look(server)
    assert state.contact.outcome == "answered"
    assert {name: one.gap for name, one in state.facts.items() if one.gap} == {}
    assert {name for name, one in state.facts.items() if one.absent} == NOT_HERE
    assert state.facts["postgres_server"].value.slots == 97


def test_sessions_of_others_are_counted_and_told(server: str) -> None:
    """Who is there, what they do and since when; ourselves left out."""
    with psycopg.connect(f"{server}&user=shop&application_name=till") as held:
        held.execute("SELECT 1")
        state = _look(server, "sessions", "session_count")
    (session,) = state.facts["sessions"].value
    assert (session.role, session.application, session.idle_in_transaction) == (
        "shop",
        "till",
        True,
    )
    assert state.facts["session_count"].value.sessions == 1


def test_role_that_may_not_see_sessions_is_denied_only_these(server: str) -> None:
    """What it may see is told; what it may not, with the role to grant."""
    with psycopg.connect(server):
        state = _look(f"{server}&user=shop")
    gaps = {name: one.gap for name, one in state.facts.items() if one.gap}
    assert set(gaps) == {"sessions"}
    assert gaps["sessions"].reason == "denied"
    assert "pg_monitor" in gaps["sessions"].remedy
    assert state.facts["session_count"].value.sessions == 1


def test_query_that_fails_hides_only_its_own_fact(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All queries are sent at once; each error belongs to the one that made it."""
    from sickbay.targets.kinds import known_facts  # noqa: PLC0415 (what is changed here)

    specs = known_facts()
    spoiled = {"databases": "SELECT * FROM nowhere", "tables": "SELECT 1/0 AS name"}
    for name, sql in spoiled.items():
        request = type(specs[name].request)(sql)
        monkeypatch.setitem(specs, name, _with_request(specs[name], request))
    state = _look(server)
    gaps = {name: one.gap for name, one in state.facts.items() if one.gap}
    assert {name: gap.reason for name, gap in gaps.items()} == {
        "databases": "unsupported",
        "tables": "unreadable",
    }
    assert "nowhere" in gaps["databases"].detail
    assert "division by zero" in gaps["tables"].detail


def _with_request(spec: object, request: object) -> object:
    import dataclasses  # noqa: PLC0415 (only here)

    return dataclasses.replace(spec, request=request)  # type: ignore[type-var]


def test_statement_that_would_write_is_refused_by_the_server(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is read-only, whatever a fact's author writes."""
    from sickbay.targets.kinds import known_facts  # noqa: PLC0415 (what is changed here)

    specs = known_facts()
    request = type(specs["tables"].request)("CREATE TABLE written (id int)")
    monkeypatch.setitem(specs, "tables", _with_request(specs["tables"], request))
    gap = _look(server, "tables").facts["tables"].gap
    assert gap is not None
    assert "read-only transaction" in gap.detail
    with psycopg.connect(server) as connection:
        assert connection.execute("SELECT to_regclass('written')").fetchone() == (None,)


def test_statement_that_takes_too_long_ends_on_the_server(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the deadline is all that one statement gets; the others are had all the same."""
    from sickbay.targets.kinds import known_facts  # noqa: PLC0415 (what is changed here)

    specs = known_facts()
    request = type(specs["tables"].request)("SELECT pg_sleep(60)")
    monkeypatch.setitem(specs, "tables", _with_request(specs["tables"], request))
    state = _look(server, "tables", "postgres_server")
    gap = state.facts["tables"].gap
    assert gap is not None
    assert "longer than it may" in gap.detail
    assert state.facts["postgres_server"].value.slots == 97
    with psycopg.connect(server) as connection:
        left = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'sickbay'"
        assert connection.execute(left).fetchone() == (0,)


@pytest.mark.parametrize(
    ("settings", "outcome", "failure"),
    [
        ("&user=absent", "denied", "login-refused"),
        ("&user=nobody", "denied", "login-refused"),
        ("&dbname=absent", "denied", "login-refused"),
    ],
)
def test_login_that_is_refused_says_so(
    server: str, settings: str, outcome: str, failure: str
) -> None:
    """Which is another matter than a server that is not there."""
    state = _look(f"{server}{settings}")
    assert (state.contact.outcome, state.contact.failure) == (outcome, failure)
    assert state.contact.remedy


def test_all_slots_taken_is_told_as_such(server: str) -> None:
    """The role that has no slot kept for it is refused."""
    held = [psycopg.connect(f"{server}&user=shop") for _ in range(97)]
    try:
        state = _look(f"{server}&user=shop")
    finally:
        for connection in held:
            connection.close()
    assert (state.contact.outcome, state.contact.failure) == ("unreachable", "too-many-connections")


@pytest.mark.parametrize(
    ("behaviour", "outcomes", "failures"),
    [
        (silent, {"unreachable", "timed_out"}, {"silent"}),
        (garbage, {"unreadable", "unreachable"}, {"garbage", "broken-off"}),
        (hang_up, {"unreachable"}, {"broken-off"}),
        (answering(b"S"), {"unreachable", "unreadable"}, {"broken-off", "tls-failed", "garbage"}),
        (answering(b"N", close=False), {"unreachable", "timed_out"}, {"silent"}),
        (answering(b"HTTP/1.1 400 Bad Request\r\n\r\n"), {"unreadable", "unreachable"}, {"garbage", "broken-off", "tls-failed"}),
    ],
    ids=["silent", "garbage", "hangs-up", "half-tls", "half-login", "web-server"],
)  # fmt: skip
def test_server_that_is_none_is_never_taken_for_one(
    behaviour: Behaviour, outcomes: set[str], failures: set[str]
) -> None:
    """Each ends in time, with a reason and a remedy, and no fact is had."""
    started = time.monotonic()
    with served(behaviour) as port:
        state = _look(f"postgresql://a:c4n4ry-of-a-dsn@127.0.0.1:{port}/x")
    assert time.monotonic() - started < DEADLINE + 1
    assert state.contact.outcome in outcomes, state.contact
    assert state.contact.failure in failures, state.contact
    assert state.contact.remedy
    assert [name for name, one in state.facts.items() if one.value is not None] == []
    assert set(state.facts) == set(facts_of("postgres"))
    assert "c4n4ry" not in str(state)


def test_server_that_is_not_there_is_refused() -> None:
    """Port and host are named."""
    with nobody() as port:
        state = _look(f"postgresql://127.0.0.1:{port}/x")
    assert (state.contact.outcome, state.contact.failure) == ("unreachable", "refused")


@pytest.mark.parametrize("dsn", ["nonsense", "host=x unknown=1"])
def test_dsn_that_is_none_is_told_as_such(dsn: str) -> None:
    """Without quoting it, as it may hold a password."""
    state = _look(dsn)
    assert (state.contact.outcome, state.contact.failure) == ("unreachable", "bad-dsn")


def test_password_in_an_error_is_masked() -> None:
    """libpq quotes parts of a DSN that it cannot read."""
    secret = quote("c4n4ry of a dsn")
    state = _look(f"postgresql://a:{secret}@127.0.0.1:notaport/x")
    assert "c4n4ry" not in str(state)
