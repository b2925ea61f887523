"""What a real API server's pages are read as, and what spoiled ones are not read as."""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from lab.certificates import Authority
from selftest.unit.kubernetes.record import stem
from sickbay.errors import NotApplicable, Unsupported
from sickbay.facts import FactSpec
from sickbay.targets import x509
from sickbay.targets.endpoint.facts.tls import Certificate
from sickbay.targets.kinds import known_facts
from sickbay.targets.kubernetes.facts.issued import IssuedCertificate, served_certificates
from sickbay.targets.kubernetes.facts.node_use import node_shares
from sickbay.targets.kubernetes.listing import Document, Held, Listing, Secrets

DATA = Path(__file__).with_name("data")
FACTS = {name: spec for name, spec in known_facts().items() if spec.kind == "kubernetes"}
ELSEWHERE = ("containers", "api_server", "readiness_checks", "issued_certificates")
"""Facts that are made of no list of their own."""
LISTED = {name: spec for name, spec in FACTS.items() if isinstance(spec.request, Listing)}


AUTHORITY = Authority("issuer")


def _base64(pem: bytes) -> str:
    return base64.b64encode(pem).decode()


def pages(request: Listing) -> list[bytes]:
    """The recorded pages of a list, in their order."""
    return [path.read_bytes() for path in sorted(DATA.glob(f"{stem(request)}-*.json"))]


def _raw(spec: FactSpec) -> Any:
    if isinstance(spec.request, Document):
        name = spec.request.path.strip("/").partition("?")[0]
        return (DATA / f"{name}.txt").read_bytes()
    if isinstance(spec.request, Secrets):
        return [Held("shop/tls", there=True, certificate=_base64(AUTHORITY.certificate))]
    assert isinstance(spec.request, Listing)
    return pages(spec.request)


def _parsed(name: str) -> dict[str, Any]:
    return {one.label: one for one in FACTS[name].parse(_raw(FACTS[name]))}


@pytest.mark.parametrize("spec", FACTS.values(), ids=FACTS)
def test_recorded_answer_is_read(spec: FactSpec) -> None:
    """Every fact reads what a real server says, page by page."""
    raw = _raw(spec)
    value = spec.parse(raw)
    listed = isinstance(spec.request, Listing)
    objects = sum(len(json.loads(page)["items"]) for page in raw) if listed else 1
    assert objects > 0
    assert value is not None


def test_pods_tell_why_they_do_not_run() -> None:
    """One is killed for memory again and again, one finds no node."""
    containers = FACTS["containers"].parse(_raw(FACTS["containers"]))
    assert [one.restarts for one in containers if one.restarts] == [7]
    waiting = [pod for pod in _parsed("pods").values() if pod.unscheduled]
    assert len(waiting) == 1
    assert "Insufficient cpu" in waiting[0].unscheduled


def test_node_use_is_told_of_every_node() -> None:
    """In cores and bytes, to be held against what pods may have."""
    use = tuple(_parsed("node_use").values())
    nodes = tuple(structs.replace(one, ready="True") for one in _parsed("nodes").values())
    assert [(one.cpu, one.memory) for one in use] == [(0.4, 4 * 2**30)] * 3
    shares = node_shares(nodes, use)
    assert {(one.resource, one.used_fraction) for one in shares} == {("cpu", 0.1), ("memory", 0.25)}
    with pytest.raises(Unsupported, match="node2"):
        node_shares(nodes, (use[0],))
    with pytest.raises(NotApplicable):
        node_shares([structs.replace(one, ready="Unknown") for one in nodes], ())


# ---------------------------------------------------------------------- issued certificates

DAY = dt.timedelta(days=1)


def _issued(*held: Held) -> tuple[IssuedCertificate, ...]:
    found: tuple[IssuedCertificate, ...] = FACTS["issued_certificates"].parse(list(held))
    return found


def _shown(host: str, pem: bytes) -> Certificate:
    said = x509.read(pem)
    return Certificate(
        address="192.0.2.1", host=host, not_before=said.not_before, fingerprint=said.fingerprint
    )


def test_issued_certificates_tell_what_each_secret_holds() -> None:
    """One may be missing, or hold something else than a certificate."""
    held = _base64(AUTHORITY.server("a.example.com").certificate)
    one, empty, missing = _issued(
        Held("shop/a", True, held), Held("shop/b", True), Held("shop/c", False)
    )
    assert (one.state, one.names) == ("held", ("a.example.com",))
    assert (empty.state, missing.state) == ("empty", "missing")
    with pytest.raises(NotApplicable):
        _issued()
    for garbage in ("!", _base64(b"garbage")):
        with pytest.raises(ValueError, match=r"."):
            _issued(Held("shop/a", True, garbage))


