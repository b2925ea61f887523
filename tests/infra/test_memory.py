"""There is memory to be had, and nothing was killed for want of it."""

from __future__ import annotations

from sickbay.inventory.host import HostLimits
from sickbay.judge import count, least, worst
from sickbay.symptoms import symptom
from sickbay.targets.host.facts.activity import Activity
from sickbay.targets.host.facts.memory import Memory
from sickbay.targets.host.facts.oom import OomKill
from sickbay.targets.host.facts.processes import LargestProcess


@symptom(
    "host.memory-short",
    severity="critical",
    signals=[
        "sergas:high-memory-usage/memory-usage",
        "ai-orchestrator-hub:memory-high/memory-used",
        "claudebox:slots-wont-start/memory-headroom",
        "claudebox:performance-monitoring/memory-below-80",
        "neurallog:high-memory/host-memory-available",
    ],
)
def test_memory_is_available(memory: Memory, limits: HostLimits) -> None:
    """Without memory to be had the kernel starts to swap, to stall and to kill."""
    assert least([memory], "available_fraction") >= limits.memory_available


@test_memory_is_available.cause(
    "one process holds most of it",
    remedy="Look into that process: restart it for relief, bound it (MemoryMax= in its unit), and "
    "hunt the leak if it grows at steady load.",
    because="host.process-large",
)
def one_process(largest_processes: tuple[LargestProcess, ...], limits: HostLimits) -> object:
    return [one for one in largest_processes if one.memory_fraction > limits.process_memory]


@test_memory_is_available.cause(
    "there is no swap space to take up peaks",
    remedy="Add a swap file (mode 600) and put it into fstab, or add memory.",
)
def no_swap(memory: Memory) -> object:
    return memory if memory.swap_total == 0 else None


@test_memory_is_available.cause(
    "more is promised to programs than memory and swap can hold",
    remedy="Lower the number of workers, connections or cache sizes, or move a program elsewhere.",
)
def overcommitted(memory: Memory) -> object:
    promised = memory.committed
    return memory if promised and promised > memory.total + memory.swap_total else None


@symptom(
    "host.memory-overcommitted",
    severity="major",
    signals=["ai-orchestrator-hub:memory-high/commit-charge"],
    explained_by=["host.memory-short"],
)
def test_memory_is_not_promised_twice(memory: Memory, limits: HostLimits) -> None:
    """Programs were promised more memory than there is: once they use it, some will be killed."""
    assert worst([memory], "committed_fraction") <= limits.commit_charge


@test_memory_is_not_promised_twice.cause(
    "there is little or no swap space behind the promises",
    remedy="Add a swap file (mode 600) and put it into fstab; promises that are never used need no "
    "more than that.",
)
def little_swap(memory: Memory, limits: HostLimits) -> object:
    over = (memory.committed_fraction or 0) > limits.commit_charge
    return memory if over and memory.swap_total < memory.total / 10 else None


@test_memory_is_not_promised_twice.cause(
    "the programs together are set up for a larger machine",
    remedy="Lower worker, connection and cache numbers (largest first: ps aux --sort=-vsz), or give "
    "the host more memory. Where programs reserve what they never use, raise commit_charge.",
)
def set_up_too_large(memory: Memory, limits: HostLimits) -> object:
    return memory if (memory.committed_fraction or 0) > limits.commit_charge else None


@symptom(
    "host.process-large",
    severity="major",
    signals=[
        "ai-orchestrator-hub:memory-high/top-memory-processes",
        "claudebox:high-memory-usage/no-memory-hog",
        "neurallog:high-memory/no-process-hoards-memory",
        "sergas:high-memory-usage/largest-process",
    ],
)
def test_no_process_holds_most_of_the_memory(
    largest_processes: tuple[LargestProcess, ...], limits: HostLimits
) -> None:
    """One process has most of the memory; what else runs here is next to have none."""
    assert worst(largest_processes, "memory_fraction") <= limits.process_memory


@test_no_process_holds_most_of_the_memory.cause(
    "nothing bounds it",
    remedy="Set MemoryMax= in its unit (or its own cache and heap settings); where it is meant to have "
    "the machine to itself, raise process_memory for this host.",
)
def unbounded(largest_processes: tuple[LargestProcess, ...], limits: HostLimits) -> object:
    return [one for one in largest_processes if one.memory_fraction > limits.process_memory]


@symptom(
    "host.oom-kills",
    severity="critical",
    signals=[
        "sergas:application-crashes/oom-killer",
        "claudebox:high-memory-usage/no-oom-kills",
        "ai-orchestrator-hub:out-of-memory/no-oom-kill",
    ],
)
def test_nothing_was_killed_for_memory(oom_kills: tuple[OomKill, ...], limits: HostLimits) -> None:
    """The kernel (or systemd-oomd) ended processes for lack of memory; what they did was lost."""
    assert count(oom_kills) <= limits.oom_kills


@test_nothing_was_killed_for_memory.cause(
    "a unit or container outgrew its own limit",
    remedy="Raise its limit (MemoryMax=, mem_limit), or lower what it may use; look for a leak.",
)
def own_limit(oom_kills: tuple[OomKill, ...]) -> object:
    return [one for one in oom_kills if one.bounded]


@test_nothing_was_killed_for_memory.cause(
    "the host as a whole ran out",
    remedy="Find the largest consumer and bound or move it, or add memory or swap.",
    because="host.memory-short",
)
def whole_host(oom_kills: tuple[OomKill, ...]) -> object:
    return [one for one in oom_kills if not one.bounded]


@symptom(
    "host.swap-filling",
    severity="minor",
    signals=[
        "sergas:high-memory-usage/swap-usage",
        "ai-orchestrator-hub:memory-high/swap-used",
        "claudebox:high-memory-usage/swap-use",
    ],
    explained_by=["host.memory-short"],
)
def test_swap_is_a_reserve(memory: Memory, limits: HostLimits) -> None:
    """Swap space is for peaks; where the working set lives in it, everything is slow."""
    assert worst([memory], "swap_used_fraction") < limits.swap_used


@test_swap_is_a_reserve.cause(
    "programs need more than there is memory",
    remedy="Find the largest consumers (ps aux --sort=-%mem), bound them or add memory.",
)
def promised(memory: Memory) -> object:
    return memory if (memory.committed or 0) > memory.total else None


@symptom(
    "host.swapping",
    severity="major",
    explained_by=["host.memory-short"],
)
def test_nothing_is_swapped(activity: Activity, limits: HostLimits) -> None:
    """While pages move in and out of swap, programs wait for the disk in place of memory."""
    assert worst([activity], "swap_rate") <= limits.swap_rate


@test_nothing_is_swapped.cause(
    "one process holds most of the memory",
    remedy="Bound that process (MemoryMax= in its unit), restart it for relief, or add memory.",
)
def holder_of_memory(largest_processes: tuple[LargestProcess, ...], limits: HostLimits) -> object:
    return [one for one in largest_processes if one.memory_fraction > limits.process_memory]
