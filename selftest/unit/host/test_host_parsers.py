"""What hosts printed, and what they might print, read into facts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from selftest.unit.host.sshd import host_target
from sickbay.redact import Redactor
from sickbay.targets.host.command import Command
from sickbay.targets.host.facts.listeners import declared_ports
from sickbay.targets.host.facts.units import declared_units
from sickbay.targets.kinds import known_facts
from sickbay.targets.probe import Observation, Probe

DATA = Path(__file__).parent / "data"
RECORDED = sorted(path.name for path in DATA.iterdir())
FACTS = sorted(name for name, spec in known_facts().items() if isinstance(spec.request, Command))
"""Every fact of hosts: a new one has to come with a recording."""


def told(name: str, raw: str) -> Observation:
    """What the engine makes of a raw answer."""
    spec = known_facts()[name]
    probe = Probe(host_target(), [spec], Redactor(), deadline=1, connections={})
    probe.answer(spec, raw)
    return probe.observations[name]


def recorded(file: str) -> str:
    return (DATA / file).read_bytes().decode(errors="replace")


def value(file: str) -> Any:
    observation = told(file.partition(".")[0], recorded(file))
    assert observation.gap is None, observation.gap
    return observation.value


def sectioned(**parts: str) -> str:
    """An answer that consists of sections."""
    return "\n".join(f"==sickbay== {name}\n{text}" for name, text in parts.items()) + "\n"


# ---------------------------------------------------------------------- whatever comes


@pytest.mark.parametrize("name", FACTS)
def test_recordings_every_fact_has_one(name: str) -> None:
    """No parser goes without a real answer."""
    assert any(file.partition(".")[0] == name for file in RECORDED)


@pytest.mark.parametrize("file", RECORDED)
def test_recordings_are_read(file: str) -> None:
    """A real answer is a fact, or says that there is no such thing."""
    observation = told(file.partition(".")[0], recorded(file))
    assert observation.gap is None, observation.gap


MUTATIONS: dict[str, Callable[[str], str]] = {
    "first half": lambda text: text[: len(text) // 2],
    "second half": lambda text: text[len(text) // 2 :],
    "spaces": lambda text: text.replace(" ", "   \t "),
    "carriage returns": lambda text: text.replace("\n", "\r\n"),
    "no line ends": lambda text: text.replace("\n", " "),
    "no digits": lambda text: "".join("x" if c.isdigit() else c for c in text),
    "minus": lambda text: text.replace(" 1", " -1"),
    "digits of another script": lambda text: text.replace("1", "\u0661"),
    "great numbers": lambda text: text.replace("1", "1" * 400),
    "one huge line": lambda text: text + "y" * 200_000,
    "escape codes": lambda text: text.replace(" ", " \x1b[31m"),
    "nul": lambda text: text.replace("\n", "\x00\n", 3),
    "replaced bytes": lambda text: text.replace("e", "\ufffd"),
    "upside down": lambda text: "\n".join(reversed(text.split("\n"))),
    "marks alone": lambda text: "\n".join(x for x in text.split("\n") if x.startswith("==")),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
@pytest.mark.parametrize("file", RECORDED)
def test_recordings_spoilt_never_raise(file: str, mutation: str) -> None:
    """Whatever a host prints, one fact is missing at most: nothing is raised."""
    name = file.partition(".")[0]
    observation = told(name, MUTATIONS[mutation](recorded(file)))
    outcomes = (observation.value, observation.gap, observation.absent)
    assert sum(one is not None for one in outcomes) == 1
    if observation.gap is not None:
        assert len(observation.gap.detail) < 1000


NOTHING_KNOWN = [
    "",
    "\n",
    "Segmentation fault\n",
    "<html>\n<body>no</body>\n",
    "\ufffd\x00\x1b[2J\n",
]


@pytest.mark.parametrize("raw", NOTHING_KNOWN)
@pytest.mark.parametrize("name", FACTS)
def test_answers_without_sense_are_no_fact(name: str, raw: str) -> None:
    """An answer that says nothing is never read as all being well."""
    observation = told(name, raw)
    if name == "unit_journals":  # evidence for causes only: no lines, no cause
        assert observation.value == ()
    else:
        assert observation.value is None


# ---------------------------------------------------------------------- file systems


def test_filesystems_debian_hold_what_data_lies_on() -> None:
    """Storage and memory that is written to count; kernel interfaces and lent files do not."""
    found = {one.mount: one for one in value("filesystems.debian")}
    assert set(found) == {"/", "/var/lib/shop", "/var/log", "/var/tmp", "/tmp", "/dev/shm", "/run", "/run/lock"}  # fmt: skip
    logs = found["/var/log"]
    assert (logs.type, logs.size, logs.used, logs.available) == (
        "ext4",
        47087 * 1024,
        828 * 1024,
        45276 * 1024,
    )
    assert logs.used_fraction == pytest.approx(0.018, abs=0.001)
    assert (logs.inodes, logs.inodes_used) == (4080, 33)
    assert not logs.read_only


def test_filesystems_busybox_are_read_the_same() -> None:
    """BusyBox's df complains of -l and heads its columns otherwise."""
    found = {one.mount: one for one in value("filesystems.busybox")}
    assert set(found) == {"/", "/dev/shm"}
    assert found["/"].inodes == 16777216