def test_served_certificate_is_compared_with_the_newest_for_its_host() -> None:
    """By name, wildcards included; what was issued for others says nothing."""
    old = AUTHORITY.server("*.example.com", starts_in=-9 * DAY).certificate
    new = AUTHORITY.server("*.example.com", starts_in=-1 * DAY).certificate
    other = AUTHORITY.server("b.example.org", starts_in=0 * DAY).certificate
    held = [Held(f"shop/{n}", True, _base64(pem)) for n, pem in enumerate((old, new, other))]
    issued = _issued(*held)
    shown = [_shown("a.example.com", pem) for pem in (old, new, other)]
    served = served_certificates(shown, issued)
    assert [(one.secret, one.same, one.is_older) for one in served] == [
        ("shop/1", False, True), ("shop/1", True, False), ("shop/1", False, False),
    ]  # fmt: skip
    with pytest.raises(NotApplicable):
        served_certificates([_shown("x.example.net", old)], issued)
    with pytest.raises(Unsupported, match="shop/gone"):
        served_certificates(
            [_shown("x.example.net", old)], _issued(*held, Held("shop/gone", False))
        )


def test_nodes_tell_their_conditions() -> None:
    """One is short of memory, one has fallen silent."""
    nodes = _parsed("nodes")
    assert {name: node.ready for name, node in nodes.items()} == {
        "node1": "True",
        "node2": "True",
        "node3": "Unknown",
    }
    assert {name: node.pressures for name, node in nodes.items() if node.pressures} == {
        "node2": ("MemoryPressure",)
    }


def test_jobs_and_their_pods_tell_that_they_are_done() -> None:
    """A pod that came to its end well is finished, and its containers are not looked at."""
    assert not _parsed("jobs")["shop/migrate"].failed_because
    done = [pod for pod in _parsed("pods").values() if pod.owner == "Job/migrate"]
    assert [(pod.phase, pod.finished, pod.ready) for pod in done] == [("Succeeded", True, False)]
    assert not [name for name in _parsed("containers") if name.startswith("shop/migrate-")]


def test_containers_tell_how_they_ended() -> None:
    """The one in a loop says why it waits, and how its last run ended."""
    ill = [c for c in _parsed("containers").values() if c.waiting]
    assert [(c.waiting, c.restarts, c.last_reason, c.last_exit) for c in ill] == [
        ("CrashLoopBackOff", 7, "OOMKilled", 137)
    ]
    assert ill[0].pod.startswith("shop/api-")
    assert ill[0].undeclared == ()


def test_workloads_tell_what_they_lack() -> None:
    """Of api one pod crashes; that of worker finds no node, and that of db has not started.

    The daemon set wants none on the node that is silent.
    """
    deployments = _parsed("deployments").values()
    assert {d.name: (d.wanted, d.available, d.updated, d.seen) for d in deployments} == {
        "shop/api": (2, 1, 2, True),
        "shop/worker": (1, 0, 1, True),
    }
    agent = _parsed("daemon_sets")["shop/agent"]
    assert (agent.wanted, agent.ready, agent.short) == (2, 2, 0)
    database = _parsed("stateful_sets")["shop/db"]
    assert (database.wanted, database.ready, database.short) == (1, 0, 1)


def test_services_lead_to_their_pods() -> None:
    """By selector, port, slices and ingress."""
    api = _parsed("cluster_services")["shop/api"]
    assert (api.type, api.selects, api.ports) == ("ClusterIP", True, ("80",))
    assert not _parsed("cluster_services")["default/kubernetes"].selects
    slices = [one for one in _parsed("endpoint_slices").values() if one.service == "shop/api"]
    assert sum(one.ready + one.unready for one in slices) == 2
    assert _parsed("ingresses")["shop/public"].address == "192.0.2.80"
    (route,) = _parsed("ingress_backends").values()
    assert (route.name, route.service, route.port) == (
        "shop/public shop.example.com/", "shop/api", "80"
    )  # fmt: skip


def test_storage_and_quota_tell_their_state() -> None:
    """A claim is bound to its volume, and the quota counts cores."""
    assert _parsed("volume_claims")["shop/data"].phase == "Bound"
    assert _parsed("volumes")["shop-data"].claim == "shop/data"
    quota = _parsed("quotas")["shop/team requests.cpu"]
    assert quota.hard == 200
    assert 0 < quota.used < 200


