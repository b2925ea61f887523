"""Ports and connections: who has them, beside what the inventory says of them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from selftest.unit.host.test_host_parsers import recorded, sectioned, told, value
from sickbay.errors import Denied, NotApplicable
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.cgroups import unit_of
from sickbay.targets.host.facts import connections as asking
from sickbay.targets.host.facts.connections import Connections
from sickbay.targets.host.facts.listeners import Listener, declared_ports, split_socket
from sickbay.targets.host.facts.port_owners import PortOwner
from sickbay.targets.host.facts.service_processes import ServiceProcess
from sickbay.targets.host.sockets import left_open, pools, port_uses, private_ports

# ---------------------------------------------------------------------- who listens


def test_port_owners_debian_are_known_by_their_units() -> None:
    """Every process of a socket that several share is told of."""
    found = value("port_owners.debian")
    assert {(one.port, one.unit) for one in found} == {
        (22, "ssh.service"),
        (80, "nginx.service"),
        (443, "nginx.service"),
        (7681, "shop-tunnel.service"),
        (8000, "shop-app.service"),
    }
    assert len([one for one in found if one.port == 80]) == 3


LISTENING = 'LISTEN 0 5 127.0.0.1:8000 0.0.0.0:* users:(("python3",pid=59,fd=3))'


def owners(listening: str, user: str = "0", groups: str = "") -> Any:
    return told("port_owners", sectioned(user=user, listening=listening, groups=groups, end=""))


def test_port_owner_that_cannot_be_seen_is_denied_not_healthy() -> None:
    """Without root ss leaves out whose the sockets of others are."""
    observation = owners("LISTEN 0 5 127.0.0.1:8000 0.0.0.0:*", user="1000")
    assert observation.gap.reason == "denied"
    assert "sudo: true" in observation.gap.remedy


def test_port_owner_of_the_kernel_is_seen_by_root_as_nobody() -> None:
    """Such as a file server within the kernel: whether that matters depends on the port."""
    (one,) = owners("LISTEN 0 5 0.0.0.0:2049 0.0.0.0:*").value
    assert (one.port, one.pid) == (2049, 0)


def test_port_owner_whose_name_imitates_another_is_not_lost() -> None:
    """A process may call itself whatever it likes; it hides nobody by that."""
    odd = 'LISTEN 0 5 [::]:80 [::]:* users:(("a",pid=1,fd=1)",pid=77,fd=3),("b c",pid=78,fd=3))'
    assert [(one.name, one.pid) for one in owners(odd).value] == [("a", 1), ("", 77), ("b c", 78)]


@pytest.mark.parametrize(
    "listening",
    ["LISTEN 0 5 nonsense", "ESTAB 0 0 1.2.3.4:5 1.2.3.4:6", 'users:(("x",pid=1,fd=2))', "LISTEN"],
)
def test_port_owners_that_make_no_sense_are_unreadable(listening: str) -> None:
    """What is no listener is not passed over."""
    assert owners(listening).gap.reason == "unreadable"


def test_port_owners_that_break_off_are_unreadable() -> None:
    """Half of a list would leave strangers out."""
    whole = recorded("port_owners.debian")
    cut = told("port_owners", whole[: whole.index("==sickbay== end")])
    assert cut.gap is not None


@pytest.mark.parametrize(
    ("line", "unit"),
    [
        ("0::/system.slice/nginx.service", "nginx.service"),
        ("1:name=systemd:/payload/system.slice/nginx.service/worker", "nginx.service"),
        ("0::/user.slice/user-1000.slice/session-3.scope", "session-3.scope"),
        (
            "0::/user.slice/user-1000.slice/user@1000.service/app.slice/x.service",
            "user@1000.service",
        ),
        ("0::/system.slice/docker-0123.scope", "docker-0123.scope"),
        ("0::/", ""),
        ("0::/../../other", ""),
        ("4:memory:/system.slice/nginx.service", None),
    ],
)
def test_unit_of_a_control_group_is_the_outermost(line: str, unit: str | None) -> None:
    """Control groups of other trees say nothing."""
    assert unit_of(line) == unit


@pytest.mark.parametrize("line", ["", "x::/a", "0", "0::a", "\u0661::/a"])
def test_unit_of_what_is_no_control_group_raises(line: str) -> None:
    """A line of another file is not of a process without a unit."""
    with pytest.raises(ValueError, match="cgroup"):
        unit_of(line)


@pytest.mark.parametrize(
    ("text", "socket"),
    [
        ("127.0.0.53%lo:53", ("127.0.0.53", 53)),
        ("[fe80::1]%br-0.100:80", ("fe80::1", 80)),
        ("[::1%lo]:80", ("::1", 80)),
        ("*:22", ("*", 22)),
    ],
)
def test_socket_is_taken_apart_without_its_interface(text: str, socket: tuple[str, int]) -> None:
    """ss writes the interface behind the address or into the brackets."""
    assert split_socket(text) == socket


def process(pid: int, service: str) -> ServiceProcess:
    return ServiceProcess(
        pid=pid, service=service, main=True, parent=1, user="shop", state="S", threads=1,
        resident=1, age_seconds=1, command="x",
    )  # fmt: skip


ENTRY = HostEntry(
    units={"shop": {"ports": [8000], "connections": {"5432": 10}}},
    processes={"api": {"command": "node", "ports": ["127.0.0.1:3000"]}},
)


def owner(port: int, pid: int, unit: str = "", address: str = "127.0.0.1") -> PortOwner:
    return PortOwner(
        socket=f"{address}:{port}", address=address, port=port, name="x", pid=pid, unit=unit
    )


@pytest.mark.parametrize(
    ("one", "stranger"),
    [
        (owner(8000, 5, "shop.service"), False),
        (owner(8000, 6, "other.service"), True),
        (owner(8000, 6, "session-3.scope"), True),
        (owner(8000, 6), True),
        (owner(8000, 1, "init.scope"), False),
        (owner(3000, 7), False),
        (owner(3000, 7, "pm2.service"), False),
        (owner(3000, 8, address="*"), True),
    ],
)
def test_port_is_shared_with_who_does_not_belong_to_the_service(
    one: PortOwner, stranger: bool
) -> None:
    """A unit by its control group, a process by its command line; systemd listens for socket units."""
    processes = (process(5, "shop.service"), process(7, "api"))
    (use,) = port_uses(ENTRY, [one], processes)
    assert use.is_stranger is stranger
    assert use.is_of_another_service is (stranger and one.unit == "other.service")
    assert use.is_of_no_service is (stranger and one.unit != "other.service")


def test_port_of_another_address_is_another_port() -> None:
    """A process that is to listen on loopback does not mind who has the network's side."""
    assert port_uses(ENTRY, [owner(3000, 9, address="10.0.0.5")], ()) == ()


