"""Declared services: which processes are theirs, and what of these is not as wanted."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from sickbay.errors import Denied, NotApplicable
from sickbay.inventory.host import HostEntry
from sickbay.targets.host import services
from sickbay.targets.host.facts import binaries, process_details, service_processes
from sickbay.targets.host.facts.binaries import Binary
from sickbay.targets.host.facts.process_details import ProcessDetails, ProcessState
from sickbay.targets.host.facts.service_processes import ServiceProcess
from sickbay.targets.host.facts.units import Unit


def _run(script: str | None) -> str:
    assert script is not None
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    return done.stdout


TABLE = """\
==sickbay== units
MainPID=10
ControlGroup=/system.slice/shop.service
Id=shop.service

MainPID=0
ControlGroup=
Id=backup.service
==sickbay== patterns
tunnel ^ssh .*-L 1:
==sickbay== processes
  1 0 root Ss 1 100 900 /sbin/init
 10 1 shop Ss 4 2000 500 /opt/shop/shop --port 1
 11 10 shop S 1 1000 400 /opt/shop/shop: worker
 12 10 root S 1 1000 400 sh -c odd  spaces
 13 1 shop S 1 1000 400 /opt/shop/shopkeeper
 20 1 www S 1 1000 300 ssh -N -L 1:localhost:2
==sickbay== groups
/proc/1/cgroup:9:name=systemd:{0}/init.scope
/proc/10/cgroup:9:name=systemd:{0}/system.slice/shop.service
/proc/11/cgroup:9:name=systemd:{0}/system.slice/shop.service/inner
/proc/12/cgroup:0::{0}/system.slice/shop.service
/proc/13/cgroup:9:name=systemd:{0}/system.slice/shop.service-2
/proc/20/cgroup:9:name=systemd:{0}/user.slice
"""


@pytest.mark.parametrize("above", ["", "/payload", "/docker/1234"])
def test_processes_of_a_unit_are_those_of_its_control_group(above: str) -> None:
    """And of groups inside of it, whatever container lies around; a longer name is another unit."""
    rows = ServiceProcess.parse(TABLE.format(above))
    assert [(one.pid, one.service, one.main) for one in rows] == [
        (10, "shop.service", True),
        (11, "shop.service", False),
        (12, "shop.service", False),
        (20, "tunnel", True),
    ]
    assert (rows[0].resident, rows[0].threads, rows[0].program) == (2048000, 4, "shop")


def test_processes_hidden_from_the_user_are_denied_not_missing() -> None:
    """With hidepid ps shows one's own alone, which is no table of what runs."""
    hidden = "\n".join(line for line in TABLE.splitlines() if " 0 root" not in line)
    with pytest.raises(Denied, match="hides the processes"):
        ServiceProcess.parse(hidden.format(""))


def test_processes_cut_off_are_no_fact() -> None:
    """Half a line has too few words."""
    with pytest.raises(ValueError, match="not enough values"):
        ServiceProcess.parse(TABLE.format("").replace("/opt/shop/shop --port 1", ""))


def test_processes_of_nothing_declared_are_not_applicable() -> None:
    """There is nothing to ask."""
    assert service_processes._script(HostEntry(), {}) is None
    with pytest.raises(NotApplicable):
        ServiceProcess.parse("")


def test_processes_declared_by_command_are_found_on_this_machine() -> None:
    """A regular expression with quotes and spaces gets through the shell as it is."""
    odd = 'import time; time.sleep(60)  # it\'s "odd"'
    with subprocess.Popen([sys.executable, "-c", odd]) as child:
        try:
            wanted = {"child": {"command": '# it\'s "odd"$'}}
            rows = ServiceProcess.parse(
                _run(service_processes._script(HostEntry(processes=wanted), {}))
            )
            assert [(one.pid, one.service) for one in rows if one.pid == child.pid] == [
                (child.pid, "child")
            ]
        finally:
            child.kill()


