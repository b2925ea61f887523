"""What looking at a host costs the host: CPU, memory and time, all of the infra layer declared.

.venv/bin/python bench/host_cost.py        (as root: boots the lab's hosts)
"""

from __future__ import annotations

import json
import statistics
import threading
import time
from pathlib import Path

from lab.machines import Machine
from lab.world import World
from lab.worlds import opened

RUNS = 5
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


def spent(pid: int) -> float:
    """CPU seconds of all its children that have ended, and of theirs."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(words[13]) + int(words[14])) / TICKS


def resident(pid: int) -> float:
    """MiB of the processes below it; what they share counts for each (so it is a bound)."""
    total = 0
    waiting = [pid]
    while waiting:
        try:
            children = (
                Path(f"/proc/{(now := waiting.pop())}/task/{now}/children").read_text().split()
            )
            for child in map(int, children):
                waiting.append(child)
                total += int(Path(f"/proc/{child}/statm").read_text().split()[1])
        except OSError:
            continue
    return total * 4096 / 2**20


def look(world: World, pid: int, *options: str) -> tuple[float, float, float]:
    """CPU seconds, peak MiB and wall seconds of one observation of app1."""
    peak, done = [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            peak.append(resident(pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    before = spent(pid)
    outcome = world.diagnose("--limit=app1", *options)
    time.sleep(0.5)  # until sshd has taken note of the session's end
    done.set()
    watcher.join()
    wall = json.loads(outcome.snapshot)["targets"]["app1"]["state"]["seconds"]
    return spent(pid) - before, max(peak), wall


def main() -> None:
    """Print the median of some observations with everything, and with what is critical."""
    with opened("hosts") as world:
        pid = sshd(world.parts["app1"])
        for name, options in (("everything", ()), ("-m critical", ("-m", "critical"))):
            runs = [look(world, pid, *options) for _ in range(RUNS)]
            cpu, memory, wall = (statistics.median(one[i] for one in runs) for i in range(3))
            print(f"{name:12} {cpu:6.2f} s cpu {memory:6.0f} MiB {wall:6.2f} s wall")


if __name__ == "__main__":
    main()
