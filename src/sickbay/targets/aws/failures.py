"""What a failed call means: not let in, not allowed, asked too often, not there, or unreachable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sickbay.errors import Denied, Missing, TimedOut, Unreachable, Unreadable, Unsupported
from sickbay.targets.aws.calls import Calls

_LOGIN = "log in again (aws sso login, aws configure), or correct the profile in the inventory"
_CLOCK = "set this machine's clock: AWS refuses requests signed more than 5 minutes off"
_LESS = "raise the target's deadline, name fewer functions, stacks or queues, or run less often"
_SERVER_ERROR = 500
_LONGEST = 500


def _refuses(what: str, remedy: str = _LOGIN) -> Callable[[str], Missing]:
    return lambda said: Denied(f"{what}: {said}", remedy, failure="login-refused")


def _cut_off(failure: str, remedy: str) -> Callable[[str], Missing]:
    return lambda said: Unreachable(said, remedy, failure=failure)


def _throttles(said: str) -> Missing:
    return TimedOut(f"AWS throttles these calls: {said}", _LESS, failure="throttled")


def _garbage(said: str) -> Missing:
    return Unreadable(
        f"the answer is not AWS's: {said}",
        "correct endpoint_url; look for a proxy or a login page in between",
        failure="garbage",
    )


def _meaning(
    *meanings: tuple[str, Callable[[str], Missing]],
) -> dict[str, Callable[[str], Missing]]:
    return {name: meaning for names, meaning in meanings for name in names.split()}


_CODES = _meaning(
    ("ExpiredToken ExpiredTokenException TokenRefreshRequired",
     _refuses("the credentials have expired")),
    ("RequestExpired RequestTimeTooSkewed RequestInTheFuture",
     _refuses("the clocks disagree", _CLOCK)),
    (("InvalidClientTokenId UnrecognizedClientException InvalidAccessKeyId SignatureDoesNotMatch "
     "InvalidSignatureException IncompleteSignature IncompleteSignatureException AuthFailure "
     "MissingAuthenticationToken MissingAuthenticationTokenException OptInRequired "
     "SubscriptionRequiredException InvalidToken NotSignedUp"),
     _refuses("the credentials are not accepted")),
    (("Throttling ThrottlingException ThrottledException Throttled RequestThrottled "
     "RequestThrottledException TooManyRequestsException TooManyRequests RequestLimitExceeded "
     "BandwidthLimitExceeded PriorRequestNotComplete SlowDown 429"),
     _throttles),
)  # fmt: skip
"""AWS's error codes that mean the same whatever was asked for."""
DENIED = frozenset(
    {
        "AccessDenied", "AccessDeniedException", "AccessDeniedFault", "UnauthorizedOperation",
        "AuthorizationError", "AuthorizationErrorException", "ForbiddenException",
        "NotAuthorized", "UnauthorizedAccess", "KMSAccessDeniedException",
    }
)  # fmt: skip
_UNKNOWN = frozenset(
    {
        "UnknownOperationException", "UnknownOperation", "InvalidAction", "NotImplemented",
        "UnsupportedOperation", "UnsupportedOperationException", "404", "405", "501",
    }
)  # fmt: skip

_CLASSES = _meaning(
    (("NoCredentialsError PartialCredentialsError CredentialRetrievalError TokenRetrievalError "
     "SSOError RefreshWithMFAUnsupportedError NoAuthTokenError"),
     _refuses("no usable credentials")),
    ("ProfileNotFound ConfigParseError ConfigNotFound",
     _refuses("the AWS configuration cannot be used",
              "correct profile in the inventory, or AWS_CONFIG_FILE")),
    ("NoRegionError InvalidRegionError",
     lambda said: Unsupported(said, "set region in the inventory", failure="no-region")),
    ("UnknownServiceError UnknownEndpointError",
     lambda said: Unsupported(said, "a newer boto3 may know the service")),
    ("ResponseParserError ValueError LookupError", _garbage),
    ("ConnectTimeoutError ReadTimeoutError",
     _cut_off("silent", "look at the network, the proxy and VPC endpoints")),
    ("SSLError", _cut_off("tls-failed", "look at the certificate and AWS_CA_BUNDLE")),
    ("ConnectionClosedError HTTPClientError IncompleteReadError",
     _cut_off("broken-off", "look for a proxy or something else at that address")),
)  # fmt: skip
"""botocore's exceptions for what failed before there was an answer."""


