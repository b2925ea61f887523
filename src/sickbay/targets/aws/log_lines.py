"""What a line in a Lambda function's log tells: of which kind an error is, what a report holds."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LOOKED_AT = 4000
"""Characters of a line that are looked at; an error says what it is in its beginning."""

_WORDS: dict[str, tuple[str, ...]] = {
    "timeout": (r"Task timed out after",),
    "out-of-memory": (
        r"Runtime\.OutOfMemory", r"signal: killed", r"heap out of memory", r"\bMemoryError\b",
        r"OutOfMemoryError",
    ),
    "module-missing": (
        r"Runtime\.ImportModuleError", r"Cannot find (?:module|package)", r"No module named",
        r"ModuleNotFoundError", r"ClassNotFoundException",
    ),
    "handler-missing": (r"Runtime\.(?:HandlerNotFound|MalformedHandlerName|NoSuchHandler)",),
    "pool-exhausted": (
        r"Pool connection timeout", r"POOL_CLOSED", r"MongoPoolClosed", r"WaitQueueTimeout",
    ),
    "connections-short": (
        r"(?i:too many (?:connections|clients))", r"remaining connection slots",
    ),
    "name-unknown": (
        r"ENOTFOUND", r"EAI_AGAIN", r"Name or service not known", r"name resolution",
    ),
    "unconnected": (
        r"E(?:CONNREFUSED|CONNRESET|TIMEDOUT|HOSTUNREACH)", r"Connection refused",
        r"MongoNetworkError", r"ServerSelection", r"MongoError", r"MongoServerError",
        r"OperationalError", r"ConnectionError",
    ),
    "denied": (r"AccessDenied", r"not authorized to perform", r"UnauthorizedOperation"),
    "forbidden": (
        r"ForbiddenException", r"\bForbidden\b", r"Not Authorized",
        r"\bstatus(?:Code)?\W{1,3}403\b",
    ),
    "setting-missing": (
        r"\b[A-Z][A-Z0-9_]{3,} (?:is|was) (?:undefined|not (?:set|defined)|missing|required)",
        r"KeyError: '[A-Z][A-Z0-9_]{3,}'",
    ),
    "throttled": (
        r"ThrottlingException", r"TooManyRequests", r"Rate exceeded", r"resource limits exceeded",
    ),
    "invalid-request": (r"\bValidationError\b",),
    "crash": (
        r"Runtime\.(?:ExitError|Unhandled\w+|UserCodeSyntaxError|Unknown)", r"Runtime exited",
        r"Uncaught Exception", r"Traceback \(most recent call last\)", r"\"errorType\"",
        r"Invoke Error",
    ),
}  # fmt: skip
"""Kind of error to what tells it. The first that fits is the one: the more particular stand first."""
_KINDS = {kind: re.compile("|".join(words)) for kind, words in _WORDS.items()}
HANDLED = frozenset({"error", "invalid-request", "forbidden"})
"""Kinds of error that a program tells while it goes on working."""

_ERROR = re.compile(
    r"\b(?:ERROR|FATAL|CRITICAL)\b|(?i:\"(?:log_?)?level\"\s*:\s*\"(?:error|fatal|critical)\")"
    r"|\b\w*(?:Error|Exception)\b\s*:"
)
_OTHER_LEVEL = re.compile(
    r"(?:\A|\t)\[?(?:INFO|WARN|WARNING|DEBUG|TRACE)\]?(?=[\t :]|\Z)"
    r"|(?i:\"(?:log_?)?level\"\s*:\s*\"(?:info|warn|warning|debug|trace)\")"
)
_OF_THE_PLATFORM = re.compile(
    r"\A(?:START|END|REPORT|INIT_START|INIT_REPORT|XRAY|EXTENSION|TELEMETRY|RESTORE)"
    r"|\A\s*\{.{0,200}?\"type\"\s*:\s*\"platform\."
)
_TYPE = re.compile(
    r"\"errorType\"\s*:\s*\"(?P<quoted>[\w.$]{1,80})\""
    r"|\b(?P<runtime>Runtime\.[A-Z]\w{1,60})|\b(?P<named>[A-Z]\w{0,60}(?:Error|Exception))\b"
)


def kind_of(line: str) -> str | None:
    """Of which kind an error the line tells is; None for a line that tells none."""
    line = line[:_LOOKED_AT]
    if _OF_THE_PLATFORM.match(line) or _OTHER_LEVEL.search(line[:300]):
        return None
    for kind, pattern in _KINDS.items():
        if pattern.search(line):
            return kind
    return "error" if _ERROR.search(line) else None


def type_of(line: str) -> str:
    """The error's class as its program names it, or nothing."""
    found = _TYPE.search(line[:_LOOKED_AT])
    return (found["quoted"] or found["runtime"] or found["named"]) if found else ""


@dataclass(frozen=True)
class Report:
    """Lambda's own last line of an invocation. Sizes in MB (2**20), times in milliseconds."""

    memory_size: float
    memory_used: float
    duration: float
    init: float | None


_TEXT = {
    "memory_size": re.compile(r"Memory Size: (\d+) MB"),
    "memory_used": re.compile(r"Max Memory Used: (\d+) MB"),
    "duration": re.compile(r"(?<!Billed )(?<!Init )Duration: ([\d.]+) ms"),
    "init": re.compile(r"Init Duration: ([\d.]+) ms"),
}
_JSON = {
    "memory_size": re.compile(r"\"memorySizeMB\"\s*:\s*(\d+)"),
    "memory_used": re.compile(r"\"maxMemoryUsedMB\"\s*:\s*(\d+)"),
    "duration": re.compile(r"\"durationMs\"\s*:\s*([\d.]+)"),
    "init": re.compile(r"\"initDurationMs\"\s*:\s*([\d.]+)"),
}


def report_in(line: str) -> Report | None:
    """The report that a line holds, in Lambda's text or JSON form; None for any other line."""
    line = line[:_LOOKED_AT]
    if line.startswith("REPORT "):
        forms = _TEXT
    elif '"platform.report"' in line:
        forms = _JSON
    else:
        return None
    found = {name: _number(form, line) for name, form in forms.items()}
    size, used, duration = found["memory_size"], found["memory_used"], found["duration"]
    if size is None or used is None or duration is None:
        return None
    return Report(size, used, duration, found["init"])


def _number(form: re.Pattern[str], line: str) -> float | None:
    found = form.search(line)
    try:
        return float(found[1]) if found else None
    except ValueError:
        return None
