"""Observing an account: against the emulator, and against what only pretends to be one."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import msgspec
import pytest

from lab.account import FUNCTIONS, Account
from selftest.unit.aws.entries import Look, target
from sickbay.inventory.aws import AwsEntry
from sickbay.targets.aws.observer import _log_in
from sickbay.targets.kinds import known_facts

ALL = tuple(name for name, spec in known_facts().items() if spec.kind == "aws")
READS = ("Describe", "Get", "List", "Filter")


# --- the emulator ---


def test_observe_healthy_account_has_every_fact(aws: Account, look: Look) -> None:
    """Every fact of this room comes in, from the account as it was furnished."""
    state = look(*ALL, endpoint_url=aws.endpoint)
    assert state.contact.outcome == "answered"
    assert {n: o.gap for n, o in state.facts.items() if o.gap} == {}
    assert {n for n, o in state.facts.items() if o.value is not None} == set(ALL)
    assert [f.name for f in state.facts["lambda_functions"].value] == sorted(
        FUNCTIONS, reverse=True
    )
    assert all(m.invocations == 200 for m in state.facts["lambda_metrics"].value)
    assert all(log.exists and not log.error_lines for log in state.facts["lambda_logs"].value)


def test_observe_asks_only_for_reads(aws: Account, look: Look) -> None:
    """What the account saw of a full observation changes nothing in it."""
    look(*ALL, endpoint_url=aws.endpoint)
    calls = aws.seen()
    assert len(calls) > len(FUNCTIONS)
    assert [c for c in calls if not c.partition(":")[2].startswith(READS)] == []


def test_observe_shared_requests_are_made_once(aws: Account, look: Look) -> None:
    """Two facts of one listing take one listing, and all metrics one GetMetricData."""
    look(
        "lambda_functions", "lambda_environments", "lambda_metrics", "stacks", "stack_failures",
        endpoint_url=aws.endpoint,
    )  # fmt: skip
    calls = aws.seen()
    assert calls.count("lambda:ListFunctions") == 1
    assert calls.count("cloudformation:DescribeStacks") == 1
    assert calls.count("monitoring:GetMetricData") == 1


def test_observe_nothing_wanted_asks_who_we_are(aws: Account, look: Look) -> None:
    """The contact alone takes one call, that needs no permission."""
    state = look(endpoint_url=aws.endpoint)
    assert state.contact.outcome == "answered"
    assert aws.seen() == ["sts:GetCallerIdentity"]


def test_observe_chosen_functions_leaves_the_others_alone(aws: Account, look: Look) -> None:
    """The inventory's names and globs bound what is looked at."""
    state = look("lambda_metrics", endpoint_url=aws.endpoint, functions=["ord*"])
    assert [m.function for m in state.facts["lambda_metrics"].value] == ["orders"]


def test_observe_role_is_assumed_first(aws: Account, look: Look) -> None:
    """With role_arn the calls are made in that role."""
    role = "arn:aws:iam::123456789012:role/shop"
    state = look("aws_identity", endpoint_url=aws.endpoint, role_arn=role)
    assert "assumed-role/shop/sickbay" in state.facts["aws_identity"].value.arn
    assert aws.seen()[0] == "sts:AssumeRole"


def test_observe_values_of_variables_stay_where_they_are(aws: Account, look: Look) -> None:
    """Neither a function's variables nor a secret in its log reach the snapshot."""
    aws.invoked("orders", errors=50)
    aws.log("orders", "ERROR could not log in with password=canary-in-a-log to the database")
    state = look(*ALL, endpoint_url=aws.endpoint)
    kept = msgspec.json.encode(state).decode()
    assert "could not log in" in kept
    assert "MONGODB_URI" in kept
    assert "s3cr3t-of-the-lab" not in kept
    assert "canary-in-a-log" not in kept