DF = "Filesystem 1024-blocks Used Available Capacity Mounted on\n"


def filesystem(mountinfo: str, fstab: str = "", row: str = "/dev/sda1 100 60 40 60% /data") -> Any:
    """The one file system of an answer."""
    raw = sectioned(space=DF + row, inodes="", mounts=mountinfo, fstab=fstab)
    observation = told("filesystems", raw)
    assert observation.gap is None, observation.gap
    (one,) = observation.value
    return one


@pytest.mark.parametrize(
    ("mount_options", "own_options", "fstab", "expected"),
    [
        ("rw", "rw", "", (False, False)),
        ("ro", "ro,errors=remount-ro", "/dev/sda1 /data ext4 defaults 0 2", (True, False)),
        ("ro", "ro", "/dev/sda1 /data ext4 ro,noatime 0 2", (True, True)),
        ("ro", "rw", "", (True, True)),
        ("ro", "rw", "/dev/sda1 /data ext4 defaults 0 2", (True, False)),
        ("rw", "rw,emergency_ro", "", (True, False)),
    ],
)
def test_filesystems_read_only_is_told_apart(
    mount_options: str, own_options: str, fstab: str, expected: tuple[bool, bool]
) -> None:
    """Read-only after an error differs from read-only by will."""
    one = filesystem(f"30 1 8:1 / /data {mount_options} - ext4 /dev/sda1 {own_options}", fstab)
    assert (one.read_only, one.declared_read_only) == expected


def test_filesystems_odd_mount_names_are_understood() -> None:
    """Spaces in names of devices and mounts, which mountinfo writes as octal."""
    one = filesystem(
        "30 1 8:1 / /srv/my\\040disk rw - cifs //nas/a rw",
        row="//nas/my share 100 60 40 60% /srv/my disk",
    )
    assert (one.mount, one.device) == ("/srv/my disk", "//nas/my share")


def test_filesystems_line_not_understood_is_a_gap() -> None:
    """A row that cannot be read might be the full one: nothing is skipped."""
    raw = sectioned(
        space=DF + "/dev/sda1 100 60 40 60% /data\n/dev/sdb1 full\n",
        mounts="30 1 8:1 / /data rw - ext4 /dev/sda1 rw",
    )
    gap = told("filesystems", raw).gap
    assert gap is not None
    assert gap.reason == "unreadable"
    assert "/dev/sdb1 full" in gap.detail


def test_filesystems_reserved_blocks_used_up_is_full() -> None:
    """Where even the share of root is used, df says a negative rest: that is 100 %."""
    one = filesystem(
        "30 1 8:1 / /data rw - ext4 /dev/sda1 rw", row="/dev/sda1 100 100 -5 105% /data"
    )
    assert one.used_fraction == 1.0


# ---------------------------------------------------------------------- units and their journals