def test_warnings_tell_object_reason_and_count() -> None:
    """As a kubelet writes them, and as the newer API of the scheduler does."""
    events = _parsed("warning_events")
    assert events["shop/Pod/api-1 FailedMount"].count == 12
    scheduling = [one for one in events.values() if one.reason == "FailedScheduling"]
    assert scheduling
    assert all(one.last is not None and one.count >= 1 for one in scheduling)


def test_control_plane_tells_of_itself() -> None:
    """Its version, its checks, and the leases of its controllers, not those of its servers."""
    assert FACTS["api_server"].parse(_raw(FACTS["api_server"])).version == "v1.35.3"
    checks = _parsed("readiness_checks")
    assert checks["etcd"].passes
    assert all(check.passes for check in checks.values())
    leases = _parsed("controller_leases")
    assert set(leases) == {"kube-controller-manager", "kube-scheduler"}
    assert all(lease.holder and lease.renewed for lease in leases.values())
    names = {name: one.phase for name, one in _parsed("cluster_namespaces").items()}
    assert names["shop"] == names["kube-system"] == "Active"
    assert len(names) == 5


def _without(key: str) -> Callable[[Any], Any]:
    def spoil(page: Any) -> Any:
        return {name: value for name, value in page.items() if name != key}

    return spoil


SPOILED: dict[str, Callable[[bytes], bytes]] = {
    "cut off": lambda page: page[: len(page) // 2],
    "empty": lambda _: b"",
    "a web page": lambda _: b"<html><body>login</body></html>",
    "another type": lambda _: b'["items"]',
    "no items": lambda page: json.dumps(_without("items")(json.loads(page))).encode(),
    "items are null": lambda page: json.dumps(json.loads(page) | {"items": None}).encode(),
    "items are text": lambda page: json.dumps(json.loads(page) | {"items": "x"}).encode(),
    "an item is null": lambda page: json.dumps(json.loads(page) | {"items": [None]}).encode(),
    "an item without metadata": lambda page: json.dumps(
        json.loads(page) | {"items": [{}]}
    ).encode(),
    "invalid UTF-8": lambda page: page.replace(b'"name":"', b'"name":"\xff\xfe', 1),
    "deeply nested": lambda _: b'{"items": ' + b"[" * 100_000,
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
@pytest.mark.parametrize("spec", LISTED.values(), ids=LISTED)
def test_spoiled_page_is_unreadable(spec: FactSpec, spoil: Callable[[bytes], bytes]) -> None:
    """One bad page spoils the list: what could not be read must not be missing from it."""
    assert isinstance(spec.request, Listing)
    first, *rest = pages(spec.request)
    with pytest.raises((ValueError, RecursionError)):
        spec.parse([spoil(first), *rest])


REQUIRED = {
    "pods": ["metadata.creationTimestamp", "status.containerStatuses.0.restartCount"],
    "daemon_sets": ["status.desiredNumberScheduled", "status.numberReady"],
    "nodes": ["metadata.name", "status.conditions.0.status"],
    "deployments": ["metadata.name", "status.conditions.0.type"],
}
WRONG: dict[str, dict[str, Any]] = {
    "pods": {
        "status.phase": "Fine",
        "status.conditions": {"Ready": "True"},
        "status.containerStatuses.0.restartCount": "7",
        "metadata.creationTimestamp": "2026-01-01T00:00:00",
        "metadata.deletionTimestamp": "soon",
        "spec.containers.0.resources.requests.cpu": "1e999",
    },
    "node_use": {"usage.cpu": "much", "usage": None},
    "nodes": {"status.allocatable.cpu": "many", "spec.unschedulable": "yes", "status": []},
    "deployments": {"status.availableReplicas": "2", "spec.replicas": 2.5, "spec": 1},
    "stateful_sets": {"status.readyReplicas": True},
    "daemon_sets": {"status.numberReady": None},
    "jobs": {"status.conditions": "Complete"},
    "quotas": {"status.hard": {"pods": "-"}, "status.used": {"requests.cpu": "1" * 20_000 + "x"}},
    "controller_leases": {"spec.renewTime": "2999-01-01T00:00:00", "spec": None},
    "cluster_namespaces": {"metadata.deletionTimestamp": 0},
    "volume_claims": {"status.phase": ["Bound"]},
    "volumes": {"status": "Bound"},
    "cluster_services": {"spec.ports": [{"name": "http"}]},
    "endpoint_slices": {"endpoints": [{"conditions": {"ready": "true"}}]},
    "ingress_backends": {"spec.rules": [{"http": {"paths": [{}]}}]},
    "ingresses": {"status.loadBalancer.ingress": ["192.0.2.80"]},
    "warning_events": {"count": "12", "series": 3},
}


def _changed(spec: FactSpec, where: str, value: Any) -> list[bytes]:
    """The recorded pages with one value of the last object replaced, or (``...``) removed."""
    *rest, page = pages(spec.request)  # type: ignore[arg-type]
    document = json.loads(page)
    *way, last = where.split(".")
    at: Any = document["items"][-1]
    for step in way:
        at = at[int(step)] if isinstance(at, list) else at.setdefault(step, {})
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return [*rest, json.dumps(document).encode()]


@pytest.mark.parametrize(
    ("name", "where"), [(name, where) for name, all_of in REQUIRED.items() for where in all_of]
)
def test_object_without_what_every_object_has_is_unreadable(name: str, where: str) -> None:
    """A missing count is not a count of 0."""
    spec = FACTS["containers" if name == "pods" else name]
    with pytest.raises(ValueError, match="missing required field"):
        spec.parse(_changed(spec, where, ...))


@pytest.mark.parametrize(
    ("name", "where", "value"),
    [(name, where, value) for name, all_of in WRONG.items() for where, value in all_of.items()],
    ids=[f"{name}-{where}" for name, all_of in WRONG.items() for where in all_of],
)
def test_wrong_value_is_unreadable(name: str, where: str, value: Any) -> None:
    """Wherever a value is of another type or form than the API says."""
    assert set(WRONG) | set(ELSEWHERE) == set(FACTS)
    with pytest.raises(ValueError, match=r"."):
        FACTS[name].parse(_changed(FACTS[name], where, value))


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("pods", "status"),
        ("nodes", "status"),
        ("deployments", "status"),
        ("stateful_sets", "status"),
        ("volume_claims", "status"),
        ("volumes", "status"),
        ("ingresses", "status"),
        ("controller_leases", "spec"),
    ],
)
def test_object_without_state_is_not_healthy(name: str, where: str) -> None:
    """Nobody has reported yet: what is not known to be well is not."""
    one = FACTS[name].parse(_changed(FACTS[name], where, ...))[-1]
    state: dict[str, Callable[[], bool]] = {
        "pods": lambda: (one.phase, one.ready) == ("Unknown", False),
        "nodes": lambda: one.ready == "Unknown",
        "deployments": lambda: one.short == one.wanted > 0 and not one.seen,
        "stateful_sets": lambda: one.short == one.wanted > 0,
        "volume_claims": lambda: one.phase == "Unknown",
        "volumes": lambda: one.phase == "Unknown",
        "ingresses": lambda: one.address == "",
        "controller_leases": lambda: one.renewed is None,
    }
    assert state[name]()


