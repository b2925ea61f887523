"""CPUs, processes, services, disks and interfaces over a window, and the host's clock against ours."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from pydantic import ValidationError

from selftest.unit.host.test_host_parsers import recorded, sectioned, told, value
from sickbay.errors import NotApplicable
from sickbay.inventory.host import HostEntry
from sickbay.targets.host import window
from sickbay.targets.host.facts.activity import Activity, lasting
from sickbay.targets.host.facts.devices import Disk, Interface
from sickbay.targets.host.facts.load import Load
from sickbay.targets.host.facts.memory import Memory
from sickbay.targets.host.facts.process_use import ProcessUse, lasting_use
from sickbay.targets.host.facts.service_use import ServiceUse, bounded_units, judged_use
from sickbay.targets.host.facts.units import Unit
from sickbay.targets.host.facts.wall_clock import WallClock
from sickbay.targets.kinds import known_facts


def _stat(pid: int, name: str, user: int = 0, system: int = 0, pages: int = 10) -> str:
    """A line of /proc/PID/stat; times in ticks."""
    return f"{pid} ({name}) S 1 1 1 0 -1 0 0 0 0 0 {user} {system} 0 0 20 0 1 0 {pid} 0 {pages} 0 0"


def _window(before: list[str], after: list[str], **more: str) -> str:
    """An answer of two readings, two seconds apart, of a machine's processes."""
    cpu = "cpu 0 0 0 {idle} 0 0 0 0"
    parts = {
        "declared": '{"units": ["shop.service"], "processes": {"api": "node server"}}',
        "devices": "/sys/block/sda/device",
        "page": "4096",
        "members": "/proc/50/cgroup:0::/system.slice/shop.service",
        "commands": "  1 /sbin/init\n 60 node server.js --port 1",
        "before": f"100.00 1\n{cpu.format(idle=0)}",
        "before.processes": "\n".join([_stat(1, "init"), *before]),
        "before.groups": "",
        "slept": "100.00\n102.00",
        "after": f"102.00 1\n{cpu.format(idle=400)}",
        "after.groups": "",
        "after.processes": "\n".join([_stat(1, "init"), *after]),
    }
    return sectioned(**(parts | {name.replace("_", "."): text for name, text in more.items()}))


def _load(minute: float, cores: int = 2) -> Load:
    return Load(of="load", cores=cores, minute_1=minute, minutes_5=0, minutes_15=0, running=1)


# ---------------------------------------------------------------------- the readings


def test_window_script_reads_this_machine_and_all_its_facts_share_it() -> None:
    """One piece of shell for all of them, which any sh understands."""
    entry = HostEntry(
        units=["nginx", r"a@b\x2d", "backup.timer"], processes={"x": {"command": "'"}}
    )
    script = window._script(entry, {})
    short = script.replace(f"sleep {window.SECONDS}", "sleep 0.05")
    done = subprocess.run(["sh", "-c", short], capture_output=True, text=True, check=True)
    assert window.elapsed(window.readings(done.stdout)) < 1
    assert any(use.cores >= 0 for use in ProcessUse.parse(done.stdout))
    facts = ("activity", "process_use", "service_use", "disks", "interfaces")
    assert {known_facts()[name].request for name in facts} == {window.WINDOW}


@pytest.mark.parametrize("fact", ["activity", "process_use", "service_use", "disks", "interfaces"])
def test_window_that_breaks_off_or_is_forged_is_unreadable(fact: str) -> None:
    """Half an answer is none; nor is one in which a process's name plays a mark."""
    whole = recorded("process_use.debian")
    cut = whole[: whole.index("==sickbay== after.processes")]
    forged = whole.replace("(nginx)", "(x\n==sickbay== y)", 1)
    for out in (cut, forged):
        gap = told(fact, out).gap
        assert gap is not None
        assert gap.reason == "unreadable"


# ---------------------------------------------------------------------- CPUs


