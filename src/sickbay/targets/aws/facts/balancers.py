"""Load balancers: the health of what they send requests to."""

from __future__ import annotations

from typing import Any

from sickbay.facts import Record, fact
from sickbay.targets.aws.calls import Asked, Calls
from sickbay.targets.aws.failures import absent
from sickbay.targets.aws.wire import Wire, brief, read


class _Health(Wire):
    state: str
    reason: str = ""
    description: str = ""


class _Member(Wire):
    id: str
    port: int | None = None


class _Description(Wire):
    target: _Member
    target_health: _Health


class _Group(Wire):
    target_group_name: str
    load_balancer_arns: list[str] = []
    members: list[_Description] = []


def _fetch(asked: Asked) -> Any:
    client = asked.client("elbv2")

    def members(group: dict[str, Any]) -> dict[str, Any]:
        try:
            found = client.describe_target_health(TargetGroupArn=group["TargetGroupArn"])
        except client.exceptions.ClientError as error:
            if not absent(error):
                raise
            found = {}
        return {**group, "Members": found.get("TargetHealthDescriptions") or []}

    return asked.each(asked.all("elbv2", "describe_target_groups", "TargetGroups"), members)


BALANCERS = Calls(
    "elbv2",
    _fetch,
    (
        "elasticloadbalancing:DescribeTargetGroups",
        "elasticloadbalancing:DescribeTargetHealth",
    ),
)


@fact("target_groups", BALANCERS)
class TargetGroup(Record):
    """A target group that a balancer uses (Elastic Load Balancing API, DescribeTargetGroups)."""

    group: str
    members: int
    healthy: int
    """Members in health; those that are being drained or only just registered do not count."""

    @classmethod
    def parse(cls, raw: Any) -> tuple[TargetGroup, ...]:
        return tuple(
            cls(
                group=one.target_group_name,
                members=len(one.members),
                healthy=sum(m.target_health.state == "healthy" for m in one.members),
            )
            for one in read(raw, list[_Group])
            if one.load_balancer_arns
        )


@fact("balanced_targets", BALANCERS)
class BalancedTarget(Record):
    """A member of a target group in use (Elastic Load Balancing API, DescribeTargetHealth).

    ``state`` is initial, healthy, unhealthy, unused, draining or unavailable.
    """

    member: str
    """``group/id:port``."""
    state: str
    reason: str
    """Such as Target.ResponseCodeMismatch, Target.Timeout, Target.FailedHealthChecks."""
    description: str

    @classmethod
    def parse(cls, raw: Any) -> tuple[BalancedTarget, ...]:
        return tuple(
            cls(
                member=f"{one.target_group_name}/{m.target.id}"
                + (f":{m.target.port}" if m.target.port else ""),
                state=m.target_health.state,
                reason=m.target_health.reason,
                description=brief(m.target_health.description),
            )
            for one in read(raw, list[_Group])
            if one.load_balancer_arns
            for m in one.members
        )
