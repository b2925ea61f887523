"""Lines of a Lambda function's log: which kind of error they tell, and what a report holds."""

from __future__ import annotations

import time

import pytest

from sickbay.targets.aws.log_lines import kind_of, report_in, type_of

_NODE = "2026-01-01T10:00:00.000Z\t3f2b7b0c-0d1a-4a47-9f4f-6f4b5a4d1c11\tERROR\t"


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("2026-01-01T10:00:00.000Z 3f2b Task timed out after 30.03 seconds\n\n", "timeout"),
        ("RequestId: 3f2b Error: Runtime exited with error: signal: killed", "out-of-memory"),
        ("FATAL ERROR: Reached heap limit - JavaScript heap out of memory", "out-of-memory"),
        (
            "[ERROR] Runtime.ImportModuleError: Unable to import module 'app': No module named 'x'",
            "module-missing",
        ),
        (_NODE + "Error: Cannot find module 'express'", "module-missing"),
        ("[ERROR] Runtime.HandlerNotFound: Handler 'h' missing on module 'app'", "handler-missing"),
        (_NODE + "MongoError: connect ECONNREFUSED 127.0.0.1:27017", "unconnected"),
        (_NODE + "MongooseServerSelectionError: connection timed out", "unconnected"),
        (_NODE + "Error: getaddrinfo ENOTFOUND atlas.mongodb.net", "name-unknown"),
        (_NODE + "MongoPoolClosedError: Attempted to check out a connection", "pool-exhausted"),
        ("psycopg.OperationalError: FATAL: sorry, too many clients already", "connections-short"),
        (_NODE + "AccessDenied: User is not authorized to perform: s3:GetObject", "denied"),
        (_NODE + "Error: MONGODB_URI is undefined", "setting-missing"),
        ("[ERROR] KeyError: 'DATABASE_URL'\rTraceback (most recent call last):", "setting-missing"),
        (_NODE + "ThrottlingException: Rate exceeded", "throttled"),
        (_NODE + "ValidationError: field machine_id is required", "invalid-request"),
        ('{"level":"ERROR","errorType":"TypeError","errorMessage":"x is null"}', "crash"),
        ("[ERROR] ZeroDivisionError: division by zero\rTraceback (most recent call last)", "crash"),
        (_NODE + "could not store the order", "error"),
        ('{"timestamp":"2026-01-01","level":"error","msg":"could not store"}', "error"),
    ],
)
def test_kind_of_real_error_is_told(line: str, kind: str) -> None:
    """Each of these lines tells of the failure that its runtime or driver words like this."""
    assert kind_of(line) == kind


@pytest.mark.parametrize(
    "line",
    [
        "START RequestId: 3f2b Version: $LATEST",
        "END RequestId: 3f2b",
        "REPORT RequestId: 3f2b\tDuration: 30000.00 ms\tStatus: error\tError Type: Runtime.ExitError",
        "[INFO] 2026-01-01T10:00:00Z 3f2b retried after AccessDenied, 0 errors left",
        '{"level":"INFO","message":"Task timed out after was seen and handled"}',
        "2026-01-01T10:00:00.000Z\t3f2b\tWARN\tpool is nearly full: Too many connections soon",
        '{"time":"2026-01-01","type":"platform.report","record":{"status":"error"}}',
        "order 7 stored without errors",
        "",
    ],
)
def test_kind_of_other_line_is_none(line: str) -> None:
    """What Lambda itself notes, or a program at another level, is no error."""
    assert kind_of(line) is None


def test_type_of_error_named_in_several_ways_is_found() -> None:
    """JSON, Lambda's own names and plain class names."""
    assert type_of('{"errorType": "OrderError", "x": 1}') == "OrderError"
    assert type_of("[ERROR] Runtime.ImportModuleError: no") == "Runtime.ImportModuleError"
    assert type_of("ValueError: no") == "ValueError"
    assert type_of("it failed") == ""


def test_report_text_is_read() -> None:
    """The text form, with and without a cold start; the billed duration is another number."""
    line = (
        "REPORT RequestId: 3f2b\tDuration: 102.25 ms\tBilled Duration: 433 ms\t"
        "Memory Size: 512 MB\tMax Memory Used: 509 MB\tInit Duration: 330.11 ms\t"
    )
    report = report_in(line)
    assert report is not None
    assert (report.memory_size, report.memory_used) == (512, 509)
    assert (report.duration, report.init) == (102.25, 330.11)
    assert report_in(line.partition("\tInit")[0]).init is None  # type: ignore[union-attr]


def test_report_json_is_read() -> None:
    """The JSON form that a function's logging configuration can ask for."""
    report = report_in(
        '{"time":"2026-01-01T10:00:00Z","type":"platform.report","record":{"requestId":"3f2b",'
        '"metrics":{"durationMs":101.0,"billedDurationMs":300,"memorySizeMB":512,'
        '"maxMemoryUsedMB":60,"initDurationMs":199.5},"status":"success"}}'
    )
    assert report is not None
    assert (report.duration, report.memory_used, report.init) == (101.0, 60, 199.5)


@pytest.mark.parametrize(
    "line",
    [
        "REPORT",
        "REPORT RequestId: 1\tMemory Size: many MB",
        "REPORT RequestId: 1\tDuration: 1.2.3 ms",
    ],
)
def test_report_torn_is_none(line: str) -> None:
    """Half a line is no report."""
    assert report_in(line) is None


@pytest.mark.parametrize("piece", ["Error", "a" * 50 + " ", '"level" :', "\t[", "Runtime.X", "A_"])
def test_kind_of_huge_line_takes_no_time(piece: str) -> None:
    """Ten megabytes in one line, of what the patterns begin with, are read as fast as any line."""
    line = piece * (10_000_000 // len(piece))
    started = time.monotonic()
    kind_of(line)
    type_of(line)
    report_in("REPORT " + line)
    assert time.monotonic() - started < 0.5
