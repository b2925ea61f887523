"""An endpoint answers as it should, and in time."""

from __future__ import annotations

from sickbay.inventory.endpoint import EndpointLimits
from sickbay.judge import offenders, worst
from sickbay.symptoms import symptom
from sickbay.targets.endpoint.facts.answer import HttpAnswer, HttpMismatch

_GATEWAY = (502, 504)
_UNAVAILABLE = 503
_RATE_LIMITED = 429
_NOT_LET_IN = (401, 403)
_NOT_FOUND = (404, 410)
_BEHIND = [
    "host.peer-unreachable",
    "host.unit-failed",
    "host.unit-inactive",
    "host.unit-flapping",
    "host.process-missing",
    "host.process-stuck",
    "host.port-closed",
    "host.firewall-blocks",
    "postgres.unreachable",
    "postgres.connections-short",
    "postgres.lock-waits",
    "redis.unreachable",
    "redis.memory-full",
    "redis.persistence-failing",
    "redis.rejected-connections",
]
"""What lies behind a service that fails, where it shows on what the service rests on."""
_MUCH = 0.5
"""The share of the whole time from which on one phase is to blame."""


@symptom(
    "endpoint.server-error",
    severity="critical",
    signals=[
        "claude-projects-api:bad-gateway-502/no-502-answer",
        "ai-orchestrator-hub:health-failing/health-ok",
        "claudebox:system-down/api-health-endpoint",
        "neurallog:external-access-failures/public-health-answers",
        "sergas:component-down/api-health",
        "claude-projects-api:mongodb-connection-refused/ready-endpoint-ok",
    ],
    explained_by=_BEHIND,
)
def test_service_does_not_fail(http_answer: HttpAnswer) -> None:
    """The server answers that it could not do what it was asked."""
    assert offenders([http_answer], lambda answer: answer.failed) == ()


@test_service_does_not_fail.cause(
    "the proxy gets no answer from what stands behind it",
    remedy="See whether the application runs and listens where the proxy looks for it (systemctl "
    "status UNIT; ss -ltnp), then read the proxy's error log.",
)
def bad_gateway(http_answer: HttpAnswer) -> object:
    return http_answer if http_answer.status in _GATEWAY else None


@test_service_does_not_fail.cause(
    "the service says that it is not available",
    remedy="Read its answer and its log: what it needs (a database, a cache) may be gone, or it may be "
    "in maintenance or overloaded.",
)
def unavailable(http_answer: HttpAnswer) -> object:
    return http_answer if http_answer.status == _UNAVAILABLE else None


@test_service_does_not_fail.cause(
    "the application broke on this request",
    remedy="Read its log for the error at the time of this run.",
)
def broke(http_answer: HttpAnswer) -> object:
    known = {*_GATEWAY, _UNAVAILABLE}
    return http_answer if http_answer.failed and http_answer.status not in known else None


@symptom(
    "endpoint.wrong-status",
    severity="critical",
    signals=[
        "claude-projects-api:forbidden-403/valid-key-not-forbidden",
        "claude-projects-api:invalid-api-key-401/key-accepted-x-api-key",
        "ai-orchestrator-hub:unauthorized-access/api-authorised",
        "claude-projects-api:api-unreachable/http-plain-not-serving",
        "claudebox:users-cannot-login/login-page-serves",
    ],
    explained_by=["endpoint.redirects"],
)
def test_status_is_as_expected(http_answer: HttpAnswer) -> None:
    """The answer has another status than a healthy one."""
    assert offenders([http_answer], lambda a: a.unexpected and not a.failed) == ()


@test_status_is_as_expected.cause(
    "it does not let the request in",
    remedy="Set or renew the credentials in this endpoint's headers; see in the service's log why it "
    "refuses them.",
)
def not_let_in(http_answer: HttpAnswer) -> object:
    return http_answer if http_answer.status in _NOT_LET_IN else None


@test_status_is_as_expected.cause(
    "there is nothing at this path",
    remedy="Compare the path with the service's routes and the proxy's locations; a deployment may "
    "have moved it.",
)
def not_found(http_answer: HttpAnswer) -> object:
    return http_answer if http_answer.status in _NOT_FOUND else None