def test_activity_tells_how_late_a_command_was() -> None:
    """What sleep took beyond what it was told."""
    out = _window([], []).replace("100.00\n102.00", "100.00\n104.60")
    assert Activity.parse(out).late_seconds == pytest.approx(2.6)


@pytest.mark.parametrize(
    ("minute", "expected"),
    [(0.2, 0.159), (1.0, 0.794), (1.26, 0.95), (40.0, 0.95)],
)
def test_activity_lasts_as_far_as_the_load_of_the_minute_tells(
    minute: float, expected: float
) -> None:
    """A peak of two seconds is none of a minute."""
    activity = Activity(of="x", seconds=2, busy=0.95, io_wait=0.03, stolen=0)
    assert lasting(activity, _load(minute)).lasting == pytest.approx(expected, abs=0.001)
    assert lasting(activity, _load(minute)).lasting_io_wait == 0.03


def test_processes_are_measured_between_the_readings() -> None:
    """Not over their lives; one that is new, or whose number is, is not measured."""
    before = [_stat(50, "app", 1000, 1000), _stat(60, "node", 9), _stat(70, "gone", 100)]
    after = [
        _stat(50, "app", 1150, 1050),
        _stat(60, "node", 19),
        _stat(80, "new", 5000),
        _stat(70, "other", 9000).replace(" 70 0 10 ", " 71 0 10 "),
    ]
    assert ProcessUse.parse(_window(before, after)) == (
        ProcessUse(name="app", pid=50, cores=1.0, kernel_share=0.25, service="shop.service"),
        ProcessUse(name="node", pid=60, cores=0.1, kernel_share=0.0, service="api"),
    )


def test_processes_only_ten_are_kept_and_one_at_least() -> None:
    """An idle machine has a busiest process as well."""
    many = [_stat(pid, "x", 0) for pid in range(100, 130)]
    busy = [_stat(pid, "x", 50) for pid in range(100, 130)]
    assert len(ProcessUse.parse(_window(many, busy))) == 10
    assert len(ProcessUse.parse(_window(many, many))) == 1


@pytest.mark.parametrize("name", ["a) S 1 (b", "new\nline", "\x1b[31m", "\ufffd\ufffd", "(", "x y"])
def test_processes_with_odd_names_are_read(name: str) -> None:
    """A process may call itself what it likes."""
    busiest, *_ = ProcessUse.parse(_window([_stat(90, name)], [_stat(90, name, 200)]))
    assert (busiest.name, busiest.cores) == (name, 1.0)


def test_processes_of_others_that_are_hidden_are_denied() -> None:
    """Who sees only his own processes cannot say which is the busiest."""
    out = _window([], []).replace("1 (init)", "7 (sh)")
    for fact in ("process_use", "service_use"):
        gap = told(fact, out).gap
        assert gap is not None
        assert (gap.reason, "hidepid" in gap.detail) == ("denied", True)


def test_processes_last_as_far_as_the_load_of_the_minute_tells() -> None:
    """And are a share of all cores."""
    (one,) = lasting_use([ProcessUse(name="x", pid=1, cores=3.0)], _load(1.26, cores=4))
    assert (one.cores, one.share) == (pytest.approx(2.0), pytest.approx(0.5))


# ---------------------------------------------------------------------- services


def test_services_add_up_what_their_processes_use() -> None:
    """Units by their control groups, others by their command line; whoever looks is none of them."""
    before = [_stat(pid, "x") for pid in (50, 51, 60, 61, 62)]
    after = [
        _stat(50, "x", 100, 20, pages=5), _stat(51, "x", 60, 20, pages=9),
        _stat(60, "x", 30), _stat(61, "x", 500), _stat(62, "x", 500),
    ]  # fmt: skip
    out = _window(
        before,
        after,
        members="/proc/50/cgroup:3:cpu:/system.slice/shop.service/worker.service/deep\n"
        "/proc/51/cgroup:0::/system.slice/shop.service\n/proc/99/cgroup:0::/system.slice/shop.service",
        commands="60 node server.js\n61 sh -c echo ==sickbay== node server\n62 vi node-server",
    )
    shop, api = ServiceUse.parse(out)
    assert shop == ServiceUse(
        name="shop.service", processes=2, cores=1.0, largest=9 * 4096, kernel_share=0.2
    )
    assert (api.name, api.processes, api.cores) == ("api", 1, 0.15)