def _processes() -> tuple[ServiceProcess, ...]:
    return ServiceProcess.parse(TABLE.format(""))


@pytest.mark.parametrize(("count", "is_wrong"), [(None, False), (1, False), (2, True)])
def test_declared_process_runs_as_often_as_declared(count: int | None, *, is_wrong: bool) -> None:
    """Without a number, once or more."""
    entry = HostEntry(processes={"tunnel": {"command": "x", "count": count}})
    (one,) = services.process_counts(entry, _processes())
    assert (one.running, one.is_wrong) == (1, is_wrong)


def test_declared_process_that_does_not_run_is_missing() -> None:
    """None is never enough."""
    (one,) = services.process_counts(HostEntry(processes={"gone": {"command": "x"}}), _processes())
    assert one.is_wrong


@pytest.mark.parametrize(
    ("wanted", "wrong"),
    [
        ({"user": "shop"}, {"wrong_user": True}),  # one of its processes is root's
        ({"arguments": ["--port 1$"]}, {}),
        ({"arguments": ["--port 2", "shop"]}, {"lacks_arguments": ("--port 2",)}),
        ({"workers": 2}, {}),
        ({"workers": ">= 3"}, {"wrong_workers": True}),
        ({"threads": "<= 4"}, {}),
        ({"threads": 5}, {"wrong_threads": True}),
    ],
)
def test_process_is_judged_by_what_is_declared(
    wanted: dict[str, Any], wrong: dict[str, Any]
) -> None:
    """Each key for itself; all else is fine."""
    judged = services.judged_processes(HostEntry(units={"shop": wanted}), _processes())
    (one,) = judged
    fine: dict[str, Any] = {
        "wrong_user": False, "lacks_arguments": (), "wrong_workers": False, "wrong_threads": False,
    }  # fmt: skip
    assert {name: getattr(one, name) for name in fine} == fine | wrong


@pytest.mark.parametrize(
    ("first", "second", "stuck"),
    [("S", "S", ""), ("D", "S", ""), ("S", "D", ""), ("D", "D", "D"), ("T", "T", "T")],
)
def test_process_is_stuck_where_both_looks_find_it_so(first: str, second: str, stuck: str) -> None:
    """Waiting for a disk for a moment is work."""
    table = TABLE.format("").replace(" 10 1 shop Ss ", f" 10 1 shop {first}s ")
    states = (
        ProcessState(pid=10, state=second, tracer=0),
        ProcessState(pid=99, state="T", tracer=0),
    )
    (one,) = services.judged_states(ServiceProcess.parse(table), states)
    assert (one.service, one.stuck, one.traced) == ("shop.service", stuck, False)


def _details(**said: Any) -> services.JudgedDetails:
    fine = {"program": "/opt/shop/shop", "replaced": False, "directory": "/", "seen": 10_000}
    (one,) = services.judged_details(_processes(), [ProcessDetails(pid=10, **{**fine, **said})])
    return one


def test_settings_count_as_read_when_the_newest_worker_started() -> None:
    """A reload starts new workers of the same program; the main process stays as old as it is."""
    assert _details(settings={"/a": 9_400}).changed_settings == ()
    assert _details(settings={"/a": 9_499, "/b": 9_600}).changed_settings == ()
    assert _details(settings={"/a": 9_602}).changed_settings == ("/a",)


