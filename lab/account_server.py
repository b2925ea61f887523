"""moto's server with a second door: what AWS's own API cannot bring about is set from there.

Run as a script: ``python -m lab.account_server``. It listens on a free port of the loopback
interface, prints ``http://127.0.0.1:PORT`` and serves until its standard input ends, which it does
when the process that started it closes it or dies in whatever way.

Behind the path ``/lab/`` (POST, JSON) stands what moto's API does not offer:

- ``refuse`` {service, operation, code, status}: answer these calls with an AWS error, as IAM does
  that denies them, STS that finds the credentials expired, or a service that throttles. An empty
  service or operation means all.
- ``allow``: refuse nothing any more.
- ``identity`` {number}: the account that GetCallerIdentity names.
- ``calls``: the operations asked for since the last time, such as ``lambda:ListFunctions``.
- ``forget`` {namespace, value}: drop the metric data of a dimension's value.
- ``stack`` {name, status, minutes, reason, failures: [{resource, type, reason}]}: put a stack into a
  status since so many minutes, with the events that tell why.
- ``function`` {name, settings}: overlay what Lambda says of a function.
- ``target`` {group, state, reason, description}: what a balancer finds of a group's members.
- ``certificate`` {arn, status, in_use_by}: what ACM says of a certificate.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import sys
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import botocore
from moto.acm.models import acm_backends
from moto.awslambda.models import LambdaFunction
from moto.cloudformation.models import Event, cloudformation_backends
from moto.cloudwatch.models import cloudwatch_backends
from moto.elbv2.models import FakeTargetGroup
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

from lab.account import ACCOUNT, REGION

_DOOR = "/lab/"
_STACK = "AWS::CloudFormation::Stack"
_MODELS = {"monitoring": "cloudwatch", "elasticloadbalancing": "elbv2"}
"""Names that requests are signed for, where botocore's models go by another one."""

StartResponse = Callable[..., Any]