def test_services_recorded() -> None:
    """nginx and its workers, by their unit and by their command line."""
    found = {one.name: one.processes for one in value("service_use.debian")}
    assert found == {"nginx.service": 3, "shop-app.service": 1, "web workers": 2}


def test_services_by_command_need_ps() -> None:
    """Without it nobody is said not to run."""
    gap = told("service_use", _window([], [], commands="")).gap
    assert gap is not None
    assert gap.reason == "unsupported"


V2 = """\
/sys/fs/cgroup/system.slice/shop.service/cpu.stat:nr_periods {periods}
/sys/fs/cgroup/system.slice/shop.service/cpu.stat:nr_throttled {throttled}
/sys/fs/cgroup/system.slice/shop.service/memory.current:1000
/sys/fs/cgroup/system.slice/shop.service/memory.stat:inactive_file 300
"""
V1 = """\
/sys/fs/cgroup/cpu/system.slice/shop.service/cpu.stat:nr_periods {periods}
/sys/fs/cgroup/cpu/system.slice/shop.service/cpu.stat:nr_throttled {throttled}
/sys/fs/cgroup/memory/system.slice/shop.service/memory.usage_in_bytes:1000
/sys/fs/cgroup/memory/system.slice/shop.service/memory.stat:inactive_file 1
/sys/fs/cgroup/memory/system.slice/shop.service/memory.stat:total_inactive_file 300
"""


@pytest.mark.parametrize("text", [V1, V2])
@pytest.mark.parametrize(
    ("periods", "throttled", "share"), [(20, 5, 0.25), (4, 4, 0.0), (0, 0, 0.0)]
)
def test_services_are_held_up_by_their_quota(
    text: str, periods: int, throttled: int, share: float
) -> None:
    """In control groups of both versions; in few periods it says nothing."""
    out = _window(
        [],
        [],
        before_groups=text.format(periods=100, throttled=100),
        after_groups=text.format(periods=100 + periods, throttled=100 + throttled),
    )
    shop, _ = ServiceUse.parse(out)
    assert (shop.throttled_share, shop.held) == (share, 700)


def test_services_without_figures_of_their_group_say_so() -> None:
    """Absent is not zero."""
    shop, _ = ServiceUse.parse(_window([], []))
    assert (shop.throttled_share, shop.held) == (None, None)


def test_services_of_a_container_are_held_up_by_its_own_quota() -> None:
    """Its group is the root of what it sees; a whole machine's counts nothing."""
    group = "/sys/fs/cgroup/cpu.stat:nr_periods {0}\n/sys/fs/cgroup/cpu.stat:nr_throttled {0}"
    nothing = '{"units": [], "processes": {}}'
    groups = {"before_groups": group.format(0), "after_groups": group.format(20)}
    (own,) = ServiceUse.parse(_window([], [], declared=nothing, members="", **groups))
    assert own.throttled_share == 1.0
    stopped, _, own = ServiceUse.parse(_window([], [], members="", **groups))
    assert (stopped.processes, stopped.throttled_share, own.throttled_share) == (0, None, 1.0)
    groups["after_groups"] = group.format(0)
    with pytest.raises(NotApplicable):
        ServiceUse.parse(_window([], [], declared=nothing, members="", **groups))


def _use(**more: Any) -> ServiceUse:
    return ServiceUse(
        **{"name": "shop.service", "processes": 1, "cores": 1.0, "largest": 100, **more}
    )