def test_units_debian_tell_declared_and_troubled() -> None:
    """Running, missing, failed and flapping units, each as systemd sees it."""
    units = {unit.name: unit for unit in value("units.debian")}
    assert list(units) == ["nginx.service", "ssh.service", "no-such.service", "odd.service", "flaps.service"]  # fmt: skip
    assert units["nginx.service"].runs
    assert units["nginx.service"].up_seconds > 0
    assert units["no-such.service"].load == "not-found"
    assert not units["no-such.service"].runs
    odd, flaps = units["odd.service"], units["flaps.service"]
    assert odd.failed
    assert odd.ended == "exited, status 3"
    assert (flaps.sub, flaps.recent_restarts, flaps.ended) == (
        "auto-restart",
        9,
        "killed, status 9",
    )
    assert declared_units(units.values()) == tuple(unit for unit in units.values() if unit.declared)


def test_units_without_systemd_depend_on_what_is_declared() -> None:
    """No systemd: nothing to judge, unless units are declared, which nobody can tell of then."""
    assert told("units", sectioned(none="0")).absent
    gap = told("units", sectioned(none="3")).gap
    assert gap is not None
    assert gap.reason == "unsupported"


def test_units_without_a_name_are_a_gap() -> None:
    """systemctl's answer to a bus that went away is not a healthy unit."""
    raw = sectioned(uptime="5.0 5.0", declared="Description=x\nLoadState=loaded", troubled="")
    assert told("units", raw).gap is not None


def test_unit_journals_debian_read_bytes_and_text() -> None:
    """Lines with bytes that are no text are read as well as plain ones."""
    lines = value("unit_journals.debian")
    messages = [line.message for line in lines]
    assert {line.unit for line in lines} == {"odd.service"}
    assert "plain words" in messages
    assert "odd \ufffd\x1b[31m bytes" in messages
    assert any("status=3" in message for message in messages)


# ---------------------------------------------------------------------- the rest


def test_listeners_of_three_tools_are_alike() -> None:
    """ss, BusyBox's netstat and the kernel's own table tell the same."""
    ss = {one.socket: one for one in value("listeners.debian")}
    assert set(ss) == {"0.0.0.0:22", "0.0.0.0:80", "0.0.0.0:443", "127.0.0.1:8000", "[::]:22"}
    assert ss["127.0.0.1:8000"].backlog == 5
    assert [one.socket for one in value("listeners.busybox")] == ["0.0.0.0:2024"]
    proc = (
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
        "   0: 0100007F:1538 00000000:0000 0A 00000000:00000003 00:00000000 00000000 0\n"
        "   1: 0100007F:1538 0100007F:9C40 01 00000000:00000000 00:00000000 00000000 0\n"
        "  sl  local_address                         remote_address                     st\n"
        "   0: 00000000000000000000000001000000:0016 00000000000000000000000000000000:0000 0A "
        "00000000:00000000 00:00000000 00000000 0\n"
    )
    found = told("listeners", sectioned(proc=proc)).value
    assert [(one.socket, one.waiting) for one in found] == [("127.0.0.1:5432", 3), ("[::1]:22", 0)]


def test_listeners_declared_ports_mind_the_address() -> None:
    """A service that listens on loopback only does not serve the address that is declared."""
    listeners = value("listeners.debian")
    entry: Any = host_target(ports=[80, "127.0.0.1:22", "10.0.0.1:8000", 9]).entry
    found = {one.port: one for one in declared_ports(entry, listeners)}
    assert [one.listening for one in found.values()] == [True, True, False, False]
    assert found["10.0.0.1:8000"].only_on == ("127.0.0.1",)


def test_load_is_read() -> None:
    """Averages, tasks and cores."""
    load = value("load.debian")
    assert (load.cores, load.minute_1, load.minutes_5, load.running) == (2, 5.53, 2.97, 6)
    assert load.per_core == pytest.approx(1.485)
    assert value("load.busybox").cores == 2


@pytest.mark.parametrize("raw", ["0.1 0.1 0.1 1/2 3\n0\n", "0.1 0.1 0.1 1/2 3\n", "0.1\n2\n"])
def test_load_without_cores_or_averages_is_a_gap(raw: str) -> None:
    """No core count, no verdict."""
    assert told("load", raw).gap is not None


