"""Observing API servers that answer what a real one answers only in trouble.

The real one is observed in the lab; a small HTTP server stands in here for answers that it cannot
be made to give at will.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from selftest.servers import (
    Behaviour,
    answering,
    dripping,
    garbage,
    hang_up,
    nobody,
    served,
    silent,
)
from selftest.unit.observing import facts_of, observed
from sickbay.inventory.kubernetes import KubernetesEntry
from sickbay.snapshot import TargetState

DATA = Path(__file__).with_name("data")
DEADLINE = 3.0
Answer = Callable[[str, dict[str, list[str]]], tuple[int, bytes]]
FORBIDDEN = b'{"kind": "Status", "message": "pods is forbidden: User \\"medic\\" cannot list"}'
GONE = b'{"kind": "Status", "message": "The provided continue parameter is too old"}'


def recorded(path: str, query: dict[str, list[str]]) -> tuple[int, bytes]:
    """What the lab's server said, page after page."""
    name = ("metrics-" if "metrics.k8s.io" in path else "") + path.rpartition("/")[2]
    if (text := DATA / f"{name}.txt").exists():
        return 200, text.read_bytes()
    found = sorted(DATA.glob(f"{name}-*.json"))
    at = int(query.get("continue", ["0"])[0])
    page = json.loads(found[at].read_bytes())
    page["metadata"]["continue"] = str(at + 1) if at + 1 < len(found) else ""
    return 200, json.dumps(page).encode()


@contextmanager
def _api_server(answer: Answer) -> Iterator[tuple[int, list[str]]]:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            asked.append(self.path)
            status, body = answer(parts.path, parse_qs(parts.query))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server.server_address[1], asked
    finally:
        server.shutdown()
        server.server_close()


def _look(folder: Path, port: int, *facts: str, **settings: Any) -> TargetState:
    kubeconfig = folder / "kubeconfig"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "x",
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        "clusters": [{"name": "x", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "x", "user": {"token": "c4n4ry-of-a-token"}}],
    }
    kubeconfig.write_text(json.dumps(document))
    settings = {"kubeconfig": str(kubeconfig), "deadline": DEADLINE} | settings
    return observed(KubernetesEntry(**settings), facts or None)


def test_recorded_server_gives_every_fact_in_one_list_each(tmp_path: Path) -> None:
    """However many facts come from a list, it is asked for once, page by page."""
    with _api_server(recorded) as (port, asked):
        state = _look(tmp_path, port)
    assert state.contact.outcome == "answered"
    assert {name: one.gap for name, one in state.facts.items() if one.gap} == {}
    assert len(asked) == len(set(asked))
    assert len([path for path in asked if "/pods?" in path]) == 3


def test_kind_that_is_forbidden_hides_only_itself(tmp_path: Path) -> None:
    """And says which rule allows it."""

    def answer(path: str, query: dict[str, list[str]]) -> tuple[int, bytes]:
        return (403, FORBIDDEN) if path.endswith("/pods") else recorded(path, query)

    with _api_server(answer) as (port, _):
        state = _look(tmp_path, port)
    gaps = {name: one.gap for name, one in state.facts.items() if one.gap}
    assert "pods" in gaps
    assert "nodes" not in gaps
    assert {gap.reason for gap in gaps.values()} == {"denied"}
    assert all("resources: [pods], verbs: [list]" in gap.remedy for gap in gaps.values())


def test_kind_that_nobody_in_particular_may_list_is_a_matter_of_the_login(tmp_path: Path) -> None:
    """A credential plugin that failed leaves us without a name; a role for it would be wrong."""
    told = b'{"kind": "Status", "message": "User \\"system:anonymous\\" cannot list pods"}'

    def answer(path: str, query: dict[str, list[str]]) -> tuple[int, bytes]:
        return (403, told) if path.endswith("/pods") else recorded(path, query)

    with _api_server(answer) as (port, _):
        gap = _look(tmp_path, port, "pods").facts["pods"].gap
    assert gap is not None
    assert gap.reason == "denied"
    assert "gave no login" in gap.remedy
    assert "ClusterRole" not in gap.remedy


