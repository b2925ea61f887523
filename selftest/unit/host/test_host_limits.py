"""Limits on open files and processes: of services, of their units and accounts, and of logins."""

from __future__ import annotations

import os
import subprocess
from typing import Any

import pytest
from pydantic import ValidationError

from selftest.unit.host.test_host_parsers import recorded, sectioned, told, value
from selftest.unit.host.test_host_sockets import process
from sickbay.errors import Denied, NotApplicable
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.facts import login_limits, process_limits
from sickbay.targets.host.facts.connections import Connections
from sickbay.targets.host.facts.login_limits import LoginLimit
from sickbay.targets.host.facts.process_limits import ProcessLimits, UnitLimits
from sickbay.targets.host.limits import file_limits, file_use, judged_logins, task_use

# ---------------------------------------------------------------------- processes and units


def test_process_limits_debian_are_read_with_what_is_open() -> None:
    """Of each process; the threads of an account are those of all its processes."""
    found = {one.pid: one for one in value("process_limits.debian")}
    assert len(found) == 5
    assert {one.account_threads for one in found.values() if one.account == 33} == {2}
    assert {(one.soft_files, one.hard_files) for one in found.values()} == {(1024, 20000)}
    assert all(one.open for one in found.values())


def test_unit_limits_debian_tell_what_is_not_counted() -> None:
    """Where systemd counts no tasks (here: a container) there is no number, and not 0."""
    assert {(one.name, one.tasks, one.soft_files, one.hard_files) for one in value("unit_limits.debian")} == {
        ("nginx.service", None, 1024, 524288),
        ("shop-app.service", None, 1024, 524288),
    }  # fmt: skip


def test_process_limits_script_counts_its_own_reader() -> None:
    """As /proc of this machine has them: nothing, three and more open files."""
    child = subprocess.Popen(["sleep", "60"], stdin=subprocess.DEVNULL)
    try:
        pids = {os.getpid(), child.pid}
        facts = {"service_processes": [process(pid, "x") for pid in pids]}
        entry = HostEntry(processes={"x": {"command": "x"}})
        script = process_limits._script(entry, facts)
        assert script is not None
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
        found = {one.pid: one for one in ProcessLimits.parse(done.stdout)}
        assert found.keys() == pids
        assert found[child.pid].open in range(3, 20)
        assert found[child.pid].account == os.getuid()
        assert found[child.pid].account_threads >= 2
    finally:
        child.kill()
        child.wait()


LIMITS = """\
/proc/7/limits:Max processes             {processes}      900                  processes
/proc/7/limits:Max open files            {files}          4096                 files
/proc/7/status:Uid:\t{uid}\t33\t33\t33"""


def limits(
    files: str = "1024", processes: str = "800", uid: str = "33", opened: str = "7 12"
) -> Any:
    text = LIMITS.format(files=files, processes=processes, uid=uid)
    return told(
        "process_limits",
        sectioned(units="", limits=text, open=opened, accounts="33 100\n0 5", end=""),
    )


def test_process_limits_unlimited_are_none_and_hidden_files_are_no_zero() -> None:
    """Nothing is known of what is hidden."""
    (one,) = limits(files="unlimited", processes="unlimited", opened="7 hidden").value
    assert (one.soft_files, one.processes, one.open) == (None, None, None)


def test_process_that_has_just_ended_is_left_out() -> None:
    """It is gone from one of the answers, or from both."""
    assert limits(opened="").value == ()


@pytest.mark.parametrize(
    "broken",
    [
        {"files": "-5"},
        {"files": "many"},
        {"uid": "x"},
        {"opened": "7 -1x"},
        {"opened": "7"},
    ],
)
def test_process_limits_that_make_no_sense_are_unreadable(broken: dict[str, str]) -> None:
    """A garbled number is not a healthy one."""
    assert limits(**broken).gap is not None


def test_process_limits_that_break_off_are_unreadable() -> None:
    """Processes that come last may be those that are short."""
    whole = recorded("process_limits.debian")
    for name in ("process_limits", "unit_limits"):
        assert told(name, whole[: whole.index("==sickbay== end")]).gap is not None


