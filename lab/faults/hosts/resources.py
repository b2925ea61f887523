"""app1 runs short of memory, CPU, disk time or files; its clock is not kept.

The lab's machines share one kernel with the machine they run on, so what the kernel counts for all
of them is shown to each as files of its own over /proc, the way lxcfs does it for containers.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.fault import fault
from lab.worlds.hosts import HEALTHY, Hosts

SHOWN = "shown to the machine in /proc, as its kernel is shared"
_HOG = "systemd-run -q --collect --unit=hog python3 -c 'x = bytearray(60000000); import time; time.sleep(600)'"
_HOG_IS_LARGE = "[ $(ps -o rss= -p $(systemctl show --value -p MainPID hog)) -gt 60000 ]"
_STALLED = "some avg10=60.00 avg60={share} avg300=9.00 total=1\nfull avg10=40.00 avg60=30.00 avg300=2.00 total=1"


def meminfo(**kilobytes: int) -> str:
    """/proc/meminfo of the healthy machine with other figures."""
    lines = dict(line.split(": ") for line in HEALTHY["meminfo"].splitlines())
    lines |= {name: f"{number} kB" for name, number in kilobytes.items()}
    return "\n".join(f"{name}: {value}" for name, value in lines.items())


@fault(
    "host.memory-short",
    on="app1",
    cause="there is no swap space to take up peaks",
    proves=[
        "ai-orchestrator-hub:memory-high/memory-used",
        "claudebox:performance-monitoring/memory-below-80",
        "claudebox:slots-wont-start/memory-headroom",
        "neurallog:high-memory/host-memory-available",
    ],
    how=SHOWN,
)
def memory_runs_out_without_swap(hosts: Hosts) -> Iterator[None]:
    """5 % of the memory is left, and there is no swap."""
    hosts.view(hosts.app1, {"meminfo": meminfo(MemAvailable=200_000, SwapTotal=0, SwapFree=0)})
    yield
    hosts.view(hosts.app1)


@fault(
    "host.memory-short",
    on="app1",
    cause="more is promised to programs than memory and swap can hold",
    proves=["sergas:high-memory-usage/memory-usage"],
    how=SHOWN,
)
def memory_is_overcommitted(hosts: Hosts) -> Iterator[None]:
    """Programs asked for twice what there is, and have begun to use it."""
    hosts.view(hosts.app1, {"meminfo": meminfo(MemAvailable=100_000, Committed_AS=9_000_000)})
    yield
    hosts.view(hosts.app1)


@fault(
    "host.process-large",
    on="app1",
    cause="nothing bounds it",
    proves=[
        "ai-orchestrator-hub:memory-high/top-memory-processes",
        "claudebox:high-memory-usage/no-memory-hog",
        "neurallog:high-memory/no-process-hoards-memory",
        "sergas:high-memory-usage/largest-process",
    ],
    how="real; the machine's size is shown to it in /proc",
)
def one_process_outgrows_all_others(hosts: Hosts) -> Iterator[None]:
    """A process holds 60 of the 100 MB that the machine has; there is enough left."""
    hosts.app1.run(_HOG)
    hosts.app1.wait_for(_HOG_IS_LARGE)
    hosts.view(hosts.app1, {"meminfo": meminfo(MemTotal=100_000, MemAvailable=30_000)})
    yield
    hosts.app1.run("systemctl stop hog")
    hosts.view(hosts.app1)


@fault(
    "host.memory-short",
    on="app1",
    cause="one process holds most of it",
    also=["host.process-large@app1"],
    how=SHOWN,
)
def one_process_holds_the_memory(hosts: Hosts) -> Iterator[None]:
    """A process holds 60 of the 100 MB that the machine has."""
    hosts.app1.run(_HOG)
    hosts.app1.wait_for(_HOG_IS_LARGE)
    hosts.view(hosts.app1, {"meminfo": meminfo(MemTotal=100_000, MemAvailable=5_000)})
    yield
    hosts.app1.run("systemctl stop hog")
    hosts.view(hosts.app1)


@fault(
    "host.swap-filling",
    on="app1",
    cause="programs need more than there is memory",
    proves=[
        "sergas:high-memory-usage/swap-usage",
        "ai-orchestrator-hub:memory-high/swap-used",
        "claudebox:high-memory-usage/swap-use",
    ],
    how=SHOWN,
)
def swap_fills(hosts: Hosts) -> Iterator[None]:
    """80 % of the swap space is in use."""
    hosts.view(hosts.app1, {"meminfo": meminfo(SwapFree=200_000, Committed_AS=4_500_000)})
    yield
    hosts.view(hosts.app1)


@fault(
    "host.swapping",
    on="app1",
    cause="one process holds most of the memory",
    also=["host.process-large@app1"],
    how=SHOWN,
)
def pages_move_in_and_out_of_swap(hosts: Hosts) -> Iterator[None]:
    """The counters of swapped pages rise by thousands each second."""
    hosts.app1.run(
        "systemd-run -q --collect --unit=swapper sh -c 'n=0; while :; do n=$((n+500)); "
        'printf "pswpin $n\\npswpout $n\\noom_kill 0\\n" >/run/view/vmstat; sleep 0.1; done\'\n'
        f"{_HOG}"
    )
    hosts.app1.wait_for(_HOG_IS_LARGE)
    hosts.app1.run(
        f"cat >/run/view/meminfo <<'END'\n{meminfo(MemTotal=100_000, MemAvailable=50_000)}\nEND"
    )
    yield
    hosts.app1.run("systemctl stop swapper hog")
    hosts.view(hosts.app1)


@fault(
    "host.overloaded",
    on="app1",
    cause="more tasks want to run at once than there are cores",
    proves=[
        "ai-orchestrator-hub:cpu-high/load-average",
        "claudebox:health-check-script/load-average",
    ],
    how=SHOWN,
    also=["host.cpu-busy@app1"],
)
def load_is_high(hosts: Hosts) -> Iterator[None]:
    """Hundreds of tasks want to run."""
    hosts.view(hosts.app1, {"loadavg": "900.00 800.00 500.00 900/1200 4711"})
    yield
    hosts.view(hosts.app1)


@fault(
    "host.pressure-high",
    on="app1",
    cause="memory is short",
    proves=[
        "claudebox:high-memory-usage/memory-pressure",
        "ai-orchestrator-hub:memory-high/memory-stall",
    ],
    how=SHOWN,
)
def work_waits_for_memory(hosts: Hosts) -> Iterator[None]:
    """Work stood still for 40 % of the last minute for want of memory."""
    hosts.view(hosts.app1, {"pressure/memory": _STALLED.format(share="40.00")})
    yield
    hosts.view(hosts.app1)


@fault(
    "host.pressure-high", on="app1", cause="disks are too slow for what is asked of them", how=SHOWN
)
def work_waits_for_disks(hosts: Hosts) -> Iterator[None]:
    """Work stood still for half of the last minute for want of disks."""
    hosts.view(hosts.app1, {"pressure/io": _STALLED.format(share="50.00")})
    yield
    hosts.view(hosts.app1)


@fault(
    "host.pressure-high", on="app1", cause="more tasks want to run than there are CPUs", how=SHOWN
)
def work_waits_for_cpus(hosts: Hosts) -> Iterator[None]:
    """Work stood still for 80 % of the last minute for want of a CPU."""
    hosts.view(hosts.app1, {"pressure/cpu": _STALLED.format(share="80.00")})
    yield
    hosts.view(hosts.app1)


@fault("host.open-files-short", on="app1", how=SHOWN)
def files_are_nearly_all_open(hosts: Hosts) -> Iterator[None]:
    """95 % of the files that may be open are."""
    hosts.view(hosts.app1, {"sys/fs/file-nr": "95000\t0\t100000"})
    yield
    hosts.view(hosts.app1)


@fault(
    "host.oom-kills",
    on="app1",
    cause="the host as a whole ran out",
    proves=[
        "claudebox:high-memory-usage/no-oom-kills",
        "ai-orchestrator-hub:out-of-memory/no-oom-kill",
        "sergas:application-crashes/oom-killer",
    ],
    how="a recorded line of the kernel, put into the journal by systemd-journal-remote",
)
def kernel_killed_the_shop(hosts: Hosts) -> Iterator[None]:
    """The kernel ended a process of the shop an hour ago."""
    line = (
        "Out of memory: Killed process 4711 (python3) total-vm:9000000kB, anon-rss:3900000kB, "
        "file-rss:0kB, shmem-rss:0kB, UID:998 pgtables:8000kB oom_score_adj:0"
    )
    yield from _killed(hosts, line)


@fault(
    "host.oom-kills",
    on="app1",
    cause="a unit or container outgrew its own limit",
    how="a recorded line of the kernel, put into the journal by systemd-journal-remote",
)
def kernel_killed_a_container(hosts: Hosts) -> Iterator[None]:
    """A container went over its limit, and the kernel ended its process."""
    line = (
        "Memory cgroup out of memory: Killed process 815 (node) total-vm:900000kB, anon-rss:260000kB, "
        "file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:900kB oom_score_adj:0"
    )
    yield from _killed(hosts, line)


def _killed(hosts: Hosts, line: str) -> Iterator[None]:
    journal = "/var/log/journal/$(cat /etc/machine-id)/kernel.journal"
    hosts.app1.run(
        "mkdir -p /var/log/journal/$(cat /etc/machine-id); now=$(($(date +%s) - 600))000000\n"
        'printf "__REALTIME_TIMESTAMP=$now\\n__MONOTONIC_TIMESTAMP=1000000\\n'
        "_BOOT_ID=$(tr -d - </proc/sys/kernel/random/boot_id)\\n"
        "_TRANSPORT=kernel\\nPRIORITY=3\\nSYSLOG_IDENTIFIER=kernel\\n"
        f'MESSAGE={line}\\n\\n" | /lib/systemd/systemd-journal-remote -o {journal} - 2>/dev/null\n'
        f"chgrp systemd-journal {journal}; chmod 640 {journal}"
    )
    hosts.view(hosts.app1, {"vmstat": "pswpin 0\npswpout 0\noom_kill 1"})
    yield
    hosts.app1.run(f"rm {journal}")
    hosts.view(hosts.app1)


@fault(
    "host.clock-unsynchronised",
    on="app1",
    cause="the time service runs, but has no server that answers it",
    proves=["claudebox:sessions-expire-immediately/clock-synchronised"],
)
def time_server_does_not_answer(hosts: Hosts) -> Iterator[None]:
    """chrony is told to ask a server that is not there."""
    settings = "/etc/chrony/chrony.conf"
    hosts.app1.run(
        f"sed -i 's/^server 192.0.2.12/server 192.0.2.99/' {settings}; systemctl restart chrony"
    )
    hosts.app1.wait_for("chronyc -n tracking | grep -q 'Not synchronised'")
    yield
    hosts.app1.run(
        f"sed -i 's/^server 192.0.2.99/server 192.0.2.12/' {settings}; systemctl restart chrony"
    )
    hosts.app1.wait_for("chronyc -n tracking | grep -q 'Leap status.*Normal'")


@fault(
    "host.clock-off",
    on="app1",
    cause="the time service corrects a large error only slowly, or may not set the clock",
    proves=[
        "claudebox:sessions-expire-immediately/clock-offset",
        "claude-projects-api:signature-mismatch/clock-in-sync",
    ],
    how="real; the clock is shared, so the server's time is taken with an offset",
)
def clock_is_half_a_minute_off(hosts: Hosts) -> Iterator[None]:
    """The time server says that it is 30 s later; chrony may not touch the clock."""
    settings = "/etc/chrony/chrony.conf"
    hosts.app1.run(f"sed -i '/^server/s/$/ offset 30/' {settings}; systemctl restart chrony")
    hosts.app1.wait_for("chronyc -n tracking | grep -q 'System time.*: [23][0-9]\\.'", seconds=30)
    yield
    hosts.app1.run(f"sed -i 's/ offset 30//' {settings}; systemctl restart chrony")
    hosts.app1.wait_for("chronyc -n tracking | grep -q 'System time.*: 0\\.'")
    hosts.app1.wait_for("chronyc -n tracking | grep -q 'Leap status.*Normal'")
