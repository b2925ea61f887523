"""Lambda functions: their settings and what Lambda itself says of their state."""

from __future__ import annotations

import re
from typing import Any

from sickbay.errors import Denied
from sickbay.facts import Record, fact
from sickbay.targets.aws.calls import Asked, Calls, chosen
from sickbay.targets.aws.failures import absent
from sickbay.targets.aws.wire import Wire, brief, read

MIB = 2**20
_LOOPBACK = re.compile(
    r"://(?:[^/]*@)?(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?=[:/?,]|\Z)", re.IGNORECASE
)
# The names that guides write where the cluster's own name belongs.
_PLACEHOLDER = re.compile(
    r"://(?:[^/]*@)?(?:(?:atlas|cluster)\.)?mongodb\.net(?=[:/?]|\Z)", re.IGNORECASE
)
_OWN, _EXAMPLE, _SET = "loopback", "placeholder", "set"
"""What is told of a value instead of the value."""
_MODES = frozenset({"NODE_ENV", "DEBUG", "ENVIRONMENT", "APP_ENV", "FLASK_ENV", "RAILS_ENV"})
"""Variables that hold no secret and say in which mode a program runs."""


class _Failure(Wire):
    error_code: str = ""
    message: str = ""


class _Environment(Wire):
    variables: dict[str, str] = {}
    error: _Failure | None = None


class _Logging(Wire):
    log_group: str = ""


class _Letters(Wire):
    target_arn: str = ""


class _Configuration(Wire):
    function_name: str
    runtime: str | None = None
    memory_size: int = 128
    timeout: int = 3
    environment: _Environment | None = None
    logging_config: _Logging | None = None
    dead_letter_config: _Letters | None = None
    state: str | None = None
    state_reason: str | None = None
    state_reason_code: str | None = None
    last_update_status: str | None = None
    last_update_status_reason: str | None = None


class _Concurrency(Wire):
    name: str
    reserved: int | None = None


def _told(name: str, value: str) -> str:
    """What is kept of a variable's value: never the value itself where it may be a secret."""
    if not value.strip():
        return ""
    if name in _MODES:
        return value[:40]
    if _LOOPBACK.search(value):
        return _OWN
    return _EXAMPLE if _PLACEHOLDER.search(value) else _SET


def _without_values(configuration: dict[str, Any]) -> dict[str, Any]:
    environment = dict(configuration.get("Environment") or {})
    variables = environment.get("Variables")
    if isinstance(variables, dict):
        told = {name: _told(str(name), str(value)) for name, value in variables.items()}
        environment["Variables"] = told
    return {**configuration, "Environment": environment or None}


def _fetch_functions(asked: Asked) -> Any:
    listed = asked.all("lambda", "list_functions", "Functions")
    return [
        _without_values(each)
        for each in listed
        if chosen(each["FunctionName"], asked.entry.functions)
    ]


FUNCTIONS = Calls("lambda", _fetch_functions, ("lambda:ListFunctions",))


@fact("lambda_functions", FUNCTIONS)
class Function(Record):
    """A function's settings (Lambda API, ListFunctions). Memory in bytes, timeout in seconds."""

    name: str
    runtime: str | None
    """None for a container image."""
    memory: int
    timeout: float
    log_group: str
    dead_letters: str | None
    """ARN of the queue or topic that takes what an asynchronous invocation could not do."""

    @classmethod
    def parse(cls, raw: Any) -> tuple[Function, ...]:
        return tuple(
            cls(
                name=one.function_name,
                runtime=one.runtime,
                memory=one.memory_size * MIB,
                timeout=float(one.timeout),
                log_group=(one.logging_config.log_group if one.logging_config else "")
                or f"/aws/lambda/{one.function_name}",
                dead_letters=(one.dead_letter_config.target_arn or None)
                if one.dead_letter_config
                else None,
            )
            for one in read(raw, list[_Configuration])
        )


