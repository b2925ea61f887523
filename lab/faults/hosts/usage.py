"""app1's CPUs, disks, interface and services are used more than is good for them; its clock is wrong.

What uses CPUs really does, for seconds at most. That it has done so for a minute is shown to the
machine in its load average.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.fault import fault
from lab.faults.hosts.resources import SHOWN, meminfo
from lab.worlds.hosts import Hosts

LASTING = "real; the load average, which tells that it has lasted, is shown in /proc"
_THREADS = (
    "import hashlib, os, threading\n"
    'def burn():\n  while True: hashlib.pbkdf2_hmac("sha256", b"x", b"y", 10000)\n'
    "for _ in range(4 * os.cpu_count()): threading.Thread(target=burn).start()\n"
)
"""A process that keeps all CPUs busy, whatever else runs; hashing lets go of the interpreter's lock."""
_BURN = f"""
cat >/run/burn.py <<'END'
{_THREADS}
END
systemd-run -q --collect --unit=burning -p RuntimeMaxSec=30 -p Nice=-10 python3 /run/burn.py
"""
_NEARLY_BUSY = 0.45
"""Load for each core at which one process may have been busy for a minute, but not all CPUs."""


@contextmanager
def _load(hosts: Hosts, per_core: float) -> Iterator[None]:
    """The machine has had so much to do for a minute."""
    cores = int(hosts.app1.run("nproc"))
    hosts.view(hosts.app1, {"loadavg": f"{per_core * cores:.2f} 0.20 0.20 1/120 900"})
    yield
    hosts.view(hosts.app1)


@contextmanager
def _again_and_again(hosts: Hosts, script: str) -> Iterator[None]:
    """A piece of shell runs in the machine, ten times a second."""
    hosts.app1.run(
        f"cat >/run/tick.sh <<'END'\nwhile :; do {script}; sleep 0.1; done\nEND\n"
        "systemd-run -q --collect --unit=ticking sh /run/tick.sh"
    )
    yield
    hosts.app1.run("systemctl stop ticking; rm /run/tick.sh")


@contextmanager
def _beside_the_shop(hosts: Hosts, program: str) -> Iterator[None]:
    """A further process of the shop's unit."""
    hosts.unit(
        hosts.app1, "shop-app", f'[Service]\nExecStartPost=/bin/sh -c "{program} & exit 0"\n'
    )
    hosts.wait_for_shop()
    yield
    # Where the machine this runs on has control groups of the first version only, systemd cannot see
    # to it that a unit's other processes end with it.
    hosts.app1.run("systemctl stop shop-app; pkill -KILL -u shop", check=False)
    hosts.unit(hosts.app1, "shop-app")


@fault(
    "host.cpu-busy",
    on="app1",
    cause="one process takes a large part of it",
    also=["host.process-busy@app1"],
    proves=[
        "ai-orchestrator-hub:cpu-high/cpu-used",
        "claude-projects-api:slow-queries/database-cpu-moderate",
        "claudebox:performance-monitoring/cpu-below-80",
        "sergas:host-resources-tight/cpu-usage",
    ],
    how=LASTING,
)
def one_process_keeps_all_cpus_busy(hosts: Hosts) -> Iterator[None]:
    """A process with a busy thread for each core, for longer than a minute."""
    with _load(hosts, 40):
        hosts.app1.run(_BURN)
        yield
        hosts.app1.run("systemctl stop burning; rm /run/burn.py")


@fault(
    "host.process-busy",
    on="app1",
    cause="it belongs to no declared service",
    proves=[
        "ai-orchestrator-hub:cpu-high/top-cpu-processes",
        "sergas:host-resources-tight/busiest-process",
    ],
    how=LASTING,
)
def stray_process_burns_the_cpu(hosts: Hosts) -> Iterator[None]:
    """A process that nobody declared takes more than half of all CPU time."""
    with _load(hosts, _NEARLY_BUSY):
        hosts.app1.run(_BURN)
        yield
        hosts.app1.run("systemctl stop burning; rm /run/burn.py")


@fault(
    "host.service-busy",
    on="app1",
    cause="its own code is at work: a hot path, or more to do than it can",
    proves=[
        "ai-orchestrator-hub:cpu-high/hub-cpu",
        "claude-projects-api:high-cpu/app-host-cpu-moderate",
        "neurallog:high-cpu/node-process-cpu-low",
        "sergas:slow-queries/database-cpu",
    ],
    how=LASTING,
)
def shop_spins(hosts: Hosts) -> Iterator[None]:
    """A worker of the shop spins in a loop."""
    spin = 'timeout 30 sh -c \\"while :; do :; done\\"'
    with _load(hosts, _NEARLY_BUSY), _beside_the_shop(hosts, f"{spin} & {spin}"):
        yield


