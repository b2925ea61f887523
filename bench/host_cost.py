"""What looking at a host costs the host: CPU, memory and time, all of the infra layer declared.

.venv/bin/python bench/host_cost.py        (as root: boots the lab's hosts)
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from lab.machines import Machine
from lab.world import World
from lab.worlds import opened

RUNS = 5
IDLE_SECONDS = 2
TICKS = 100
"""Clock ticks a second (USER_HZ)."""


def sshd(machine: Machine) -> int:
    """The pid of the machine's sshd, as seen from outside."""
    inside = machine.run("systemctl show -p MainPID --value ssh").strip()
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
        except OSError:
            continue
        pids = next((line for line in text.splitlines() if line.startswith("NSpid:")), "").split()
        if "Name:\tsshd\n" in text and pids[2:] == [inside]:
            hostname = Path(f"/proc/{pids[1]}/root/etc/hostname").read_text().strip()
            if hostname == machine.name:
                return int(pids[1])
    raise RuntimeError("sshd was not found")


def spent() -> float:
    """CPU seconds of this whole machine without those of our own children that have ended."""
    words = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    busy = sum(map(int, words[:3] + words[5:7])) / TICKS
    ours = resource.getrusage(resource.RUSAGE_CHILDREN)
    return busy - ours.ru_utime - ours.ru_stime


def resident(pid: int) -> float:
    """MiB of the processes below it, of what several share each its part (proc_pid_smaps(5))."""
    total = 0
    waiting = [pid]
    while waiting:
        now = waiting.pop()
        try:
            children = Path(f"/proc/{now}/task/{now}/children").read_text().split()
            for child in map(int, children):
                waiting.append(child)
                rollup = Path(f"/proc/{child}/smaps_rollup").read_text()
                total += int(rollup.partition("\nPss:")[2].split()[0])
        except (OSError, IndexError):
            continue
    return total / 1024


def look(world: World, *options: str) -> tuple[float, float]:
    """CPU seconds and wall seconds of one observation of app1."""
    idle = spent()
    time.sleep(IDLE_SECONDS)
    idle = (spent() - idle) / IDLE_SECONDS
    before, started = spent(), time.monotonic()
    outcome = world.diagnose("--limit=app1", *options)
    cpu = spent() - before - idle * (time.monotonic() - started)
    return cpu, json.loads(outcome.snapshot)["targets"]["app1"]["state"]["seconds"]


def peak(world: World, pid: int, *options: str) -> float:
    """Peak MiB of what runs below sshd in one observation of app1."""
    seen, done = [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            seen.append(resident(pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    world.diagnose("--limit=app1", *options)
    done.set()
    watcher.join()
    return max(seen)


def main() -> None:
    """Print the median of some observations with everything, and with what is critical."""
    with opened("hosts") as world:
        pid = sshd(world.parts["app1"])
        for name, options in (("everything", ()), ("-m critical", ("-m", "critical"))):
            runs = [look(world, *options) for _ in range(RUNS)]
            cpu, wall = (statistics.median(one[i] for one in runs) for i in range(2))
            memory = peak(world, pid, *options)
            print(f"{name:12} {cpu:6.2f} s cpu {memory:6.0f} MiB {wall:6.2f} s wall")


if __name__ == "__main__":
    main()
