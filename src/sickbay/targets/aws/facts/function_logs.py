"""What Lambda functions logged within the window: errors, and Lambda's report of each invocation."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec

from sickbay.facts import Record, fact
from sickbay.targets.aws.calls import Asked, Calls
from sickbay.targets.aws.log_lines import kind_of, report_in, type_of
from sickbay.targets.aws.wire import CamelWire, brief, moment, read

MOST_EVENTS = 2000
"""Events of one function that are read at most; a log that holds more is counted as 'at least'."""
MIB = 2**20

# Any of these words; what the line means is decided here, not by the filter.
_ERRORS = (
    '?ERROR ?Error ?error ?Exception ?FATAL ?CRITICAL ?Traceback ?"Task timed out" ?"timed out" '
    "?Runtime ?killed ?Denied ?denied ?Forbidden ?Authorized ?authorized ?undefined ?exceeded "
    "?ENOTFOUND ?EAI_AGAIN ?ECONNREFUSED ?ETIMEDOUT ?POOL_CLOSED ?connections ?connection ?missing"
)
_REPORTS = '?"REPORT RequestId" ?"platform.report"'


class _Event(CamelWire):
    timestamp: float
    message: str = ""


class _Log(CamelWire):
    function: str
    group: str
    exists: bool
    complete: bool
    events: list[_Event]


def _logs(asked: Asked, pattern: str) -> Any:
    """The matching events of every function that was invoked; others have logged nothing."""
    groups = {function.name: function.log_group for function in asked.known["lambda_functions"]}
    invoked = [
        metrics.function
        for metrics in sorted(
            asked.known["lambda_metrics"], key=lambda m: (-(m.errors or 0), -m.invocations)
        )
        if metrics.invocations and metrics.function in groups
    ]
    since = int((asked.now - timedelta(seconds=asked.entry.window)).timestamp() * 1000)
    client = asked.client("logs")

    def log(function: str) -> dict[str, Any]:
        found = {"function": function, "group": groups[function], "exists": True, "complete": True}
        events: list[dict[str, Any]] = []
        try:
            for page in asked.pages(
                "logs",
                "filter_log_events",
                logGroupName=groups[function],
                startTime=since,
                filterPattern=pattern,
            ):
                events += page.get("events") or ()
                if len(events) >= MOST_EVENTS:
                    found["complete"] = False
                    break
        except client.exceptions.ResourceNotFoundException:
            found["exists"] = False
        kept = [{"timestamp": e["timestamp"], "message": e.get("message", "")} for e in events]
        return {**found, "events": kept[:MOST_EVENTS]}

    return asked.each(invoked, log)


def _fetch_errors(asked: Asked) -> Any:
    return _logs(asked, _ERRORS)


def _fetch_reports(asked: Asked) -> Any:
    return _logs(asked, _REPORTS)


_ACTIONS = ("logs:FilterLogEvents",)
_AFTER = ("lambda_functions", "lambda_metrics")
ERRORS = Calls("logs", _fetch_errors, _ACTIONS, after=_AFTER)
REPORTS = Calls("logs", _fetch_reports, _ACTIONS, after=_AFTER)


@fact("lambda_errors", ERRORS)
class LoggedError(Record):
    """One kind and class of error that an invoked function logged within the window.

    Source: CloudWatch Logs API, FilterLogEvents. ``kind`` is log_lines' word for what happened.
    """

    function: str
    kind: str
    type: str
    """The error's class as its program names it."""
    count: int
    last: datetime
    line: str
    """The last such line, shortened."""

    @classmethod
    def parse(cls, raw: Any) -> tuple[LoggedError, ...]:
        found: dict[tuple[str, str, str], LoggedError] = {}
        for log, event, kind in _error_events(raw):
            key = (log.function, kind, type_of(event.message))
            before = found.get(key)
            if before is None or event.timestamp >= before.last.timestamp() * 1000:
                found[key] = cls(
                    function=log.function,
                    kind=kind,
                    type=key[2],
                    count=before.count + 1 if before else 1,
                    last=moment(event.timestamp),
                    line=brief(event.message),
                )
            else:
                found[key] = msgspec.structs.replace(before, count=before.count + 1)
        return tuple(sorted(found.values(), key=lambda e: (e.function, -e.count)))


def _error_events(raw: Any) -> Iterator[tuple[_Log, _Event, str]]:
    for log in read(raw, list[_Log]):
        for event in log.events:
            kind = kind_of(event.message)
            if kind is not None:
                yield log, event, kind


@fact("lambda_logs", ERRORS)
class FunctionLog(Record):
    """The log of one function that was invoked within the window, and how many errors it holds.

    ``complete`` is false where the log held more than was read: the counts are then the least.
    """

    function: str
    group: str
    exists: bool
    complete: bool
    error_lines: int
    invalid_requests: int
    """Of these, those that say that a request was not valid."""

    @classmethod
    def parse(cls, raw: Any) -> tuple[FunctionLog, ...]:
        rows = []
        for log in read(raw, list[_Log]):
            kinds = [kind for event in log.events if (kind := kind_of(event.message))]
            rows.append(
                cls(
                    function=log.function,
                    group=log.group,
                    exists=log.exists,
                    complete=log.complete,
                    error_lines=len(kinds),
                    invalid_requests=kinds.count("invalid-request"),
                )
            )
        return tuple(rows)


@fact("lambda_reports", REPORTS)
class InvocationReports(Record):
    """What Lambda's REPORT lines say of a function's invocations (at most the first 2,000 of the
    window). Sizes in bytes, times in seconds.
    """

    function: str
    invocations: int
    memory: int
    memory_used: int
    """The most that any invocation used."""
    slowest_start: float | None
    """The longest initialisation; None where there was no cold start."""

    @property
    def memory_share(self) -> float:
        """The most memory used against what the function has."""
        return self.memory_used / self.memory if self.memory else 0.0

    @classmethod
    def parse(cls, raw: Any) -> tuple[InvocationReports, ...]:
        rows = []
        for log in read(raw, list[_Log]):
            reports = [found for event in log.events if (found := report_in(event.message))]
            if not reports:
                continue
            tightest = max(reports, key=lambda r: r.memory_used / (r.memory_size or 1))
            starts = [report.init / 1000 for report in reports if report.init is not None]
            rows.append(
                cls(
                    function=log.function,
                    invocations=len(reports),
                    memory=int(tightest.memory_size * MIB),
                    memory_used=int(tightest.memory_used * MIB),
                    slowest_start=max(starts, default=None),
                )
            )
        return tuple(rows)