def test_client_write_never_leaves(aws: Account) -> None:
    """Whoever writes a fact that would change something is stopped before the request is made."""
    entry = target(endpoint_url=aws.endpoint).entry
    assert isinstance(entry, AwsEntry)
    client = _log_in(entry, 10).client("lambda")
    with pytest.raises(PermissionError, match="DeleteFunction is not a read-only operation"):
        client.delete_function(FunctionName="orders")
    assert aws.seen() == []


# --- refused by AWS ---


def test_observe_one_service_denied_hides_only_its_facts(aws: Account, look: Look) -> None:
    """What may be seen is seen; what may not says which action to allow."""
    aws.refuse("AccessDeniedException", service="lambda", operation="ListFunctions", status=403)
    state = look("lambda_functions", "lambda_logs", "alarms", endpoint_url=aws.endpoint)
    assert state.contact.outcome == "answered"
    assert state.facts["alarms"].value
    for name in ("lambda_functions", "lambda_logs"):
        gap = state.facts[name].gap
        assert gap is not None
        assert gap.reason == "denied"
        assert "lambda:ListFunctions" in gap.remedy


@pytest.mark.parametrize(
    ("call", "fact", "action"),
    [
        ("monitoring:DescribeAlarms", "alarms", "cloudwatch:DescribeAlarms"),
        ("monitoring:GetMetricData", "lambda_metrics", "cloudwatch:GetMetricData"),
        ("logs:FilterLogEvents", "lambda_errors", "logs:FilterLogEvents"),
        ("cloudformation:DescribeStacks", "stacks", "cloudformation:DescribeStacks"),
        ("apigateway:GetRestApis", "gateways", "apigateway:GET"),
        ("sqs:ListQueues", "queues", "sqs:ListQueues"),
        ("acm:ListCertificates", "managed_certificates", "acm:ListCertificates"),
        (
            "elasticloadbalancing:DescribeTargetHealth",
            "balanced_targets",
            "elasticloadbalancing:DescribeTargetHealth",
        ),
    ],
)
def test_observe_denied_names_the_action(
    aws: Account, look: Look, call: str, fact: str, action: str
) -> None:
    """Whatever protocol a service speaks, a denial is a denial, with the IAM action to allow."""
    service, _, operation = call.partition(":")
    aws.refuse("AccessDenied", service=service, operation=operation, status=403)
    gap = look(fact, endpoint_url=aws.endpoint).facts[fact].gap
    assert gap is not None
    assert gap.reason == "denied"
    assert action in gap.remedy


def test_observe_throttled_is_neither_denied_nor_ill(aws: Account, look: Look) -> None:
    """Asked too often: not evaluated, and what to do about it, after a bounded number of attempts."""
    aws.refuse("ThrottlingException", service="cloudformation")
    gap = look("stacks", endpoint_url=aws.endpoint).facts["stacks"].gap
    assert gap is not None
    assert gap.reason == "timed_out"
    assert "throttles" in gap.detail
    assert aws.seen().count("cloudformation:DescribeStacks") == 3


@pytest.mark.parametrize(
    "code", ["ExpiredToken", "InvalidClientTokenId", "SignatureDoesNotMatch", "AccessDenied"]
)
def test_observe_credentials_refused_is_not_let_in(aws: Account, look: Look, code: str) -> None:
    """Nothing is known of an account that does not accept the credentials."""
    aws.refuse(code, status=403)
    state = look("stacks", endpoint_url=aws.endpoint)
    assert (state.contact.outcome, state.contact.failure) == ("denied", "login-refused")
    assert state.contact.remedy
    assert state.facts["stacks"].gap


def test_observe_role_refused_says_so(aws: Account, look: Look) -> None:
    """A role that does not trust us."""
    aws.refuse("AccessDenied", service="sts", operation="AssumeRole", status=403)
    role = "arn:aws:iam::123456789012:role/shop"
    contact = look(endpoint_url=aws.endpoint, role_arn=role).contact
    assert contact.failure == "login-refused"
    assert "may not assume the role" in contact.detail


# --- nothing to log in with ---


