"""The findings as stories: each told once, under what explains it, roots first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sickbay.assess import Ref
from sickbay.diagnosis import Diagnosis, Finding, NotEvaluated
from sickbay.inventory.targets import WaiversEntry


@dataclass(eq=False)
class Node:
    """A finding with all that it explains."""

    finding: Finding
    children: list[Node] = field(default_factory=list)
    unseen: list[NotEvaluated] = field(default_factory=list)
    """What could not be looked at because of this finding."""
    also: list[Ref] = field(default_factory=list)
    """Other findings that explain it as well, beside the one that it is told under."""
    lost: list[Ref] = field(default_factory=list)
    """What explains it but was not judged, for the run ended before."""

    def walk(self) -> Iterator[tuple[int, Node]]:
        """This node and all below it in the order of the story, each with its depth."""
        waiting = [(0, self)]
        while waiting:
            depth, node = waiting.pop()
            yield depth, node
            waiting += [(depth + 1, child) for child in reversed(node.children)]

    def hidden(self) -> list[NotEvaluated]:
        """All that could not be looked at because of this finding or one that it explains."""
        return [item for _, node in self.walk() for item in node.unseen]


@dataclass(frozen=True)
class Group:
    """Stories that are the same on several targets; ``nodes`` are in the order of their rank."""

    nodes: tuple[Node, ...]

    @property
    def first(self) -> Node:
        return self.nodes[0]

    @property
    def targets(self) -> list[str]:
        return [node.finding.target for node in self.nodes]

    def hidden(self) -> list[NotEvaluated]:
        """All that could not be looked at because of these findings."""
        return [item for node in self.nodes for item in node.hidden()]


@dataclass(frozen=True)
class Blind:
    """What could not be looked at for the same reason, on one target or on several alike."""

    targets: list[str]
    reason: str
    details: list[str]
    remedies: list[str]
    symptoms: list[str]
    number: int


def stories(diagnosis: Diagnosis) -> list[Node]:
    """Every finding that is not waived, once: under the nearest finding that explains it.

    In the order of ``roots``. A finding whose explanation is not part of this diagnosis, or that
    stands in a circle of explanations, tells its own story at the end: none may get lost.
    """
    nodes = {f.ref: Node(f) for f in diagnosis.findings if f.waiver is None}
    above = {ref: _nearest(node.finding, nodes) for ref, node in nodes.items()}
    for ref, parents in above.items():
        nodes[ref].also = parents[1:]
        nodes[ref].lost = [r for r in nodes[ref].finding.explained_by if r not in nodes]
    below: dict[Ref, list[Ref]] = {}
    for ref, parents in above.items():
        if parents:
            below.setdefault(parents[0], []).append(ref)
    told: set[Ref] = set()
    roots = []
    order = [Ref(symptom=root.symptom, target=root.target) for root in diagnosis.roots]
    for ref in (*order, *(r for r in nodes if not above[r]), *nodes):
        if ref in nodes and ref not in told:
            _tell(ref, nodes, below, told)
            roots.append(nodes[ref])
    for item in diagnosis.not_evaluated:
        parent = next((p for p in item.explained_by if p in nodes), None)
        if parent is not None:
            nodes[parent].unseen.append(item)
    return roots


def _tell(ref: Ref, nodes: dict[Ref, Node], below: dict[Ref, list[Ref]], told: set[Ref]) -> None:
    """Hang all that ``ref`` explains under it, each once."""
    told.add(ref)
    waiting = [ref]
    while waiting:
        current = waiting.pop()
        for child in below.get(current, ()):
            if child not in told:
                told.add(child)
                nodes[current].children.append(nodes[child])
                waiting.append(child)


def _nearest(finding: Finding, nodes: dict[Ref, Node]) -> list[Ref]:
    """Of the findings that explain one, those that do not merely stand further up the same chain."""
    parents = [p for p in dict.fromkeys(finding.explained_by) if p in nodes and p != finding.ref]
    if len(parents) < 2:  # noqa: PLR2004 (nothing to choose from)
        return parents
    farther = {up for parent in parents for up in _ancestors(parent, nodes)}
    return [parent for parent in parents if parent not in farther] or parents


def _ancestors(start: Ref, nodes: dict[Ref, Node]) -> set[Ref]:
    seen: set[Ref] = set()
    waiting = list(nodes[start].finding.explained_by)
    while waiting:
        ref = waiting.pop()
        if ref in nodes and ref not in seen and ref != start:
            seen.add(ref)
            waiting += nodes[ref].finding.explained_by
    return seen


def groups(nodes: list[Node]) -> list[Group]:
    """Stories with the same symptom and cause on several targets told together, in order of rank.

    Only those that explain no other finding: what follows from each would otherwise be blurred.
    """
    alike: dict[object, list[Node]] = {}
    for node in nodes:
        cause = node.finding.cause
        key: object = id(node)
        if not node.children:
            key = (node.finding.symptom, cause and (cause.text, cause.status, cause.remedy))
        alike.setdefault(key, []).append(node)
    return [Group(tuple(members)) for members in alike.values()]


def is_own(node: Node) -> bool:
    """Whether a finding is about the inventory itself (an expired waiver)."""
    return node.finding.kind == WaiversEntry.kind


def blind(diagnosis: Diagnosis) -> list[Blind]:
    """What could not be looked at and no finding explains: these count against the run.

    By target and reason; targets of which the same is to be said stand together.
    """
    known = {f.ref for f in diagnosis.findings if f.waiver is None}
    by_place: dict[tuple[str, str], list[NotEvaluated]] = {}
    for item in diagnosis.not_evaluated:
        if not any(parent in known for parent in item.explained_by):
            by_place.setdefault((item.target, item.reason), []).append(item)
    alike: dict[object, list[tuple[str, list[NotEvaluated]]]] = {}
    for (target, reason), items in by_place.items():
        key = (
            reason,
            tuple(dict.fromkeys(i.detail for i in items)),
            tuple(dict.fromkeys(i.remedy for i in items if i.remedy)),
            tuple(i.symptom for i in items),
        )
        alike.setdefault(key, []).append((target, items))
    return [
        Blind(
            targets=[target for target, _ in members],
            reason=members[0][1][0].reason,
            details=list(dict.fromkeys(i.detail for i in members[0][1] if i.detail)),
            remedies=list(dict.fromkeys(i.remedy for i in members[0][1] if i.remedy)),
            symptoms=[i.symptom for i in members[0][1]],
            number=sum(len(items) for _, items in members),
        )
        for members in alike.values()
    ]