def absent(error: Exception) -> bool:
    """Whether AWS says that the thing asked for is not there (any more)."""
    return any(word in _code(error) for word in ("NotFound", "NonExistent", "DoesNotExist"))


def told(error: Exception, calls: Calls | None = None) -> Missing:
    """The failure in our words. ``calls`` is what was asked for; None while getting in."""
    if isinstance(error, Missing):
        return error
    names = [kind.__name__ for kind in type(error).__mro__]
    if "ClientError" in names:
        return _answered(error, calls)
    if "EndpointConnectionError" in names or "ProxyConnectionError" in names:
        return _unconnected(error, calls)
    meaning = next((_CLASSES[name] for name in names if name in _CLASSES), None)
    if meaning is None:
        return Unreadable(f"{type(error).__name__}: {_in_a_line(error)}")
    return meaning(_in_a_line(error))


def _answered(error: Any, calls: Calls | None) -> Missing:
    """An error that the service itself told."""
    code, operation = _code(error), str(error.operation_name)
    message = _in_a_line(error.response.get("Error", {}).get("Message") or "no reason given")
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)
    said = f"{operation}: {message} ({code})"
    if "Signature expired" in message or "Signature not yet current" in message:
        code = "RequestTimeTooSkewed"
    if code in _CODES:
        return _CODES[code](said)
    if code in DENIED:
        return _denied(operation, said, calls)
    if status >= _SERVER_ERROR and code not in _UNKNOWN:
        return Unreachable(f"AWS failed: {said}", "try again later", failure="server-error")
    if calls is None:  # whoever does not know GetCallerIdentity is not AWS
        return _garbage(f"{said}, HTTP status {status}")
    if code in _UNKNOWN:
        return Unsupported(f"{calls.service} does not serve this here: {said}")
    return Unreadable(said)


def _denied(operation: str, said: str, calls: Calls | None) -> Missing:
    """Known but not allowed: with the IAM action to allow, as exactly as it can be told."""
    if calls is not None:
        exact = [action for action in calls.actions if action.rpartition(":")[2] == operation]
        return Denied(said, f"allow {', '.join(exact or calls.actions)} to these credentials")
    if operation == "AssumeRole":
        remedy = "let the role trust these credentials, and allow them sts:AssumeRole"
        return _refuses("may not assume the role", remedy)(said)
    return _refuses(
        "the account lets these credentials see nothing", "allow sts:GetCallerIdentity"
    )(said)


def _unconnected(error: Any, calls: Calls | None) -> Missing:
    """No connection to an endpoint."""
    text, why = _in_a_line(error), str(error.kwargs.get("error", ""))
    if any(word in why for word in ("NameResolution", "Name or service", "name resolution")):
        if calls is not None:  # the account has answered, so names in general are found
            return Unsupported(f"{calls.service} has no endpoint in this region: {text}")
        return _cut_off("name-unknown", "correct region or endpoint_url; look at DNS")(text)
    if "unreachable" in why or "No route" in why:
        return _cut_off("no-route", "look at the network")(text)
    return _cut_off("refused", "correct endpoint_url, or start what listens there")(text)


def _code(error: Any) -> str:
    response = getattr(error, "response", None)
    if not isinstance(response, Mapping):
        return ""
    code = str(response.get("Error", {}).get("Code", ""))
    return code.rpartition("#")[2].partition(":")[0]


def _in_a_line(error: object) -> str:
    return " ".join(str(error).split())[:_LONGEST]
