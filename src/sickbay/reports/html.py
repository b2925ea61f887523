"""report.html: one file that needs nothing else, for a phone as well as for a wall."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2

from sickbay.assess import Quantity, WeighedCause
from sickbay.diagnosis import Diagnosis, Finding, TargetHealth
from sickbay.inventory.targets import WaiversEntry
from sickbay.inventory.units import show
from sickbay.reports.picture import HEIGHT, WIDTH, picture
from sickbay.reports.story import Group, Node, blind, groups, is_own, stories
from sickbay.reports.text import (
    REASONS,
    advice,
    counted,
    essence,
    expired_lines,
    is_green,
    limit_origin,
    listed,
    plain,
    proof,
    row_text,
    value_text,
    verdict_line,
)

CARDS = 60
"""Stories told in full; the others get one row each."""
ROWS = 1000
"""Rows of any table."""
NODES = 40
"""Findings drawn below one root."""
COLUMNS = 10
CELL = 300
"""Characters of one cell of evidence."""
LONG = 1200
"""Characters of one paragraph."""
TILES = 240
"""Targets that are not healthy and get a tile with words."""
DOTS = 2000
"""Healthy targets that get a dot."""

CONDITIONS = {
    "ill": "ill", "unreachable": "unreachable", "unseen": "not all seen", "waived": "waived only",
    "healthy": "healthy", "not_applicable": "nothing applied",
}  # fmt: skip
_CONDITION_RANK = {name: rank for rank, name in enumerate(("unreachable", *CONDITIONS))}
LAYERS = {"infra": "Hosts", "services": "Services", "k8s": "Kubernetes", "aws": "AWS"}


@dataclass(frozen=True)
class Table:
    """Evidence rows as a table."""

    columns: list[str]
    rows: list[list[str]]
    more: int


def render(diagnosis: Diagnosis) -> str:
    """The page."""
    told = stories(diagnosis)
    grouped = groups([node for node in told if not is_own(node)])
    anchors = {f.ref: f"f{n}" for n, f in enumerate(diagnosis.findings)}
    gravest: dict[str, str] = {}
    for finding in diagnosis.findings:
        if finding.waiver is None:
            gravest.setdefault(finding.target, anchors[finding.ref])
    run, numbers = diagnosis.run, diagnosis.summary
    green = is_green(numbers, interrupted=run.interrupted)
    return _template().render(
        run=run,
        numbers=numbers,
        verdict=verdict_line(numbers, len(told), interrupted=run.interrupted),
        mood="good" if green else "bad" if numbers.findings else "odd",
        took=show(run.duration_s, "seconds"),
        started=run.started.replace("T", " ").removesuffix("+00:00"),
        cards=grouped[:CARDS],
        further=grouped[CARDS : CARDS + ROWS],
        further_more=max(0, len(grouped) - CARDS - ROWS),
        anchors=anchors,
        gravest=gravest,
        picture=picture(diagnosis),
        box=(WIDTH, HEIGHT),
        blind=blind(diagnosis)[:ROWS],
        expired=[node for node in told if is_own(node)],
        waived=[f for f in diagnosis.findings if f.waiver is not None][:ROWS],
        layers=_layers(diagnosis, gravest),
        symptoms=diagnosis.symptoms[:ROWS],
        warnings=diagnosis.warnings[:ROWS],
    )


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"plain": plain, "long": lambda text: plain(text, LONG)}
    environment.globals |= {
        "REASONS": REASONS, "CONDITIONS": CONDITIONS, "counted": counted, "listed": listed,
        "essence": essence, "origin": limit_origin, "table": table, "gauge": gauge,
        "others": others, "below": below, "hidden": hidden, "row_text": row_text, "short": short,
        "condition_text": _condition_text, "expired_lines": expired_lines, "proof": proof,
        "advice": advice,
    }  # fmt: skip
    source = files(__package__).joinpath("report.html.j2").read_text(encoding="utf-8")
    environment.globals["script_hash"] = _hash_of_script(source)
    return environment.from_string(source)


def _hash_of_script(source: str) -> str:
    """For the page's security policy: this script may run, and no other, whatever a log line holds."""
    script = re.search(r"<script>(.*?)</script>", source, re.DOTALL)
    assert script is not None
    return base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()


