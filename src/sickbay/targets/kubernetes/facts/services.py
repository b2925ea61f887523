"""How traffic gets to pods: services, their endpoints, ingresses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec

from sickbay.facts import Record, fact
from sickbay.targets.kubernetes.listing import Listing, Meta, Page, Wire, items


class _Address(Wire):
    ip: str | None = ""
    hostname: str | None = ""


class _Balancer(Wire):
    ingress: list[_Address] | None = None

    @property
    def address(self) -> str:
        first = self.ingress[0] if self.ingress else None
        return (first.ip or first.hostname or "") if first else ""


class _Status(Wire):
    load_balancer: _Balancer | None = None

    @property
    def address(self) -> str:
        return self.load_balancer.address if self.load_balancer else ""


class _Port(Wire):
    port: int
    name: str | None = ""


class _ServiceSpec(Wire):
    type: str | None = "ClusterIP"
    selector: dict[str, str] | None = None
    ports: list[_Port] | None = None


class _Service(Wire):
    metadata: Meta
    spec: _ServiceSpec = msgspec.field(default_factory=_ServiceSpec)
    status: _Status = msgspec.field(default_factory=_Status)


_services = msgspec.json.Decoder(Page[_Service])


@fact("cluster_services", Listing("v1", "services"))
class Service(Record):
    """A service (core/v1). ``ports`` holds its port numbers and their names.

    ``selects``: it finds its pods by a selector; without one somebody else writes its endpoints.
    ``address`` is what a load balancer gave it.
    """

    name: str
    type: str
    selects: bool = False
    ports: tuple[str, ...] = ()
    address: str = ""
    created: datetime | None = None

    @classmethod
    def parse(cls, pages: list[bytes]) -> tuple[Service, ...]:
        """Services from the pages of a ServiceList."""
        return tuple(
            cls(
                name=item.metadata.full_name,
                type=item.spec.type or "ClusterIP",
                selects=bool(item.spec.selector) and item.spec.type != "ExternalName",
                ports=tuple(
                    word
                    for port in item.spec.ports or ()
                    for word in (str(port.port), port.name or "")
                    if word
                ),
                address=item.status.address,
                created=item.metadata.creation_timestamp,
            )
            for item in items(pages, _services)
        )


class _EndpointConditions(Wire):
    ready: bool | None = None
    """Absent is to be read as true (API reference, EndpointConditions)."""


class _Endpoint(Wire):
    conditions: _EndpointConditions | None = None

    @property
    def ready(self) -> bool:
        return self.conditions is None or self.conditions.ready is not False


class _Slice(Wire):
    metadata: Meta
    endpoints: list[_Endpoint] | None = None


_slices = msgspec.json.Decoder(Page[_Slice])


@fact("endpoint_slices", Listing("discovery.k8s.io/v1", "endpointslices"))
class EndpointSlice(Record):
    """A part of a service's endpoints (discovery.k8s.io/v1): how many there are, how many ready."""

    name: str
    service: str
    ready: int = 0
    unready: int = 0

    @classmethod
    def parse(cls, pages: list[bytes]) -> tuple[EndpointSlice, ...]:
        """Slices from the pages of an EndpointSliceList."""
        return tuple(cls._from(item) for item in items(pages, _slices))

    @classmethod
    def _from(cls, item: _Slice) -> EndpointSlice:
        ready = sum(endpoint.ready for endpoint in item.endpoints or ())
        service = (item.metadata.labels or {}).get("kubernetes.io/service-name", "")
        return cls(
            name=item.metadata.full_name,
            service=f"{item.metadata.namespace}/{service}",
            ready=ready,
            unready=len(item.endpoints or ()) - ready,
        )


class _BackendPort(Wire):
    number: int | None = None
    name: str | None = None


class _BackendService(Wire):
    name: str
    port: _BackendPort | None = None


class _Backend(Wire):
    service: _BackendService | None = None


class _Path(Wire):
    backend: _Backend
    path: str | None = "/"


class _Http(Wire):
    paths: list[_Path] | None = None


class _Rule(Wire):
    host: str | None = ""
    http: _Http | None = None


class _IngressSpec(Wire):
    default_backend: _Backend | None = None
    rules: list[_Rule] | None = None


class _Ingress(Wire):
    metadata: Meta
    spec: _IngressSpec = msgspec.field(default_factory=_IngressSpec)
    status: _Status = msgspec.field(default_factory=_Status)

    def routes(self) -> Iterator[tuple[str, _Backend]]:
        """Host and path, and where they lead."""
        if self.spec.default_backend:
            yield "*", self.spec.default_backend
        for rule in self.spec.rules or ():
            for path in (rule.http.paths if rule.http else None) or ():
                yield f"{rule.host or '*'}{path.path or '/'}", path.backend


_ingresses = msgspec.json.Decoder(Page[_Ingress])


@fact("ingresses", Listing("networking.k8s.io/v1", "ingresses"))
class Ingress(Record):
    """An ingress (networking.k8s.io/v1) and the address that its load balancer gave it."""

    name: str
    address: str = ""
    created: datetime | None = None

    @classmethod
    def parse(cls, pages: list[bytes]) -> tuple[Ingress, ...]:
        """Ingresses from the pages of an IngressList."""
        return tuple(
            cls(
                name=item.metadata.full_name,
                address=item.status.address,
                created=item.metadata.creation_timestamp,
            )
            for item in items(pages, _ingresses)
        )


@fact("ingress_backends", Listing("networking.k8s.io/v1", "ingresses"))
class IngressBackend(Record):
    """A route of an ingress to a service; ``port`` is a number or a name, empty when none is told.

    Routes to other resources than services (``resource:``) are left to their own controllers.
    """

    name: str
    service: str
    port: str = ""

    @classmethod
    def parse(cls, pages: list[bytes]) -> tuple[IngressBackend, ...]:
        """Routes from the pages of an IngressList."""
        return tuple(
            cls(
                name=f"{item.metadata.full_name} {route}",
                service=f"{item.metadata.namespace}/{backend.service.name}",
                port=_port(backend.service.port),
            )
            for item in items(pages, _ingresses)
            for route, backend in item.routes()
            if backend.service is not None
        )


def _port(port: _BackendPort | None) -> str:
    if port is None:
        return ""
    return port.name or ("" if port.number is None else str(port.number))
