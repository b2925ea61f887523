"""Every parser of the room: on recorded answers, and on what is torn, odd or hostile."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from selftest.unit.aws.entries import target
from sickbay.errors import Denied
from sickbay.facts import FactSpec
from sickbay.redact import Redactor
from sickbay.targets.aws.facts.balancers import TargetGroup
from sickbay.targets.aws.facts.function_logs import FunctionLog, InvocationReports, LoggedError
from sickbay.targets.aws.facts.function_metrics import FunctionMetrics
from sickbay.targets.aws.facts.functions import Environment, FunctionState, _without_values
from sickbay.targets.aws.facts.gateways import Gateway, GatewayMetrics, GatewayStage
from sickbay.targets.aws.facts.queues import Queue
from sickbay.targets.aws.facts.stacks import Stack, StackFailure
from sickbay.targets.kinds import known_facts
from sickbay.targets.probe import Observation, Probe

RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "data" / "account.json").read_text())
"""Raw answers of an emulated account in several illnesses, by the first fact that reads each."""
SPECS = {name: spec for name, spec in known_facts().items() if spec.kind == "aws"}


def recorded(name: str) -> Any:
    """A copy of the raw answer that a fact is parsed from."""
    request = SPECS[name].request
    shared = next(n for n in RECORDED if SPECS[n].request == request)
    return copy.deepcopy(RECORDED[shared])


def answered(spec: FactSpec, raw: Any) -> Observation:
    """What is kept of an answer, whatever it is."""
    probe = Probe(target(), [spec], Redactor(), deadline=1, connections={})
    probe.answer(spec, raw)
    return probe.observations[spec.name]


# --- recorded answers ---


@pytest.mark.parametrize("name", SPECS)
def test_parse_recorded_answer_is_read(name: str) -> None:
    """Every fact comes out of what was recorded."""
    observation = answered(SPECS[name], recorded(name))
    assert observation.gap is None
    assert observation.value


@pytest.mark.parametrize("name", sorted(set(SPECS) - {"aws_identity"}))
def test_parse_empty_account_is_empty(name: str) -> None:
    """An account that has none of it: nothing, and no complaint."""
    assert answered(SPECS[name], []).value == ()


def test_function_metrics_are_counted() -> None:
    """Sums, maxima in seconds, and the share of errors."""
    orders, billing = FunctionMetrics.parse(recorded("lambda_metrics"))
    assert (orders.invocations, orders.errors, orders.throttles) == (200, 20, 3)
    assert orders.error_share == pytest.approx(0.1)
    assert (orders.longest, orders.time_used) == (30.0, 1.0)
    assert billing.error_share == 0


def test_function_metrics_without_data_points_measure_nothing() -> None:
    """A function that was not invoked has no share of errors: absent is not zero."""
    (idle,) = FunctionMetrics.parse([{"Name": "f", "Timeout": 3, "Points": [[]] * 7}])
    assert idle.invocations == 0
    assert (idle.errors, idle.error_share, idle.longest, idle.time_used) == (None,) * 4


def test_logged_errors_are_told_apart() -> None:
    """One row for each kind and class, with the last line."""
    found = {e.kind: e for e in LoggedError.parse(recorded("lambda_errors"))}
    assert set(found) == {"timeout", "invalid-request"}
    assert "30.03 seconds" in found["timeout"].line
    assert found["invalid-request"].type == "ValidationError"


def test_logged_errors_of_one_kind_are_counted_with_the_last_line() -> None:
    """However the events are ordered, the newest line is shown."""
    events = [
        {"timestamp": 3000, "message": "ERROR KeyError: third"},
        {"timestamp": 1000, "message": "ERROR KeyError: first"},
    ]
    log = {"function": "f", "group": "g", "exists": True, "complete": True, "events": events}
    (error,) = LoggedError.parse([log])
    assert (error.count, error.last) == (2, datetime.fromtimestamp(3, UTC))
    assert "third" in error.line


def test_function_log_missing_is_told() -> None:
    """A log group that does not exist holds no errors, and is told to be missing."""
    orders, billing = FunctionLog.parse(recorded("lambda_logs"))
    assert (orders.exists, orders.error_lines, orders.invalid_requests) == (True, 2, 1)
    assert not billing.exists


def test_reports_name_the_tightest_invocation() -> None:
    """Of all invocations the one nearest to its memory, and the slowest start."""
    (reports,) = InvocationReports.parse(recorded("lambda_reports"))
    assert (reports.invocations, reports.memory_share, reports.slowest_start) == (2, 1.0, 9.8)


def test_environment_keeps_no_value() -> None:
    """Only names, modes, and whether an address is the function's own or a guide's example."""
    raw = _without_values(
        {
            "FunctionName": "f",
            "Environment": {
                "Variables": {
                    "MONGODB_URI": "mongodb://app:canary@127.0.0.1:27017/x",
                    "CACHE": "redis://localhost/0",
                    "ATLAS": "mongodb+srv://app:canary@cluster.mongodb.net/x",
                    "API_KEY": "canary-of-a-key",
                    "EMPTY": " ",
                    "NODE_ENV": "production",
                }
            },
        }
    )
    assert "canary" not in json.dumps(raw)
    (environment,) = Environment.parse([raw])
    assert environment.loopback == ("CACHE", "MONGODB_URI")
    assert environment.placeholder == ("ATLAS",)
    assert "EMPTY" not in environment.names
    assert environment.modes == {"NODE_ENV": "production"}


def test_environment_encrypted_is_denied() -> None:
    """Lambda shows an error in place of variables that its key does not open for us."""
    raw = recorded("lambda_environments")
    raw[0]["Environment"] = {"Error": {"ErrorCode": "AccessDenied", "Message": "no kms:Decrypt"}}
    with pytest.raises(Denied, match="kms") as caught:
        Environment.parse(raw)
    assert "kms:Decrypt" in caught.value.remedy


def test_function_state_failed_is_told_with_its_reason() -> None:
    """State, code and reason, as Lambda gives them."""
    _, billing = FunctionState.parse(recorded("lambda_states"))
    assert (billing.state, billing.code) == ("Failed", "SubnetOutOfIPAddresses")
    assert "no IP address" in billing.reason


def test_stack_since_is_when_it_came_into_its_status() -> None:
    """The event that tells the status is newer than the stack's own times."""
    raw = recorded("stacks")
    (stack,) = Stack.parse(raw)
    told = {e["Timestamp"] for e in raw[0]["Events"] if e["LogicalResourceId"] == "shop"}
    assert stack.failed
    assert stack.since.isoformat()[:19] in {time[:19] for time in told}


