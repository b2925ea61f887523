"""Load balancers have healthy targets to send requests to."""

from __future__ import annotations

from sickbay.judge import offenders
from sickbay.symptoms import symptom
from sickbay.targets.aws.facts.balancers import BalancedTarget, TargetGroup

ILL = frozenset({"unhealthy", "unused", "unavailable"})


@symptom(
    "aws.balancer-target-unhealthy",
    severity="major",
    signals=["sergas:balancer-health-check-failures/target-health"],
)
def test_balanced_targets_are_healthy(
    balanced_targets: tuple[BalancedTarget, ...], target_groups: tuple[TargetGroup, ...]
) -> None:
    """A target out of health gets no requests; without any healthy one, clients get 503."""
    ill = offenders(balanced_targets, lambda t: t.state in ILL)
    assert ill == ()
    assert offenders(target_groups, lambda group: not group.members) == ()


@test_balanced_targets_are_healthy.cause(
    "the health check gets another answer than it expects",
    remedy="Ask the check's path yourself, on the target and its port; correct the path or what "
    "answers there.",
)
def other_answer(balanced_targets: tuple[BalancedTarget, ...]) -> object:
    return _because(balanced_targets, ("Target.ResponseCodeMismatch", "Target.FailedHealthChecks"))


@test_balanced_targets_are_healthy.cause(
    "the health check gets no answer in time",
    remedy="See that the service runs and listens on the target's port, and that the security "
    "group lets the balancer in.",
)
def no_answer(balanced_targets: tuple[BalancedTarget, ...]) -> object:
    return _because(balanced_targets, ("Target.Timeout",))


@test_balanced_targets_are_healthy.cause(
    "the target is stopped or not registered where the balancer looks",
    remedy="Start the instance, register it again, or enable its availability zone on the balancer.",
)
def not_there(balanced_targets: tuple[BalancedTarget, ...]) -> object:
    return _because(
        balanced_targets,
        ("Target.InvalidState", "Target.NotInUse", "Target.NotRegistered", "Target.IpUnusable"),
    )


def _because(targets: tuple[BalancedTarget, ...], reasons: tuple[str, ...]) -> list[BalancedTarget]:
    return [t for t in targets if t.state in ILL and t.reason in reasons]