def test_memory_is_read() -> None:
    """A machine's memory; no swap is not full swap."""
    memory = value("memory.debian")
    assert (memory.of, memory.total) == ("machine", 24684084 * 1024)
    assert memory.available_fraction == pytest.approx(0.96, abs=0.01)


MEMINFO = "MemTotal: 1000 kB\nMemFree: 300 kB\nBuffers: 100 kB\nCached: 200 kB\n"


def test_memory_of_old_kernels_and_containers() -> None:
    """Without MemAvailable it is estimated; a container's limit counts where it is lower."""
    old = told("memory", sectioned(machine=MEMINFO)).value
    assert (old.available, old.swap_used_fraction) == (600 * 1024, None)
    group = "max 409600\ncurrent 307200\ninactive_file 102400\nanon 5"
    inside = told("memory", sectioned(machine=MEMINFO, group=group)).value
    assert (inside.of, inside.total, inside.available) == ("container", 409600, 204800)
    boundless = told("memory", sectioned(machine=MEMINFO, group="max max\ncurrent 5")).value
    assert boundless.of == "machine"


def test_activity_is_read() -> None:
    """Shares of CPU time of the two seconds between two looks."""
    activity = value("activity.debian")
    assert activity.seconds == pytest.approx(2.03)
    assert activity.busy == pytest.approx(279 / 400)
    assert activity.kernel == pytest.approx(66 / 400)
    assert (activity.io_wait, activity.swap_rate, activity.late_seconds) == (0, 0, 0)


def test_activity_of_clocks_that_stand_still_is_not_applicable() -> None:
    """Some sandboxes count no CPU time: that is not 0 % busy."""
    reading = "5.0 5.0\ncpu  1 1 1 1 1 1 1 1\npswpin 0\npswpout 0"
    parts = {"before": reading, "slept": "5.0\n5.0", "after": reading, "after.processes": ""}
    assert told("activity", sectioned(**parts)).absent


CHRONY = "Reference ID    : 00000000 ()\nSystem time     : {offset} seconds {way} of NTP time\nLeap status     : {leap}\n"


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"chrony": CHRONY.format(offset="0.250000000", way="fast", leap="Normal")}, ("chrony", True, 0.25)),
        (
            {"chrony": CHRONY.format(offset="0.0", way="slow", leap="Not synchronised")},
            ("chrony", False, None),
        ),
        (
            {"chrony": "506 Cannot talk to daemon", "timedatectl": "NTP=no\nNTPSynchronized=no"},
            ("none", False, None),
        ),
        ({"timedatectl": "NTP=yes\nNTPSynchronized=yes"}, ("systemd", True, None)),
        (
            {"ntp": "associd=0 status=0615 leap_none, sync_ntp, 1 event, clock_sync,\noffset=-12.5, frequency=1"},
            ("ntp", True, 0.0125),
        ),
        (
            {"ntp": "associd=0 status=c016 leap_alarm, sync_unspec, 1 event, restart,\noffset=0.0"},
            ("ntp", False, None),
        ),
    ],
)  # fmt: skip
def test_clock_of_each_service(
    parts: dict[str, str], expected: tuple[str, bool, float | None]
) -> None:
    """chrony, ntpd and systemd-timesyncd, in step and not."""
    clock = told("clock", sectioned(container="", **parts)).value
    assert (clock.service, clock.synchronised, clock.offset_seconds) == expected


def test_clock_recorded() -> None:
    """A container without a service has its machine's clock; with one it is judged."""
    clock = value("clock.chrony")
    assert (clock.service, clock.synchronised) == ("chrony", True)
    assert told("clock", recorded("clock.container")).absent
    nobody = told("clock", sectioned(container="", timedatectl="Failed to connect to bus")).gap
    assert nobody is not None
    assert nobody.reason == "unsupported"


