"""What a failed call means."""

from __future__ import annotations

import pytest
from botocore import exceptions as boto

from sickbay.errors import Denied, Missing, TimedOut, Unreachable, Unreadable, Unsupported
from sickbay.targets.aws.calls import Calls
from sickbay.targets.aws.failures import absent, told

CALLS = Calls(
    "cloudformation",
    lambda _: None,
    ("cloudformation:DescribeStacks", "cloudformation:DescribeStackEvents"),
)


def _answered(code: str, status: int = 400, message: str = "said so") -> boto.ClientError:
    response = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return boto.ClientError(response, "DescribeStacks")


@pytest.mark.parametrize(
    ("code", "kind", "failure"),
    [
        ("ExpiredToken", Denied, "login-refused"),
        ("InvalidClientTokenId", Denied, "login-refused"),
        ("SignatureDoesNotMatch", Denied, "login-refused"),
        ("RequestTimeTooSkewed", Denied, "login-refused"),
        ("AccessDenied", Denied, "login-refused"),
        ("ThrottlingException", TimedOut, "throttled"),
        ("TooManyRequestsException", TimedOut, "throttled"),
        ("404", Unreadable, "garbage"),
    ],
)
def test_told_while_getting_in_names_the_failure(
    code: str, kind: type[Missing], failure: str
) -> None:
    """Every way of not being let in is told apart, with something to do about it."""
    missing = told(_answered(code))
    assert type(missing) is kind
    assert missing.failure == failure
    assert missing.remedy


def test_told_denied_names_the_one_action_to_allow() -> None:
    """Of the actions that a fact needs, the one that was denied."""
    missing = told(_answered("AccessDeniedException"), CALLS)
    assert isinstance(missing, Denied)
    assert "cloudformation:DescribeStacks " in missing.remedy
    assert "DescribeStackEvents" not in missing.remedy


def test_told_denied_in_a_role_says_whom_to_trust() -> None:
    """AssumeRole is denied by the role, not by what is asked for later."""
    error = _answered("AccessDenied")
    error.operation_name = "AssumeRole"
    assert "sts:AssumeRole" in told(error).remedy


@pytest.mark.parametrize("code", ["InvalidAction", "UnknownOperationException", "NotImplemented"])
def test_told_unknown_operation_is_unsupported(code: str) -> None:
    """An emulator or a region that lacks an operation is no illness."""
    assert isinstance(told(_answered(code), CALLS), Unsupported)


def test_told_signature_expired_is_the_clock() -> None:
    """SignatureDoesNotMatch is a matter of the clock when AWS says so."""
    missing = told(_answered("SignatureDoesNotMatch", 403, "Signature expired: 2020 is earlier"))
    assert "clock" in missing.remedy


def test_told_server_error_is_unreachable() -> None:
    """AWS's own failures are not ours."""
    missing = told(_answered("InternalFailure", 500), CALLS)
    assert isinstance(missing, Unreachable)
    assert missing.failure == "server-error"


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (boto.NoCredentialsError(), "login-refused"),
        (
            boto.PartialCredentialsError(provider="env", cred_var="aws_secret_access_key"),
            "login-refused",
        ),
        (boto.UnauthorizedSSOTokenError(), "login-refused"),
        (boto.ProfileNotFound(profile="prod"), "login-refused"),
        (boto.NoRegionError(), "no-region"),
        (boto.ConnectTimeoutError(endpoint_url="http://x"), "silent"),
        (boto.ReadTimeoutError(endpoint_url="http://x"), "silent"),
        (boto.ConnectionClosedError(endpoint_url="http://x"), "broken-off"),
        (boto.EndpointConnectionError(endpoint_url="http://x", error="refused"), "refused"),
        (
            boto.EndpointConnectionError(endpoint_url="http://x", error="NameResolutionError(...)"),
            "name-unknown",
        ),
        (
            boto.EndpointConnectionError(endpoint_url="http://x", error="Network is unreachable"),
            "no-route",
        ),
    ],
)
def test_told_without_an_answer_names_the_failure(error: Exception, failure: str) -> None:
    """What fails before AWS says anything is told apart as well."""
    missing = told(error)
    assert missing.failure == failure
    assert missing.remedy


def test_told_service_without_endpoint_is_unsupported() -> None:
    """Once the account has answered, an unknown name means that the region lacks the service."""
    error = boto.EndpointConnectionError(endpoint_url="http://x", error="NameResolutionError(...)")
    assert isinstance(told(error, CALLS), Unsupported)


def test_told_anything_else_is_unreadable() -> None:
    """A defect is told with its type, never taken for health."""
    assert "ZeroDivisionError" in told(ZeroDivisionError("x")).detail


def test_absent_is_told_by_every_spelling() -> None:
    """Services spell 'there is no such thing' in different ways."""
    for code in ("ResourceNotFoundException", "AWS.SimpleQueueService.NonExistentQueue"):
        assert absent(_answered(code))
    assert not absent(_answered("AccessDenied"))
    assert not absent(ValueError("NotFound"))
