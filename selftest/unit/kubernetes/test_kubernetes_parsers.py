"""What a real API server's pages are read as, and what spoiled ones are not read as."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sickbay.errors import NotApplicable
from sickbay.facts import FactSpec
from sickbay.targets.kinds import known_facts
from sickbay.targets.kubernetes.listing import Document, Listing

DATA = Path(__file__).with_name("data")
FACTS = {name: spec for name, spec in known_facts().items() if spec.kind == "kubernetes"}
LISTED = {name: spec for name, spec in FACTS.items() if isinstance(spec.request, Listing)}


def pages(request: Listing) -> list[bytes]:
    """The recorded pages of a list, in their order."""
    return [path.read_bytes() for path in sorted(DATA.glob(f"{request.resource}-*.json"))]


def _raw(spec: FactSpec) -> Any:
    if isinstance(spec.request, Document):
        name = spec.request.path.strip("/").partition("?")[0]
        return (DATA / f"{name}.txt").read_bytes()
    assert isinstance(spec.request, Listing)
    return pages(spec.request)


def _parsed(name: str) -> dict[str, Any]:
    return {one.label: one for one in FACTS[name].parse(_raw(FACTS[name]))}


@pytest.mark.parametrize("spec", FACTS.values(), ids=FACTS)
def test_recorded_answer_is_read(spec: FactSpec) -> None:
    """Every fact reads what a real server says, page by page."""
    raw = _raw(spec)
    value = spec.parse(raw)
    objects = sum(len(json.loads(page)["items"]) for page in raw) if isinstance(raw, list) else 1
    assert objects > 0
    assert value is not None


def test_pods_tell_why_they_do_not_run() -> None:
    """One is killed for memory again and again, one finds no node."""
    containers = FACTS["containers"].parse(_raw(FACTS["containers"]))
    assert [one.restarts for one in containers if one.restarts] == [7]
    waiting = [pod for pod in _parsed("pods").values() if pod.unscheduled]
    assert len(waiting) == 1
    assert "Insufficient cpu" in waiting[0].unscheduled


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


@pytest.mark.parametrize("spec", LISTED.values(), ids=LISTED)
def test_empty_list_is_no_object(spec: FactSpec) -> None:
    """A cluster without such objects is not ill for it."""
    try:
        value = spec.parse([b'{"items": []}'])
    except NotApplicable:
        value = ()
    assert value == ()