def test_observe_without_credentials_asks_nobody(
    aws: Account, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No credentials anywhere: told at once, with what to do."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    contact = look(endpoint_url=aws.endpoint).contact
    assert (contact.outcome, contact.failure) == ("denied", "login-refused")
    assert "no usable credentials" in contact.detail
    assert aws.seen() == []


def test_observe_profile_unknown_is_told(aws: Account, look: Look) -> None:
    """A profile that the AWS configuration does not have."""
    contact = look(endpoint_url=aws.endpoint, profile="nobody").contact
    assert contact.failure == "login-refused"
    assert "nobody" in contact.detail


def test_observe_without_region_is_told(
    aws: Account, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the inventory nor the environment names a region."""
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    contact = look(endpoint_url=aws.endpoint, region=None).contact
    assert contact.failure == "no-region"
    assert "region" in contact.remedy


# --- no AWS at that address ---

HTML = b"<!DOCTYPE html><html><body>Please log in</body></html>"


def _http(status: str, body: bytes, kind: str = "text/html") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@contextmanager
def _listener(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Something that listens on the loopback interface; ``answer`` gets each connection."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        open_ones: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                open_ones.append(connection)
                threading.Thread(target=_tried, args=(answer, connection), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            for connection in open_ones:
                connection.close()


def _tried(answer: Callable[[socket.socket], None], connection: socket.socket) -> None:
    try:
        answer(connection)
    except OSError:
        connection.close()


def _says(words: bytes) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(words)
        connection.close()

    return answer


def test_observe_refused_port_is_told(look: Look) -> None:
    """Nothing listens at the endpoint."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
    state = look("stacks", endpoint_url=f"http://127.0.0.1:{port}")
    assert (state.contact.outcome, state.contact.failure) == ("unreachable", "refused")
    assert state.facts["stacks"].gap


def test_observe_silent_socket_ends_within_the_deadline(look: Look) -> None:
    """Somebody accepts and says nothing."""
    with _listener(socket.socket.getpeername) as endpoint:
        started = time.monotonic()
        state = look("stacks", endpoint_url=endpoint, deadline=4)
        assert time.monotonic() - started < 6
    assert state.contact.outcome in {"unreachable", "timed_out"}
    assert state.contact.failure == "silent"


@pytest.mark.parametrize(
    ("words", "failures"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", {"broken-off", "garbage"}),
        (b"\x00\xff" * 500, {"broken-off", "garbage"}),
        (_http("200 OK", HTML), {"garbage"}),
        (_http("200 OK", b""), {"garbage"}),
        (_http("200 OK", b"{}", "application/json"), {"garbage"}),
        (_http("200 OK", b"<a><b/></a>", "text/xml"), {"garbage"}),
        (_http("404 Not Found", HTML), {"garbage"}),
        (_http("403 Forbidden", HTML), {"garbage", "login-refused"}),
        (_http("200 OK", HTML)[:-20], {"broken-off", "garbage"}),
        (b"HTTP/1.1 200 OK\r\nContent-Le", {"broken-off", "garbage"}),
        (b"", {"broken-off"}),
    ],
    ids=[
        "another-protocol", "binary", "login-page", "empty", "json", "other-xml", "not-found",
        "forbidden", "half-a-body", "half-a-head", "closed-at-once",
    ],
)  # fmt: skip
def test_observe_what_is_not_aws_is_never_healthy(
    look: Look, words: bytes, failures: set[str]
) -> None:
    """Whatever answers there in AWS's place: not let in, and told what it looks like."""
    with _listener(_says(words)) as endpoint:
        state = look("stacks", endpoint_url=endpoint, deadline=8)
    assert state.contact.outcome != "answered"
    assert state.contact.failure in failures
    assert state.contact.remedy
    assert state.facts["stacks"].value is None


def test_observe_server_error_is_told(look: Look) -> None:
    """A gateway in front of AWS that fails."""
    with _listener(_says(_http("503 Service Unavailable", HTML))) as endpoint:
        contact = look(endpoint_url=endpoint, deadline=8).contact
    assert (contact.outcome, contact.failure) == ("unreachable", "server-error")