class Door:
    """The WSGI application: notes every call, refuses some, leaves the others to moto."""

    def __init__(self) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._refusals: list[dict[str, Any]] = []
        self._calls: list[str] = []
        self._functions: dict[str, dict[str, Any]] = {}
        self._targets: dict[str, dict[str, str]] = {}
        self._number = ACCOUNT
        self._overlay()

    def __call__(self, environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        if path.startswith(_DOOR):
            order = json.loads(body or b"{}")
            answer = getattr(self, path.removeprefix(_DOOR))(**order)
            start("200 OK", [("Content-Type", "application/json")])
            return [json.dumps(answer).encode()]
        service = _service(environ)
        if service:
            operation = _operation(service, environ, body)
            if operation == "GetCallerIdentity" and self._number != ACCOUNT:
                # moto takes the account from this header, if there is one.
                environ["HTTP_X_MOTO_ACCOUNT_ID"] = self._number
            self._calls.append(f"{service}:{operation}")
            for refusal in self._refusals:
                if refusal["service"] in {"", service} and refusal["operation"] in {"", operation}:
                    return _refused(service, refusal, environ, start)
        answered: Iterable[bytes] = self._moto(environ, start)
        return answered

    # --- what stands behind the door ---

    def refuse(self, service: str, operation: str, code: str, status: int) -> None:
        self._refusals.append(
            {"service": service, "operation": operation, "code": code, "status": status}
        )

    def allow(self) -> None:
        self._refusals.clear()

    def identity(self, number: str) -> None:
        self._number = number

    def calls(self) -> list[str]:
        seen, self._calls = self._calls, []
        return seen

    def forget(self, namespace: str, value: str) -> None:
        backend = cloudwatch_backends[ACCOUNT][REGION]
        backend.metric_data = [
            datum
            for datum in backend.metric_data
            if datum.namespace != namespace or all(d.value != value for d in datum.dimensions)
        ]

    def stack(
        self, name: str, status: str, minutes: float, reason: str, failures: list[dict[str, str]]
    ) -> None:
        stack = cloudformation_backends[ACCOUNT][REGION].get_stack(name)
        stack.status, stack.status_reason = status, reason
        stack.events = [event for event in stack.events if not hasattr(event, "ours")]
        told = [(f["resource"], f["type"], "CREATE_FAILED", f["reason"]) for f in failures]
        since = datetime.now(UTC).replace(tzinfo=None) - timedelta(minutes=minutes)
        for resource, kind, state, why in [*told, (name, _STACK, status, reason)]:
            event = Event(stack.stack_id, name, resource, resource, kind, state, why, None)
            event.timestamp, event.ours = since, True
            stack.events.append(event)

    def function(self, name: str, settings: dict[str, Any]) -> None:
        self._functions[name] = settings

    def target(self, group: str, state: str, reason: str, description: str) -> None:
        self._targets[group] = {"status": state, "reason": reason, "description": description}

    def certificate(self, arn: str, status: str, in_use_by: list[str]) -> None:
        bundle = acm_backends[ACCOUNT][REGION].get_certificate(arn)
        bundle.status, bundle.in_use_by = status, in_use_by

    def _overlay(self) -> None:
        """Let moto's answers say what was set through the door."""
        configuration, health = LambdaFunction.get_configuration, FakeTargetGroup.health_for

        def with_settings(function: Any, on_create: bool = False) -> dict[str, Any]:
            told: dict[str, Any] = configuration(function, on_create)
            return told | self._functions.get(function.function_name, {})

        def with_health(group: Any, target: Any, ec2: Any) -> Any:
            found = health(group, target, ec2)
            vars(found).update(self._targets.get(group.name, {}))
            return found

        LambdaFunction.get_configuration = with_settings
        FakeTargetGroup.health_for = with_health


def _service(environ: dict[str, Any]) -> str:
    """The service that a request is signed for."""
    signed = re.search(
        r"Credential=[^/]+/\d+/[^/]+/([^/]+)/", environ.get("HTTP_AUTHORIZATION", "")
    )
    return signed[1] if signed else ""


def _operation(service: str, environ: dict[str, Any], body: bytes) -> str:
    """The name of the operation that a request asks for, in any of AWS's protocols."""
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return str(target).rpartition(".")[2]
    path = environ["PATH_INFO"]
    if spelled := re.search(r"/operation/(\w+)\Z", path):
        return spelled[1]
    if action := parse_qs(body.decode(errors="replace")).get("Action"):
        return action[0]
    for method, form, name in _routes(service):
        if method == environ["REQUEST_METHOD"] and form.fullmatch(path.rstrip("/")):
            return name
    return f"{environ['REQUEST_METHOD']} {path}"


@cache
def _routes(service: str) -> tuple[tuple[str, re.Pattern[str], str], ...]:
    """Method, path and name of the operations of a service that speaks REST, from botocore's models."""
    data = Path(botocore.__file__).parent / "data"
    names = [_MODELS.get(service, service)]
    names += ["apigatewayv2"] if service == "apigateway" else []
    routes = []
    for name in names:
        for file in (data / name).glob("*/service-2.json.gz"):
            for operation in json.loads(gzip.decompress(file.read_bytes()))["operations"].values():
                uri = operation["http"]["requestUri"].partition("?")[0].rstrip("/")
                form = re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(uri))
                routes.append((operation["http"]["method"], re.compile(form), operation["name"]))
    # A path without placeholders is meant before one that has them.
    return tuple(sorted(routes, key=lambda route: route[1].pattern.count("[^/]+")))


def _refused(
    service: str, refusal: dict[str, Any], environ: dict[str, Any], start: StartResponse
) -> Iterable[bytes]:
    """An AWS error in the protocol that the request came in."""
    code, message = refusal["code"], "refused by the lab"
    headers = [("x-amzn-ErrorType", code), ("x-amzn-RequestId", "lab")]
    if "/operation/" in environ["PATH_INFO"]:
        headers += [("smithy-protocol", "rpc-v2-cbor"), ("Content-Type", "application/cbor")]
        body = b"\xa2" + b"".join(map(_cbor, ("__type", code, "message", message)))
    elif service in {"sts", "cloudformation", "elasticloadbalancing", "iam"}:
        headers.append(("Content-Type", "text/xml"))
        body = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>"
            f"<Message>{message}</Message></Error><RequestId>lab</RequestId></ErrorResponse>"
        ).encode()
    else:
        headers.append(("Content-Type", "application/json"))
        body = json.dumps({"__type": code, "message": message, "Message": message}).encode()
    start(f"{refusal['status']} Refused", headers)
    return [body]


def _cbor(text: str) -> bytes:
    """A short text as CBOR writes it (RFC 8949, major type 3)."""
    return b"\x78" + bytes([len(text)]) + text.encode()


class _Quiet(MotoRequestHandler):  # type: ignore[misc]
    def log(self, *_: object) -> None:
        """Say nothing of each request."""


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def main() -> None:
    server = make_server("127.0.0.1", 0, Door(), threaded=True, request_handler=_Quiet)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    print(f"http://127.0.0.1:{server.port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
