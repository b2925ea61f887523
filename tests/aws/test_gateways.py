"""API Gateway: APIs are deployed, and answer fast and without errors of the server."""

from __future__ import annotations

from sickbay.errors import NotApplicable
from sickbay.facts import Record
from sickbay.inventory.aws import AwsEntry, AwsLimits
from sickbay.judge import offenders, worst
from sickbay.symptoms import symptom
from sickbay.targets.aws.calls import spelled_out
from sickbay.targets.aws.facts.function_metrics import FunctionMetrics
from sickbay.targets.aws.facts.gateways import Gateway, GatewayMetrics, GatewayStage

CACHE_SECONDS = 300
"""An answer kept for longer than this hides a deployment from who looks for it."""


@symptom(
    "aws.gateway-errors",
    severity="critical",
    signals=["claude-projects-api:bad-gateway-502/gateway-5xx-low"],
)
def test_gateways_answer_without_errors(
    gateway_metrics: tuple[GatewayMetrics, ...], limits: AwsLimits
) -> None:
    """Clients get 502, 503 or 504 instead of an answer."""
    busy = [g for g in gateway_metrics if g.requests >= limits.gateway_requests_floor]
    assert worst(busy, "error_share") < limits.gateway_errors


@test_gateways_answer_without_errors.cause(
    "a function behind it fails",
    remedy="Mend the function first: its own finding says how.",
    because="aws.function-errors",
)
def function_fails(lambda_metrics: tuple[FunctionMetrics, ...], limits: AwsLimits) -> object:
    return [
        m
        for m in lambda_metrics
        if m.invocations >= limits.function_invocations_floor
        and (m.error_share or 0) >= limits.function_errors
    ]


@test_gateways_answer_without_errors.cause(
    "a function behind it is throttled",
    remedy="Lift the reserved concurrency, or request a higher limit for the account.",
    because="aws.function-throttled",
)
def function_throttled(lambda_metrics: tuple[FunctionMetrics, ...], limits: AwsLimits) -> object:
    return [m for m in lambda_metrics if m.throttles > limits.function_throttles]


@symptom(
    "aws.gateway-slow",
    severity="major",
    signals=["claude-projects-api:slow-responses/gateway-latency-2s"],
    explained_by=["aws.function-near-timeout", "aws.function-cold-start-slow"],
)
def test_gateways_answer_fast(
    gateway_metrics: tuple[GatewayMetrics, ...], limits: AwsLimits
) -> None:
    """Clients wait, and give up at their own time limits."""
    assert worst(gateway_metrics, "latency") < limits.gateway_latency


@test_gateways_answer_fast.cause(
    "what stands behind the gateway is slow",
    remedy="Look at the function's duration and its database's slow queries.",
)
def slow_behind(gateway_metrics: tuple[GatewayMetrics, ...], limits: AwsLimits) -> object:
    return [g for g in gateway_metrics if (g.integration_latency or 0) >= limits.gateway_latency]


@symptom(
    "aws.gateway-overhead",
    severity="minor",
    signals=["claude-projects-api:slow-responses/gateway-overhead-small"],
)
def test_gateways_add_little(
    gateway_metrics: tuple[GatewayMetrics, ...], limits: AwsLimits
) -> None:
    """Time is lost in the gateway itself: authorisers, transformations, large bodies."""
    assert worst(gateway_metrics, "overhead") < limits.gateway_overhead


@symptom(
    "aws.gateway-undeployed",
    severity="critical",
    signals=[
        "claude-projects-api:api-unreachable/rest-api-exists",
        "claude-projects-api:api-unreachable/api-stage-deployed",
    ],
    explained_by=["aws.stack-failed"],
)
def test_gateways_are_deployed(gateways: tuple[Gateway, ...], declared: AwsEntry) -> None:
    """An API without a deployed stage answers nobody (403, Missing Authentication Token)."""
    there = {gateway.name for gateway in gateways}
    absent = [Api(name=n, stages=()) for n in spelled_out(declared.gateways) if n not in there]
    if not gateways and not absent:
        raise NotApplicable("this account has no API here")
    known = [Api(name=gateway.name, stages=gateway.stages) for gateway in gateways]
    assert offenders([*absent, *known], lambda api: not api.stages) == ()


class Api(Record):
    """An API that there is, or that the inventory names, and its deployed stages."""

    name: str
    stages: tuple[str, ...]


@test_gateways_are_deployed.cause(
    "the API has no deployed stage",
    remedy="Deploy it again (create-deployment, or the whole stack).",
)
def no_stage(gateways: tuple[Gateway, ...]) -> object:
    return [gateway for gateway in gateways if not gateway.stages]


@symptom(
    "aws.gateway-cache-long",
    severity="minor",
    signals=["claude-projects-api:lambda-not-updating/stage-cache-off"],
)
def test_stages_do_not_cache_for_long(gateway_stages: tuple[GatewayStage, ...]) -> None:
    """A deployment does not show while the stage's cache answers in the old version's words."""
    assert offenders(gateway_stages, lambda stage: stage.cache > CACHE_SECONDS) == ()


@test_stages_do_not_cache_for_long.cause(
    "a cache in front answers",
    remedy="Flush the stage's cache, lower its TTL or switch it off.",
)
def cached(gateway_stages: tuple[GatewayStage, ...]) -> object:
    return [stage for stage in gateway_stages if stage.cache > CACHE_SECONDS]