@pytest.mark.parametrize(
    ("cpu", "too_much"),
    [(0.99, True), (1, False), ("1.0", False), ("50 %", False), ("49 %", True), ("24%", True)],
)
def test_services_use_more_cpu_than_declared(cpu: Any, too_much: bool) -> None:
    """Cores, or a share of all of them; the load tells whether it has lasted."""
    entry = HostEntry(units={"shop": {"cpu": cpu}})
    (one,) = judged_use(entry, [_use(), _use(name="other")], _load(9), "cpu")
    assert one.uses_more_cpu is too_much
    (one,) = judged_use(entry, [_use()], _load(0.1), "cpu")
    assert not one.uses_more_cpu


@pytest.mark.parametrize(("memory", "too_much"), [(99, True), (100, False), ("1 KiB", False)])
def test_services_hold_more_memory_than_declared(memory: Any, too_much: bool) -> None:
    """Each of its processes, for a declared process as for a unit."""
    entry = HostEntry(processes={"api": {"command": "node", "memory": memory}})
    (one,) = judged_use(entry, [_use(name="api")], _load(0), "memory")
    assert one.holds_more_memory is too_much


def test_services_of_which_nothing_is_declared_are_not_judged() -> None:
    """A name alone lets it use what it likes."""
    with pytest.raises(NotApplicable, match="cpu"):
        judged_use(HostEntry(units=["shop"]), [_use()], _load(1), "cpu")


@pytest.mark.parametrize("wrong", ["much", "-1", "80 % %", True, "", "1 core", "\u0661"])
def test_cpu_of_a_service_is_cores_or_a_share(wrong: Any) -> None:
    """Nothing else is guessed at."""
    with pytest.raises(ValidationError, match="CPU cores such as"):
        HostEntry(units={"shop": {"cpu": wrong}})


# ---------------------------------------------------------------------- limits of units


@pytest.mark.parametrize(
    ("properties", "limit"),
    [
        ("MemoryMax=infinity\nMemoryHigh=infinity\nMemoryLimit=infinity", None),
        ("MemoryMax=8589934592\nMemoryHigh=infinity\nMemoryLimit=infinity", 8589934592),
        ("MemoryMax=8589934592\nMemoryHigh=1000000\nMemoryLimit=infinity", 1000000),
        ("MemoryLimit=1048576", 1048576),
        ("MemoryLimit=18446744073709551615", None),
        ("MemoryMax=[not set]", None),
        ("", None),
    ],
)
def test_unit_limit_of_memory_is_the_lowest(properties: str, limit: int | None) -> None:
    """Of both names and versions."""
    unit = f"Id=shop.service\nActiveState=active\n{properties}"
    (found,) = Unit.parse(sectioned(uptime="100.0 1", declared=unit, troubled=""))
    assert found.memory_limit == limit


def test_unit_is_judged_by_its_limit_where_both_are_known() -> None:
    """A unit without limit, or whose memory is not counted, has no share."""
    shop = Unit(
        name="shop.service", declared=True, load="loaded", active="active", sub="running",
        result="success", memory_limit=1000,
    )  # fmt: skip
    (one,) = bounded_units([shop], [_use(held=900)])
    assert one.held_fraction == 0.9
    assert bounded_units([shop], [_use()]) == []
    free = {name: getattr(shop, name) for name in shop.__struct_fields__} | {"memory_limit": None}
    assert bounded_units([Unit(**free)], [_use(held=900)]) == []


def test_memory_promised_is_of_memory_and_swap_but_not_in_a_container() -> None:
    """A container is told what the whole machine has promised."""
    machine = Memory(of="machine", total=80, available=1, swap_total=20, swap_free=1, committed=150)
    assert machine.committed_fraction == 1.5
    container = Memory(
        of="container", total=80, available=1, swap_total=0, swap_free=0, committed=150
    )
    assert container.committed_fraction is None


# ---------------------------------------------------------------------- disks and interfaces


def _disks(before: str, after: str) -> tuple[Disk, ...]:
    return Disk.parse(_window([], [], before_disks=before, after_disks=after))


