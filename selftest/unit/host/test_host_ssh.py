"""Observing over SSH, against a real sshd and against what only pretends to be one."""

from __future__ import annotations

import asyncio
import importlib
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lab.ports import free_port
from selftest.unit.host.sshd import Sshd, host_target, running, seen
from sickbay.errors import Missing
from sickbay.facts import FactSpec
from sickbay.inventory.targets import Target
from sickbay.redact import Redactor
from sickbay.targets.host import script, ssh
from sickbay.targets.host.command import Command
from sickbay.targets.host.facts.filesystems import Filesystem
from sickbay.targets.host.facts.service_processes import ServiceProcess
from sickbay.targets.host.facts.units import Unit
from sickbay.targets.host.observer import observe
from sickbay.targets.kinds import known_facts
from sickbay.targets.probe import Connection, Contact, Observation, Probe

FACTS = sorted(name for name, spec in known_facts().items() if isinstance(spec.request, Command))


@pytest.fixture(scope="module", autouse=True)
def asyncssh_at_hand() -> None:
    """Its import takes its time, and not out of the short deadlines here."""
    importlib.import_module("asyncssh")


def asked(target: Target, **commands: Command) -> Probe:
    """An observation of facts of our own, whose value is what the host printed."""
    specs = [FactSpec(name, command, str, str, "") for name, command in commands.items()]
    open_connections: dict[str, Connection] = {}
    probe = Probe(target, specs, Redactor(), deadline=30, connections=open_connections)

    async def all_of_it() -> None:
        try:
            await observe(probe)
        finally:
            for connection in open_connections.values():
                await connection.close()

    asyncio.run(all_of_it())
    return probe


def reason(observation: Observation) -> str:
    assert observation.gap is not None, observation
    return observation.gap.reason


