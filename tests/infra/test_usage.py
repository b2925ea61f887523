"""CPUs, disks, network interfaces and services are used no more than is good for them."""

from __future__ import annotations

from sickbay.errors import NotApplicable
from sickbay.inventory.host import HostEntry, HostLimits
from sickbay.judge import offenders, worst
from sickbay.symptoms import symptom
from sickbay.targets.host.facts.activity import Activity, lasting
from sickbay.targets.host.facts.devices import Disk, Interface
from sickbay.targets.host.facts.load import Load
from sickbay.targets.host.facts.memory import Memory
from sickbay.targets.host.facts.process_use import LastingUse, ProcessUse, lasting_use
from sickbay.targets.host.facts.service_use import (
    JudgedUse,
    ServiceUse,
    bounded_units,
    judged_use,
)
from sickbay.targets.host.facts.units import Unit, declared_units, unit_name

# ---------------------------------------------------------------------- CPUs


@symptom(
    "host.cpu-busy",
    severity="major",
    signals=[
        "ai-orchestrator-hub:cpu-high/cpu-used",
        "claude-projects-api:slow-queries/database-cpu-moderate",
        "claudebox:performance-monitoring/cpu-below-80",
        "sergas:host-resources-tight/cpu-usage",
    ],
)
def test_cpus_have_time_left(activity: Activity, load: Load, limits: HostLimits) -> None:
    """The CPUs are busy, and have been for a minute: what comes in now has to wait."""
    assert worst([lasting(activity, load)], "lasting") <= limits.cpu_used


@test_cpus_have_time_left.cause(
    "one process takes a large part of it",
    remedy="See what it does (top -H -p PID; perf top -p PID): mend the hot path, bound it (CPUQuota= in "
    "its unit), or move it elsewhere.",
    because="host.process-busy",
)
def one_process_burns(
    process_use: tuple[ProcessUse, ...], load: Load, limits: HostLimits
) -> object:
    return [one for one in lasting_use(process_use, load) if one.share > limits.process_cpu]


@test_cpus_have_time_left.cause(
    "more tasks want to run at once than there are cores",
    remedy="See which they are (ps aux --sort=-%cpu): lower their number of workers, or give the host "
    "more cores.",
)
def many_tasks(load: Load) -> object:
    return load if load.running > load.cores else None


@test_cpus_have_time_left.cause(
    "the kernel itself is at work: system calls and interrupts",
    remedy="perf top, or strace -c -f -p PID for a few seconds, shows the calls; look at network load "
    "and interrupts (/proc/interrupts) where no process stands out.",
)
def kernel_works(activity: Activity, load: Load, limits: HostLimits) -> object:
    return lasting(activity, load) if activity.kernel > limits.kernel_time * activity.busy else None


@test_cpus_have_time_left.cause(
    "the hypervisor gives the CPU to other machines",
    remedy="Ask for a machine that is not shared so much, or a larger one (steal time in vmstat 1).",
)
def stolen(activity: Activity, limits: HostLimits) -> object:
    return activity if activity.stolen > limits.io_wait else None


@symptom(
    "host.process-busy",
    severity="major",
    signals=[
        "ai-orchestrator-hub:cpu-high/top-cpu-processes",
        "sergas:host-resources-tight/busiest-process",
    ],
)
def test_no_process_takes_most_of_the_cpus(
    process_use: tuple[ProcessUse, ...], load: Load, limits: HostLimits
) -> None:
    """One process has most of the CPU time, or more than what is no declared service should."""
    used = lasting_use(process_use, load)
    assert worst(used, "share") <= limits.process_cpu
    others = [one for one in used if not one.service]
    assert offenders(others, lambda one: one.cores > limits.process_cores) == ()


def _burners(
    process_use: tuple[ProcessUse, ...], load: Load, limits: HostLimits
) -> list[LastingUse]:
    return [
        one
        for one in lasting_use(process_use, load)
        if one.share > limits.process_cpu or (not one.service and one.cores > limits.process_cores)
    ]


