"""The clock is kept right."""

from __future__ import annotations

from sickbay.inventory.host import HostLimits
from sickbay.judge import offenders, worst
from sickbay.symptoms import symptom
from sickbay.targets.host.facts.clock import Clock
from sickbay.targets.host.facts.wall_clock import WallClock


@symptom(
    "host.clock-unsynchronised",
    severity="major",
    signals=["claudebox:sessions-expire-immediately/clock-synchronised"],
)
def test_clock_is_synchronised(clock: Clock) -> None:
    """A wrong clock breaks logins, certificates, signatures and the order of log lines."""
    assert offenders([clock], lambda one: not one.synchronised) == ()


@test_clock_is_synchronised.cause(
    "no time service is active",
    remedy="timedatectl set-ntp true (systemd-timesyncd), or install chrony.",
)
def no_service(clock: Clock) -> object:
    return clock if clock.service == "none" else None


@test_clock_is_synchronised.cause(
    "the time service runs, but has no server that answers it",
    remedy="See timedatectl timesync-status or chronyc sources: correct the servers, and let UDP port "
    "123 out.",
)
def no_server(clock: Clock) -> object:
    return clock if clock.service != "none" else None


@symptom(
    "host.clock-off",
    severity="major",
    signals=[
        "claudebox:sessions-expire-immediately/clock-offset",
        "claude-projects-api:signature-mismatch/clock-in-sync",
    ],
    explained_by=["host.clock-unsynchronised"],
)
def test_clock_is_right(clock: Clock, limits: HostLimits) -> None:
    """The time service knows the right time, and the clock shows another."""
    assert worst([clock], "offset_seconds") < limits.clock_offset


@test_clock_is_right.cause(
    "the time service corrects a large error only slowly, or may not set the clock",
    remedy="chronyc makestep (or restart the time service) sets it at once: stop what minds a jump, "
    "such as a database, before. In a virtual machine look at the hypervisor's own clock.",
)
def slowly_corrected(clock: Clock, limits: HostLimits) -> object:
    return clock if (clock.offset_seconds or 0) >= limits.clock_offset else None


@symptom(
    "host.clock-differs",
    severity="major",
    signals=["ai-orchestrator-hub:assessment-context/clock-correct"],
    explained_by=["host.clock-off", "host.clock-unsynchronised"],
)
def test_clock_agrees_with_ours(wall_clock: WallClock, limits: HostLimits) -> None:
    """The host's clock and that of the machine which runs this show different times."""
    assert worst([wall_clock], "difference") < limits.clock_difference


@test_clock_agrees_with_ours.cause(
    "the host's clock is ahead",
    remedy="timedatectl (or chronyc tracking) there and here: where every host differs by the same, "
    "the clock here is wrong. Before setting one back, stop what minds a jump, such as a database.",
)
def ahead(wall_clock: WallClock, limits: HostLimits) -> object:
    return wall_clock if wall_clock.ahead_seconds >= limits.clock_difference else None


@test_clock_agrees_with_ours.cause(
    "the host's clock is behind",
    remedy="timedatectl (or chronyc tracking) there and here: where every host differs by the same, "
    "the clock here is wrong. A virtual machine that was paused has to be set by hand.",
)
def behind(wall_clock: WallClock, limits: HostLimits) -> object:
    return wall_clock if wall_clock.ahead_seconds <= -limits.clock_difference else None