@test_status_is_as_expected.cause(
    "it sends clients elsewhere",
    remedy="Use the address that it leads to, or set follow_redirects for this endpoint.",
)
def redirected(http_answer: HttpAnswer) -> object:
    return http_answer if "location" in http_answer.headers else None


@test_status_is_as_expected.cause(
    "it was asked too often",
    remedy="See who asks that often, and what the rate limit is; retry-after says when it ends.",
)
def rate_limited(http_answer: HttpAnswer) -> object:
    return http_answer if http_answer.status == _RATE_LIMITED else None


@symptom(
    "endpoint.wrong-json",
    severity="critical",
    signals=[
        "ai-orchestrator-hub:health-failing/component-health",
        "sergas:zoho-authentication-failed/zoho-status",
        "ai-orchestrator-hub:swarm-failures/hive-status",
        "ai-orchestrator-hub:neural-failing/neural-status",
        "ai-orchestrator-hub:baseline-drift/baseline-cpu",
        "ai-orchestrator-hub:baseline-drift/baseline-memory",
    ],
    explained_by=["endpoint.server-error", "endpoint.wrong-status", *_BEHIND],
)
def test_json_is_as_expected(http_mismatches: tuple[HttpMismatch, ...]) -> None:
    """The health document says otherwise than it does when all is well."""
    assert offenders(http_mismatches, lambda one: one.part == "json") == ()


@test_json_is_as_expected.cause(
    "the answer is no JSON document",
    remedy="Something else answers at this address, such as a proxy's page: compare the path.",
)
def no_document(http_mismatches: tuple[HttpMismatch, ...]) -> object:
    return [one for one in http_mismatches if one.part == "json" and one.name == "body"]


@test_json_is_as_expected.cause(
    "the document lacks what is expected",
    remedy="Compare the dotted paths in the inventory with the document: a new version may have "
    "renamed them.",
)
def lacking(http_mismatches: tuple[HttpMismatch, ...]) -> object:
    return [one for one in http_mismatches if one.part == "json" and one.missing]


@test_json_is_as_expected.cause(
    "a number is out of its bounds",
    remedy="See since when (a graph of it): a higher load, or a fault that builds up at unchanged load.",
)
def out_of_bounds(http_mismatches: tuple[HttpMismatch, ...]) -> object:
    return [
        one for one in http_mismatches if one.part == "json" and one.is_bound and not one.missing
    ]


@test_json_is_as_expected.cause(
    "the service itself reports a part of it as ill",
    remedy="Look into the part that is named, and into the service's log.",
)
def reported_ill(http_mismatches: tuple[HttpMismatch, ...]) -> object:
    return [
        one
        for one in http_mismatches
        if one.part == "json" and one.name != "body" and not one.missing and not one.is_bound
    ]


@symptom(
    "endpoint.wrong-body",
    severity="major",
    explained_by=["endpoint.server-error", "endpoint.wrong-status", *_BEHIND],
)
def test_body_is_as_expected(http_mismatches: tuple[HttpMismatch, ...]) -> None:
    """The page lacks what a healthy one shows."""
    assert offenders(http_mismatches, lambda one: one.part == "body") == ()


@test_body_is_as_expected.cause(
    "the answer is empty",
    remedy="See in the service's log what became of the request; a proxy may cut bodies off.",
)
def empty(http_mismatches: tuple[HttpMismatch, ...]) -> object:
    return [one for one in http_mismatches if one.part == "body" and not one.found.strip()]


@test_body_is_as_expected.cause(
    "another page is served than expected",
    remedy="Compare what is shown here with the pattern in the inventory: a default page, a login "
    "form, or an error page with status 200.",
)
def another_page(http_mismatches: tuple[HttpMismatch, ...]) -> object:
    return [one for one in http_mismatches if one.part == "body" and one.found.strip()]


