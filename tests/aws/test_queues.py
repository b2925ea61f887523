"""SQS queues are worked off, and nothing ends as a dead letter."""

from __future__ import annotations

from sickbay.inventory.aws import AwsLimits
from sickbay.judge import worst
from sickbay.symptoms import symptom
from sickbay.targets.aws.facts.function_metrics import FunctionMetrics
from sickbay.targets.aws.facts.queues import Queue, QueueAge


@symptom("aws.dead-letters", severity="major")
def test_no_message_is_given_up(queues: tuple[Queue, ...], limits: AwsLimits) -> None:
    """A dead letter is work that failed again and again and is now done by nobody."""
    assert worst([q for q in queues if q.is_dead_letter_queue], "waiting") <= limits.dead_letters


@test_no_message_is_given_up.cause(
    "the function that works the queue off fails",
    remedy="Mend the function, then send the messages back to their queue (start-message-move-task).",
    because="aws.function-errors",
)
def worker_fails(lambda_metrics: tuple[FunctionMetrics, ...], limits: AwsLimits) -> object:
    return [
        m
        for m in lambda_metrics
        if m.invocations >= limits.function_invocations_floor
        and (m.error_share or 0) >= limits.function_errors
    ]


@symptom("aws.queue-stale", severity="major")
def test_queues_are_worked_off(queue_ages: tuple[QueueAge, ...], limits: AwsLimits) -> None:
    """Work waits that nobody does, or that comes faster than it is done."""
    if not queue_ages:
        return
    assert worst(queue_ages, "oldest") < limits.queue_age


@test_queues_are_worked_off.cause(
    "nobody takes messages from it",
    remedy="See that its consumer runs and may receive: event source mapping enabled, permissions.",
)
def nobody_takes(queues: tuple[Queue, ...], queue_ages: tuple[QueueAge, ...]) -> object:
    old = {age.queue for age in queue_ages}
    return [q for q in queues if q.name in old and q.waiting and not q.in_flight]


@test_queues_are_worked_off.cause(
    "messages come faster than they are worked off",
    remedy="Raise the consumer's concurrency, or find out what slows it down.",
)
def too_slow(queues: tuple[Queue, ...], queue_ages: tuple[QueueAge, ...]) -> object:
    old = {age.queue for age in queue_ages}
    return [q for q in queues if q.name in old and q.in_flight]
