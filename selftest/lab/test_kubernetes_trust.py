"""The suite on a real control plane: hands off, one LIST a kind, nothing green unseen."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from lab.kubernetes import ControlPlane, audited, read_only
from lab.kubernetes.api import Json
from lab.kubernetes.roles import FRONT
from lab.world import World
from sickbay.targets.kinds import known_facts
from sickbay.targets.kubernetes.listing import Listing
from sickbay.targets.kubernetes.observer import PAGE

pytestmark = [
    pytest.mark.parametrize("world", ["cluster"], indirect=True),
    pytest.mark.xdist_group("cluster-trust"),
]
_SUITE = ("tests/k8s", "tests/services/test_endpoint_certificates.py")
_PODS_OF_A_CROWD = PAGE + 20
_LOG_SECONDS = 10
"""The audit log is written as requests end; on a loaded machine that is not at once."""
_ENDING_SECONDS = 60


def _plane(world: World) -> ControlPlane:
    plane = world.parts["plane"]
    assert isinstance(plane, ControlPlane)
    return plane


def _seen_by(world: World, kubeconfig: Path) -> World:
    """The same cluster, observed by another user."""
    known = f"{_plane(world).directory}/sickbay.kubeconfig"
    inventory = kubeconfig.with_suffix(".yaml")
    text = world.inventory.read_text()
    assert known in text
    inventory.write_text(text.replace(known, str(kubeconfig)))
    return replace(world, inventory=inventory)


def _requests(world: World, user: str) -> list[Json]:
    """All that the API server says the user has asked for, once nothing more comes in."""
    log = _plane(world).audit_log
    until = time.monotonic() + _LOG_SECONDS
    records: list[Json] = []
    while not records or len(audited(log, user)) > len(records):
        records = audited(log, user)
        assert time.monotonic() < until, "the audit log does not come to rest"
        time.sleep(0.3)
    return records


def _resource(record: Json) -> str:
    return str(record.get("objectRef", {}).get("resource", ""))


def _kind(record: Json) -> tuple[str, str]:
    """API group and resource."""
    return record["objectRef"].get("apiGroup", ""), _resource(record)


@pytest.fixture
def crowd(world: World) -> Iterator[None]:
    """More pods than one page holds."""
    cluster = _plane(world).cluster
    cluster.namespace("crowd")
    cluster.many_pods("crowd", _PODS_OF_A_CROWD, ["node1", "node2", "node3"], apps=5)
    yield
    cluster.delete("namespaces", None, "crowd")
    until = time.monotonic() + _ENDING_SECONDS
    while cluster.find("namespaces", None, "crowd"):
        assert time.monotonic() < until, "the namespace crowd does not end"
        time.sleep(0.2)


def test_run_on_cluster_only_gets_and_lists(world: World) -> None:
    """The API server's own audit log knows no other verb from us, and no Secret but the declared one."""
    plane = _plane(world)
    seen = _seen_by(world, plane.kubeconfig_for("watched"))
    assert seen.diagnose(*_SUITE).exit_code == pytest.ExitCode.OK
    records = _requests(world, "watched")
    assert {record["verb"] for record in records} == {"get", "list"}
    assert {record["responseStatus"]["code"] for record in records} == {200}
    assert {record["userAgent"] for record in records} == {"sickbay"}
    assert "configmaps" not in {_resource(record) for record in records}
    secrets = [record["requestURI"] for record in records if _resource(record) == "secrets"]
    assert secrets == [f"/api/v1/namespaces/shop/secrets/{FRONT}"]


def test_run_on_cluster_lists_every_kind_once(world: World) -> None:
    """However many facts and health tests come from a kind, it is asked for once; the rest is the
    server's version and readiness.
    """
    plane = _plane(world)
    assert _seen_by(world, plane.kubeconfig_for("thrifty")).diagnose(*_SUITE).exit_code == 0
    records = _requests(world, "thrifty")
    lists = Counter(_kind(record) for record in records if record["verb"] == "list")
    wanted = {
        (spec.request.group.rpartition("/")[0], spec.request.resource)
        for spec in known_facts().values()
        if isinstance(spec.request, Listing)
    }
    assert dict(lists) == dict.fromkeys(wanted, 1)
    others = Counter(
        urlsplit(record["requestURI"]).path for record in records if record["verb"] != "list"
    )
    secret = f"/api/v1/namespaces/shop/secrets/{FRONT}"
    assert others == {"/version": 1, "/readyz": 1, secret: 1}


@pytest.mark.usefixtures("crowd")
def test_crowd_is_listed_once_a_page(world: World) -> None:
    """Pages follow one another by the server's own token, and every pod is seen."""
    plane = _plane(world)
    outcome = _seen_by(world, plane.kubeconfig_for("pager")).diagnose(*_SUITE)
    asked = [
        parse_qs(urlsplit(record["requestURI"]).query)
        for record in _requests(world, "pager")
        if _resource(record) == "pods"
    ]
    assert [page["limit"] for page in asked] == [[str(PAGE)]] * 2
    assert ["continue" in page for page in asked] == [False, True]
    assert outcome.snapshot.count(b'"crowd/load-') >= _PODS_OF_A_CROWD


@pytest.mark.parametrize("kind", ["pods", "nodes", "events"])
def test_kind_that_may_not_be_listed_is_not_green(world: World, kind: str) -> None:
    """What needs it is not evaluated and says which rule to add; all else is judged."""
    rules = read_only(without={kind})
    kubeconfig = _plane(world).kubeconfig_for(f"without-{kind}", rules)
    outcome = _seen_by(world, kubeconfig).diagnose(*_SUITE)
    unseen = {one["symptom"]: one for one in outcome.diagnosis["not_evaluated"]}
    assert outcome.exit_code == pytest.ExitCode.TESTS_FAILED
    assert {one["reason"] for one in unseen.values()} == {"denied"}
    assert all(f"resources: [{kind}], verbs: [list]" in one["remedy"] for one in unseen.values())
    assert outcome.diagnosis["findings"] == []
    assert outcome.diagnosis["summary"]["healthy"] > 5
    assert f"resources: [{kind}]" in outcome.output


def test_user_without_any_right_sees_nothing_green(world: World) -> None:
    """The login is good, so the cluster answers; beyond that nothing is said to be well."""
    outcome = _seen_by(world, _plane(world).kubeconfig_for("nobody", [])).diagnose(_SUITE[0])
    summary = outcome.diagnosis["summary"]
    assert outcome.exit_code == pytest.ExitCode.TESTS_FAILED
    assert outcome.diagnosis["findings"] == []
    assert {one["reason"] for one in outcome.diagnosis["not_evaluated"]} == {"denied"}
    # That it answers, and that it is ready: both are public.
    assert summary["healthy"] == 2


def test_login_that_is_refused_is_one_finding(world: World) -> None:
    """A certificate of another authority: the cluster is unreachable for us, with the cause."""
    outcome = _seen_by(world, _plane(world).kubeconfig_refused()).diagnose(_SUITE[0])
    assert outcome.exit_code == pytest.ExitCode.TESTS_FAILED
    (root,) = outcome.diagnosis["roots"]
    assert root["symptom"] == "kubernetes.unreachable"
    assert outcome.diagnosis["summary"]["healthy"] == 0
