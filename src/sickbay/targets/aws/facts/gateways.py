"""API Gateway: REST and HTTP APIs, their stages, and how they answered."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sickbay.facts import Record, fact
from sickbay.targets.aws.calls import Asked, Calls, chosen
from sickbay.targets.aws.metrics import ACTION, Metric, data_points, mean, total
from sickbay.targets.aws.wire import CamelWire, Wire, read

_REST, _HTTP = "REST", "HTTP"
# A REST API's metrics go by its name, an HTTP API's by its id, and they are spelled differently.
_NAMES = {
    _REST: ("ApiName", "5XXError", "4XXError"),
    _HTTP: ("ApiId", "5xx", "4xx"),
}


class _Method(CamelWire):
    throttling_rate_limit: float | None = None
    throttling_burst_limit: int | None = None
    caching_enabled: bool = False
    cache_ttl_in_seconds: int = 0


class _StageWire(CamelWire):
    stage_name: str
    deployment_id: str = ""
    cache_cluster_enabled: bool = False
    method_settings: dict[str, _Method] = {}


class _Api(CamelWire):
    id: str
    name: str
    form: str
    created: datetime | None = None
    stages: list[_StageWire] = []


class _Points(Wire):
    name: str
    points: list[list[float]]


def _fetch_apis(asked: Asked) -> Any:
    entry = asked.entry

    def stages(api: dict[str, Any]) -> dict[str, Any]:
        found = asked.client("apigateway").get_stages(restApiId=api["id"])
        return {**api, "stages": found.get("item") or []}

    def stages_of_http(api: dict[str, Any]) -> dict[str, Any]:
        found = asked.all("apigatewayv2", "get_stages", "Items", ApiId=api["id"])
        named = [
            {"stageName": one["StageName"], "deploymentId": one.get("DeploymentId") or ""}
            for one in found
        ]
        return {**api, "stages": named}

    rest = [
        {"id": one["id"], "name": one["name"], "form": _REST, "created": one.get("createdDate")}
        for one in asked.all("apigateway", "get_rest_apis", "items")
        if chosen(one["name"], entry.gateways)
    ]
    http = [
        {"id": one["ApiId"], "name": one["Name"], "form": _HTTP, "created": one.get("CreatedDate")}
        for one in asked.all("apigatewayv2", "get_apis", "Items")
        if chosen(one["Name"], entry.gateways)
    ]
    return asked.each(rest, stages) + asked.each(http, stages_of_http)


APIS = Calls("apigateway", _fetch_apis, ("apigateway:GET",))


@fact("gateways", APIS)
class Gateway(Record):
    """An API (API Gateway: GetRestApis, GetStages; version 2: GetApis, GetStages).

    ``form`` is REST or HTTP (WebSocket APIs count there as well).
    """

    name: str
    id: str
    form: str
    stages: tuple[str, ...]
    """Its stages that have a deployment, and so answer."""

    @classmethod
    def parse(cls, raw: Any) -> tuple[Gateway, ...]:
        return tuple(
            cls(
                name=one.name,
                id=one.id,
                form=one.form,
                # A stage of an HTTP API that deploys by itself names no deployment.
                stages=tuple(
                    stage.stage_name
                    for stage in one.stages
                    if stage.deployment_id or one.form == _HTTP
                ),
            )
            for one in read(raw, list[_Api])
        )


@fact("gateway_stages", APIS)
class GatewayStage(Record):
    """A stage of a REST API (API Gateway: GetStages). ``cache`` is the longest time in seconds that
    an answer may be kept, 0 where the cache is off.
    """

    stage: str
    """``api/stage``."""
    cache: int

    @classmethod
    def parse(cls, raw: Any) -> tuple[GatewayStage, ...]:
        return tuple(
            cls(
                stage=f"{api.name}/{stage.stage_name}",
                cache=max(
                    (m.cache_ttl_in_seconds for m in stage.method_settings.values()
                     if m.caching_enabled),
                    default=0,
                )
                if stage.cache_cluster_enabled
                else 0,
            )
            for api in read(raw, list[_Api])
            if api.form == _REST
            for stage in api.stages
        )  # fmt: skip


def _fetch_metrics(asked: Asked) -> Any:
    gateways = asked.known["gateways"]
    metrics = []
    for gateway in gateways:
        dimension, server_errors, client_errors = _NAMES[gateway.form]
        value = gateway.name if gateway.form == _REST else gateway.id
        metrics += [
            Metric("AWS/ApiGateway", name, dimension, value, stat)
            for name, stat in (
                ("Count", "Sum"),
                (server_errors, "Sum"),
                (client_errors, "Sum"),
                ("Latency", "Sum"),
                ("Latency", "SampleCount"),
                ("IntegrationLatency", "Sum"),
                ("IntegrationLatency", "SampleCount"),
            )
        ]
    points = data_points(asked, metrics)
    width = len(metrics) // len(gateways) if gateways else 0
    return [
        {"Name": gateway.name, "Points": points[index * width : (index + 1) * width]}
        for index, gateway in enumerate(gateways)
    ]


@fact("gateway_metrics", Calls("cloudwatch", _fetch_metrics, (ACTION,), after=("gateways",)))
class GatewayMetrics(Record):
    """How an API answered within the window (CloudWatch, namespace AWS/ApiGateway).

    Times in seconds, averages over all requests; None where nothing was measured.
    """

    gateway: str
    requests: int
    server_errors: int | None
    client_errors: int | None
    latency: float | None
    integration_latency: float | None
    """The part of it that what stands behind the gateway took."""

    @property
    def error_share(self) -> float | None:
        """Answers 5xx against all; None without requests."""
        if not self.requests or self.server_errors is None:
            return None
        return self.server_errors / self.requests

    @property
    def overhead(self) -> float | None:
        """What the gateway itself takes."""
        if self.latency is None or self.integration_latency is None:
            return None
        return self.latency - self.integration_latency

    @classmethod
    def parse(cls, raw: Any) -> tuple[GatewayMetrics, ...]:
        rows = []
        for one in read(raw, list[_Points]):
            count, server, client, sums, samples, behind_sums, behind_samples = one.points
            failed, refused = total(server), total(client)
            latency, behind = mean(sums, samples), mean(behind_sums, behind_samples)
            rows.append(
                cls(
                    gateway=one.name,
                    requests=int(total(count) or 0),
                    server_errors=None if failed is None else int(failed),
                    client_errors=None if refused is None else int(refused),
                    latency=None if latency is None else latency / 1000,
                    integration_latency=None if behind is None else behind / 1000,
                )
            )
        return tuple(rows)
