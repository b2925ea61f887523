"""The clock is kept right."""

from __future__ import annotations

from sickbay.judge import offenders
from sickbay.symptoms import symptom
from sickbay.targets.host.facts.clock import Clock


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