def test_list_that_breaks_off_in_the_middle_is_not_half_a_list(tmp_path: Path) -> None:
    """The second page is cut off, so there is no list of pods at all."""

    def answer(path: str, query: dict[str, list[str]]) -> tuple[int, bytes]:
        status, body = recorded(path, query)
        return status, body[: len(body) // 2] if "continue" in query else body

    with _api_server(answer) as (port, _):
        state = _look(tmp_path, port, "pods", "nodes")
    gap = state.facts["pods"].gap
    assert gap is not None
    assert gap.reason == "unreadable"
    assert state.facts["pods"].value is None
    assert state.facts["nodes"].value


def test_server_that_has_lost_its_store_is_not_asked_on(tmp_path: Path) -> None:
    """It says so in its checks; a LIST would hang until the deadline."""
    checks = b"[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed\n"

    def answer(path: str, query: dict[str, list[str]]) -> tuple[int, bytes]:
        return (500, checks) if path == "/readyz" else recorded(path, query)

    with _api_server(answer) as (port, asked):
        state = _look(tmp_path, port)
    assert (state.contact.outcome, state.contact.failure) == ("unreachable", "store-lost")
    assert [path.partition("?")[0] for path in asked] == ["/version", "/readyz"]


def test_list_that_grows_too_old_is_read_again(tmp_path: Path) -> None:
    """410 Gone in the middle: from the start, and no page twice."""
    gone: list[str] = []

    def answer(path: str, query: dict[str, list[str]]) -> tuple[int, bytes]:
        if path.endswith("/pods") and "continue" in query and not gone:
            gone.append(path)
            return 410, GONE
        return recorded(path, query)

    with _api_server(answer) as (port, _):
        pods = _look(tmp_path, port, "pods").facts["pods"].value
    assert gone
    assert len({pod.name for pod in pods}) == len(pods) > 3


@pytest.mark.parametrize(
    ("answer", "reason", "words"),
    [
        (lambda _p, q: (410, GONE) if "continue" in q else (200, b'{"metadata": {"continue": "1"}, "items": []}'), "unreadable", "grew too old twice"),
        (lambda _p, _q: (200, b'{"metadata": {"continue": "1"}, "items": []}'), "unreadable", "same page"),
        (lambda _p, _q: (200, b'{"items": [{"me'), "unreadable", "damaged"),
        (lambda _p, _q: (500, b'{"kind": "Status", "message": "etcdserver: request timed out"}'), "unreachable", "etcdserver"),
        (lambda _p, _q: (429, b"too many"), "unreachable", "429"),
        (lambda _p, _q: (404, b'{"kind": "Status", "message": "not found"}'), "unsupported", "does not serve pods"),
        (lambda _p, _q: (302, b""), "unreadable", "not a Kubernetes API server"),
    ],
    ids=["gone-twice", "endless", "cut-off", "store", "busy", "not-served", "redirect"],
)  # fmt: skip
def test_list_that_cannot_be_had_says_why(
    tmp_path: Path, answer: Answer, reason: str, words: str
) -> None:
    """Whatever goes wrong with one list, its facts are not had and the others are."""

    def mixed(path: str, query: dict[str, list[str]]) -> tuple[int, bytes]:
        return answer(path, query) if path.endswith("/pods") else recorded(path, query)

    with _api_server(mixed) as (port, _):
        state = _look(tmp_path, port, "pods", "nodes")
    gap = state.facts["pods"].gap
    assert gap is not None
    assert gap.reason == reason
    assert words in gap.detail
    assert state.facts["nodes"].value


def test_resource_that_many_clusters_do_without_is_not_missed(tmp_path: Path) -> None:
    """A cluster without a metrics server is not ill; one that forbids to ask it is not seen."""
    answers = {
        404: b"404 page not found\n",
        403: FORBIDDEN,
        503: b'{"kind": "Status", "message": "the server is currently unable to handle the request"}',
    }
    found = {}
    for status, body in answers.items():

        def answer(
            path: str, query: dict[str, list[str]], told: tuple[int, bytes] = (status, body)
        ) -> tuple[int, bytes]:
            return told if "metrics.k8s.io" in path else recorded(path, query)

        with _api_server(answer) as (port, _):
            found[status] = _look(tmp_path, port, "node_use").facts["node_use"]
    assert found[404].absent == "the cluster has no metrics server"
    gaps = {status: one.gap.reason for status, one in found.items() if one.gap is not None}
    assert gaps == {403: "denied", 503: "unreachable"}


SECRET = b'{"kind": "Secret", "data": {"tls.crt": "%s", "tls.key": "c4n4ry-of-a-key"}}'


@pytest.mark.parametrize(
    ("status", "body", "reason", "words"),
    [
        (403, FORBIDDEN, "denied", "resourceNames: [tls]"),
        (200, SECRET % b"!", "unreadable", ""),
        (200, b'{"kind": "Secret", "data": ["c4n4ry"]}', "unreadable", "shop/tls"),
        (200, b"<html>", "unreadable", "not a Kubernetes API server"),
    ],
)
def test_certificate_of_a_secret_that_cannot_be_had_says_why(
    tmp_path: Path, status: int, body: bytes, reason: str, words: str
) -> None:
    """And never shows what else the Secret holds."""

    def answer(path: str, query: dict[str, list[str]]) -> tuple[int, bytes]:
        return (status, body) if "/secrets/" in path else recorded(path, query)

    with _api_server(answer) as (port, _):
        state = _look(tmp_path, port, "issued_certificates", certificates=["shop/tls"])
    gap = state.facts["issued_certificates"].gap
    assert gap is not None
    assert gap.reason == reason
    assert "c4n4ry" not in gap.detail
    assert words in gap.detail + gap.remedy


def test_secret_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    """As are those without a certificate; only the named ones are asked for."""

    def answer(path: str, query: dict[str, list[str]]) -> tuple[int, bytes]:
        if path.endswith("/secrets/gone"):
            return 404, b'{"kind": "Status", "message": "not found"}'
        return (200, b'{"kind": "Secret"}') if "/secrets/" in path else recorded(path, query)

    with _api_server(answer) as (port, asked):
        places = ["shop/gone", "shop/empty"]
        state = _look(tmp_path, port, "issued_certificates", certificates=places)
    assert [one.state for one in state.facts["issued_certificates"].value] == ["missing", "empty"]
    assert len([path for path in asked if "secrets" in path]) == 2


def test_login_that_is_refused_says_so(tmp_path: Path) -> None:
    """401 is a matter of the kubeconfig, not of a role."""
    with _api_server(lambda *_: (401, b'{"kind": "Status", "message": "Unauthorized"}')) as (
        port,
        _,
    ):
        state = _look(tmp_path, port)
    assert (state.contact.outcome, state.contact.failure) == ("denied", "login-refused")


def test_namespaces_of_the_inventory_are_all_that_is_listed(tmp_path: Path) -> None:
    """A role that may see only these is enough."""
    with _api_server(recorded) as (port, asked):
        _look(tmp_path, port, "pods", namespaces=["shop"])
    lists = [path for path in asked if "/pods" in path]
    assert lists
    assert all("/namespaces/shop/" in path for path in lists)


@pytest.mark.parametrize(
    ("behaviour", "outcomes", "failures"),
    [
        (silent, {"timed_out"}, {"silent"}),
        (garbage, {"unreadable", "unreachable"}, {"garbage", "broken-off"}),
        (hang_up, {"unreachable"}, {"broken-off"}),
        (answering(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"), {"unreachable"}, {"broken-off"}),
        (answering(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>"), {"unreadable"}, {"garbage"}),
    ],
    ids=["silent", "garbage", "hangs-up", "half", "web-page"],
)  # fmt: skip
def test_server_that_is_none_is_never_taken_for_one(
    tmp_path: Path, behaviour: Behaviour, outcomes: set[str], failures: set[str]
) -> None:
    """Each ends in time, with a reason and a remedy, and no fact is had."""
    started = time.monotonic()
    with served(behaviour) as port:
        state = _look(tmp_path, port)
    assert time.monotonic() - started < DEADLINE + 2  # the package itself takes a while to import
    assert state.contact.outcome in outcomes, state.contact
    assert state.contact.failure in failures, state.contact
    assert state.contact.remedy
    assert [name for name, one in state.facts.items() if one.value is not None] == []
    assert set(state.facts) == set(facts_of("kubernetes"))
    assert "c4n4ry" not in str(state)


def test_answer_that_does_not_end_is_told_from_none(tmp_path: Path) -> None:
    """We stop by ourselves, so as to say what came; nothing goes on reading in the background."""
    with served(dripping) as port:
        state = _look(tmp_path, port)
    assert (state.contact.outcome, state.contact.failure) == ("timed_out", "silent")
    assert "had not ended when time was up" in state.contact.detail
    assert all(one.value is None for one in state.facts.values())
    assert state.seconds < DEADLINE


def test_server_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """The most frequent of all."""
    with nobody() as port:
        state = _look(tmp_path, port)
    assert (state.contact.outcome, state.contact.failure) == ("unreachable", "refused")


@pytest.mark.parametrize(
    ("content", "context", "words"),
    [
        (None, None, "No configuration found"),
        ("", None, "is empty"),
        ("{}", None, "Expected key current-context"),
        ("[1, 2]", None, "TypeError"),
        ("\x00", None, "special characters"),
        (": not yaml [", None, "line 1, column 1"),
        ("apiVersion: v1\nkind: Config\ncontexts: []\nclusters: []\nusers: []\ncurrent-context: a\n", "other", "name other"),
    ],
    ids=["missing", "empty", "no-context", "another-type", "binary", "no-yaml", "unknown-context"],
)  # fmt: skip
def test_kubeconfig_that_is_of_no_use_says_so(
    tmp_path: Path, content: str | None, context: str | None, words: str
) -> None:
    """One message, with what to set."""
    path = tmp_path / "other"
    if content is not None:
        path.write_text(content)
    entry = KubernetesEntry(kubeconfig=str(path), context=context, deadline=DEADLINE)
    state = observed(entry)
    assert (state.contact.outcome, state.contact.failure) == ("unreachable", "no-kubeconfig")
    assert words in state.contact.detail
    assert str(path) in state.contact.detail
    assert "\n" not in state.contact.detail
    assert state.contact.remedy
