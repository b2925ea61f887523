"""CPUs, disks and memory keep up with the work."""

from __future__ import annotations

from sickbay.inventory.host import HostLimits
from sickbay.judge import worst
from sickbay.symptoms import symptom
from sickbay.targets.host.facts.activity import Activity
from sickbay.targets.host.facts.load import Load
from sickbay.targets.host.facts.open_files import OpenFiles
from sickbay.targets.host.facts.pressure import Pressure


@symptom(
    "host.overloaded",
    severity="major",
    signals=[
        "ai-orchestrator-hub:cpu-high/load-average",
        "claudebox:health-check-script/load-average",
    ],
)
def test_load_fits_the_cores(load: Load, limits: HostLimits) -> None:
    """More tasks want to run, or wait for a disk, than there are cores: everything takes longer."""
    assert worst([load], "per_core") <= limits.load_per_core


@test_load_fits_the_cores.cause(
    "the CPUs wait for disks",
    remedy="See which device is busy (iostat -x 1 5) and who uses it (iotop, pidstat -d 1); move or "
    "spread that work, or use a faster disk.",
)
def waiting_for_disks(activity: Activity, limits: HostLimits) -> object:
    return activity if activity.io_wait > limits.io_wait else None


@test_load_fits_the_cores.cause(
    "more tasks want to run at once than there are cores",
    remedy="See which they are (top; ps aux --sort=-%cpu): lower their number of workers, or move "
    "work to other hosts.",
)
def many_running(load: Load) -> object:
    return load if load.running > load.cores else None


@test_load_fits_the_cores.cause(
    "the hypervisor gives the CPU to other machines",
    remedy="Ask for a machine that is not shared so much, or a larger one (steal time in vmstat 1).",
)
def stolen_time(activity: Activity, limits: HostLimits) -> object:
    return activity if activity.stolen > limits.io_wait else None


@symptom(
    "host.pressure-high",
    severity="major",
    signals=[
        "claudebox:high-memory-usage/memory-pressure",
        "ai-orchestrator-hub:memory-high/memory-stall",
    ],
)
def test_work_is_not_stalled(pressures: tuple[Pressure, ...], limits: HostLimits) -> None:
    """Work stood still for much of the last minute because memory, disks or CPUs were short."""
    of = {one.resource: [one] for one in pressures}
    assert worst(of["memory"], "some_minute") < limits.memory_pressure
    assert worst(of["io"], "some_minute") < limits.io_pressure
    assert worst(of["cpu"], "some_minute") < limits.cpu_pressure


@test_work_is_not_stalled.cause(
    "memory is short",
    remedy="Find the largest consumers (ps aux --sort=-%mem), bound them or add memory.",
    because="host.memory-short",
)
def memory_short(pressures: tuple[Pressure, ...], limits: HostLimits) -> object:
    return _over(pressures, "memory", limits.memory_pressure)


@test_work_is_not_stalled.cause(
    "disks are too slow for what is asked of them",
    remedy="See which device is busy (iostat -x 1 5) and who uses it (iotop, pidstat -d 1).",
)
def disks_slow(pressures: tuple[Pressure, ...], limits: HostLimits) -> object:
    return _over(pressures, "io", limits.io_pressure)


@test_work_is_not_stalled.cause(
    "more tasks want to run than there are CPUs",
    remedy="See which they are (top), lower their number of workers, or move work elsewhere.",
    because="host.overloaded",
)
def cpus_short(pressures: tuple[Pressure, ...], limits: HostLimits) -> object:
    return _over(pressures, "cpu", limits.cpu_pressure)


@symptom("host.open-files-short", severity="major")
def test_files_can_be_opened(open_files: OpenFiles, limits: HostLimits) -> None:
    """At the maximum of open files no program can open a file or accept a connection any more."""
    assert worst([open_files], "used_fraction") < limits.open_files_used


def _over(pressures: tuple[Pressure, ...], resource: str, limit: float) -> list[Pressure]:
    return [one for one in pressures if one.resource == resource and one.some_minute >= limit]