@fault(
    "host.service-busy",
    on="app1",
    cause="it spends most of its time in system calls",
    proves=["ai-orchestrator-hub:cpu-high/kernel-time"],
    how=LASTING,
)
def shop_reads_byte_by_byte(hosts: Hosts) -> Iterator[None]:
    """A worker of the shop reads and writes single bytes."""
    with (
        _load(hosts, _NEARLY_BUSY),
        _beside_the_shop(hosts, "timeout 30 dd if=/dev/urandom of=/dev/null bs=16"),
    ):
        yield


@fault(
    "host.service-large",
    on="app1",
    cause="it has grown: it leaks, or its caches have no bound",
    proves=[
        "ai-orchestrator-hub:memory-high/hub-rss",
        "claude-projects-api:high-memory/process-rss-bounded",
    ],
)
def shop_grows(hosts: Hosts) -> Iterator[None]:
    """A worker of the shop holds 45 MB, where 40 MB are allowed."""
    program = "import time; x = bytearray(45000000); time.sleep(600)"
    with _beside_the_shop(hosts, f'python3 -c \\"{program}\\"'):
        pid = "$(pgrep -f bytearra[y])"
        hosts.app1.wait_for(f'[ "$(ps -o rss= -p {pid} | sort -n | tail -n 1)" -gt 45000 ]')
        yield


@fault(
    "host.unit-throttled",
    on="app1",
    cause="it wants more CPU than its quota gives",
    proves=["neurallog:high-cpu/cpu-not-throttled"],
    how="counters of the unit's control group are shown: the lab's machines have no CPU controller",
)
def quota_holds_the_shop_up(hosts: Hosts) -> Iterator[None]:
    """In nine of ten periods the shop is stopped before their end."""
    count = (
        'read -r up _ </proc/uptime; n=${up%.*}; printf "nr_periods %08d\\nnr_throttled %08d\\n" '
        "$((n * 10)) $((n * 9)) 1<>"
    )
    with (
        _group_file(hosts, "cpu", "cpu.stat", "nr_periods 00000000") as file,
        _again_and_again(hosts, count + file),
    ):
        yield


@fault(
    "host.unit-memory-short",
    on="app1",
    cause="it needs more than it may have, or leaks",
    proves=["sergas:application-crashes/memory-limit-headroom"],
    how="the figure of the unit's control group is shown: the lab's machines have no memory controller",
)
def shop_nears_its_limit(hosts: Hosts) -> Iterator[None]:
    """The shop holds 88 of the 90 MB that its unit may have."""
    held = str(88 * 2**20)
    with _group_file(hosts, "memory", "memory.usage_in_bytes", held):
        yield


@contextmanager
def _group_file(hosts: Hosts, controller: str, name: str, text: str) -> Iterator[str]:
    """The shop's control group has a file with other content; yields its path."""
    place = f"/sys/fs/cgroup/{controller}"
    group = f"{place}/system.slice/shop-app.service"
    hosts.app1.run(
        f"mount -t tmpfs tmpfs {place} && mkdir -p {group} && printf '%s\\n' '{text}' >{group}/{name}"
    )
    yield f"{group}/{name}"
    hosts.app1.run(f"umount {place}")


@fault(
    "host.unit-unbounded",
    on="app1",
    cause="its unit sets no limit",
    proves=["sergas:application-crashes/unit-memory-limit"],
)
def limit_of_memory_was_removed(hosts: Hosts) -> Iterator[None]:
    """A drop-in takes the shop's limit away."""
    hosts.unit(hosts.app1, "shop-app", "[Service]\nMemoryMax=infinity\n")
    hosts.wait_for_shop()
    yield
    hosts.unit(hosts.app1, "shop-app")


@fault("host.unit-unbounded", on="app1", cause="its limit is larger than the machine's memory")
def limit_of_memory_is_of_another_machine(hosts: Hosts) -> Iterator[None]:
    """The shop may have 64 GB of a machine with four."""
    hosts.unit(hosts.app1, "shop-app", "[Service]\nMemoryMax=64G\n")
    hosts.wait_for_shop()
    yield
    hosts.unit(hosts.app1, "shop-app")


@fault(
    "host.memory-overcommitted",
    on="app1",
    cause="the programs together are set up for a larger machine",
    proves=["ai-orchestrator-hub:memory-high/commit-charge"],
    how=SHOWN,
)
def more_memory_is_promised_than_there_is(hosts: Hosts) -> Iterator[None]:
    """Programs were promised half as much again as memory and swap hold."""
    hosts.view(hosts.app1, {"meminfo": meminfo(Committed_AS=7_500_000)})
    yield
    hosts.view(hosts.app1)


@fault(
    "host.memory-overcommitted",
    on="app1",
    cause="there is little or no swap space behind the promises",
    how=SHOWN,
)
def promises_without_swap(hosts: Hosts) -> Iterator[None]:
    """There is no swap space, and a little more than the memory was promised."""
    hosts.view(hosts.app1, {"meminfo": meminfo(SwapTotal=0, SwapFree=0, Committed_AS=4_200_000)})
    yield
    hosts.view(hosts.app1)