def test_details_of_this_process_are_had_with_odd_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Relative paths lie below its working directory; of a directory the newest file counts."""
    (tmp_path / "conf.d").mkdir()
    for age, name in enumerate(["new one", "old"]):
        (tmp_path / "conf.d" / name).touch()
        os.utime(tmp_path / "conf.d" / name, (1_000_000 - age, 1_000_000 - age))
    (tmp_path / "it's.toml").touch()
    secret = "canary-environment"
    environ = {
        "RIGHT": "8000",
        "EMPTY": "",
        "OTHER": "9",
        "SECRET": secret,
        "PATH": os.environ["PATH"],
    }
    with subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"], cwd=tmp_path, env=environ
    ) as child:
        try:
            time.sleep(0.2)  # until it runs what it was started for
            process = ServiceProcess(
                pid=child.pid, service="it", main=True, parent=1, user="x", state="S", threads=1,
                resident=0, age_seconds=0, command="x",
            )  # fmt: skip
            wanted = {
                "command": "x",
                "settings": ["conf.d", "it's.toml", "gone.toml"],
                "environment": {
                    "RIGHT": 8000, "EMPTY": None, "OTHER": 8000, "GONE": None, "SECRET": None,
                },
            }  # fmt: skip
            entry = HostEntry(processes={"it": wanted})
            out = _run(process_details._script(entry, {"service_processes": (process,)}))
        finally:
            child.kill()
    assert secret not in out
    (one,) = ProcessDetails.parse(out)
    assert (one.replaced, one.directory, one.missing_settings) == (
        False,
        str(tmp_path),
        ("gone.toml",),
    )
    assert one.settings[f"{tmp_path}/conf.d/new one"] == 1_000_000
    assert list(one.settings) == [f"{tmp_path}/conf.d/new one", f"{tmp_path}/it's.toml"]
    assert one.variables == {
        "RIGHT": "right", "EMPTY": "empty", "OTHER": "other", "GONE": "missing", "SECRET": "right",
    }  # fmt: skip


def test_details_of_a_process_that_has_ended_are_left_out() -> None:
    """It is another test's business that it is gone."""
    assert ProcessDetails.parse("now 5\npid 7\ngone") == ()


@pytest.mark.parametrize(
    ("up", "restarts", "needed", "short"),
    [
        (100.0, 0, None, False),
        (100.0, 1, None, True),
        (86_400.0, 1, None, False),
        (899.0, 0, "15 min", True),
        (900.0, 0, "15 min", False),
    ],
)
def test_uptime_is_short_after_a_restart_or_by_declaration(
    up: float, restarts: int, needed: str | None, *, short: bool
) -> None:
    """Somebody's own restart does not count as one of systemd's."""
    unit = Unit(
        name="shop.service", declared=True, load="loaded", active="active", sub="running",
        result="success", restarts=restarts, up_seconds=up,
    )  # fmt: skip
    (one,) = services.uptimes(HostEntry(units={"shop": {"up_at_least": needed}}), (unit,))
    assert one.is_short(86_400) is short


def _binary(path: str) -> Binary:
    entry = HostEntry(units={"x": {"binary": path}})
    (one,) = Binary.parse(_run(binaries._script(entry, {})))
    return one


def test_binary_of_this_machine_fits_it() -> None:
    """As does every program that runs here."""
    one = _binary("/bin/sh")
    assert (one.there, one.elf, one.is_foreign, one.lacks) == (True, True, False, ())
    assert not one.is_unfit


def test_binary_that_is_none_or_not_there_is_unfit(tmp_path: Path) -> None:
    """A script is no program in this sense; nor is an empty file."""
    (tmp_path / "script").write_text("#!/bin/sh\n")
    (tmp_path / "empty").touch()
    for name in ("script", "empty"):
        assert _binary(f"{tmp_path}/{name}").is_foreign
    assert not _binary(f"{tmp_path}/gone").there


def test_binary_for_a_machine_of_the_other_byte_order_is_read_by_its_own() -> None:
    """e_machine stands in the order that byte 5 names."""
    head = bytes.fromhex("7f454c46020201000000000000000000") + b"\x00\x02\x00\x16"
    (one,) = Binary.parse(f"machine s390x\nbinary /x\nhead {head.hex()}\nlooked\n")
    assert (one.machine, one.is_foreign) == (22, False)


def test_binary_of_a_look_that_breaks_off_is_no_fact() -> None:
    """Libraries might have been missing."""
    with pytest.raises(ValueError, match="breaks off"):
        Binary.parse("machine x86_64\nbinary /x\nhead 7f454c46\n")
