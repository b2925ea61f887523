"""How Lambda functions did within the window, as CloudWatch counted it."""

from __future__ import annotations

from typing import Any

from sickbay.facts import Record, fact
from sickbay.targets.aws.calls import Asked, Calls
from sickbay.targets.aws.metrics import ACTION, Metric, data_points, highest, mean, total
from sickbay.targets.aws.wire import Wire, read

_WANTED = (
    ("Invocations", "Sum"),
    ("Errors", "Sum"),
    ("Throttles", "Sum"),
    ("Duration", "Maximum"),
    ("Duration", "Sum"),
    ("Duration", "SampleCount"),
    ("ConcurrentExecutions", "Maximum"),
)


class _Points(Wire):
    name: str
    timeout: float
    points: list[list[float]]


def _fetch(asked: Asked) -> Any:
    functions = asked.known["lambda_functions"]
    metrics = [
        Metric("AWS/Lambda", name, "FunctionName", function.name, stat)
        for function in functions
        for name, stat in _WANTED
    ]
    points = data_points(asked, metrics)
    width = len(_WANTED)
    return [
        {
            "Name": function.name,
            "Timeout": function.timeout,
            "Points": points[index * width : (index + 1) * width],
        }
        for index, function in enumerate(functions)
    ]


@fact("lambda_metrics", Calls("cloudwatch", _fetch, (ACTION,), after=("lambda_functions",)))
class FunctionMetrics(Record):
    """One function within the entry's window (CloudWatch, namespace AWS/Lambda). Times in seconds.

    None where nothing was measured. A function that was not invoked has no data points.
    """

    function: str
    invocations: int
    errors: int | None
    throttles: int
    longest: float | None
    average: float | None
    at_once: int | None
    """The most executions at one time."""
    timeout: float

    @property
    def error_share(self) -> float | None:
        """Failed invocations against all; None for a function that was not invoked."""
        return (
            None if not self.invocations or self.errors is None else self.errors / self.invocations
        )

    @property
    def time_used(self) -> float | None:
        """The longest invocation against the timeout."""
        return None if self.longest is None or not self.timeout else self.longest / self.timeout

    @classmethod
    def parse(cls, raw: Any) -> tuple[FunctionMetrics, ...]:
        rows = []
        for one in read(raw, list[_Points]):
            invocations, errors, throttles, longest, sums, samples, at_once = one.points
            failed, peak = total(errors), highest(at_once)
            rows.append(
                cls(
                    function=one.name,
                    invocations=int(total(invocations) or 0),
                    errors=None if failed is None else int(failed),
                    throttles=int(total(throttles) or 0),
                    longest=_seconds(highest(longest)),
                    average=_seconds(mean(sums, samples)),
                    at_once=None if peak is None else int(peak),
                    timeout=one.timeout,
                )
            )
        return tuple(rows)


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