def of(pid: int = 5, **changed: Any) -> ProcessLimits:
    known: dict[str, Any] = {
        "open": 10, "soft_files": 100, "hard_files": 100, "processes": 100,
        "account": 33, "account_threads": 10,
    }  # fmt: skip
    return ProcessLimits(pid=pid, **(known | changed))


SHOP = (process(5, "shop.service"), process(6, "api"))
WATCHED = HostEntry(
    units={"shop": {"open_files": 100}}, processes={"api": {"command": "x", "open_files": 200}}
)
UNWATCHED = HostEntry(units=["shop"], processes={"api": {"command": "x"}})


def test_file_use_tells_what_the_files_are() -> None:
    """Connections of clients, to others, and left open, of the process itself."""
    rows = [
        Connections(process="x", pid=pid, state=state, side=side, port=80, count=count)
        for pid, state, side, count in [
            (5, "ESTAB", "here", 7),
            (5, "ESTAB", "there", 5),
            (5, "CLOSE-WAIT", "here", 3),
            (6, "ESTAB", "here", 99),
        ]
    ]
    (one,) = file_use(UNWATCHED, SHOP, [of(open=80)], rows)
    assert (one.used_fraction, one.clients, one.servers, one.left_open) == (0.8, 7, 5, 3)
    assert one.process == "shop.service: x (5)"


def test_file_use_without_a_limit_is_not_judged_and_a_limit_of_none_is_used_up() -> None:
    """Unlimited is not zero."""
    assert file_use(UNWATCHED, SHOP, [of(soft_files=None)]) == ()
    assert file_use(UNWATCHED, SHOP, [of(soft_files=0)])[0].used_fraction == 1


def test_file_use_that_is_hidden_is_denied_where_the_inventory_asks_for_it() -> None:
    """Elsewhere it is not applicable, even where some processes can be seen: never healthy."""
    hidden = [of(5, open=None), of(6)]
    with pytest.raises(Denied, match="shop"):
        file_use(WATCHED, SHOP, hidden)
    with pytest.raises(NotApplicable, match="root"):
        file_use(UNWATCHED, SHOP, hidden)


@pytest.mark.parametrize(
    ("soft", "hard", "unit", "judged"),
    [
        (100, 100, 100, (False, False, False)),
        (99, 99, 99, (True, True, False)),
        (99, 100, 100, (True, False, True)),
        (99, 99, 100, (True, False, False)),
        (99, 99, None, (True, False, False)),
        (None, None, None, (False, False, False)),
    ],
)
def test_file_limit_is_judged_soft_and_hard(
    soft: int | None, hard: int | None, unit: int | None, judged: tuple[bool, bool, bool]
) -> None:
    """Too low, low by what its unit gives now, and low in the soft limit alone."""
    units = [
        UnitLimits(name="shop.service", tasks=1, most_tasks=1, soft_files=unit, hard_files=unit)
    ]
    (one,) = file_limits(WATCHED, SHOP, [of(soft_files=soft, hard_files=hard)], units)
    assert (one.is_too_low, one.is_low_by_its_unit, one.is_low_in_soft_alone) == judged


def test_file_limit_of_what_no_unit_stands_for_has_none() -> None:
    """Then what started it gave it the limit."""
    (one,) = file_limits(WATCHED, SHOP, [of(6)], [])
    assert one.is_too_low
    assert not one.has_unit
    with pytest.raises(NotApplicable):
        file_limits(UNWATCHED, SHOP, [of()], [])


def test_tasks_of_units_and_accounts_are_judged_where_they_are_limited() -> None:
    """root's own limit does not hold for root; what systemd does not count is not zero."""
    units = [
        UnitLimits(name="a.service", tasks=8, most_tasks=10, soft_files=1, hard_files=1),
        UnitLimits(name="b.service", tasks=None, most_tasks=10, soft_files=1, hard_files=1),
        UnitLimits(name="c.service", tasks=8, most_tasks=None, soft_files=1, hard_files=1),
    ]
    limits = [of(5, account_threads=90), of(6, account=0, account_threads=99)]
    found = task_use(SHOP, limits, units)
    assert [(one.of, one.used_fraction) for one in found] == [
        ("a.service", 0.8),
        ("account of shop.service: x (5)", 0.9),
    ]


