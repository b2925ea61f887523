"""Observing Redis: a real server, and what only pretends to be one."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from lab.ports import free_port
from selftest.servers import Behaviour, answering, garbage, hang_up, nobody, served, silent
from selftest.unit.observing import facts_of, observed
from sickbay.inventory.redis import RedisEntry
from sickbay.snapshot import TargetState

DEADLINE = 3.0
READS = {"HELLO", "CLIENT", "SELECT", "PING", "INFO", "SLOWLOG", "LLEN", "XLEN", "ZCARD"}
_SERVER = Path(sys.executable).with_name("redis-server")


@pytest.fixture
def server() -> Iterator[int]:
    """A server of our own on a free port, without any key."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [_SERVER, "--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""],
            stdout=subprocess.DEVNULL,
        )
        try:
            with redis.Redis(port=port) as client:
                _wait_for(client)
            yield port
        finally:
            process.kill()
            process.wait()


def _wait_for(client: redis.Redis) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            client.ping()
        except redis.ConnectionError:
            time.sleep(0.02)
        else:
            return
    raise TimeoutError("the server did not start")


def _look(port: int, *facts: str, login: str = "", **settings: object) -> TargetState:
    entry = RedisEntry(url=f"redis://{login}127.0.0.1:{port}/0", deadline=DEADLINE, **settings)
    return observed(entry, facts or None)


def test_server_that_answers_has_every_fact(server: int) -> None:
    """All that a master has, in one connection."""
    state = _look(server, queues={"jobs": {}})
    assert state.contact.outcome == "answered"
    assert {name: one.gap for name, one in state.facts.items() if one.gap} == {}
    assert {name for name, one in state.facts.items() if one.absent} == {"redis_link"}
    assert state.facts["redis_clients"].value.connected == 1


def test_queues_of_every_sort_are_measured(server: int) -> None:
    """Lists, streams and sorted sets; one that is not there is empty."""
    with redis.Redis(port=server) as client:
        client.rpush("list", 1, 2, 3)
        client.xadd("stream", {"a": 1})
        client.zadd("sorted", {"a": 1, "b": 2})
    wanted = ("list", "stream", "sorted", "absent")
    state = _look(server, "redis_queues", queues={name: {} for name in wanted})
    lengths = {queue.name: queue.length for queue in state.facts["redis_queues"].value}
    assert lengths == {"list": 3, "stream": 1, "sorted": 2, "absent": 0}


def test_slow_commands_are_told_without_their_data(server: int) -> None:
    """Name and first argument; a value may be anything."""
    with redis.Redis(port=server) as client:
        client.config_set("slowlog-log-slower-than", 0)
        client.set("session:1", "c4n4ry-of-a-value")
        client.config_set("slowlog-log-slower-than", -1)
    state = _look(server, "slow_commands")
    told = [one.command for one in state.facts["slow_commands"].value]
    assert "SET session:1" in told
    assert "c4n4ry" not in str(state)


def test_keys_that_expire_are_counted(server: int) -> None:
    """Both numbers of a key space."""
    with redis.Redis(port=server) as client:
        client.mset({str(number): "x" for number in range(9)})
        client.set("short", "x", ex=600)
    (space,) = _look(server, "redis_keyspaces").facts["redis_keyspaces"].value
    assert (space.name, space.keys, space.expiring) == ("db0", 10, 1)


def test_observation_sends_only_reads(server: int) -> None:
    """As MONITOR sees it, in one connection."""
    with redis.Redis(port=server) as client, client.monitor() as monitor:
        _look(server, queues={"jobs": {}})
        client.set("the end", 1)
        seen = []
        for command in monitor.listen():
            if command["command"].startswith("SET the"):
                break
            seen.append(command)
    ours = [one for one in seen if one["client_port"] != command["client_port"]]
    assert {one["command"].split(" ")[0].upper() for one in ours} <= READS
    assert len({one["client_port"] for one in ours}) == 1


def test_command_that_is_forbidden_hides_only_its_own_fact(server: int) -> None:
    """With the ACL line to add."""
    with redis.Redis(port=server) as client:
        client.acl_setuser(
            "medic", enabled=True, passwords=["+c4n4ry-of-a-login"], keys=["*"],
            commands=["+ping", "+info", "+client", "+select"],
        )  # fmt: skip
    state = _look(server, login="medic:c4n4ry-of-a-login@", queues={"jobs": {}})
    gaps = {name: one.gap for name, one in state.facts.items() if one.gap}
    assert set(gaps) == {"slow_commands", "redis_queues"}
    assert {gap.reason for gap in gaps.values()} == {"denied"}
    assert gaps["slow_commands"].remedy == "ACL SETUSER medic +slowlog|get"
    assert gaps["redis_queues"].remedy == "ACL SETUSER medic +llen"
    assert "c4n4ry" not in str(state)


@pytest.mark.parametrize("login", ["", ":wrong@", "nobody:wrong@"])
def test_login_that_is_refused_says_so(server: int, login: str) -> None:
    """Without a password, with a wrong one, as somebody who is not known."""
    with redis.Redis(port=server) as client:
        client.config_set("requirepass", "right")
    state = _look(server, login=login)
    assert (state.contact.outcome, state.contact.failure) == ("denied", "login-refused")
    assert state.contact.remedy


@pytest.mark.parametrize(
    ("behaviour", "outcomes", "failures"),
    [
        (silent, {"timed_out"}, {"silent"}),
        (garbage, {"unreadable"}, {"garbage"}),
        (hang_up, {"unreachable"}, {"broken-off", "refused"}),
        (answering(b"+OK\r\n$1000\r\nhalf"), {"unreachable"}, {"broken-off"}),
        (answering(b"HTTP/1.1 400 Bad Request\r\n\r\n"), {"unreadable"}, {"garbage"}),
        (answering(b"-LOADING Redis is loading the dataset in memory\r\n"), {"unreachable"}, {"loading"}),
        (answering(b"-ERR max number of clients reached\r\n"), {"unreachable"}, {"too-many-clients"}),
    ],
    ids=["silent", "garbage", "hangs-up", "half", "web-server", "loading", "full"],
)  # fmt: skip
def test_server_that_is_none_is_never_taken_for_one(
    behaviour: Behaviour, outcomes: set[str], failures: set[str]
) -> None:
    """Each ends in time, with a reason and a remedy, and no fact is had."""
    started = time.monotonic()
    with served(behaviour) as port:
        state = _look(port, login=":c4n4ry-of-a-url@")
    assert time.monotonic() - started < DEADLINE + 1
    assert state.contact.outcome in outcomes, state.contact
    assert state.contact.failure in failures, state.contact
    assert state.contact.remedy
    assert [name for name, one in state.facts.items() if one.value is not None] == []
    assert set(state.facts) == set(facts_of("redis"))
    assert "c4n4ry" not in str(state)


def test_server_that_is_not_there_is_refused() -> None:
    """The most frequent of all."""
    with nobody() as port:
        state = _look(port)
    assert (state.contact.outcome, state.contact.failure) == ("unreachable", "refused")


def test_url_that_is_none_is_told_as_such() -> None:
    """Without quoting it, as it may hold a password."""
    state = observed(RedisEntry(url="http://c4n4ry@nowhere", deadline=DEADLINE))
    assert (state.contact.outcome, state.contact.failure) == ("unreachable", "bad-url")
    assert "c4n4ry" not in str(state)
