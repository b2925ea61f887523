"""Logins by SSH, and connections through tunnels, tried from a host."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from selftest.unit.host.test_host_parsers import recorded, sectioned, told, value
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.facts import key_logins, peers
from sickbay.targets.host.facts.key_logins import KeyLogin, tried_logins
from sickbay.targets.host.facts.peers import Peer


def test_key_logins_debian_tell_how_far_each_came() -> None:
    """In the inventory's order, whichever was over first."""
    found = value("key_logins.debian")
    assert [(one.number, one.outcome, bool(one.banner)) for one in found] == [
        (0, "in", True),
        (1, "refused", False),
        (2, "host-unknown", True),
        (3, "unresolved", False),
        (4, "not-accepted", True),
        (5, "timed-out", False),
    ]
    assert found[0].banner.startswith("OpenSSH_9.2")


def test_key_logins_that_break_off_are_unreadable() -> None:
    """One that is missing may be the one that failed."""
    whole = recorded("key_logins.debian")
    assert told("key_logins", whole[: whole.index("==sickbay== end")]).gap is not None
    assert told("key_logins", sectioned(logins="0 0\nbanner", end="")).value is not None
    assert told("key_logins", sectioned(logins="0\n\n\n", end="")).gap is not None


BANNER = "remote software version dropbear"


@pytest.mark.parametrize(
    ("ended", "banner", "said", "outcome"),
    [
        (0, BANNER, "", "in"),
        (0, "", "", "failed"),
        (255, BANNER, "WARNING: UNPROTECTED PRIVATE KEY FILE! ... Permission denied (publickey).", "key-too-open"),
        (255, BANNER, "u@h: Permission denied (publickey,password).", "not-accepted"),
        (255, BANNER, "Received disconnect: Too many authentication failures", "not-accepted"),
        (255, BANNER, "Host key verification failed.", "host-unknown"),
        (255, "", "ssh: connect to host h port 22: No route to host", "no-route"),
        (255, "", "ssh: connect to host h port 22: Network is unreachable", "no-route"),
        (255, "", "ssh: connect to host h port 22: Connection timed out", "timed-out"),
        (255, "", "kex_exchange_identification: Connection closed by remote host", "failed"),
        (124, BANNER, "", "timed-out"),
        (143, "", "", "timed-out"),
        (1, BANNER, "This account is currently not available.", "command-failed"),
        (127, "", "sh: setpriv: not found", "failed"),
    ],
)  # fmt: skip
def test_key_login_outcome_is_told_by_how_ssh_ended(
    ended: int, banner: str, said: str, outcome: str
) -> None:
    """Only an exit status of 0 after a banner is a login."""
    raw = sectioned(logins=f"0 {ended}\n{banner}\n{said}", end="")
    (one,) = told("key_logins", raw).value
    assert one.outcome == outcome


def test_key_login_without_a_banner_is_another_matter_than_one_refused() -> None:
    """Who does not answer has refused nobody."""
    entry = HostEntry(logins={"a": {"address": "h:22", "user": "u", "key": "/k"}})
    (one,) = tried_logins(entry, (KeyLogin(number=0, banner="", outcome="refused", said=""),))
    assert (one.login, one.to, one.has_banner) == ("a", "u@h:22", False)


def _script(**login: str) -> str:
    known = {"address": "127.0.0.1:9", "user": "u", "key": "/nowhere/key"}
    script = key_logins._script(HostEntry(logins={"a": known | login}), {})
    assert script is not None
    return script


def test_key_login_script_asks_nothing_and_writes_nothing() -> None:
    """Options that settings of the account may not turn over: the first one given holds."""
    script = _script()
    for option in ("BatchMode=yes", "StrictHostKeyChecking=yes", "UpdateHostKeys=no",
                   "ControlMaster=no", "PermitLocalCommand=no", "ClearAllForwardings=yes"):  # fmt: skip
        assert f"-o {option}" in script


def test_key_login_script_quotes_what_the_inventory_says(tmp_path: Path) -> None:
    """Whatever a path is called."""
    calls = tmp_path / "calls"
    (tmp_path / "ssh").write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >>{calls}\n')
    (tmp_path / "ssh").chmod(0o755)
    script = _script(key="/no where/it's $HOME", known_hosts="/a b")
    subprocess.run(
        ["sh", "-c", script], check=True, capture_output=True,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
    )  # fmt: skip
    said = calls.read_text().splitlines()
    assert "/no where/it's $HOME" in said
    assert "UserKnownHostsFile=/a b" in said
    assert said[-2:] == ["127.0.0.1", "true"]


@pytest.mark.parametrize(
    "broken",
    [{"address": "h"}, {"address": "-h:22"}, {"user": "a b"}, {"user": "-x"}, {"account": "$(x)"}, {"key": "k"}],
)  # fmt: skip
def test_login_that_cannot_be_is_refused(broken: dict[str, str]) -> None:
    """Words that would be taken for options are no names."""
    with pytest.raises(ValidationError):
        _script(**broken)


# ---------------------------------------------------------------------- tunnels


@pytest.fixture
def server() -> Iterator[tuple[str, str]]:
    """Two ports: one keeps what it accepts, one closes it at once."""
    kept = socket.create_server(("127.0.0.1", 0))
    closing = socket.create_server(("127.0.0.1", 0))
    closing.settimeout(10)

    def close() -> None:
        with closing.accept()[0]:
            pass

    thread = threading.Thread(target=close)
    thread.start()
    yield tuple(f"127.0.0.1:{one.getsockname()[1]}" for one in (kept, closing))
    thread.join()
    kept.close()
    closing.close()


def test_tunnel_has_to_keep_its_connection(server: tuple[str, str]) -> None:
    """A forwarder without anybody behind it takes a connection as well, and closes it."""
    kept, closing = server
    script = peers._needed(HostEntry(tunnels=[kept, closing], reaches=[kept]), {})
    assert script is not None
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    outcomes = [(one.address, one.outcome) for one in Peer.parse(done.stdout)]
    assert outcomes.count((kept, "connected")) == 2
    assert (closing, "closed") in outcomes


def test_tunnel_that_nobody_listens_on_is_refused() -> None:
    """As any other address."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        address = f"127.0.0.1:{one.getsockname()[1]}"
    script = peers._needed(HostEntry(tunnels=[address]), {})
    assert script is not None
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert [one.outcome for one in Peer.parse(done.stdout)] == ["refused"]
