"""CloudFormation stacks are settled: no operation failed, none hangs."""

from __future__ import annotations

from datetime import datetime

from sickbay.errors import NotApplicable
from sickbay.facts import Record
from sickbay.inventory.aws import AwsEntry, AwsLimits
from sickbay.judge import offenders, worst
from sickbay.symptoms import symptom
from sickbay.targets.aws.calls import spelled_out
from sickbay.targets.aws.facts.stacks import Stack, StackFailure

GONE = ("DELETE_IN_PROGRESS", "DELETE_COMPLETE", "REVIEW_IN_PROGRESS")


@symptom(
    "aws.stack-failed",
    severity="critical",
    signals=[
        "claude-projects-api:stack-create-failed/stack-not-create-failed",
        "claude-projects-api:rollback-fails/stack-not-in-failed-rollback",
        "claude-projects-api:rollback-fails/stack-delete-not-failed",
    ],
)
def test_stacks_have_not_failed(stacks: tuple[Stack, ...]) -> None:
    """A stack that failed cannot be deployed to until somebody has seen to it."""
    assert offenders(stacks, lambda stack: stack.failed) == ()


@test_stacks_have_not_failed.cause(
    "a resource could not be rolled back",
    remedy="Mend what the reason names, then continue the rollback (continue-update-rollback, with "
    "--resources-to-skip as a last resort).",
)
def not_rolled_back(stacks: tuple[Stack, ...], stack_failures: tuple[StackFailure, ...]) -> object:
    return _with_failures(stacks, stack_failures, ("UPDATE_ROLLBACK_FAILED", "ROLLBACK_FAILED"))


@test_stacks_have_not_failed.cause(
    "a resource could not be created",
    remedy="Mend what the reason names, delete the stack, wait until it is gone, deploy again.",
)
def not_created(stacks: tuple[Stack, ...], stack_failures: tuple[StackFailure, ...]) -> object:
    return _with_failures(stacks, stack_failures, ("CREATE_FAILED", "ROLLBACK_COMPLETE"))


@test_stacks_have_not_failed.cause(
    "a resource could not be deleted",
    remedy="Empty or release what the reason names (a bucket with objects, a network interface in "
    "use), then delete the stack again.",
)
def not_deleted(stacks: tuple[Stack, ...], stack_failures: tuple[StackFailure, ...]) -> object:
    return _with_failures(stacks, stack_failures, ("DELETE_FAILED",))


@test_stacks_have_not_failed.cause(
    "an update failed and was not rolled back",
    remedy="Mend what the reason names and deploy again, or roll back (rollback-stack).",
)
def not_updated(stacks: tuple[Stack, ...], stack_failures: tuple[StackFailure, ...]) -> object:
    return _with_failures(
        stacks,
        stack_failures,
        ("UPDATE_FAILED", "IMPORT_ROLLBACK_FAILED"),
    )


def _with_failures(
    stacks: tuple[Stack, ...], failures: tuple[StackFailure, ...], statuses: tuple[str, ...]
) -> list[Record]:
    """The failed resources of the stacks in these statuses; the stack where no event is kept."""
    ill = [stack for stack in stacks if stack.status in statuses]
    told: list[Record] = [f for f in failures if f.stack in {stack.name for stack in ill}]
    return told or list(ill)


@symptom(
    "aws.stack-stuck",
    severity="major",
    signals=["claude-projects-api:rollback-fails/stack-operation-not-stuck"],
)
def test_stack_operations_come_to_an_end(
    stacks: tuple[Stack, ...], now: datetime, limits: AwsLimits
) -> None:
    """While an operation hangs nothing can be deployed, and after hours it fails and rolls back."""
    under_way = [
        Operation(stack=s.name, status=s.status, age=(now - s.since).total_seconds())
        for s in stacks
        if s.in_progress
    ]
    if not under_way:
        return
    assert worst(under_way, "age") < limits.stack_in_progress


class Operation(Record):
    """A stack operation under way, and for how long (seconds)."""

    stack: str
    status: str
    age: float


@test_stack_operations_come_to_an_end.cause(
    "a rollback hangs on a resource",
    remedy="Find the resource that is still IN_PROGRESS in the stack's events and mend it; once the "
    "rollback has failed, continue it.",
)
def rollback_hangs(stacks: tuple[Stack, ...], now: datetime, limits: AwsLimits) -> object:
    return [s for s in _late(stacks, now, limits) if "ROLLBACK" in s.status]


@test_stack_operations_come_to_an_end.cause(
    "a resource does not become ready",
    remedy="Find the resource that is still IN_PROGRESS in the stack's events (a custom resource "
    "that never answers, a service that never gets stable); cancel the update if need be.",
)
def never_ready(stacks: tuple[Stack, ...], now: datetime, limits: AwsLimits) -> object:
    return [s for s in _late(stacks, now, limits) if "ROLLBACK" not in s.status]


def _late(stacks: tuple[Stack, ...], now: datetime, limits: AwsLimits) -> list[Stack]:
    return [
        s
        for s in stacks
        if s.in_progress and (now - s.since).total_seconds() >= limits.stack_in_progress
    ]


@symptom(
    "aws.stack-rolled-back",
    severity="major",
    signals=["claude-projects-api:rollback-fails/stack-not-rolled-back"],
)
def test_last_update_was_kept(stacks: tuple[Stack, ...]) -> None:
    """The last deployment was undone: what runs is the version before it."""
    assert offenders(stacks, lambda s: s.status == "UPDATE_ROLLBACK_COMPLETE") == ()


@test_last_update_was_kept.cause(
    "a resource could not be updated",
    remedy="Mend what the reason names, then deploy again.",
)
def update_failed(stack_failures: tuple[StackFailure, ...], stacks: tuple[Stack, ...]) -> object:
    back = {s.name for s in stacks if s.status == "UPDATE_ROLLBACK_COMPLETE"}
    return [f for f in stack_failures if f.stack in back]


@symptom(
    "aws.stack-missing",
    severity="critical",
    signals=["claude-projects-api:api-unreachable/stack-present"],
)
def test_declared_stacks_exist(stacks: tuple[Stack, ...], declared: AwsEntry) -> None:
    """A stack that was never created, or is being deleted, has none of its resources."""
    names = spelled_out(declared.stacks)
    if not names:
        raise NotApplicable("the inventory names no stack of this account")
    there = {stack.name for stack in stacks if stack.status not in GONE}
    assert offenders([Absent(name=name) for name in names], lambda a: a.name not in there) == ()


class Absent(Record):
    """A stack that the inventory names."""

    name: str