def test_port_whose_process_is_hidden_is_denied() -> None:
    """In a container root may not look: that is not the same as nobody."""
    with pytest.raises(Denied, match=r"127\.0\.0\.1:8000"):
        port_uses(ENTRY, [owner(8000, 0)], ())
    assert port_uses(ENTRY, [owner(2049, 0)], ()) == ()


def test_ports_of_services_have_to_be_listened_on() -> None:
    """As if they stood among the host's ports; each once."""
    entry = HostEntry(ports=[22, 8000], units={"shop": {"ports": [8000]}})
    assert [(one.port, one.listening) for one in declared_ports(entry, [])] == [
        ("22", False),
        ("8000", False),
    ]


def listener(address: str, port: int = 6379) -> Listener:
    return Listener(socket=f"{address}:{port}", address=address, port=port)


@pytest.mark.parametrize(
    ("declared", "address", "exposed"),
    [
        (6379, "127.0.0.1", False),
        (6379, "127.9.9.9", False),
        (6379, "::1", False),
        (6379, "::ffff:127.0.0.1", False),
        (6379, "0.0.0.0", True),
        (6379, "*", True),
        (6379, "::", True),
        (6379, "10.0.0.5", True),
        ("10.0.0.5:6379", "10.0.0.5", False),
        ("10.0.0.5:6379", "127.0.0.1", False),
        ("10.0.0.5:6379", "10.0.0.6", True),
        ("[fd00::1]:6379", "fd00::1", False),
    ],
)
def test_private_port_is_for_loopback_and_the_declared_address(
    declared: str | int, address: str, exposed: bool
) -> None:
    """All else can be reached from elsewhere."""
    (one,) = private_ports(HostEntry(private_ports=[declared]), [listener(address)])
    assert one.is_exposed is exposed


def test_private_port_that_nobody_listens_on_is_fine() -> None:
    """A debugger that does not run, for one."""
    assert private_ports(HostEntry(private_ports=[9229]), [listener("0.0.0.0")]) == ()
    with pytest.raises(NotApplicable):
        private_ports(HostEntry(), [])


# ---------------------------------------------------------------------- connections


def test_connections_debian_are_counted_by_either_port() -> None:
    """Those of a server by its own port, those of a client by the server's."""
    found = value("connections.debian")
    assert Connections(
        process="python3", pid=7527, state="CLOSE-WAIT", side="here", port=9100, count=5
    ) in found  # fmt: skip
    assert [one.count for one in found if (one.side, one.port) == ("there", 6379)] == [3]
    assert [one.process for one in found if one.pid == 0] == ["unknown"]