@symptom(
    "endpoint.wrong-header",
    severity="minor",
    signals=["claude-projects-api:cors-blocked/actual-answer-has-origin"],
    explained_by=["endpoint.server-error", "endpoint.wrong-status"],
)
def test_headers_are_as_expected(http_mismatches: tuple[HttpMismatch, ...]) -> None:
    """A header that clients rely on is missing or has another value."""
    assert offenders(http_mismatches, lambda one: one.part == "header") == ()


@test_headers_are_as_expected.cause(
    "the header is not sent",
    remedy="Add it in the application or the proxy (add_header ... always, so that errors have it "
    "too).",
)
def not_sent(http_mismatches: tuple[HttpMismatch, ...]) -> object:
    return [one for one in http_mismatches if one.part == "header" and one.missing]


@test_headers_are_as_expected.cause(
    "it has another value",
    remedy="Correct the value where it is set, or the pattern in the inventory.",
)
def other_value(http_mismatches: tuple[HttpMismatch, ...]) -> object:
    return [one for one in http_mismatches if one.part == "header" and not one.missing]


@symptom(
    "endpoint.slow",
    severity="major",
    signals=[
        "ai-orchestrator-hub:response-slow/response-time",
        "claude-projects-api:slow-responses/response-under-2s",
        "sergas:high-response-times/accounts-endpoint-time",
    ],
    explained_by=[
        "host.peer-unreachable",
        "host.process-stuck",
        "host.overloaded",
        "host.pressure-high",
        "host.memory-short",
        "postgres.long-running",
        "postgres.lock-waits",
        "postgres.connections-short",
    ],
)
def test_answer_comes_in_time(http_answer: HttpAnswer, limits: EndpointLimits) -> None:
    """Users wait, and clients with short time limits give up."""
    assert worst([http_answer], "seconds") < limits.response_time


@test_answer_comes_in_time.cause(
    "the application takes long to answer",
    remedy="See in its log or traces where the time goes: queries, calls to others, a busy worker "
    "pool.",
)
def application(http_answer: HttpAnswer) -> object:
    return _most_of(http_answer, http_answer.first_byte)


@test_answer_comes_in_time.cause(
    "the name takes long to resolve",
    remedy="Time the name servers one by one (dig @SERVER NAME); take out the one that does not answer.",
)
def resolving(http_answer: HttpAnswer) -> object:
    return _most_of(http_answer, http_answer.resolve)


@test_answer_comes_in_time.cause(
    "connecting takes long",
    remedy="Look for lost packets (mtr HOST), a full accept queue (ss -ltn), or an address that is dead.",
)
def connecting(http_answer: HttpAnswer) -> object:
    return _most_of(http_answer, http_answer.connect + http_answer.tls)


@test_answer_comes_in_time.cause(
    "the answer itself is long or comes slowly",
    remedy="Make it smaller (compress, page), or look at the bandwidth between.",
)
def transferring(http_answer: HttpAnswer) -> object:
    before = http_answer.resolve + http_answer.connect + http_answer.tls + http_answer.first_byte
    return _most_of(http_answer, http_answer.seconds - before)


def _most_of(answer: HttpAnswer, seconds: float) -> HttpAnswer | None:
    return answer if seconds > answer.seconds * _MUCH else None


@symptom(
    "endpoint.redirects",
    severity="minor",
    signals=["claudebox:users-cannot-login/no-auth-loop"],
)
def test_redirects_are_few(http_answer: HttpAnswer, limits: EndpointLimits) -> None:
    """Clients are sent from address to address, and give up where that goes round."""
    assert worst([http_answer], "hops") <= limits.redirects


@test_redirects_are_few.cause(
    "the addresses lead to each other",
    remedy="Mend the rules: often the proxy redirects to HTTPS and does not tell the application "
    "(X-Forwarded-Proto), or login and start page send each other around.",
)
def going_round(http_answer: HttpAnswer) -> object:
    seen = http_answer.redirects
    return http_answer if len(set(seen)) < len(seen) else None


@test_redirects_are_few.cause(
    "there are more steps than needed",
    remedy="Let the first redirect lead to the last address.",
)
def many_steps(http_answer: HttpAnswer) -> object:
    seen = http_answer.redirects
    return http_answer if seen and len(set(seen)) == len(seen) else None