@fact("lambda_environments", FUNCTIONS)
class Environment(Record):
    """A function's environment variables (Lambda API, ListFunctions).

    No value is kept, but of the few variables that name a mode, such as NODE_ENV.
    """

    function: str
    names: tuple[str, ...]
    """Those that have a value."""
    loopback: tuple[str, ...] = ()
    """Those that hold an address of the function's own machine."""
    placeholder: tuple[str, ...] = ()
    """Those that hold the host name of a guide's example, such as cluster.mongodb.net."""
    modes: dict[str, str] = {}

    @classmethod
    def parse(cls, raw: Any) -> tuple[Environment, ...]:
        configurations = read(raw, list[_Configuration])
        for one in configurations:
            if one.environment and one.environment.error:
                raise Denied(
                    f"{one.function_name}: Lambda may not show its environment: "
                    f"{brief(one.environment.error.message)}",
                    "allow kms:Decrypt on the key that encrypts it",
                )
        rows = []
        for one in configurations:
            told = one.environment.variables if one.environment else {}
            rows.append(
                cls(
                    function=one.function_name,
                    names=tuple(sorted(name for name, value in told.items() if value)),
                    loopback=_with(told, _OWN),
                    placeholder=_with(told, _EXAMPLE),
                    modes={name: told[name] for name in sorted(_MODES & set(told))},
                )
            )
        return tuple(rows)


def _with(told: dict[str, str], what: str) -> tuple[str, ...]:
    return tuple(sorted(name for name, value in told.items() if value == what))


def _fetch_states(asked: Asked) -> Any:
    client = asked.client("lambda")

    def state(function: Function) -> dict[str, Any] | None:
        try:
            found = client.get_function_configuration(FunctionName=function.name)
        except client.exceptions.ResourceNotFoundException:  # deleted since it was listed
            return None
        return _without_values(found)

    found = asked.each(asked.known["lambda_functions"], state)
    return [each for each in found if each is not None]


@fact(
    "lambda_states",
    Calls(
        "lambda", _fetch_states, ("lambda:GetFunctionConfiguration",), after=("lambda_functions",)
    ),
)
class FunctionState(Record):
    """What Lambda says of a function (Lambda API, GetFunctionConfiguration; not in a listing).

    ``state`` is Active, Inactive (idle for long; the next invocation wakes it), Pending or Failed;
    ``update`` is Successful, InProgress or Failed.
    """

    name: str
    state: str
    update: str
    code: str
    """StateReasonCode, such as Idle, InvalidSubnet, EniLimitExceeded, KMSKeyAccessDenied."""
    reason: str

    @classmethod
    def parse(cls, raw: Any) -> tuple[FunctionState, ...]:
        return tuple(
            cls(
                name=one.function_name,
                state=one.state or "",
                update=one.last_update_status or "",
                code=one.state_reason_code or "",
                reason=brief(one.state_reason or one.last_update_status_reason),
            )
            for one in read(raw, list[_Configuration])
        )


def _fetch_concurrency(asked: Asked) -> Any:
    client = asked.client("lambda")

    def reserved(function: Function) -> dict[str, Any]:
        try:
            found = client.get_function_concurrency(FunctionName=function.name)
        except client.exceptions.ClientError as error:
            if not absent(error):
                raise
            found = {}
        return {"Name": function.name, "Reserved": found.get("ReservedConcurrentExecutions")}

    return asked.each(asked.known["lambda_functions"], reserved)


@fact(
    "lambda_concurrency",
    Calls(
        "lambda",
        _fetch_concurrency,
        ("lambda:GetFunctionConcurrency",),
        after=("lambda_functions",),
    ),
)
class Concurrency(Record):
    """How many executions at once are reserved for a function, and are its most.

    Source: Lambda API, GetFunctionConcurrency. Functions without a reservation are left out.
    """

    function: str
    reserved: int

    @classmethod
    def parse(cls, raw: Any) -> tuple[Concurrency, ...]:
        return tuple(
            cls(function=one.name, reserved=one.reserved)
            for one in read(raw, list[_Concurrency])
            if one.reserved is not None
        )
