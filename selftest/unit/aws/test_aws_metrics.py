"""CloudWatch metrics: batched, complete over pages, in the order asked for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from sickbay.errors import Denied, TimedOut
from sickbay.inventory.aws import AwsEntry
from sickbay.targets.aws.calls import Asked
from sickbay.targets.aws.metrics import PER_CALL, Metric, data_points, highest, mean, total

NOW = datetime(2026, 5, 1, 10, 7, 31, tzinfo=UTC)


class _CloudWatch:
    """Answers each metric with the number in its name, on two pages."""

    def __init__(self, status: str = "Complete") -> None:
        self.status = status
        self.asked: list[dict[str, Any]] = []

    def get_paginator(self, operation: str) -> _CloudWatch:
        assert operation == "get_metric_data"
        return self

    def paginate(self, **asked: Any) -> Iterator[dict[str, Any]]:
        self.asked.append(asked)
        for _ in range(2):
            yield {
                "MetricDataResults": [
                    {
                        "Id": query["Id"],
                        "StatusCode": self.status,
                        "Values": [float(query["MetricStat"]["Metric"]["MetricName"])],
                    }
                    for query in reversed(asked["MetricDataQueries"])
                ]
            }


def _asked(client: _CloudWatch, until: float = 60, window: float = 3600) -> Asked:
    return Asked(lambda _: client, AwsEntry(window=window), NOW, {}, time.monotonic() + until)


def _metrics(count: int) -> list[Metric]:
    return [Metric("AWS/Lambda", str(index), "FunctionName", "f") for index in range(count)]


def test_data_points_many_metrics_take_few_calls() -> None:
    """500 a call, and each gets its own values from all pages."""
    client = _CloudWatch()
    points = data_points(_asked(client), _metrics(1201))
    assert points == [[index, index] for index in range(1201)]
    assert sorted(len(a["MetricDataQueries"]) for a in client.asked) == [201, PER_CALL, PER_CALL]


def test_data_points_window_is_whole_periods() -> None:
    """From the period that the window begins in to the end of the one that is now."""
    client = _CloudWatch()
    data_points(_asked(client), _metrics(1))
    assert client.asked[0]["StartTime"] == datetime(2026, 5, 1, 9, 5, tzinfo=UTC)
    assert client.asked[0]["EndTime"] == datetime(2026, 5, 1, 10, 10, tzinfo=UTC)


def test_data_points_of_nothing_ask_nothing() -> None:
    """No metric, no call: GetMetricData refuses an empty list."""
    client = _CloudWatch()
    assert data_points(_asked(client), []) == []
    assert client.asked == []


def test_data_points_forbidden_in_part_is_denied() -> None:
    """CloudWatch answers 200 and says per metric that it is forbidden."""
    with pytest.raises(Denied) as caught:
        data_points(_asked(_CloudWatch("Forbidden")), _metrics(1))
    assert "cloudwatch:GetMetricData" in caught.value.remedy


def test_data_points_after_the_deadline_end() -> None:
    """A thread whose observation is over does not page on."""
    with pytest.raises(TimedOut):
        data_points(_asked(_CloudWatch(), until=-1), _metrics(1))


def test_each_keeps_order_and_ends_at_the_first_error() -> None:
    """Results stand in the order of the items, whoever is done first; an error is the caller's."""
    asked = _asked(_CloudWatch())
    assert asked.each(range(50), lambda n: n * n) == [n * n for n in range(50)]
    done = []

    def fails(number: int) -> None:
        done.append(number)
        raise ZeroDivisionError(number)

    with pytest.raises(ZeroDivisionError):
        asked.each(range(1000), fails)
    assert len(done) < 1000


def test_summaries_of_nothing_are_none() -> None:
    """Nothing measured is not zero."""
    assert (total([]), highest([]), mean([], [])) == (None, None, None)
    assert (total([1, 2]), highest([1, 2]), mean([10, 20], [1, 2])) == (3, 2, 10)
