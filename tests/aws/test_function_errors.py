"""Lambda functions do their work: invocations succeed, and their logs tell of no failure."""

from __future__ import annotations

from sickbay.inventory.aws import AwsLimits
from sickbay.judge import offenders, worst
from sickbay.symptoms import symptom
from sickbay.targets.aws.facts.function_logs import FunctionLog, LoggedError
from sickbay.targets.aws.facts.function_metrics import FunctionMetrics
from sickbay.targets.aws.log_lines import HANDLED


def _busy(metrics: tuple[FunctionMetrics, ...], limits: AwsLimits) -> list[FunctionMetrics]:
    """Those invoked often enough for a share to mean something."""
    return [m for m in metrics if m.invocations >= limits.function_invocations_floor]


def _failing(metrics: tuple[FunctionMetrics, ...], limits: AwsLimits) -> set[str]:
    return {
        m.function for m in _busy(metrics, limits) if (m.error_share or 0) >= limits.function_errors
    }


@symptom(
    "aws.function-errors",
    severity="critical",
    signals=["claude-projects-api:bad-gateway-502/lambda-errors-low"],
)
def test_invocations_succeed(
    lambda_metrics: tuple[FunctionMetrics, ...], limits: AwsLimits
) -> None:
    """A failed invocation is a request that was not answered, or work that was not done."""
    assert worst(_busy(lambda_metrics, limits), "error_share") < limits.function_errors


@symptom(
    "aws.function-log-errors",
    severity="major",
    signals=[
        "claude-projects-api:bad-gateway-502/no-crash-in-log",
        "claude-projects-api:mongodb-connection-refused/mongo-error-log-free",
        "claude-projects-api:pool-exhausted/no-pool-error-in-log",
        "claude-projects-api:high-cpu/no-resource-limit-in-log",
        "claude-projects-api:high-memory/no-out-of-memory-in-log",
        "claude-projects-api:env-vars-missing/no-undefined-in-log",
        "claude-projects-api:iam-access-denied/no-access-denied-in-log",
        "claude-projects-api:enotfound-atlas/no-enotfound-in-log",
        "claude-projects-api:task-timed-out/no-timeout-in-log",
        "claude-projects-api:too-many-connections/no-too-many-connections-in-log",
    ],
    explained_by=["aws.function-errors"],
)
def test_logs_tell_of_no_failure(lambda_errors: tuple[LoggedError, ...]) -> None:
    """What a function logs of crashes, lost connections and missing rights fails again tomorrow."""
    assert offenders(lambda_errors, lambda error: error.kind not in HANDLED) == ()


def told_by_log(kind: str, text: str, *, remedy: str, because: str | tuple[str, ...] = ()) -> None:
    """The same cause for both symptoms: where invocations fail, and where only the log tells."""

    def of_the_failing(
        lambda_errors: tuple[LoggedError, ...],
        lambda_metrics: tuple[FunctionMetrics, ...],
        limits: AwsLimits,
    ) -> object:
        failing = _failing(lambda_metrics, limits)
        return [e for e in lambda_errors if e.kind == kind and e.function in failing]

    def logged(lambda_errors: tuple[LoggedError, ...]) -> object:
        return [e for e in lambda_errors if e.kind == kind]

    of_the_failing.__name__ = logged.__name__ = kind
    test_invocations_succeed.cause(text, remedy=remedy, because=because)(of_the_failing)
    test_logs_tell_of_no_failure.cause(text, remedy=remedy, because=because)(logged)


told_by_log(
    "timeout",
    "the function runs out of time",
    remedy="Look for what it waits for (database, other services); raise its timeout, from 30 s to "
    "60 s, only for work that needs it: API Gateway gives up after 29 s.",
)
told_by_log(
    "out-of-memory",
    "the function runs out of memory",
    remedy="Raise its memory, from 512 MB to 1024 MB, and deploy; look for data that is kept "
    "between invocations.",
)
told_by_log(
    "module-missing",
    "a module is missing from the package",
    remedy="Install dependencies and build from a clean state, then deploy.",
)
told_by_log(
    "handler-missing",
    "the handler setting names nothing that the package has",
    remedy="Correct the handler (file and exported function) in the deployment's configuration.",
)
told_by_log(
    "setting-missing",
    "a setting that the function needs is not set",
    remedy="Set the secret or variable for this stage and deploy; a change takes a deployment.",
    because="aws.function-environment",
)
told_by_log(
    "name-unknown",
    "a host name that the function needs is unknown",
    remedy="Correct the host in the connection string; look at the VPC's DNS support and routes.",
)
told_by_log(
    "connections-short",
    "the database takes no more connections",
    remedy="Every running instance has its own pool: lower its size or the concurrency, or move to "
    "a larger tier.",
    because=("postgres.connections-short", "postgres.idle-sessions"),
)
told_by_log(
    "pool-exhausted",
    "the function's connection pool is exhausted",
    remedy="Raise maxPoolSize from 50 to 100 or 150 and deploy; keep one client outside of the "
    "handler and do not close it.",
)
told_by_log(
    "unconnected",
    "the database or a service cannot be reached",
    remedy="Check host, port, peering and security group; allow the function's address in the "
    "database's access list; correct the connection string and deploy.",
    because=("postgres.unreachable", "redis.unreachable", "endpoint.unreachable"),
)
told_by_log(
    "denied",
    "the execution role lacks a permission",
    remedy="Add the action that the line names to the role's policy; for a call into another "
    "account, the resource's policy has to allow it as well.",
)
told_by_log(
    "throttled",
    "a quota is exceeded by what the function calls",
    remedy="Spread the load or back off between attempts; request a higher limit for the service.",
)
told_by_log(
    "crash",
    "the code raises an error that nobody handles",
    remedy="Read the function's log around this line, fix the error and deploy; roll back meanwhile.",
)


@symptom(
    "aws.function-error-lines",
    severity="minor",
    signals=[
        "claude-projects-api:bad-gateway-502/error-lines-few",
        "claude-projects-api:validation-error/validation-errors-few",
    ],
    explained_by=["aws.function-errors", "aws.function-log-errors"],
)
def test_logs_hold_few_errors(lambda_logs: tuple[FunctionLog, ...], limits: AwsLimits) -> None:
    """A log full of errors hides the one that matters."""
    assert worst(lambda_logs, "error_lines") < limits.log_error_lines


@test_logs_hold_few_errors.cause(
    "clients send requests that are not valid",
    remedy="Send all required fields as JSON with the Content-Type application/json; tell the "
    "client's owner which field is missing.",
)
def invalid_requests(lambda_logs: tuple[FunctionLog, ...], limits: AwsLimits) -> object:
    return [log for log in lambda_logs if log.invalid_requests >= limits.log_invalid_requests]


@symptom(
    "aws.function-log-missing",
    severity="minor",
    signals=["claude-projects-api:debug-logging/log-group-exists"],
)
def test_invoked_functions_have_a_log(lambda_logs: tuple[FunctionLog, ...]) -> None:
    """Nobody can find out why an invocation failed that left no log."""
    assert offenders(lambda_logs, lambda log: not log.exists) == ()


@test_invoked_functions_have_a_log.cause(
    "the function may not write its log",
    remedy="Give its execution role logs:CreateLogGroup, CreateLogStream and PutLogEvents (the "
    "managed policy AWSLambdaBasicExecutionRole).",
)
def may_not_write(lambda_logs: tuple[FunctionLog, ...]) -> object:
    return [log for log in lambda_logs if not log.exists]
