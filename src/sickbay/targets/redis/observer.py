"""Observe a Redis server: one connection, one pipeline of read-only commands.

What a look inevitably touches on the server: total_connections_received, total_commands_processed
and the calls of the commands that it sends (INFO commandstats).
"""

from __future__ import annotations

from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from sickbay.errors import Denied, Missing, TimedOut, Unreachable, Unreadable, Unsupported
from sickbay.inventory.redis import RedisEntry
from sickbay.targets.probe import Probe
from sickbay.targets.redis.ask import Ask, Words
from sickbay.targets.threads import in_thread


async def observe(probe: Probe) -> None:
    """Have every wanted fact; a command that the account may not use hides only its own."""
    await in_thread(_observe, probe)


def _observe(probe: Probe) -> None:
    entry = probe.target.entry
    assert isinstance(entry, RedisEntry)
    client = _client(entry, probe.deadline)
    try:
        asked = [(spec, *_asked(spec.request, entry)) for spec in probe.wanted]
        # The same command may serve several facts: it is sent once.
        commands = list(dict.fromkeys([("PING",), *(w for _, _, words in asked for w in words)]))
        replies = dict(zip(commands, _replies(client, commands), strict=True))
        _let_in(replies[("PING",)])
        probe.reached()
        for spec, ask, words in asked:
            answers = {w: _accepted(ask, replies[w]) for w in words}
            failed = [(w, reply) for w, reply in answers.items() if isinstance(reply, Exception)]
            if failed:
                command, error = failed[0]
                probe.miss(spec, _refused(error, command, client))
            else:
                probe.answer(spec, answers)
    except (
        redis.RedisError,
        ValueError,
    ) as error:  # a stranger's answer fails anywhere in the parser
        raise _unreachable(error) from None
    finally:
        client.close()


def _asked(request: object, entry: RedisEntry) -> tuple[Ask, tuple[Words, ...]]:
    assert isinstance(request, Ask)
    return request, request.words(entry)


def _accepted(ask: Ask, reply: Any) -> Any:
    word = str(reply).partition(" ")[0]
    return None if isinstance(reply, Exception) and word in ask.accept else reply


def _client(entry: RedisEntry, deadline: float) -> redis.Redis:
    """A client that tries once and does not wait for ever."""
    try:
        return redis.Redis.from_url(
            entry.url.get_secret_value(),
            socket_connect_timeout=deadline / 2,
            socket_timeout=deadline / 2,
            retry=Retry(NoBackoff(), 0),
            client_name="sickbay",
            protocol=2,
            decode_responses=True,
            encoding_errors="replace",
            health_check_interval=0,
        )
    except ValueError as error:
        raise Unreachable(
            f"the URL cannot be used: {error}", "mend the url in the inventory", failure="bad-url"
        ) from None


def _replies(client: redis.Redis, commands: list[Words]) -> list[Any]:
    """The replies in order; an error that one command gets stands in its place."""
    pipeline: Any = client.pipeline(transaction=False)
    for command in commands:
        pipeline.execute_command(*command)
    replies: list[Any] = pipeline.execute(raise_on_error=False)
    return replies


def _let_in(reply: object) -> None:
    if isinstance(reply, Exception):
        raise reply
    if reply is not True and reply != "PONG":
        raise Unreadable(
            f"PING was answered with {reply!r}", "something else listens there", failure="garbage"
        )


def _refused(error: Exception, command: Words, client: redis.Redis) -> Missing:
    """Why one command was not answered."""
    text, name = str(error), " ".join(command[:2])
    user = client.get_connection_kwargs().get("username") or "default"
    if "NOPERM" in text or "no permissions" in text:
        allow = (
            "|".join(word.lower() for word in command[:2])
            if command[0] in _CONTAINERS
            else command[0].lower()
        )
        return Denied(f"{name}: {text}", f"ACL SETUSER {user} +{allow}")
    if "unknown command" in text.lower() or "unknown subcommand" in text.lower():
        return Unsupported(f"this server does not know {name}")
    return Unreadable(f"{name}: {text}")


_CONTAINERS = {"CONFIG", "SLOWLOG", "MEMORY", "CLIENT", "LATENCY"}
"""Commands whose first argument is a subcommand with a permission of its own."""


_FAILURES: tuple[tuple[tuple[str, ...], type[Missing], str, str], ...] = (
    (("NOAUTH", "WRONGPASS", "AuthenticationError", "invalid username-password", "Client sent AUTH"),
     Denied, "login-refused", "correct user and password in the URL"),
    (("LOADING", "BusyLoadingError"), Unreachable, "loading", "wait until it has loaded its data"),
    (("max number of clients",), Unreachable, "too-many-clients",
     "raise maxclients, or find who opens so many"),
    (("refused", "No such file"), Unreachable, "refused",
     "start the server; compare host and port in the URL"),
    (("Name or service", "name resolution"), Unreachable, "name-unknown",
     "correct the host in the URL, or its DNS entry"),
    (("No route", "unreachable"), Unreachable, "no-route",
     "look at routes and firewalls in between"),
    (("TimeoutError",), TimedOut, "silent",
     "look for a firewall that drops, or a command that blocks the server"),
    (("InvalidResponse", "ResponseError", "Protocol Error", "UnicodeDecodeError", "ValueError"),
     Unreadable, "garbage", "something else listens there; compare the port"),
)  # fmt: skip


def _unreachable(error: Exception) -> Missing:
    """The client tells failures apart by class and text."""
    text = str(error).strip()[:200] or type(error).__name__
    told = f"{type(error).__name__} {text}"
    for words, missing, failure, remedy in _FAILURES:
        if any(word in told for word in words):
            return missing(text, remedy, failure=failure)
    return Unreachable(text, "read the server's log", failure="broken-off")