def test_names_of_any_form_stay_in_their_record() -> None:
    """Line ends, control characters and great length break nothing."""
    name = "a\n[+]b \x1b[31m\u202e" + "x" * 100_000
    pod = FACTS["pods"].parse(_changed(FACTS["pods"], "metadata.name", name))[-1]
    assert pod.name == f"shop/{name}"
    assert pod.label == pod.name


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"ok",
        b"<html>",
        b"[+]ping ok\n[+]log ok\n",
        b"[+]ping ok\n[+]etcd o",
        b"[-]etcd failed: reason withheld\nreadyz check passed\n",
        b"[+]etcd ok\nreadyz check failed\n",
        b"\xff\xfe",
    ],
)
def test_readiness_that_is_cut_off_or_contradicts_itself_is_unreadable(answer: bytes) -> None:
    """The checks that did not come could be those that fail."""
    with pytest.raises(ValueError, match=r"check|end"):
        FACTS["readiness_checks"].parse(answer)


def test_readiness_names_the_check_that_fails() -> None:
    """The server answers 500 then, in the same form."""
    told = b"[+]ping ok\n[-]etcd failed: reason withheld\n[+]log ok\nreadyz check failed\n"
    checks = FACTS["readiness_checks"].parse(told)
    assert [(c.name, c.detail) for c in checks if not c.passes] == [
        ("etcd", "failed: reason withheld")
    ]


@pytest.mark.parametrize("answer", [b"", b"{}", b'{"gitVersion": 1}', b"[]", b'{"gitVersion": "v1'])
def test_version_that_is_none_is_unreadable(answer: bytes) -> None:
    """A document without a version is none."""
    with pytest.raises(ValueError, match=r"."):
        FACTS["api_server"].parse(answer)


@pytest.mark.parametrize("spec", LISTED.values(), ids=LISTED)
def test_empty_list_is_no_object(spec: FactSpec) -> None:
    """A cluster without such objects is not ill for it."""
    try:
        value = spec.parse([b'{"items": []}'])
    except NotApplicable:
        value = ()
    assert value == ()
