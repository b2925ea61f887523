"""The account's own alarms are quiet."""

from __future__ import annotations

from sickbay.judge import offenders
from sickbay.symptoms import symptom
from sickbay.targets.aws.facts.alarms import Alarm


@symptom(
    "aws.alarm-firing",
    severity="major",
    explained_by=[
        "aws.function-errors",
        "aws.function-throttled",
        "aws.gateway-errors",
        "aws.dead-letters",
        "aws.queue-stale",
        "aws.balancer-target-unhealthy",
    ],
)
def test_alarms_are_quiet(alarms: tuple[Alarm, ...]) -> None:
    """Somebody thought this worth an alarm, and it fires."""
    assert offenders(alarms, lambda a: a.state == "ALARM" and a.armed and not a.scales) == ()