def test_stack_without_events_is_as_old_as_its_last_update() -> None:
    """Where no event is kept, the stack's own times have to do."""
    raw = recorded("stacks")
    raw[0].update(
        Events=[], LastUpdatedTime="2026-01-01T10:00:00Z", StackStatus="UPDATE_IN_PROGRESS"
    )
    (stack,) = Stack.parse(raw)
    assert stack.in_progress
    assert stack.since == datetime(2026, 1, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "failed", "in_progress"),
    [
        ("CREATE_COMPLETE", False, False),
        ("UPDATE_ROLLBACK_COMPLETE", False, False),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", False, True),
        ("REVIEW_IN_PROGRESS", False, False),
        ("ROLLBACK_COMPLETE", True, False),
        ("UPDATE_ROLLBACK_FAILED", True, False),
        ("DELETE_FAILED", True, False),
        ("ROLLBACK_IN_PROGRESS", False, True),
    ],
)
def test_stack_status_is_understood(status: str, failed: bool, in_progress: bool) -> None:
    """A stack under review has never been started; a rolled back creation cannot be updated."""
    raw = recorded("stacks")
    raw[0]["StackStatus"] = status
    (stack,) = Stack.parse(raw)
    assert (stack.failed, stack.in_progress) == (failed, in_progress)


