"""Traffic finds its way: services have endpoints, ingresses lead somewhere, addresses are given."""

from __future__ import annotations

from datetime import datetime

from sickbay.facts import Record
from sickbay.inventory.kubernetes import KubernetesLimits
from sickbay.judge import offenders
from sickbay.symptoms import symptom
from sickbay.targets.kubernetes.facts.services import (
    EndpointSlice,
    Ingress,
    IngressBackend,
    Service,
)


class Endpoints(Record):
    """All endpoints of a service."""

    name: str
    ready: int = 0
    unready: int = 0


def endpoints_of(
    services: tuple[Service, ...], slices: tuple[EndpointSlice, ...]
) -> tuple[Endpoints, ...]:
    """The endpoints of every service that finds them by a selector."""
    return tuple(
        Endpoints(
            name=service.name,
            ready=sum(each.ready for each in slices if each.service == service.name),
            unready=sum(each.unready for each in slices if each.service == service.name),
        )
        for service in services
        if service.selects
    )


@symptom(
    "kubernetes.service-without-endpoints",
    severity="critical",
    signals=["neurallog:core-services-down/services-have-endpoints"],
    explained_by=[
        "kubernetes.deployment-short",
        "kubernetes.stateful-set-short",
        "kubernetes.daemon-set-short",
        "kubernetes.pod-not-ready",
        "kubernetes.pod-crash-looping",
        "kubernetes.workload-missing",
        "kubernetes.controller-silent",
    ],
)
def test_services_have_endpoints(
    cluster_services: tuple[Service, ...], endpoint_slices: tuple[EndpointSlice, ...]
) -> None:
    """A service without a ready endpoint refuses everyone."""
    found = endpoints_of(cluster_services, endpoint_slices)
    assert offenders(found, lambda endpoints: endpoints.ready == 0) == ()


@test_services_have_endpoints.cause(
    "its selector fits no pod",
    remedy="Compare the service's selector with the labels of the pods; see whether they were "
    "scaled to nothing.",
)
def selects_nothing(
    cluster_services: tuple[Service, ...], endpoint_slices: tuple[EndpointSlice, ...]
) -> object:
    found = endpoints_of(cluster_services, endpoint_slices)
    return [endpoints for endpoints in found if endpoints.ready + endpoints.unready == 0]


@test_services_have_endpoints.cause(
    "none of the pods behind it is ready",
    remedy="See why: kubectl describe pod; the readiness probe decides.",
)
def none_ready(
    cluster_services: tuple[Service, ...], endpoint_slices: tuple[EndpointSlice, ...]
) -> object:
    found = endpoints_of(cluster_services, endpoint_slices)
    return [endpoints for endpoints in found if endpoints.ready == 0 and endpoints.unready > 0]


@symptom(
    "kubernetes.ingress-backend-dead",
    severity="critical",
    signals=["neurallog:external-access-failures/ingress-backends-live"],
)
def test_ingresses_lead_somewhere(
    ingress_backends: tuple[IngressBackend, ...],
    cluster_services: tuple[Service, ...],
    endpoint_slices: tuple[EndpointSlice, ...],
) -> None:
    """A route whose service does not answer gives its visitors 503."""
    ready = {each.name for each in endpoints_of(cluster_services, endpoint_slices) if each.ready}
    services = {service.name: service for service in cluster_services}

    def dead(backend: IngressBackend) -> bool:
        service = services.get(backend.service)
        return (
            service is None
            or _port_unknown(backend, service)
            or (service.selects and service.name not in ready)
        )

    assert offenders(ingress_backends, dead) == ()


def _port_unknown(backend: IngressBackend, service: Service) -> bool:
    return bool(backend.port) and backend.port not in service.ports


@test_ingresses_lead_somewhere.cause(
    "its service does not exist",
    remedy="Correct the service's name in the rule, or create the service.",
)
def no_such_service(
    ingress_backends: tuple[IngressBackend, ...], cluster_services: tuple[Service, ...]
) -> object:
    names = {service.name for service in cluster_services}
    return [backend for backend in ingress_backends if backend.service not in names]


@test_ingresses_lead_somewhere.cause(
    "its service has no such port",
    remedy="Correct the port in the rule: the service's own port, not that of its pods.",
)
def no_such_port(
    ingress_backends: tuple[IngressBackend, ...], cluster_services: tuple[Service, ...]
) -> object:
    services = {service.name: service for service in cluster_services}
    return [
        backend
        for backend in ingress_backends
        if backend.service in services and _port_unknown(backend, services[backend.service])
    ]


@test_ingresses_lead_somewhere.cause(
    "its service has no ready endpoint",
    remedy="Restore the pods behind the service.",
    because="kubernetes.service-without-endpoints",
)
def no_endpoint(
    ingress_backends: tuple[IngressBackend, ...],
    cluster_services: tuple[Service, ...],
    endpoint_slices: tuple[EndpointSlice, ...],
) -> object:
    found = endpoints_of(cluster_services, endpoint_slices)
    idle = {endpoints.name for endpoints in found if endpoints.ready == 0}
    return [backend for backend in ingress_backends if backend.service in idle]


@symptom(
    "kubernetes.address-pending",
    severity="critical",
    signals=[
        "neurallog:external-access-failures/load-balancer-address-assigned",
        "neurallog:external-access-failures/ingress-has-address",
    ],
)
def test_load_balancers_give_addresses(
    cluster_services: tuple[Service, ...],
    ingresses: tuple[Ingress, ...],
    limits: KubernetesLimits,
    now: datetime,
) -> None:
    """Nobody outside reaches a service or an ingress that has no address."""
    public: list[Service | Ingress] = [s for s in cluster_services if s.type == "LoadBalancer"]
    public += ingresses

    def pending(thing: Service | Ingress) -> bool:
        age = (now - thing.created).total_seconds() if thing.created else 0.0
        return not thing.address and age > limits.address_wait

    assert offenders(public, pending) == ()


@test_load_balancers_give_addresses.cause(
    "the load balancer gives no address",
    remedy="See what the cloud's controller says: kubectl describe service; quotas, subnets, rights.",
)
def balancer_pending(cluster_services: tuple[Service, ...]) -> object:
    return [s for s in cluster_services if s.type == "LoadBalancer" and not s.address]


@test_load_balancers_give_addresses.cause(
    "no controller takes care of the ingress",
    remedy="See that its ingressClassName names a class whose controller runs.",
)
def ingress_pending(ingresses: tuple[Ingress, ...]) -> object:
    return [ingress for ingress in ingresses if not ingress.address]
