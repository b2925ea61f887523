"""AWS accounts, one region each."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from sickbay.inventory.base import Entry
from sickbay.inventory.limits import Limits, limit
from sickbay.inventory.units import Count, Duration, Fraction


class AwsLimits(Limits):
    function_errors: Fraction = limit("1 %", "failed invocations of a Lambda function")
    function_invocations_floor: Count = limit(
        10, "invocations in the window below which a share of errors says nothing"
    )
    function_throttles: Count = limit(0, "throttled invocations of a function in the window")
    function_time_used: Fraction = limit(
        "80 %", "longest invocation against the function's timeout"
    )
    function_memory_used: Fraction = limit("90 %", "most memory used against the function's memory")
    function_cold_start: Duration = limit("5 s", "how long a function may take to initialise")
    function_concurrency_used: Fraction = limit(
        "80 %", "most executions at once against the function's reserved concurrency"
    )
    log_error_lines: Count = limit(10, "lines of level ERROR of one function in the window")
    log_invalid_requests: Count = limit(10, "requests of one function refused as invalid")
    stack_in_progress: Duration = limit("60 min", "how long a stack operation may take")
    gateway_errors: Fraction = limit("1 %", "answers 5xx of an API Gateway API")
    gateway_requests_floor: Count = limit(
        10, "requests in the window below which a share of errors says nothing"
    )
    gateway_latency: Duration = limit("2 s", "average time an API takes to answer")
    gateway_overhead: Duration = limit("100 ms", "average time the gateway itself adds")
    queue_age: Duration = limit("15 min", "age of the oldest message in a queue")
    dead_letters: Count = limit(0, "messages in a dead-letter queue")
    managed_certificate_left: Duration = limit(
        "30 d", "validity that a certificate in use by an AWS service has left"
    )


class AwsEntry(Entry):
    kind: ClassVar = "aws"

    profile: str | None = Field(
        None, description="profile of the AWS configuration; else its default"
    )
    region: str | None = Field(None, description="region; else the profile's")
    role_arn: str | None = Field(None, description="role to assume with the profile's credentials")
    endpoint_url: str | None = Field(
        None,
        pattern=r"^https?://",
        description="other endpoint for every service, e.g. an emulator",
    )
    account: str | None = Field(
        None, pattern=r"^\d{12}$", description="the account that the credentials should belong to"
    )
    functions: tuple[str, ...] = Field(
        (), description="names or globs of Lambda functions; all if none is given"
    )
    environment: tuple[str, ...] = Field(
        (), description="environment variables that each of the functions has to have"
    )
    stacks: tuple[str, ...] = Field(
        (), description="names or globs of CloudFormation stacks; all if none is given"
    )
    gateways: tuple[str, ...] = Field(
        (), description="names or globs of API Gateway APIs; all if none is given"
    )
    queues: tuple[str, ...] = Field(
        (), description="names or globs of SQS queues; all if none is given"
    )
    window: Duration = Field(
        3600, description="how far back metrics and logs are looked at", ge=60, le=86400
    )
    deadline: Duration = Field(
        20, description="how long observing this target may take in all", gt=0
    )
    limits: AwsLimits = AwsLimits()