@test_no_process_takes_most_of_the_cpus.cause(
    "it belongs to no declared service",
    remedy="Ask whose it is (ps -o user,etime,args -p PID): end it, make it wait for the others (renice "
    "19, CPUQuota=), or move it to another host. Declare it where it belongs here.",
)
def stray_process(process_use: tuple[ProcessUse, ...], load: Load, limits: HostLimits) -> object:
    return [one for one in _burners(process_use, load, limits) if not one.service]


@test_no_process_takes_most_of_the_cpus.cause(
    "a declared service works hard",
    remedy="See what it does (perf top -p PID, py-spy top, slow query log): mend that, or give it more "
    "cores or instances.",
    because="host.service-busy",
)
def service_works(process_use: tuple[ProcessUse, ...], load: Load, limits: HostLimits) -> object:
    return [one for one in _burners(process_use, load, limits) if one.service]


@symptom(
    "host.service-busy",
    severity="major",
    signals=[
        "ai-orchestrator-hub:cpu-high/hub-cpu",
        "ai-orchestrator-hub:cpu-high/kernel-time",
        "claude-projects-api:high-cpu/app-host-cpu-moderate",
        "neurallog:high-cpu/node-process-cpu-low",
        "sergas:slow-queries/database-cpu",
    ],
)
def test_services_use_the_cpu_that_they_may(
    service_use: tuple[ServiceUse, ...], load: Load, declared: HostEntry, limits: HostLimits
) -> None:
    """A service has used more CPU for a minute than the inventory lets it, or spends it in system calls."""
    judged = judged_use(declared, service_use, load, "cpu")
    assert offenders(judged, lambda one: one.uses_more_cpu) == ()
    assert offenders(judged, lambda one: _is_in_the_kernel(one, limits)) == ()


def _is_in_the_kernel(one: JudgedUse, limits: HostLimits) -> bool:
    busy = one.cores >= limits.kernel_time_floor
    return busy and (one.kernel_share or 0) > limits.kernel_time


@test_services_use_the_cpu_that_they_may.cause(
    "it spends most of its time in system calls",
    remedy="strace -c -f -p PID for a few seconds counts them: small reads and writes, a loop that polls, "
    "or a clock asked over and over are the usual ones.",
)
def system_calls(
    service_use: tuple[ServiceUse, ...], load: Load, declared: HostEntry, limits: HostLimits
) -> object:
    judged = judged_use(declared, service_use, load, "cpu")
    return [one for one in judged if _is_in_the_kernel(one, limits)]


@test_services_use_the_cpu_that_they_may.cause(
    "its own code is at work: a hot path, or more to do than it can",
    remedy="Profile it for half a minute (perf record -g -p PID, py-spy, --cpu-prof); of a database see "
    "the longest queries. Compare its rate of requests with other days.",
)
def own_code(
    service_use: tuple[ServiceUse, ...], load: Load, declared: HostEntry, limits: HostLimits
) -> object:
    judged = judged_use(declared, service_use, load, "cpu")
    return [one for one in judged if one.uses_more_cpu and not _is_in_the_kernel(one, limits)]


@symptom(
    "host.unit-throttled",
    severity="major",
    signals=["neurallog:high-cpu/cpu-not-throttled"],
)
def test_no_service_is_held_up_by_its_quota(
    service_use: tuple[ServiceUse, ...], limits: HostLimits
) -> None:
    """A service stands still for part of the time because its CPU quota is used up."""
    assert worst(service_use, "throttled_share") < limits.throttled


@test_no_service_is_held_up_by_its_quota.cause(
    "it wants more CPU than its quota gives",
    remedy="Raise CPUQuota= of the unit (the CPU limit of the container) or take it away; where the "
    "load is new, find what brings it (host.service-busy).",
)
def small_quota(service_use: tuple[ServiceUse, ...], limits: HostLimits) -> object:
    return [one for one in service_use if (one.throttled_share or 0) >= limits.throttled]


