"""PostgreSQL answers and lets us in."""

from __future__ import annotations

from sickbay.symptoms import symptom
from sickbay.targets.probe import Contact

HOST_DOWN = (
    "host.unreachable",
    "host.unit-failed",
    "host.unit-inactive",
    "host.port-closed",
    "host.disk-filling",
)


@symptom(
    "postgres.unreachable",
    severity="critical",
    signals=[
        "sergas:component-down/database-answers",
        "ai-orchestrator-hub:database-unreachable/select-one",
        "neurallog:core-services-down/database-answers",
        "sergas:application-wont-start/database-login",
    ],
    explained_by=HOST_DOWN,
)
def test_postgres_answers(contact: Contact) -> None:
    """Nothing that needs the database works while it does not answer."""
    assert contact.outcome == "answered"


@test_postgres_answers.cause(
    "the server is not running",
    remedy="Start it (systemctl start postgresql) and read its log; compare host and port in the DSN.",
)
def refused(contact: Contact) -> object:
    return contact if contact.failure == "refused" else None


@test_postgres_answers.cause(
    "all its connection slots are taken",
    remedy="Terminate idle sessions, use a pooler such as PgBouncer, or raise max_connections.",
)
def no_slots(contact: Contact) -> object:
    return contact if contact.failure == "too-many-connections" else None


@test_postgres_answers.cause(
    "role, password or database are wrong",
    remedy="Correct the DSN; look at pg_hba.conf when they are right.",
)
def login_refused(contact: Contact) -> object:
    return contact if contact.failure == "login-refused" else None


@test_postgres_answers.cause(
    "it is starting up or shutting down",
    remedy="Wait for recovery to end; read the server's log for why it started anew.",
)
def starting(contact: Contact) -> object:
    return contact if contact.failure == "starting" else None


@test_postgres_answers.cause(
    "the address is cut off, or something drops what is sent there",
    remedy="Look at routes and firewalls between here and the server.",
)
def cut_off(contact: Contact) -> object:
    return contact if contact.failure in {"silent", "no-route"} else None


@test_postgres_answers.cause(
    "its name is not known", remedy="Correct the host in the DSN, or the name's DNS entry."
)
def name_unknown(contact: Contact) -> object:
    return contact if contact.failure == "name-unknown" else None


@test_postgres_answers.cause(
    "what answers there is no PostgreSQL, or breaks off",
    remedy="Compare the port in the DSN; look for a proxy in between.",
)
def something_else(contact: Contact) -> object:
    return contact if contact.failure in {"garbage", "broken-off", "tls-failed"} else None


@test_postgres_answers.cause("the DSN cannot be used", remedy="Mend the dsn in the inventory.")
def bad_dsn(contact: Contact) -> object:
    return contact if contact.failure == "bad-dsn" else None
