"""What the health tests say at their limits, and of accounts in which nothing happens."""

from __future__ import annotations

import importlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from selftest.unit.aws.entries import limits, target
from sickbay.errors import NotApplicable
from sickbay.targets.aws.facts.alarms import Alarm
from sickbay.targets.aws.facts.function_metrics import FunctionMetrics
from sickbay.targets.aws.facts.functions import Concurrency, Environment, Function
from sickbay.targets.aws.facts.queues import Queue, QueueAge
from sickbay.targets.aws.facts.stacks import Stack

NOW = datetime(2026, 5, 1, 10, tzinfo=UTC)


def says(module: str, test: str, **facts: Any) -> str:
    """``healthy``, ``ill`` or ``not applicable``."""
    function = getattr(importlib.import_module(f"tests.aws.{module}"), test)
    try:
        function(**facts)
    except AssertionError:
        return "ill"
    except NotApplicable:
        return "not applicable"
    return "healthy"


def _metrics(**told: Any) -> tuple[FunctionMetrics, ...]:
    usual = {
        "function": "f", "invocations": 1000, "errors": 0, "throttles": 0, "longest": 1.0,
        "average": 0.5, "at_once": 2, "timeout": 30.0,
    }  # fmt: skip
    return (FunctionMetrics(**{**usual, **told}),)


@pytest.mark.parametrize(
    ("invocations", "errors", "verdict"),
    [
        (1000, 9, "healthy"),
        (1000, 10, "ill"),
        (9, 9, "not applicable"),
        (10, 1, "ill"),
        (0, None, "not applicable"),
        (1000, None, "not applicable"),
    ],
)
def test_function_errors_at_the_limit(invocations: int, errors: int | None, verdict: str) -> None:
    """1 % of at least 10 invocations; below that, and without data, a share says nothing."""
    metrics = _metrics(invocations=invocations, errors=errors)
    said = says(
        "test_function_errors",
        "test_invocations_succeed",
        lambda_metrics=metrics,
        limits=limits(),
    )
    assert said == verdict


def test_function_errors_limit_of_the_inventory_holds() -> None:
    """What one account calls ill another tolerates."""
    said = says(
        "test_function_errors",
        "test_invocations_succeed",
        lambda_metrics=_metrics(errors=40),
        limits=limits(function_errors="5 %"),
    )
    assert said == "healthy"


def test_function_concurrency_reserved_nothing_is_used_up() -> None:
    """A reservation of nothing lets nothing run, whether or not somebody tried."""
    said = says(
        "test_functions",
        "test_reserved_concurrency_suffices",
        lambda_metrics=_metrics(at_once=None, invocations=0),
        lambda_concurrency=(Concurrency(function="f", reserved=0),),
        limits=limits(),
    )
    assert said == "ill"


@pytest.mark.parametrize(
    ("modes", "verdict"),
    [
        ({}, "healthy"),
        ({"NODE_ENV": "production", "DEBUG": "0"}, "healthy"),
        ({"DEBUG": "app:*"}, "ill"),
        ({"NODE_ENV": "development"}, "ill"),
    ],
)
def test_function_debugging_is_told_by_its_modes(modes: dict[str, str], verdict: str) -> None:
    """DEBUG switched off is off; a mode for developers is not for production."""
    environments = (Environment(function="f", names=tuple(modes), modes=modes),)
    said = says(
        "test_functions",
        "test_functions_run_in_production_mode",
        lambda_environments=environments,
    )
    assert said == verdict


@pytest.mark.parametrize(
    ("runtime", "verdict"),
    [("python3.13", "healthy"), ("python3.8", "ill"), (None, "healthy"), ("future1.x", "healthy")],
)
def test_function_runtime_is_told_by_its_day(runtime: str | None, verdict: str) -> None:
    """An image has no runtime, and one that we do not know is not called old."""
    function = Function(
        name="f", runtime=runtime, memory=1, timeout=3, log_group="g", dead_letters=None
    )
    said = says(
        "test_functions", "test_runtimes_are_maintained", lambda_functions=(function,), now=NOW
    )
    assert said == verdict


@pytest.mark.parametrize(
    ("status", "minutes", "verdict"),
    [
        ("UPDATE_COMPLETE", 9000, "healthy"),
        ("UPDATE_IN_PROGRESS", 59, "healthy"),
        ("UPDATE_IN_PROGRESS", 60, "ill"),
    ],
)
def test_stack_stuck_is_told_by_its_age(status: str, minutes: int, verdict: str) -> None:
    """An operation may take an hour."""
    stack = Stack(name="s", status=status, since=NOW - timedelta(minutes=minutes), reason="")
    said = says(
        "test_stacks",
        "test_stack_operations_come_to_an_end",
        stacks=(stack,),
        now=NOW,
        limits=limits(),
    )
    assert said == verdict


def test_alarm_that_is_no_illness_is_quiet() -> None:
    """Silenced on purpose, without data, or only there to scale in while there is little to do."""
    usual = {"state": "ALARM", "since": None, "reason": "", "armed": True}
    alarms = (
        Alarm(name="silenced", **{**usual, "armed": False}),
        Alarm(name="without data", **{**usual, "state": "INSUFFICIENT_DATA"}),
        Alarm(name="scaling in", **usual, scales=True),
    )
    assert says("test_alarms", "test_alarms_are_quiet", alarms=alarms) == "healthy"
    fires = (*alarms, Alarm(name="fires", **usual))
    assert says("test_alarms", "test_alarms_are_quiet", alarms=fires) == "ill"


def test_queues_without_dead_letters_have_nothing_to_say() -> None:
    """A queue that nobody names as a dead-letter queue may hold what it likes."""
    queues = (Queue(name="jobs", waiting=900, in_flight=0),)
    said = says("test_queues", "test_no_message_is_given_up", queues=queues, limits=limits())
    assert said == "not applicable"


@pytest.mark.parametrize(
    ("oldest", "verdict"),
    [(899.0, "healthy"), (900.0, "ill"), (None, "not applicable")],
)
def test_queue_age_at_the_limit(oldest: float | None, verdict: str) -> None:
    """15 minutes; a queue without data points was not measured."""
    ages = (QueueAge(queue="jobs", oldest=oldest),)
    assert says("test_queues", "test_queues_are_worked_off", queue_ages=ages, limits=limits()) == (
        verdict
    )


def test_declared_names_have_to_exist() -> None:
    """A name that the inventory spells out has to be there; a glob may match nothing."""
    entry = target(functions=["orders", "bill*"]).entry
    test = ("test_functions", "test_declared_functions_exist")
    assert says(*test, lambda_functions=(), declared=entry) == "ill"
    globs = target(functions=["bill*"]).entry
    assert says(*test, lambda_functions=(), declared=globs) == "not applicable"
