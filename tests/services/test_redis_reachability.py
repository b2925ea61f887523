"""Redis answers and lets us in."""

from __future__ import annotations

from sickbay.symptoms import symptom
from sickbay.targets.probe import Contact


@symptom(
    "redis.unreachable",
    severity="critical",
    signals=[
        "sergas:component-down/redis-answers",
        "claudebox:authentication-failure/redis-ping",
        "neurallog:core-services-down/redis-pings",
    ],
    explained_by=[
        "host.unreachable",
        "host.unit-failed",
        "host.unit-inactive",
        "host.port-closed",
    ],
)
def test_redis_answers(contact: Contact) -> None:
    """Sessions, caches and queues are gone while Redis does not answer."""
    assert contact.outcome == "answered"


@test_redis_answers.cause(
    "the server is not running",
    remedy="Start it (systemctl start redis-server) and read its log; compare the URL.",
)
def refused(contact: Contact) -> object:
    return contact if contact.failure == "refused" else None


@test_redis_answers.cause(
    "user or password are wrong", remedy="Correct them in the URL; see requirepass and ACL LIST."
)
def login_refused(contact: Contact) -> object:
    return contact if contact.failure == "login-refused" else None


@test_redis_answers.cause(
    "it is still loading its data", remedy="Wait; look into its log for why it started anew."
)
def loading(contact: Contact) -> object:
    return contact if contact.failure == "loading" else None


@test_redis_answers.cause(
    "it takes no more clients", remedy="Raise maxclients, or find who opens so many connections."
)
def too_many_clients(contact: Contact) -> object:
    return contact if contact.failure == "too-many-clients" else None


@test_redis_answers.cause(
    "the address is cut off, the server hangs, or something drops what is sent there",
    remedy="Look at firewalls in between, and for a command that blocks the server (SLOWLOG).",
)
def cut_off(contact: Contact) -> object:
    return contact if contact.failure in {"silent", "no-route"} else None


@test_redis_answers.cause(
    "its name is not known", remedy="Correct the host in the URL, or the name's DNS entry."
)
def name_unknown(contact: Contact) -> object:
    return contact if contact.failure == "name-unknown" else None


@test_redis_answers.cause(
    "what answers there is no Redis, or breaks off",
    remedy="Compare the port in the URL; look for a proxy in between.",
)
def something_else(contact: Contact) -> object:
    return contact if contact.failure in {"garbage", "broken-off"} else None


@test_redis_answers.cause("the URL cannot be used", remedy="Mend the url in the inventory.")
def bad_url(contact: Contact) -> object:
    return contact if contact.failure == "bad-url" else None