@fault(
    "host.sluggish",
    on="app1",
    cause="the session is held up, although the CPUs are not all busy",
    proves=["ai-orchestrator-hub:cpu-high/host-responsive"],
    how="real; a command is stopped for seconds, as a small CPU quota does",
)
def session_is_held_up(hosts: Hosts) -> Iterator[None]:
    """A command of the login is stopped for more than four seconds."""
    stop = 'until pid=$(pgrep -n -f -x "sleep 2"); do sleep 0.05; done; kill -STOP $pid; sleep 4.5; kill -CONT $pid'
    hosts.app1.run(f"systemd-run -q --collect --unit=stopping -p RuntimeMaxSec=60 sh -c '{stop}'")
    yield
    hosts.app1.run("systemctl stop stopping; pkill -CONT -f -x 'sleep 2'", check=False)


@contextmanager
def _disk(hosts: Hosts, busy: str, waiting: str) -> Iterator[None]:
    """A disk that does 100 operations a second; milliseconds at work and waited for, of ``ms``."""
    device = "$(basename $(dirname $(ls -d /sys/block/*/device | head -n 1)))"
    name = hosts.app1.run(f"cp /run/view/diskstats /run/diskstats; echo {device}").strip()
    count = (
        "read -r up _ </proc/uptime; ms=${up%.*}${up#*.}0; "
        f'printf "8 0 {name} 1 0 1 1 %011d 0 1 %014d 0 %011d 1\\n" '
        f"$((ms / 10)) $(({waiting})) $(({busy})) 1<>/run/view/diskstats"
    )
    hosts.app1.run(": >/run/view/diskstats")
    with _again_and_again(hosts, count):
        hosts.app1.wait_for("[ -s /run/view/diskstats ]")
        yield
    hosts.app1.run("cat /run/diskstats >/run/view/diskstats; rm /run/diskstats")


@fault(
    "host.disk-busy",
    on="app1",
    cause="a disk has more to do than it can",
    proves=[
        "claudebox:slow-response-times/disk-io-saturation",
        "sergas:high-error-rate/io-wait",
    ],
    how=SHOWN,
)
def disk_is_at_work_all_the_time(hosts: Hosts) -> Iterator[None]:
    """A disk has something to do in every millisecond."""
    with _disk(hosts, busy="ms", waiting="ms / 2"):
        yield


@fault(
    "host.disk-busy",
    on="app1",
    cause="a disk is slow although it is not always at work: it fails, or is a shared one",
    how=SHOWN,
)
def disk_answers_slowly(hosts: Hosts) -> Iterator[None]:
    """A disk is at work for a third of the time, and takes 80 ms for each operation."""
    with _disk(hosts, busy="ms / 3", waiting="ms * 8"):
        yield


@fault(
    "host.interface-errors",
    on="app1",
    cause="packets are dropped: too large for its MTU, or too many for its queue",
    proves=[
        "ai-orchestrator-hub:network-broken/bandwidth",
        "claudebox:slow-response-times/nic-errors",
    ],
)
def interface_has_too_small_an_mtu(hosts: Hosts) -> Iterator[None]:
    """app1's interface takes smaller packets than db1 sends it."""
    hosts.app1.run("ip link set host0 mtu 1000")
    hosts.db1.run("systemd-run -q --collect --unit=pinging ping -q -i 0.02 -s 1400 192.0.2.11")
    yield
    hosts.db1.run("systemctl stop pinging")
    hosts.app1.run("ip link set host0 mtu 1500")


@contextmanager
def _other_time(hosts: Hosts, offset: int) -> Iterator[None]:
    """date(1) tells another time."""
    hosts.app1.run(
        "cat >/usr/local/bin/date <<'END'\n#!/bin/sh\n"
        f'[ "$*" = +%s ] || exec /bin/date "$@"\necho $(($(/bin/date +%s) + {offset}))\nEND\n'
        "chmod 755 /usr/local/bin/date"
    )
    yield
    hosts.app1.run("rm /usr/local/bin/date")


_CLOCK_SHOWN = "shown by a date(1) of its own, as the machines share their kernel's clock"


@fault(
    "host.clock-differs",
    on="app1",
    cause="the host's clock is ahead",
    proves=["ai-orchestrator-hub:assessment-context/clock-correct"],
    how=_CLOCK_SHOWN,
)
def clock_is_ten_minutes_ahead(hosts: Hosts) -> Iterator[None]:
    """It is ten minutes later on app1 than here."""
    with _other_time(hosts, 600):
        yield


@fault(
    "host.clock-differs",
    on="app1",
    cause="the host's clock is behind",
    how=_CLOCK_SHOWN,
)
def clock_is_a_minute_behind(hosts: Hosts) -> Iterator[None]:
    """It is a minute earlier on app1 than here."""
    with _other_time(hosts, -60):
        yield