def test_connections_none_at_all_are_no_gap() -> None:
    """An idle host has none; an answer without its end is another thing."""
    assert told("connections", sectioned(here="", there="", end="")).value == ()
    assert told("connections", sectioned(here="", there="")).gap is not None


SS = """\
ESTAB      0      0       10.0.0.5:8000     10.0.0.9:50001 users:(("a b",pid=7,fd=9))
ESTAB      0      0       10.0.0.5:8000     10.0.0.9:50002 users:(("a b",pid=7,fd=10),("x",pid=8,fd=10))
CLOSE-WAIT 1      0  [::ffff:10.0.0.5]:8000 [::ffff:10.0.0.9]:50003 users:(("a b",pid=7,fd=11))
CLOSE-WAIT 1      0     [fe80::1]%eth0:8000 [fe80::2]:50004
CLOSE-WAIT 1      0     [fe80::1]%eth0:8000 [fe80::2]:50005
"""


def test_connections_script_counts_what_ss_prints(tmp_path: Path) -> None:
    """Names with spaces, both families, interfaces, and sockets of several or of no process."""
    (tmp_path / "ss").write_text(f"#!/bin/sh\ncat <<'END'\n{SS}END\n")
    (tmp_path / "ss").chmod(0o755)
    done = subprocess.run(
        ["sh", "-c", asking._SCRIPT],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "LC_ALL": "C"},
    )
    assert not done.stderr
    assert {
        (one.process, one.pid, one.state, one.count) for one in Connections.parse(done.stdout)
    } == {
        ("a b", 7, "ESTAB", 2),
        ("unknown", 0, "CLOSE-WAIT", 2),
    }


def test_connections_of_too_many_groups_are_not_read_as_few() -> None:
    """What was cut off could be what matters."""
    large = "\n".join(f"12 ESTAB {port} 7 x" for port in range(1, asking.MOST + 1))
    small = "\n".join(f"2 ESTAB {port} 7 x" for port in range(1, asking.MOST + 1))
    assert told("connections", sectioned(here=large, there="", end="")).gap is not None
    assert len(told("connections", sectioned(here=small, there="", end="")).value) == asking.MOST


@pytest.mark.parametrize(
    "line",
    ["5 LISTEN 80 7 x", "ESTAB 80 7 x", "5 ESTAB x 7 x", "\u0665 ESTAB 80 7 x", "5 ESTAB 80"],
)
def test_connections_that_make_no_sense_are_unreadable(line: str) -> None:
    """Nothing is passed over."""
    assert told("connections", sectioned(here=line, there="", end="")).gap is not None


def held(count: int, pid: int = 5, port: int = 5432, state: str = "ESTAB") -> Connections:
    return Connections(process="x", pid=pid, state=state, side="there", port=port, count=count)


def test_left_open_adds_up_the_processes_of_a_program() -> None:
    """Workers of one server count together; what is in use does not count."""
    found = left_open([held(30, 5, state="CLOSE-WAIT"), held(20, 6, state="CLOSE-WAIT"), held(99)])
    assert [(one.connections, one.count) for one in found] == [("x, to port 5432", 50)]
    assert [one.count for one in left_open([held(9)])] == [0]


def test_pool_is_that_of_the_process_with_most() -> None:
    """Each process has its own; other programs' connections and ports do not count."""
    processes = (process(5, "shop.service"), process(6, "shop.service"))
    rows = [held(7, 5), held(8, 6), held(50, 9), held(50, 5, 80), held(50, 5, state="CLOSE-WAIT")]
    (pool,) = pools(ENTRY, rows, processes)
    assert (pool.pid, pool.open, pool.used_fraction, pool.is_several) == (6, 8, 0.8, False)
    (several,) = pools(ENTRY, [held(20, 5)], processes)
    assert several.is_several


def test_pool_without_connections_is_empty_and_hidden_ones_are_denied() -> None:
    """Absent is zero here: ss tells of every connection."""
    (pool,) = pools(ENTRY, [], ())
    assert pool.used_fraction == 0
    with pytest.raises(Denied):
        pools(ENTRY, [held(5, 0)], ())
    with pytest.raises(NotApplicable):
        pools(HostEntry(), [], ())


@pytest.mark.parametrize("connections", [{"0": 10}, {"70000": 10}, {"x": 10}, {"80": 1}])
def test_pool_that_cannot_be_is_refused(connections: dict[str, int]) -> None:
    """A port is one, and a single connection is no pool."""
    with pytest.raises(ValidationError):
        HostEntry(units={"shop": {"connections": connections}})
