"""Lambda functions are there, ready, rightly set, and have room: concurrency, time, memory."""

from __future__ import annotations

from datetime import UTC, date, datetime

from sickbay.errors import NotApplicable
from sickbay.facts import Record
from sickbay.inventory.aws import AwsEntry, AwsLimits
from sickbay.judge import offenders, worst
from sickbay.symptoms import symptom
from sickbay.targets.aws.calls import spelled_out
from sickbay.targets.aws.facts.function_logs import InvocationReports
from sickbay.targets.aws.facts.function_metrics import FunctionMetrics
from sickbay.targets.aws.facts.functions import Concurrency, Environment, Function, FunctionState

DEPRECATED = {
    "python2.7": date(2021, 7, 15), "python3.6": date(2022, 7, 18),
    "python3.7": date(2023, 12, 4), "python3.8": date(2024, 10, 14),
    "python3.9": date(2025, 12, 15), "nodejs10.x": date(2021, 7, 30),
    "nodejs12.x": date(2023, 3, 31), "nodejs14.x": date(2023, 12, 4),
    "nodejs16.x": date(2024, 6, 12), "nodejs18.x": date(2025, 9, 1),
    "nodejs20.x": date(2026, 4, 30), "java8": date(2024, 1, 8), "go1.x": date(2024, 1, 8),
    "provided": date(2024, 1, 8), "ruby2.5": date(2021, 7, 30), "ruby2.7": date(2023, 12, 7),
    "dotnetcore3.1": date(2023, 4, 3), "dotnet6": date(2024, 12, 20),
}  # fmt: skip
"""Runtimes and the day on which AWS stopped mending them (Lambda runtimes, deprecation policy)."""
OFF = frozenset({"", "0", "false", "no", "off"})
WORKING = frozenset({"development", "dev", "test", "testing", "local"})


class Missing(Record):
    """Something that the inventory names and the account does not have."""

    name: str


@symptom(
    "aws.function-missing",
    severity="critical",
    signals=["claude-projects-api:api-unreachable/lambda-exists-active"],
    explained_by=["aws.stack-failed"],
)
def test_declared_functions_exist(
    lambda_functions: tuple[Function, ...], declared: AwsEntry
) -> None:
    """A function that was never created, or was deleted, answers nobody."""
    names = spelled_out(declared.functions)
    if not names:
        raise NotApplicable("the inventory names no function of this account")
    there = {function.name for function in lambda_functions}
    assert offenders([Missing(name=name) for name in names], lambda m: m.name not in there) == ()


@symptom(
    "aws.function-failed",
    severity="critical",
    signals=[
        "claude-projects-api:api-unreachable/lambda-exists-active",
        "claude-projects-api:lambda-not-updating/last-update-successful",
    ],
)
def test_functions_are_ready(lambda_states: tuple[FunctionState, ...]) -> None:
    """A function in a failed state is not invoked; one whose update failed still runs the old code."""
    assert offenders(lambda_states, lambda f: "Failed" in {f.state, f.update}) == ()


@test_functions_are_ready.cause(
    "the function could not be created or restored",
    remedy="Do what the reason says (role, KMS key, subnets, image), then deploy again.",
)
def not_created(lambda_states: tuple[FunctionState, ...]) -> object:
    return [f for f in lambda_states if f.state == "Failed"]


@test_functions_are_ready.cause(
    "the last update failed, and the code from before it still runs",
    remedy="Do what the reason says, then deploy again; see that CodeSha256 is the new package's.",
)
def not_updated(lambda_states: tuple[FunctionState, ...]) -> object:
    return [f for f in lambda_states if f.update == "Failed" and f.state != "Failed"]


@symptom(
    "aws.function-throttled",
    severity="critical",
    signals=["claude-projects-api:bad-gateway-502/not-throttled"],
)
def test_invocations_are_not_throttled(
    lambda_metrics: tuple[FunctionMetrics, ...], limits: AwsLimits
) -> None:
    """A throttled invocation is turned away: callers see an error, or wait for the next attempt."""
    assert worst(lambda_metrics, "throttles") <= limits.function_throttles