def test_stack_failures_leave_out_what_only_follows() -> None:
    """A cancelled neighbour is no cause."""
    (failure,) = StackFailure.parse(recorded("stack_failures"))
    assert failure.resource == "Handler"
    assert "cannot be assumed" in failure.reason


def test_gateway_stages_are_told() -> None:
    """Deployed stages, and how long a cache keeps answers."""
    (gateway,) = Gateway.parse(recorded("gateways"))
    assert (gateway.name, gateway.form, gateway.stages) == ("shop-api", "REST", ("live",))
    (stage,) = GatewayStage.parse(recorded("gateway_stages"))
    assert stage.cache == 3600


def test_gateway_metrics_are_averages_over_requests() -> None:
    """Latencies in seconds, the gateway's own share of them, and the share of errors."""
    (gateway,) = GatewayMetrics.parse(recorded("gateway_metrics"))
    assert gateway.error_share == pytest.approx(0.2)
    assert gateway.latency == pytest.approx(3.5)
    assert gateway.overhead == pytest.approx(0.2)


def test_queue_dead_letters_are_known_by_who_sends_there() -> None:
    """A dead-letter queue is one that another queue names."""
    queues = {queue.name: queue for queue in Queue.parse(recorded("queues"))}
    assert queues["jobs-dead"].takes_dead_letters_of == ("jobs",)
    assert not queues["jobs"].is_dead_letter_queue
    assert (queues["jobs-dead"].waiting, queues["jobs"].waiting) == (3, 5)


def test_target_group_without_a_balancer_is_left_out() -> None:
    """Nobody checks the health of a group that no balancer uses."""
    raw = recorded("target_groups")
    raw[0]["LoadBalancerArns"] = []
    assert TargetGroup.parse(raw) == ()


# --- torn, odd, hostile ---

ODD: tuple[Any, ...] = (
    None, "", "<html>", 7, True, {}, {"Functions": []}, [None], [7], ["x"], [[]], [{}],
    [{"FunctionName": None}], {"Error": {"Code": "x"}},
)  # fmt: skip


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("raw", ODD, ids=repr)
def test_parse_odd_answer_is_unreadable(name: str, raw: Any) -> None:
    """What is not an answer to the request is never taken for a healthy one."""
    observation = answered(SPECS[name], raw)
    assert observation.gap is not None
    assert observation.gap.reason == "unreadable"


def _torn(data: Any) -> Iterator[Any]:
    """The same answer with one field after the other gone, empty, or of another type."""
    for path, value in _leaves(data):
        for other in (None, "", -1, "\x00\x1b[31m\ud800", {"a": 1}, [value] * 2, 10**30):
            changed = copy.deepcopy(data)
            holder = changed
            for step in path[:-1]:
                holder = holder[step]
            holder[path[-1]] = other
            yield changed


def _leaves(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    steps = data.items() if isinstance(data, dict) else enumerate(data)
    for step, value in steps:
        if isinstance(value, dict | list) and value:
            yield from _leaves(value, (*path, step))
        else:
            yield (*path, step), value


@pytest.mark.parametrize("name", SPECS)
def test_parse_torn_answer_never_raises(name: str) -> None:
    """Whatever one field becomes, the answer is read or told to be unreadable."""
    for raw in _torn(recorded(name)):
        observation = answered(SPECS[name], raw)
        assert (observation.value is None) == (observation.gap is not None)


def test_parse_hostile_log_line_is_one_short_line() -> None:
    """Control characters, line breaks and megabytes in a log line do not reach a terminal."""
    message = "ERROR \x1b[2J\r\nValueError: \x07\ud800" + "x" * 5_000_000
    event = {"timestamp": 1000, "message": message}
    log = {"function": "a\nb", "group": "g", "exists": True, "complete": True, "events": [event]}
    observation = answered(SPECS["lambda_errors"], [log])
    (error,) = observation.value
    assert error.line.isprintable()
    assert len(error.line) <= 300