@contextmanager
def pretender(behave: Callable[[socket.socket], None]) -> Iterator[int]:
    """The port of something on loopback that takes connections and is no sshd."""
    over = threading.Event()
    taken: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)

        def serve() -> None:
            while not over.is_set():
                try:
                    connection, _ = listener.accept()
                except TimeoutError:
                    continue
                taken.append(connection)
                with suppress(OSError):  # whoever looks may have hung up by then
                    behave(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            over.set()
            thread.join()
            for connection in taken:
                connection.close()


def contact_of(port: int, deadline: float = 20) -> Contact:
    """How the contact with whatever is on the port went; its one fact has to be missing as well."""
    target = host_target(
        address="127.0.0.1",
        port=port,
        user="nobody",
        ssh_config="/dev/null",
        known_hosts="/dev/null",
        deadline=deadline,
    )
    state = seen(target, "load")
    assert reason(state.facts["load"]) == state.contact.outcome
    assert state.seconds <= deadline + 1
    assert state.contact.remedy
    return state.contact


def told(contact: Contact) -> tuple[str, str]:
    return contact.outcome, contact.failure


# ---------------------------------------------------------------------- nobody lets us in


def test_connect_port_closed_is_refused() -> None:
    """Nothing listens: refused, and not silent."""
    assert told(contact_of(free_port())) == ("unreachable", "refused")


def test_connect_refused_by_a_slow_machine_is_still_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What this machine takes to read keys does not make a refusal a silence."""
    options = ssh._Login._options

    def slow(login: Any) -> Any:
        time.sleep(1.2)
        return options(login)

    monkeypatch.setattr(ssh._Login, "_options", slow)
    place_deadline = 1.3
    assert told(contact_of(free_port(), place_deadline)) == ("unreachable", "refused")


def test_connect_name_unknown_is_told() -> None:
    """A name that nobody knows; .invalid never exists."""
    target = host_target(address="h1.invalid", user="x", ssh_config="/dev/null", deadline=20)
    contact = seen(target, "load").contact
    assert contact.outcome == "unreachable"
    assert contact.failure == "name-unknown"


def test_connect_silence_ends_before_the_deadline() -> None:
    """Something takes the connection and says nothing."""
    with pretender(lambda _: None) as port:
        assert told(contact_of(port, 1.5)) == ("timed_out", "silent")


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
        b"\x00\xff\x15\x03\x01\x00\x02\x02\x28",
        b"220 mail ESMTP\r\n" * 5000,
        b"SSH-1.5-old\r\n",
    ],
    ids=["http", "bytes", "flood", "ssh1"],
)
@pytest.mark.parametrize("closes", [True, False], ids=["closes", "stays"])
def test_connect_something_else_than_ssh_is_garbage(said: bytes, closes: bool) -> None:
    """A web server, a mail server, bytes, an ancient protocol: whatever it is, it is not SSH."""

    def speak(connection: socket.socket) -> None:
        connection.sendall(said)
        if closes:
            connection.shutdown(socket.SHUT_WR)

    with pretender(speak) as port:
        assert told(contact_of(port, 4)) == ("unreadable", "garbage")


@pytest.mark.parametrize("greeting", [b"", b"SSH-2.0-OpenSSH_9.9\r\n"], ids=["before", "after"])
def test_connect_broken_off_is_told(greeting: bytes) -> None:
    """The connection closes before or after the greeting, as with MaxStartups."""

    def close(connection: socket.socket) -> None:
        connection.sendall(greeting)
        connection.close()

    with pretender(close) as port:
        assert told(contact_of(port)) == ("unreachable", "broken-off")


def test_login_key_not_let_in_is_refused(sshd: Sshd) -> None:
    """A key that the host does not know; the remedy names the user and the way."""
    key = sshd.folder / "other"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    contact = seen(sshd.target(identity_file=str(key)), "load").contact
    assert told(contact) == ("denied", "login-refused")
    assert "authorized_keys" in contact.remedy
    assert sshd.logins == 0


def test_login_key_file_missing_is_refused_without_asking(sshd: Sshd) -> None:
    """A key file that is not there."""
    contact = seen(sshd.target(identity_file=str(sshd.folder / "none")), "load").contact
    assert told(contact) == ("denied", "login-refused")


def test_login_host_key_not_known_is_not_trusted(sshd: Sshd) -> None:
    """Nothing is asked of a host that nobody vouches for; the finger print is shown."""
    contact = seen(sshd.target(known_hosts="/dev/null"), "load").contact
    assert told(contact) == ("denied", "host-key-unknown")
    assert "SHA256:" in contact.detail
    assert sshd.logins == 0


def test_login_host_key_changed_is_said_so(sshd: Sshd) -> None:
    """Another key than the known one may be somebody in between."""
    other = (sshd.folder / "client.pub").read_text()
    known = sshd.folder / "changed"
    known.write_text(f"[127.0.0.1]:{sshd.port} {other}")
    contact = seen(sshd.target(known_hosts=str(known)), "load").contact
    assert told(contact) == ("denied", "host-key-changed")
    assert "ssh-keygen -R" in contact.remedy
    assert sshd.logins == 0


@pytest.mark.parametrize("command", ["/usr/sbin/nologin", "/bin/false", "cat /etc/issue"])
def test_login_without_a_shell_is_told(sshd: Sshd, command: str) -> None:
    """The key opens the door, and there is no shell behind it."""
    keys = sshd.folder / "authorized_keys"
    keys.write_text(f'command="{command}" {keys.read_text()}')
    assert told(seen(sshd.target(), "load").contact) == ("denied", "no-shell")


def test_login_without_sessions_is_told(tmp_path: Path) -> None:
    """sshd lets in for tunnels only."""
    with running(tmp_path / "sshd", "MaxSessions 0") as server:
        assert told(seen(server.target(), "load").contact) == ("denied", "no-shell")


# ---------------------------------------------------------------------- let in


def test_observe_all_facts_cost_one_login_and_two_trips(sshd: Sshd) -> None:
    """However much is wanted: one login, at most two round trips of four scripts, every fact decided."""
    state = seen(sshd.target(deadline=30), *FACTS)
    assert state.contact.outcome == "answered"
    assert sshd.logins == 1
    assert 1 <= sshd.sessions <= 8
    assert set(state.facts) == set(FACTS)
    assert state.facts["load"].value.cores > 0


def test_observe_nothing_wanted_is_one_login(sshd: Sshd) -> None:
    """The contact alone."""
    assert seen(sshd.target()).contact.outcome == "answered"
    assert (sshd.logins, sshd.sessions) == (1, 1)


def test_observe_parts_fail_each_on_its_own(sshd: Sshd) -> None:
    """A tool missing, a right lacking, a hang, odd bytes: the others have their facts."""
    started = time.monotonic()
    probe = asked(
        sshd.target(),
        missing=Command("frobnicate", tool="frobnicate"),
        denied=Command("echo 'cat: /etc/shadow: Permission denied' >&2; exit 1", grant="group x"),
        hangs=Command("sleep 300", timeout=1),
        bytes=Command("printf '\\377\\000\\033]0;x\\007\\n'"),
        failing=Command("echo no >&2; exit 7"),
        large=Command("head -c 3000000 /dev/zero | tr '\\0' a"),
        fine=Command("echo fine"),
    )
    assert time.monotonic() - started < 15
    found = probe.observations
    assert probe.contact == Contact(outcome="answered")
    reasons = {name: reason(found[name]) for name in ("missing", "denied", "hangs", "failing")}
    assert reasons == {
        "missing": "unsupported",
        "denied": "denied",
        "hangs": "timed_out",
        "failing": "unreadable",
    }
    assert found["denied"].gap is not None
    assert found["denied"].gap.remedy == "group x"
    assert found["bytes"].value == "\ufffd\x00\x1b]0;x\x07\n"
    assert len(found["large"].value) == 3_000_000
    assert found["fine"].value == "fine\n"
    assert sshd.sessions == 1


def _meeting(place: Path) -> dict[str, Command]:
    """Two requests that may take long, each of which waits for the other; and a quick one."""
    os.mkfifo(place)
    return {
        "gives": Command(f"echo met >{place}; echo given", timeout=9),
        "takes": Command(f"cat {place}", timeout=9),
        "quick": Command("echo quick"),
    }


def test_observe_what_may_take_long_runs_side_by_side(sshd: Sshd, tmp_path: Path) -> None:
    """So that the slowest of them counts, and not their sum."""
    found = asked(sshd.target(), **_meeting(tmp_path / "fifo")).observations
    assert {name: one.value for name, one in found.items()} == {
        "gives": "given\n", "takes": "met\n", "quick": "quick\n",
    }  # fmt: skip
    assert (sshd.logins, sshd.sessions) == (1, 3)


def test_observe_host_that_allows_one_session_is_asked_in_turn(tmp_path: Path) -> None:
    """What it refused at first is asked for again."""
    with running(tmp_path / "sshd", "MaxSessions 1") as server:
        slow = {f"slow{n}": Command(f"sleep 0.3; echo {n}", timeout=9) for n in range(3)}
        found = asked(server.target(), quick=Command("sleep 0.3; echo q"), **slow).observations
    assert {name: one.value for name, one in found.items()} == {
        "quick": "q\n", "slow0": "0\n", "slow1": "1\n", "slow2": "2\n",
    }  # fmt: skip


def test_observe_connection_breaks_between_parts_keeps_what_came(sshd: Sshd) -> None:
    """What was complete when the host went away is known; the rest says why it is not."""
    commands = {
        "a_first": Command("echo 1"),
        # The shell's parent is the session's sshd; it gets time to pass on what it has.
        "b_breaks": Command("sleep 1; kill -9 $PPID; sleep 5"),
        "c_last": Command("echo 3"),
    }
    specs = [FactSpec(name, command, str, str, "") for name, command in commands.items()]
    probe = Probe(sshd.target(), specs, Redactor(), deadline=15, connections={})
    with pytest.raises(Missing, match=r"broke off|ended"):
        asyncio.run(observe(probe))
    assert probe.contact == Contact(outcome="answered")
    assert probe.observations == {"a_first": Observation(value="1\n")}


# ---------------------------------------------------------------------- what it leaves and takes


def test_observe_writes_nothing_and_takes_no_secrets(tmp_path: Path) -> None:
    """Neither home nor temporary directory is written to; the environment stays where it is."""
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    home.mkdir()
    temporary.mkdir()
    secret = "hunter2-4711-geheim"
    setting = f"SetEnv HOME={home} TMPDIR={temporary} DATABASE_PASSWORD={secret}"
    with running(tmp_path / "sshd", setting) as server:
        own = asked(server.target(), place=Command('echo "$HOME $TMPDIR"'))
        assert own.observations["place"].value == f"{home} {temporary}\n", "the set-up works"
        state = seen(server.target(deadline=30), *FACTS)
    assert state.contact.outcome == "answered"
    assert list(home.iterdir()) == []
    assert list(temporary.iterdir()) == []
    assert secret not in msgspec.json.encode(state).decode()


@pytest.mark.parametrize("name", FACTS)
def test_scripts_redirect_to_nothing_but_null(name: str) -> None:
    """No script of ours opens a file for writing."""
    spec = known_facts()[name]
    assert isinstance(spec.request, Command)
    text = spec.request.script
    if not isinstance(text, str):
        full = Filesystem(
            mount="/", type="ext4", device="/dev/sda1", size=10, used=9, available=1,
            inodes=10, inodes_used=9,
        )  # fmt: skip
        failed = Unit(
            name="x.service", declared=True, load="loaded", active="failed", sub="failed",
            result="exit-code",
        )  # fmt: skip
        runs = ServiceProcess(
            pid=1, service="x.service", main=True, parent=1, user="x", state="S", threads=1,
            resident=1, age_seconds=1, command="x",
        )  # fmt: skip
        entry: Any = host_target(
            units={
                "x": {
                    "binary": "/x",
                    "settings": ["x"],
                    "environment": {"X": 1},
                    "ports": [1],
                    "starts_within": 1,
                    "ready": "x",
                }
            },
            certificates={"/x": {"key_file": "/y", "certbot": "x"}},
            settings={"/x": {"check": {"command": "x", "account": "x", "directory": "/x"}}},
            nginx={},
            folders={"/x": {"oldest": "1 d"}},
            trees={"/x": {"allowed": ["/y"]}},
            leftovers={"/x*": "1 d"},
            mounts=["/x"],
            swap={"file": "/x"},
            files={"/etc/x": {"readable_by": "x", "all_owned_by": "x", "holds": ["x"]}},
            tools=["x"],
            reaches=["x:1"],
            tunnels=["x:1"],
            logins={
                "x": {"address": "x:1", "user": "x", "key": "/x"},
                "y": {
                    "address": "x:1",
                    "user": "x",
                    "key": "/x",
                    "account": "x",
                    "known_hosts": "/y",
                },
            },
            sysctl={"vm.swappiness": 1},
            backups={"/x": {"contains": ["x"], "newer_than": "/y", "restore_to": "/z"}},
            unreachable=["x:1"],
            resolves={"x": []},
            answers={"http://x/": 200},
            pings=["x"],
            firewall={"allows": [1], "allows_out": [1]},
            fail2ban=["x"],
            journal={"x": {"holds": "x"}},
            jobs={
                "x": {"command": "x", "within": "1 h", "report": "/x"},
                "y": {"command": "y", "within": 1},
            },
            log_folders={"/x": {}},
            log_lines={"/x": {"form": "x"}},
            updates=True,
            gpu={"used_by": "x"},
            checkouts={"/x": {}},
            aws_logins={"x": {"account": "x"}},
            login_limits={"nofile": 1},
        ).entry
        text = text(
            entry, {"filesystems": (full,), "units": (failed,), "service_processes": (runs,)}
        )
    assert text is not None
    whole = script.build({name: script.Part(text)}, "nonce", seconds=5)
    targets = set(re.findall(r"(?<![<-])>{1,2}\s*(&?[^\s;)}|&]+)", whole))
    assert targets <= {"/dev/null", "&1", "&2", "&3"}


def test_observe_leaves_no_process_behind(sshd: Sshd) -> None:
    """A part that hangs on the host is ended there, with what it started."""
    if shutil.which("pgrep") is None:
        pytest.skip("pgrep is not installed (procps)")
    length = f"297.{sshd.port}"
    probe = asked(sshd.target(), hangs=Command(f"sleep {length} & sleep {length}", timeout=1))
    assert reason(probe.observations["hangs"]) == "timed_out"
    left = subprocess.run(["pgrep", "-f", f"sleep {length}"], check=False, capture_output=True)
    assert left.stdout == b""
