"""What is had of a host with which rights; and that those that `sickbay grants` prints write nothing."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.rights import MEANS, PAGE, page
from lab.world import World
from lab.worlds.hosts import Hosts
from sickbay.grants import GROUPS
from sickbay.targets.host.command import Command
from sickbay.targets.kinds import known_facts

pytestmark = [
    pytest.mark.parametrize("world", ["hosts"], indirect=True),
    pytest.mark.xdist_group("hosts-trust"),
]
SUDOERS = "/etc/sudoers.d/medic"
USER, IN_GROUPS, READER, ROOT = MEANS
SUDO = {USER: "false", IN_GROUPS: "false", READER: "read", ROOT: "true"}
WRITES = {
    "a file of root's": "echo x >>/etc/hostname",
    "a new file": "touch /root/x",
    "an end of a service": "kill -9 $(cat /run/nginx.pid)",
    "rights": "chmod 777 /etc/shadow",
    "an account": "setpriv --reuid 0 true",
    "memory": "cat /proc/1/mem",
    "the packet filter": "nft flush ruleset",
}
"""What nobody may do who only reads."""


def _hosts(world: World) -> Hosts:
    hosts = world.parts["hosts"]
    assert isinstance(hosts, Hosts)
    return hosts


def _lines(world: World) -> list[str]:
    """The lines for sudoers that the command line prints for app1."""
    printed = subprocess.run(
        [str(Path(sys.executable).with_name("sickbay")), "grants", str(world.inventory), "--limit=app1"],
        env=dict(world.environ), capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return re.findall(r"(?m)^ *(medic ALL=.*)$", printed)


@contextmanager
def _with_rights(world: World, means: str) -> Iterator[None]:
    """app1's operator with these rights, which the inventory says as well."""
    app1, text = _hosts(world).app1, world.inventory.read_text()
    reader, root = _lines(world)
    line = {READER: reader, ROOT: root}.get(means, "")
    before = app1.run(f"cat {SUDOERS}")
    app1.run(f"cat >{SUDOERS} <<'END'\n{line}\nEND\nchmod 440 {SUDOERS}; visudo -cqf {SUDOERS}")
    if means == USER:
        app1.run(f"for group in {GROUPS.replace(',', ' ')}; do gpasswd -d medic $group; done")
    world.inventory.write_text(text.replace("sudo: true", f"sudo: {SUDO[means]}", 1))
    try:
        yield
    finally:
        world.inventory.write_text(text)
        app1.run(f"usermod -aG {GROUPS} medic; cat >{SUDOERS} <<'END'\n{before}END")


def _denied(world: World) -> frozenset[str]:
    """The facts of app1 that are denied."""
    snapshot = json.loads(world.diagnose("--limit=app1").snapshot)
    facts = snapshot["targets"]["app1"]["state"]["facts"]
    gaps = {name: one["gap"] for name, one in facts.items() if one.get("gap")}
    assert {gap["reason"] for gap in gaps.values()} <= {"denied"}, gaps
    return frozenset(gaps)


def test_rights_of_a_user_decide_what_is_had(world: World, pytestconfig: pytest.Config) -> None:
    """More rights, more facts; with the lines for sudoers all of them, and the page tells each."""
    denied = {}
    for means in MEANS:
        with _with_rights(world, means):
            denied[means] = _denied(world)
    assert denied[USER] > denied[IN_GROUPS] > denied[READER] > denied[ROOT] == frozenset()
    beyond = {
        name
        for name, spec in known_facts().items()
        if isinstance(spec.request, Command) and spec.request.everything
    }
    assert denied[READER] <= beyond
    if pytestconfig.getoption("record"):
        PAGE.write_text(page(denied))
    assert PAGE.read_text() == page(denied)


@pytest.mark.parametrize("what", WRITES)
def test_rights_of_a_reader_write_nothing(world: World, what: str) -> None:
    """Whatever script is given to the command that sudoers allows."""
    app1 = _hosts(world).app1
    with _with_rights(world, READER):
        allowed = _lines(world)[0].partition("NOPASSWD: ")[2].removesuffix(" *").replace("\\", "")
        script = WRITES[what].replace("'", "'\\''")
        reader = f"sudo -n {allowed} 9"
        assert app1.run(f"echo id -u | su medic -s /bin/sh -c '{reader}' 2>&1") == "65534\n"
        told = app1.run(f"echo '{script}' | su medic -s /bin/sh -c '{reader}' 2>&1; echo ended $?")
        assert not told.endswith("ended 0\n"), told
        other = app1.run("su medic -s /bin/sh -c 'sudo -n sh -c true' 2>&1; echo ended $?")
        assert "ended 1" in other
    app1.run("systemctl is-active -q nginx && test ! -e /root/x && grep -qx app1 /etc/hostname")
