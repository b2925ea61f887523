"""CloudWatch metrics: many in one GetMetricData (500 a call; AWS bills them one by one)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sickbay.errors import Denied
from sickbay.targets.aws.calls import Asked

PER_CALL = 500
PERIOD = 300
"""Seconds that one data point stands for. Sums and maxima over the window do not depend on it."""
ACTION = "cloudwatch:GetMetricData"


@dataclass(frozen=True, slots=True)
class Metric:
    """One statistic (Sum, Maximum, SampleCount, ...) of one metric of one thing."""

    namespace: str
    name: str
    dimension: str
    value: str
    stat: str = "Sum"


def data_points(asked: Asked, metrics: Sequence[Metric]) -> list[list[float]]:
    """The data points of every metric within the entry's window, in the order asked for.

    A metric without data points gives an empty list: nothing was measured, which is not zero.
    The window begins and ends at whole periods, so that none is counted in part.
    """
    end = _whole_period(asked.now) + timedelta(seconds=PERIOD)
    start = _whole_period(asked.now - timedelta(seconds=asked.entry.window))
    batches = [metrics[at : at + PER_CALL] for at in range(0, len(metrics), PER_CALL)]

    def batch(wanted: Sequence[Metric]) -> list[list[float]]:
        points: dict[str, list[float]] = {f"m{index}": [] for index in range(len(wanted))}
        for page in asked.pages(
            "cloudwatch",
            "get_metric_data",
            MetricDataQueries=list(_queries(wanted)),
            StartTime=start,
            EndTime=end,
        ):
            for result in page.get("MetricDataResults") or ():
                if result.get("StatusCode") == "Forbidden":
                    raise Denied("CloudWatch forbids some of the metrics", f"allow {ACTION}")
                points[result["Id"]] += result.get("Values") or ()
        return list(points.values())

    return [points for results in asked.each(batches, batch) for points in results]


def _whole_period(moment: datetime) -> datetime:
    seconds = int(moment.timestamp())
    return datetime.fromtimestamp(seconds - seconds % PERIOD, UTC)


def _queries(metrics: Sequence[Metric]) -> Iterator[dict[str, Any]]:
    for index, metric in enumerate(metrics):
        yield {
            "Id": f"m{index}",
            "MetricStat": {
                "Metric": {
                    "Namespace": metric.namespace,
                    "MetricName": metric.name,
                    "Dimensions": [{"Name": metric.dimension, "Value": metric.value}],
                },
                "Period": PERIOD,
                "Stat": metric.stat,
            },
        }


def total(points: Sequence[float]) -> float | None:
    """Their sum; None where nothing was measured."""
    return float(sum(points)) if points else None


def highest(points: Sequence[float]) -> float | None:
    """The highest; None where nothing was measured."""
    return float(max(points)) if points else None


def mean(sums: Sequence[float], samples: Sequence[float]) -> float | None:
    """The mean of all that was measured, from Sum and SampleCount."""
    count = sum(samples)
    return sum(sums) / count if count else None