def _reserved(
    lambda_metrics: tuple[FunctionMetrics, ...],
    lambda_concurrency: tuple[Concurrency, ...],
    limits: AwsLimits,
) -> list[Concurrency]:
    throttled = {m.function for m in lambda_metrics if m.throttles > limits.function_throttles}
    return [c for c in lambda_concurrency if c.function in throttled]


@test_invocations_are_not_throttled.cause(
    "a reserved concurrency of 0 lets nothing run",
    remedy="Remove the reservation (delete-function-concurrency) if nobody switched it off on purpose.",
)
def reserved_nothing(
    lambda_metrics: tuple[FunctionMetrics, ...],
    lambda_concurrency: tuple[Concurrency, ...],
    limits: AwsLimits,
) -> object:
    return [c for c in _reserved(lambda_metrics, lambda_concurrency, limits) if c.reserved == 0]


@test_invocations_are_not_throttled.cause(
    "the reserved concurrency is exhausted",
    remedy="Raise or lift the reserved concurrency, or lower the load.",
)
def reserved_too_little(
    lambda_metrics: tuple[FunctionMetrics, ...],
    lambda_concurrency: tuple[Concurrency, ...],
    limits: AwsLimits,
) -> object:
    return [c for c in _reserved(lambda_metrics, lambda_concurrency, limits) if c.reserved > 0]


@test_invocations_are_not_throttled.cause(
    "the account's concurrency is exhausted",
    remedy="Request a higher limit for the account, or shorten the invocations that hold it.",
)
def account_exhausted(
    lambda_metrics: tuple[FunctionMetrics, ...],
    lambda_concurrency: tuple[Concurrency, ...],
    limits: AwsLimits,
) -> object:
    reserved = {c.function for c in lambda_concurrency}
    return [
        m
        for m in lambda_metrics
        if m.throttles > limits.function_throttles and m.function not in reserved
    ]


@symptom(
    "aws.function-concurrency-short",
    severity="major",
    signals=["claude-projects-api:bad-gateway-502/reserved-concurrency-sane"],
    explained_by=["aws.function-throttled"],
)
def test_reserved_concurrency_suffices(
    lambda_metrics: tuple[FunctionMetrics, ...],
    lambda_concurrency: tuple[Concurrency, ...],
    limits: AwsLimits,
) -> None:
    """Once all reserved executions are busy, every further invocation is turned away."""
    peaks = {m.function: m.at_once or 0 for m in lambda_metrics}
    used = [
        ConcurrencyUse(function=c.function, reserved=c.reserved, at_once=peaks.get(c.function, 0))
        for c in lambda_concurrency
    ]
    assert worst(used, "share") < limits.function_concurrency_used


class ConcurrencyUse(Record):
    """A function's most executions at one time against what is reserved for it."""

    function: str
    reserved: int
    at_once: int

    @property
    def share(self) -> float:
        """A reservation of nothing is used up."""
        return self.at_once / self.reserved if self.reserved else 1.0


@symptom(
    "aws.function-near-timeout",
    severity="major",
    signals=["claude-projects-api:high-cpu/duration-within-bounds"],
    explained_by=["aws.function-errors", "aws.function-log-errors"],
)
def test_invocations_end_well_before_the_timeout(
    lambda_metrics: tuple[FunctionMetrics, ...], limits: AwsLimits
) -> None:
    """An invocation that reaches its timeout is cut off with its work half done."""
    assert worst(lambda_metrics, "time_used") < limits.function_time_used


@symptom(
    "aws.function-memory-short",
    severity="major",
    signals=["claude-projects-api:high-memory/max-memory-headroom"],
    explained_by=["aws.function-errors", "aws.function-log-errors"],
)
def test_functions_have_memory_left(
    lambda_reports: tuple[InvocationReports, ...], limits: AwsLimits
) -> None:
    """A function that needs more memory than it has is killed."""
    assert worst(lambda_reports, "memory_share") < limits.function_memory_used


@test_functions_have_memory_left.cause(
    "the function has too little memory for what it does",
    remedy="Raise its memory, from 512 MB to 1024 MB, and deploy. If use grows with the age of an "
    "instance, look for data that is kept outside of the handler.",
)
def too_little_memory(lambda_reports: tuple[InvocationReports, ...], limits: AwsLimits) -> object:
    return [r for r in lambda_reports if r.memory_share >= limits.function_memory_used]