def table(rows: list[dict[str, Any]], left_out: int = 0) -> Table:
    """Evidence as a table; what a row is called comes first."""
    names = list(dict.fromkeys(name for row in rows for name in row if name != "_"))
    labels = [plain(row.get("_", ""), CELL) for row in rows]
    # The first field usually is the label itself.
    names = [
        name
        for name in names
        if any(
            plain(value_text(name, row.get(name)), CELL) != label
            for row, label in zip(rows, labels, strict=True)
        )
    ]
    cut = names[:COLUMNS]
    with_label = any(labels)
    return Table(
        columns=([""] if with_label else []) + [plain(name.replace("_", " "), 60) for name in cut],
        rows=[
            ([label] if with_label else [])
            + [plain(value_text(name, row[name]), CELL) if name in row else "" for name in cut]
            for row, label in zip(rows, labels, strict=True)
        ],
        more=left_out,
    )


def gauge(finding: Finding) -> Mapping[str, float] | None:
    """Measured value and limit as percentages of one scale; None where they are no two numbers."""
    measured, limit = _number(finding.measured), _number(finding.limit)
    if measured is None or limit is None or measured < 0 or limit <= 0:
        return None
    whole = finding.limit is not None and finding.limit.unit == "fraction" and measured <= 1
    scale = 1.0 if whole else 1.15 * max(measured, limit)
    return {"measured": round(100 * measured / scale, 1), "limit": round(100 * limit / scale, 1)}


def _number(quantity: Quantity | None) -> float | None:
    value = quantity.value if quantity and quantity.unit else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def others(finding: Finding) -> list[WeighedCause]:
    """All causes but the most certain one, the surest first."""
    order = ("confirmed", "possible", "ruled_out")
    rest = [cause for cause in finding.causes if cause is not finding.cause]
    return sorted(rest, key=lambda cause: order.index(cause.status))


@dataclass(frozen=True)
class Below:
    """What a finding explains, as much of it as is drawn."""

    node: Node
    children: list[Below]


def below(node: Node) -> tuple[list[Below], int]:
    """What a finding explains, nested, and how many more there are than are drawn."""
    total = sum(1 for _ in node.walk()) - 1
    budget = NODES

    def nested(parent: Node, depth: int) -> list[Below]:
        nonlocal budget
        drawn = []
        for child in parent.children if depth < NODES else ():
            if budget == 0:
                break
            budget -= 1
            drawn.append(Below(child, nested(child, depth + 1)))
        return drawn

    tree = nested(node, 0)
    return tree, total - (NODES - budget)


def hidden(group: Group) -> tuple[int, str]:
    """How many health tests could not look because of this, and on which targets."""
    items = group.hidden()
    return len(items), listed([plain(t, 80) for t in dict.fromkeys(i.target for i in items)], 6)


def short(name: str, most: int = 20) -> str:
    """A name cut to what fits into a box of the drawing."""
    name = plain(name, 200)
    return name if len(name) <= most else f"{name[: most - 1]}…"


@dataclass(frozen=True)
class Layer:
    """The targets of one layer: those to look at, and the healthy ones as dots."""

    title: str
    tiles: list[tuple[TargetHealth, str, str]]
    """Target, what is to be said of it, and the anchor of its gravest finding."""
    tiles_more: int
    dots: list[str]
    dots_more: int


def _layers(diagnosis: Diagnosis, gravest: Mapping[str, str]) -> list[Layer]:
    by_layer: dict[str, list[TargetHealth]] = {layer: [] for layer in LAYERS}
    for target in diagnosis.targets:
        if target.kind != WaiversEntry.kind:
            by_layer.setdefault(target.layer, []).append(target)
    layers = []
    for name, members in by_layer.items():
        members.sort(key=lambda target: (_CONDITION_RANK[target.condition], -target.findings))
        few = len(members) <= TILES // 4
        tiles = [t for t in members if few or t.condition != "healthy"]
        dots = [t for t in members if not few and t.condition == "healthy"]
        if members:
            layers.append(
                Layer(
                    title=LAYERS.get(name, name),
                    tiles=[(t, _condition_text(t), gravest.get(t.name, "")) for t in tiles[:TILES]],
                    tiles_more=max(0, len(tiles) - TILES),
                    dots=[plain(t.name, 80) for t in dots[:DOTS]],
                    dots_more=max(0, len(dots) - DOTS),
                )
            )
    return layers


def _condition_text(target: TargetHealth) -> str:
    """A target's condition with the numbers that matter."""
    parts = [
        text
        for number, text in (
            (target.findings, counted(target.findings, "finding")),
            (target.not_evaluated, f"{target.not_evaluated:,} not evaluated"),
            (target.not_run, f"{target.not_run:,} not run"),
            (target.waived, f"{target.waived:,} waived"),
            (target.healthy, f"{target.healthy:,} healthy"),
        )
        if number
    ]
    return ", ".join(parts) or "nothing applied"