@symptom(
    "host.sluggish",
    severity="major",
    signals=["ai-orchestrator-hub:cpu-high/host-responsive"],
    explained_by=["host.cpu-busy", "host.pressure-high", "host.overloaded", "host.memory-short"],
)
def test_commands_finish_in_time(activity: Activity, limits: HostLimits) -> None:
    """A command that has nothing to do takes seconds: the host does not get round to it."""
    assert worst([activity], "late_seconds") < limits.command_delay


@test_commands_finish_in_time.cause(
    "the session is held up, although the CPUs are not all busy",
    remedy="See what bounds it: CPUQuota= of user.slice (systemctl show user-UID.slice), a hypervisor "
    "that pauses the machine, processes that are stopped.",
)
def held_up(activity: Activity, load: Load, limits: HostLimits) -> object:
    late = activity.late_seconds >= limits.command_delay
    return activity if late and lasting(activity, load).lasting <= limits.cpu_used else None


@test_commands_finish_in_time.cause(
    "the CPUs are all busy",
    remedy="ps aux --sort=-%cpu names who keeps them: end, bound or move it.",
    because="host.cpu-busy",
)
def no_time(activity: Activity, load: Load, limits: HostLimits) -> object:
    return activity if lasting(activity, load).lasting > limits.cpu_used else None


# ---------------------------------------------------------------------- memory of services


@symptom(
    "host.service-large",
    severity="major",
    signals=[
        "ai-orchestrator-hub:memory-high/hub-rss",
        "claude-projects-api:high-memory/process-rss-bounded",
    ],
)
def test_services_hold_the_memory_that_they_may(
    service_use: tuple[ServiceUse, ...], load: Load, declared: HostEntry
) -> None:
    """A process of a service holds more memory than the inventory lets it."""
    judged = judged_use(declared, service_use, load, "memory")
    assert offenders(judged, lambda one: one.holds_more_memory) == ()


@test_services_hold_the_memory_that_they_may.cause(
    "it has grown: it leaks, or its caches have no bound",
    remedy="Watch it at steady load (ps -o rss= -p PID every minute): where it only climbs, hunt the "
    "leak; a restart is passing relief. Else bound its caches, connections and workers.",
)
def has_grown(service_use: tuple[ServiceUse, ...], load: Load, declared: HostEntry) -> object:
    return [
        one for one in judged_use(declared, service_use, load, "memory") if one.holds_more_memory
    ]


@symptom(
    "host.unit-unbounded",
    severity="minor",
    signals=["sergas:application-crashes/unit-memory-limit"],
)
def test_units_have_a_limit_of_memory(
    units: tuple[Unit, ...], memory: Memory, declared: HostEntry
) -> None:
    """A unit that has to be bounded may take all memory, and bring down what else runs here."""
    judged = _to_be_bounded(units, declared)
    assert (
        offenders(judged, lambda unit: (unit.memory_limit or memory.total + 1) > memory.total) == ()
    )


def _to_be_bounded(units: tuple[Unit, ...], declared: HostEntry) -> list[Unit]:
    names = {unit_name(name) for name, unit in declared.units.items() if unit.bounded}
    if not names:
        raise NotApplicable("the inventory says of no unit that it has to be bounded")
    return [unit for unit in declared_units(units) if unit.name in names and unit.load == "loaded"]


@test_units_have_a_limit_of_memory.cause(
    "its unit sets no limit",
    remedy="systemctl edit UNIT: [Service] MemoryMax=..., then systemctl daemon-reload and restart it.",
)
def no_limit(units: tuple[Unit, ...], declared: HostEntry) -> object:
    return [unit for unit in _to_be_bounded(units, declared) if unit.memory_limit is None]


@test_units_have_a_limit_of_memory.cause(
    "its limit is larger than the machine's memory",
    remedy="Lower MemoryMax= to what the machine can spare, or give it more memory.",
)
def limit_too_large(units: tuple[Unit, ...], memory: Memory, declared: HostEntry) -> object:
    judged = _to_be_bounded(units, declared)
    return [unit for unit in judged if (unit.memory_limit or 0) > memory.total]