# ---------------------------------------------------------------------- logins


def test_login_limits_debian_are_the_lines_of_the_files() -> None:
    """With the file that each is from."""
    found = value("login_limits.debian")
    assert [(one.kind, one.value) for one in found] == [("soft", 65536), ("hard", 65536)]


FILE = """\
# * soft nofile 1
*\tsoft  nofile 65536   # for all
 @web - nofile 70000
* hard nofile unlimited
shop hard nofile 1024
* soft nproc 5
*softnofile 3
* soft nofilexx 3
"""


def _lines(tmp_path: Any, text: str, item: str = "nofile") -> tuple[LoginLimit, ...]:
    """What the script finds in a file."""
    (tmp_path / "limits.conf").write_text(text)
    script = login_limits._script(HostEntry(login_limits={item: 1}), {})
    assert script is not None
    script = script.replace("/etc/security", str(tmp_path))
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    return LoginLimit.parse(done.stdout)


def test_login_limits_script_reads_what_is_declared(tmp_path: Any) -> None:
    """Comments, other limits and what is no line are left out."""
    found = _lines(tmp_path, FILE)
    assert [(one.who, one.kind, one.value) for one in found] == [
        ("*", "soft", 65536),
        ("@web", "-", 70000),
        ("*", "hard", None),
        ("shop", "hard", 1024),
    ]


def _logins(tmp_path: Any, text: str) -> list[tuple[bool, bool, int]]:
    judged = judged_logins(HostEntry(login_limits={"nofile": 65536}), _lines(tmp_path, text))
    return [(one.is_missing, one.is_too_low, len(one.contradicting)) for one in judged]


@pytest.mark.parametrize(
    ("text", "soft", "hard"),
    [
        ("* soft nofile 65536\n* hard nofile 65536\n", (False, False, 0), (False, False, 0)),
        ("* - nofile unlimited\n", (False, False, 0), (False, False, 0)),
        ("* soft nofile 65536\n", (False, False, 0), (True, False, 0)),
        ("* - nofile 65535\n", (False, True, 0), (False, True, 0)),
        ("* - nofile 1024\n* - nofile 65536\n", (False, False, 1), (False, False, 1)),
        ("* - nofile 65536\n* soft nofile 1024\n", (False, True, 0), (False, False, 0)),
        ("* - nofile 65536\nshop hard nofile 9\n", (False, False, 0), (False, False, 1)),
        ("@web - nofile 65536\n", (True, False, 0), (True, False, 0)),
        ("", (True, False, 0), (True, False, 0)),
    ],
)
def test_login_limit_is_that_of_the_last_line_for_all(
    tmp_path: Any, text: str, soft: tuple[bool, bool, int], hard: tuple[bool, bool, int]
) -> None:
    """Lower ones besides, for whomever, contradict it."""
    assert _logins(tmp_path, text) == [soft, hard]


@pytest.mark.parametrize(
    "lines",
    [
        "/etc/x: * soft nofile many",
        "/etc/x: * soft nofile",
        "x: * soft nofile 1",
        "/etc/x: * s n 1",
    ],
)
def test_login_limits_that_make_no_sense_are_unreadable(lines: str) -> None:
    """What cannot be understood may be what holds."""
    assert told("login_limits", sectioned(lines=lines, end="")).gap is not None
    assert told("login_limits", sectioned(lines="")).gap is not None


@pytest.mark.parametrize("limits", [{"no file": 1}, {"nofile": 0}, {"nofile'": 1}, {"$(x)": 1}])
def test_login_limit_that_is_none_is_refused(limits: dict[str, int]) -> None:
    """Its name becomes part of a pattern."""
    with pytest.raises(ValidationError):
        HostEntry(login_limits=limits)