@pytest.mark.parametrize(
    ("after", "busy", "wait"),
    [
        ("8 0 sda 100 0 0 3000 100 0 0 5000 0 1900 0", 0.95, 0.04),
        ("8 0 sda 9 0 0 3000 0 0 0 5000 0 9999 0", 1.0, None),
        ("8 0 sda 0 0 0 0 0 0 0 0 0 0 0", 0.0, None),
    ],
)
def test_disks_are_measured_between_the_readings(
    after: str, busy: float, wait: float | None
) -> None:
    """Of few operations the mean says nothing."""
    (disk,) = _disks("8 0 sda 0 0 0 0 0 0 0 0 0 0 0", after)
    assert (disk.busy, disk.wait_seconds) == (pytest.approx(busy), wait)


def test_disks_are_those_that_stand_for_hardware() -> None:
    """No partitions, loops, or volumes; none at all in a container without."""
    line = "8 0 {} 0 0 0 0 0 0 0 0 0 0 0"
    text = "\n".join(line.format(name) for name in ("loop0", "sda", "sda1", "dm-0", "zram0"))
    assert [disk.name for disk in _disks(text, text)] == ["sda"]
    assert [disk.name for disk in value("disks.debian")] == ["vda"]
    with pytest.raises(NotApplicable):
        _disks(line.format("vdz"), line.format("vdz"))


HEAD = "Inter-| Receive | Transmit\n face |bytes packets errs drop ...|bytes packets\n"


def _faulty(errors: int, packets: int) -> Interface:
    row = "eth0: 0 {} {} 0 0 0 0 0 0 {} 0 0 0 0 0 0"
    (one,) = Interface.parse(
        _window(
            [],
            [],
            before_interfaces=HEAD + row.format(0, 5, 0),
            after_interfaces=HEAD + row.format(packets, 5 + errors, packets),
        )
    )
    return one


@pytest.mark.parametrize(
    ("errors", "packets", "share"),
    [(9, 1, 0.0), (10, 45, 0.1), (10, 4995, 0.001), (0, 0, 0.0), (10, 0, 1.0)],
)
def test_interfaces_errors_are_a_share_of_all_packets(
    errors: int, packets: int, share: float
) -> None:
    """A few lost packets are no trouble, whatever their share."""
    assert _faulty(errors, packets).faulty_share == pytest.approx(share)


def test_interfaces_recorded() -> None:
    """Loopback is left out; where there is nothing else, there is nothing to judge."""
    assert [one.name for one in value("interfaces.debian")] == ["host0"]
    alone = HEAD + "    lo: 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0"
    with pytest.raises(NotApplicable):
        Interface.parse(_window([], [], before_interfaces=alone, after_interfaces=alone))


def test_interfaces_most_faulty_come_first_and_not_all_are_kept() -> None:
    """A host of containers has hundreds of them."""
    row = "veth{}: 0 0 0 {} 0 0 0 0 0 0 0 0 0 0 0 0\n"
    before = HEAD + "".join(row.format(number, 0) for number in range(100))
    after = HEAD + "".join(row.format(number, 10 * (number == 70)) for number in range(100))
    found = Interface.parse(_window([], [], before_interfaces=before, after_interfaces=after))
    assert (found[0].name, found[0].drops, len(found)) == ("veth70", 10, 20)


# ---------------------------------------------------------------------- the clock


@pytest.mark.parametrize(
    ("host", "at_work", "ahead"), [(1000, 0, 0.0), (1003, 300, 0.0), (1010, 0, 10), (940, 100, -61)]
)
def test_clock_is_compared_with_ours_when_it_was_asked(
    host: int, at_work: int, ahead: float
) -> None:
    """What the host's shell was busy with before is no difference."""
    looking = _stat(9, "cat").replace(" 9 0 10 ", f" {5000 + at_work} 0 10 ")
    shell = _stat(8, "sh").replace(" 8 0 10 ", " 5000 0 10 ")
    out = sectioned(asked="1000.500", date=str(host), looking=looking, shell=shell)
    clock = WallClock.parse(out)
    assert (clock.ahead_seconds, clock.difference) == (ahead, abs(ahead))