@symptom(
    "host.unit-memory-short",
    severity="major",
    signals=["sergas:application-crashes/memory-limit-headroom"],
)
def test_units_stay_below_their_limit_of_memory(
    units: tuple[Unit, ...], service_use: tuple[ServiceUse, ...], limits: HostLimits
) -> None:
    """A unit is about to reach its limit of memory; then the kernel kills it."""
    assert worst(bounded_units(units, service_use), "held_fraction") < limits.unit_memory_used


@test_units_stay_below_their_limit_of_memory.cause(
    "it needs more than it may have, or leaks",
    remedy="Watch it at steady load (systemctl show UNIT -p MemoryCurrent): where it only climbs, hunt "
    "the leak; else raise MemoryMax= (systemctl set-property) or lower its workers and caches.",
)
def needs_more(
    units: tuple[Unit, ...], service_use: tuple[ServiceUse, ...], limits: HostLimits
) -> object:
    bounded = bounded_units(units, service_use)
    return [one for one in bounded if one.held_fraction >= limits.unit_memory_used]


# ---------------------------------------------------------------------- disks and interfaces


@symptom(
    "host.disk-busy",
    severity="major",
    signals=[
        "claudebox:slow-response-times/disk-io-saturation",
        "sergas:high-error-rate/io-wait",
    ],
)
def test_disks_keep_up(
    disks: tuple[Disk, ...], activity: Activity, load: Load, limits: HostLimits
) -> None:
    """A disk is at work all the time, or slow to answer: whoever reads or writes has to wait."""
    assert worst(disks, "busy") < limits.disk_busy
    slow = [disk for disk in disks if disk.wait_seconds is not None]
    assert offenders(slow, lambda disk: (disk.wait_seconds or 0) >= limits.disk_wait) == ()
    assert worst([lasting(activity, load)], "lasting_io_wait") < limits.io_wait


@test_disks_keep_up.cause(
    "a disk has more to do than it can",
    remedy="See who reads and writes (iotop -o, pidstat -d 1) and move or spread that work: a backup, a "
    "query without an index, a log at level debug; or take a faster disk.",
)
def disk_saturated(disks: tuple[Disk, ...], limits: HostLimits) -> object:
    return [disk for disk in disks if disk.busy >= limits.disk_busy]


@test_disks_keep_up.cause(
    "a disk is slow although it is not always at work: it fails, or is a shared one",
    remedy="journalctl -k -p warning and smartctl -a for its errors; of a cloud's volume compare its "
    "bought operations a second (burst credits).",
)
def disk_slow(disks: tuple[Disk, ...], limits: HostLimits) -> object:
    return [
        disk
        for disk in disks
        if (disk.wait_seconds or 0) >= limits.disk_wait and disk.busy < limits.disk_busy
    ]


@symptom(
    "host.interface-errors",
    severity="major",
    signals=[
        "ai-orchestrator-hub:network-broken/bandwidth",
        "claudebox:slow-response-times/nic-errors",
    ],
)
def test_interfaces_lose_no_packets(interfaces: tuple[Interface, ...], limits: HostLimits) -> None:
    """Packets are lost at a network interface: connections become slow, or break off."""
    assert worst(interfaces, "faulty_share") <= limits.interface_errors


def _faulty(interfaces: tuple[Interface, ...], limits: HostLimits) -> list[Interface]:
    return [one for one in interfaces if one.faulty_share > limits.interface_errors]


@test_interfaces_lose_no_packets.cause(
    "packets are dropped: too large for its MTU, or too many for its queue",
    remedy="Compare the MTU at both ends (ip link; ping -M do -s 1472 PEER); ethtool -S IF names the "
    "drops. Longer queues: ethtool -G IF rx, net.core.netdev_max_backlog.",
)
def dropped(interfaces: tuple[Interface, ...], limits: HostLimits) -> object:
    return [one for one in _faulty(interfaces, limits) if one.drops or one.overruns]


@test_interfaces_lose_no_packets.cause(
    "packets come in damaged",
    remedy="ethtool IF (speed and duplex at both ends), then the cable, the port of the switch and the "
    "network card itself.",
)
def damaged(interfaces: tuple[Interface, ...], limits: HostLimits) -> object:
    return [one for one in _faulty(interfaces, limits) if one.errors]
