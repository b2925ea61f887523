"""SQS queues: what waits in them, for how long, and what ended as a dead letter."""

from __future__ import annotations

from typing import Any

import msgspec

from sickbay.facts import Record, fact
from sickbay.targets.aws.calls import Asked, Calls, chosen
from sickbay.targets.aws.failures import absent
from sickbay.targets.aws.metrics import ACTION, Metric, data_points, highest
from sickbay.targets.aws.wire import Wire, read

_ATTRIBUTES = (
    "QueueArn",
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "RedrivePolicy",
)


class _Attributes(Wire):
    queue_arn: str
    approximate_number_of_messages: int
    approximate_number_of_messages_not_visible: int = 0
    redrive_policy: str | None = None


class _Redrive(msgspec.Struct):
    deadLetterTargetArn: str = ""  # noqa: N815 (as it is written in the policy)


class _Ages(Wire):
    name: str
    points: list[float]


def _fetch(asked: Asked) -> Any:
    client = asked.client("sqs")

    def attributes(url: str) -> dict[str, Any] | None:
        try:
            found = client.get_queue_attributes(QueueUrl=url, AttributeNames=list(_ATTRIBUTES))
        except client.exceptions.ClientError as error:
            if not absent(error):
                raise
            return None
        known: dict[str, Any] = found.get("Attributes") or {}
        return known

    urls = [
        url
        for url in asked.all("sqs", "list_queues", "QueueUrls")
        if chosen(url.rpartition("/")[2], asked.entry.queues)
    ]
    return [found for found in asked.each(urls, attributes) if found]


@fact("queues", Calls("sqs", _fetch, ("sqs:ListQueues", "sqs:GetQueueAttributes")))
class Queue(Record):
    """A queue (SQS API: ListQueues, GetQueueAttributes). The counts are approximate, as SQS's are."""

    name: str
    waiting: int
    in_flight: int
    takes_dead_letters_of: tuple[str, ...] = ()
    """The queues whose undeliverable messages come here."""

    @property
    def is_dead_letter_queue(self) -> bool:
        return bool(self.takes_dead_letters_of)

    @classmethod
    def parse(cls, raw: Any) -> tuple[Queue, ...]:
        queues = read(raw, list[_Attributes])
        sources: dict[str, list[str]] = {}
        for one in queues:
            if one.redrive_policy:
                policy = msgspec.json.decode(one.redrive_policy, type=_Redrive)
                sources.setdefault(policy.deadLetterTargetArn, []).append(_name(one.queue_arn))
        return tuple(
            cls(
                name=_name(one.queue_arn),
                waiting=one.approximate_number_of_messages,
                in_flight=one.approximate_number_of_messages_not_visible,
                takes_dead_letters_of=tuple(sources.get(one.queue_arn, ())),
            )
            for one in queues
        )


def _name(arn: str) -> str:
    return arn.rpartition(":")[2]


def _fetch_ages(asked: Asked) -> Any:
    queues = [queue for queue in asked.known["queues"] if not queue.is_dead_letter_queue]
    metrics = [
        Metric("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", queue.name, "Maximum")
        for queue in queues
    ]
    points = data_points(asked, metrics)
    return [
        {"Name": queue.name, "Points": found}
        for queue, found in zip(queues, points, strict=True)
        if queue.waiting or queue.in_flight
    ]


@fact("queue_ages", Calls("cloudwatch", _fetch_ages, (ACTION,), after=("queues",)))
class QueueAge(Record):
    """How old the oldest message of a queue got within the window, in seconds (CloudWatch, AWS/SQS).

    Dead-letter queues are left out, for what is in them stays; and so are queues that are empty now.
    """

    queue: str
    oldest: float | None

    @classmethod
    def parse(cls, raw: Any) -> tuple[QueueAge, ...]:
        return tuple(
            cls(queue=one.name, oldest=highest(one.points)) for one in read(raw, list[_Ages])
        )