KERNEL_LINES = """\
[   10.000001] Out of memory: Killed process 11 (old) total-vm:1kB
[99000.000001] Memory cgroup out of memory: Killed process 4242 (java) total-vm:1kB, anon-rss:2kB
<3>[99001.0] Out of memory: Killed process 4243 (nginx) total-vm:1kB
"""
JOURNAL_LINES = """\
1795423334.837290 app1 kernel: Out of memory: Killed process 77 (python3) total-vm:1kB
1795423335.000000 app1 systemd[1]: shop.service: A process of this unit has been killed by the OOM killer.
1795423336.000000 app1 systemd-oomd[9]: Killed /system.slice/big.service due to memory pressure for /system.slice
-- Boot 8655f5a89c114fa3ad33d560b21a0f21 --
"""


def test_oom_kills_of_the_journal_and_of_the_kernel() -> None:
    """Who was killed, and whether by the machine's lack or by a group's limit; older is left out."""
    found = told("oom_kills", sectioned(count="oom_kill 3", journal=JOURNAL_LINES)).value
    assert [kill.victim for kill in found] == [
        "python3",
        "shop.service",
        "/system.slice/big.service",
    ]
    assert found[0].at == "2026-11-23T08:42:14+00:00"
    raw = sectioned(count="oom_kill 3", uptime="100000.5 1.0", kernel=KERNEL_LINES)
    found = told("oom_kills", raw).value
    assert [(kill.victim, kill.bounded) for kill in found] == [("java", True), ("nginx", False)]
    assert value("oom_kills.none") == ()


def test_oom_kills_counted_and_not_logged_are_a_gap() -> None:
    """The counter says that there were some: without a log that is not none."""
    assert told("oom_kills", sectioned(count="oom_kill 3")).gap is not None
    assert told("oom_kills", sectioned(count="")).gap is not None


def test_open_files_and_pressures_are_read() -> None:
    """The kernel's figures, as shares where they are shares."""
    assert 0 < value("open_files.debian").used_fraction < 0.01
    pressures = {one.resource: one for one in value("pressures.debian")}
    assert set(pressures) == {"cpu", "memory", "io"}
    assert pressures["cpu"].some_minute == pytest.approx(0.7196)
    assert pressures["io"].full_minute == pytest.approx(0.0002)


def test_zombies_only_those_that_stay() -> None:
    """A process seen dead twice, a second apart, stayed; the one that went is not told of."""
    found = {one.name: one for one in value("zombies.debian")}
    assert set(found) == {"systemd", "true"}
    assert 0 <= found["true"].age_seconds < 1
    assert found["systemd"].age_seconds > 5


def test_zombies_odd_names_do_not_confuse() -> None:
    """A name may hold parentheses, spaces and the letter of a state."""
    rest = "1 5 5 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 {started} 0 0 0"
    dead = f"7 (x) R (Z) Z {rest.format(started=100)}"
    cat = f"9 (cat) R {rest.format(started=900)}"
    (one,) = told("zombies", sectioned(first=f"{dead}\n{cat}", second=f"{dead}\n{cat}")).value
    assert (one.name, one.pid, one.age_seconds) == ("x) R (Z", 7, 8)
    assert told("zombies", sectioned(first=f"{dead[:20]}\n{cat}")).gap is not None
    assert told("zombies", sectioned(first="")).gap is not None


def test_largest_processes_are_the_largest() -> None:
    """Ten at most, the largest first, as shares of the memory."""
    found = value("largest_processes.debian")
    assert 0 < len(found) <= 10
    assert [one.resident for one in found] == sorted((one.resident for one in found), reverse=True)
    assert found[0].resident % 4096 == 0
    assert 0 < found[0].memory_fraction < 1


def test_disk_use_is_read() -> None:
    """Sizes in bytes, counts of files, space that deleted files hold."""
    sizes = {one.path: one.size for one in value("directory_sizes.debian")}
    assert sizes["/var/log"] % 1024 == 0
    assert {one.path: one.files for one in value("file_counts.debian")}["/var/log"] == 24
    held = {one.held_by: one.size for one in value("deleted_open_files.debian")}
    assert held["python3"] == 9768 * 512
    assert value("deleted_open_files.none") == ()


@pytest.mark.parametrize("name", ["directory_sizes", "file_counts", "deleted_open_files"])
def test_disk_use_not_looked_at_is_not_applicable(name: str) -> None:
    """Where nothing fills up nothing is searched, and nothing claimed."""
    assert told(name, "").absent
