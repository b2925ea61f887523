"""CloudWatch alarms."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sickbay.facts import Record, fact
from sickbay.targets.aws.calls import Asked, Calls
from sickbay.targets.aws.wire import Wire, brief, read, utc

_SCALING = ("arn:aws:autoscaling:", "arn:aws-cn:autoscaling:", "arn:aws-us-gov:autoscaling:")


class _Alarm(Wire):
    alarm_name: str
    state_value: str
    state_reason: str | None = None
    state_updated_timestamp: datetime | None = None
    actions_enabled: bool = True
    alarm_actions: list[str] = []


def _fetch(asked: Asked) -> Any:
    return [
        alarm
        for page in asked.pages(
            "cloudwatch", "describe_alarms", AlarmTypes=["MetricAlarm", "CompositeAlarm"]
        )
        for key in ("MetricAlarms", "CompositeAlarms")
        for alarm in page.get(key) or ()
    ]


@fact("alarms", Calls("cloudwatch", _fetch, ("cloudwatch:DescribeAlarms",)))
class Alarm(Record):
    """A metric or composite alarm (CloudWatch API, DescribeAlarms).

    ``state`` is OK, ALARM or INSUFFICIENT_DATA. ``armed`` is false where its actions are switched
    off. ``scales`` tells that all it does is to scale something: such an alarm is in ALARM for days
    while there is little to do.
    """

    name: str
    state: str
    since: datetime | None
    reason: str
    armed: bool
    scales: bool = False

    @classmethod
    def parse(cls, raw: Any) -> tuple[Alarm, ...]:
        return tuple(
            cls(
                name=one.alarm_name,
                state=one.state_value,
                since=utc(one.state_updated_timestamp),
                reason=brief(one.state_reason),
                armed=one.actions_enabled,
                scales=bool(one.alarm_actions)
                and all(action.startswith(_SCALING) for action in one.alarm_actions),
            )
            for one in read(raw, list[_Alarm])
        )