@symptom(
    "aws.function-cold-start-slow",
    severity="minor",
    signals=["claude-projects-api:bad-gateway-502/cold-start-short"],
)
def test_functions_start_fast(
    lambda_reports: tuple[InvocationReports, ...], limits: AwsLimits
) -> None:
    """Whoever meets a cold start waits for it; Lambda cuts the initialisation off after 10 s."""
    assert worst(lambda_reports, "slowest_start") < limits.function_cold_start


@test_functions_start_fast.cause(
    "loading the code takes too long",
    remedy="Raise the memory, which brings more CPU as well; load less before the handler; or set "
    "provisioned concurrency on a published version or alias.",
)
def slow_to_load(lambda_reports: tuple[InvocationReports, ...], limits: AwsLimits) -> object:
    return [r for r in lambda_reports if (r.slowest_start or 0) >= limits.function_cold_start]


@symptom(
    "aws.function-environment",
    severity="critical",
    signals=[
        "claude-projects-api:env-vars-missing/mongodb-uri-in-environment",
        "claude-projects-api:mongodb-connection-refused/uri-not-localhost",
        "claude-projects-api:enotfound-atlas/uri-host-complete",
    ],
)
def test_functions_have_their_settings(
    lambda_environments: tuple[Environment, ...], declared: AwsEntry
) -> None:
    """A function without its connection string fails at the first request that needs it."""
    required = set(declared.environment)
    assert (
        offenders(
            lambda_environments,
            lambda e: bool(required - set(e.names) or e.loopback or e.placeholder),
        )
        == ()
    )


@test_functions_have_their_settings.cause(
    "a variable that the inventory requires is not set",
    remedy="Set the secret or variable for this stage and deploy; a change takes a deployment.",
)
def variable_not_set(lambda_environments: tuple[Environment, ...], declared: AwsEntry) -> object:
    return [
        f"{e.function} lacks {', '.join(missing)}"
        for e in lambda_environments
        if (missing := sorted(set(declared.environment) - set(e.names)))
    ]


@test_functions_have_their_settings.cause(
    "an address points at the function's own machine",
    remedy="Write the database's host name into the connection string and deploy.",
)
def points_at_itself(lambda_environments: tuple[Environment, ...]) -> object:
    return [f"{e.function}: {', '.join(e.loopback)}" for e in lambda_environments if e.loopback]


@test_functions_have_their_settings.cause(
    "an address holds the host name of a guide's example",
    remedy="Write the cluster's full name (NAME.ID.mongodb.net) into the connection string and deploy.",
)
def example_left_in(lambda_environments: tuple[Environment, ...]) -> object:
    return [
        f"{e.function}: {', '.join(e.placeholder)}" for e in lambda_environments if e.placeholder
    ]


@symptom(
    "aws.function-debugging",
    severity="minor",
    signals=[
        "claude-projects-api:debug-logging/debug-off-in-production",
        "claude-projects-api:invalid-api-key-401/node-env-production",
    ],
)
def test_functions_run_in_production_mode(lambda_environments: tuple[Environment, ...]) -> None:
    """A function in a mode for developers logs what is private, or lets in whom it should not."""
    assert (
        offenders(
            lambda_environments,
            lambda e: (
                e.modes.get("DEBUG", "").lower() not in OFF
                or any(mode.lower() in WORKING for mode in e.modes.values())
            ),
        )
        == ()
    )


@test_functions_run_in_production_mode.cause(
    "debugging was switched on for an investigation and forgotten",
    remedy="Remove the variable DEBUG (and the secret it comes from) and deploy.",
)
def debug_left_on(lambda_environments: tuple[Environment, ...]) -> object:
    return [e for e in lambda_environments if e.modes.get("DEBUG", "").lower() not in OFF]


@symptom("aws.function-runtime-deprecated", severity="minor")
def test_runtimes_are_maintained(lambda_functions: tuple[Function, ...], now: datetime) -> None:
    """A runtime that AWS no longer mends gets no security fixes, and soon no updates of the function."""
    today = now.astimezone(UTC).date()
    assert (
        offenders(lambda_functions, lambda f: DEPRECATED.get(f.runtime or "", date.max) <= today)
        == ()
    )
