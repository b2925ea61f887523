"""Where everything stands in a drawing of the system: what rests on what, and where illness spreads."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sickbay.diagnosis import Diagnosis, TargetHealth
from sickbay.reports.story import stories

MOST_BOXES = 48
"""A larger system is drawn without what is healthy and far from any illness; if need be not at all."""
WIDTH, HEIGHT = 176, 54
"""Of a box, in the drawing's own units."""
GAP_X, GAP_Y = 84, 18
_MARGIN = 6

Link = tuple[str, str]
"""What is rested on, and what rests on it."""
Spot = str | tuple[str, str, int]
"""A box by its target's name, or a place in a column that a link passes through."""


@dataclass(frozen=True)
class Box:
    """A target in the drawing."""

    target: TargetHealth
    x: int
    y: int


@dataclass(frozen=True)
class Edge:
    """From what is rested on to what rests on it; ``ill`` where illness spreads along it."""

    path: str
    ill: bool


@dataclass(frozen=True)
class Picture:
    """A drawing: boxes in columns, what others rest on at the left."""

    boxes: list[Box]
    edges: list[Edge]
    width: int
    height: int
    left_out: int


def picture(diagnosis: Diagnosis) -> Picture | None:
    """The drawing of a run's targets; None where nothing rests on anything, or there is too much."""
    targets = {target.name: target for target in diagnosis.targets}
    spread = {
        (node.finding.target, child.finding.target)
        for story in stories(diagnosis)
        for _, node in story.walk()
        for child in node.children
        if node.finding.target in targets and child.finding.target in targets
    }
    spread = {(a, b) for a, b in spread if a != b}
    rests = {
        (below, target.name)
        for target in diagnosis.targets
        for below in (target.runs_on, *target.depends_on)
        if below in targets and below != target.name
    }
    links = {(a, b) for a, b in rests | spread if a is not None}
    shown = {name for link in links for name in link}
    if len(shown) > MOST_BOXES:
        ill = {name for name in shown if targets[name].condition not in {"healthy", "waived"}}
        shown = ill | {name for link in links if set(link) & ill for name in link}
    if len(shown) < 2 or len(shown) > MOST_BOXES:  # noqa: PLR2004 (a drawing needs two)
        return None
    kept = sorted((a, b) for a, b in links if a in shown and b in shown)
    boxes = [name for name in targets if name in shown]
    boxes.sort(key=lambda name: targets[name].condition == "healthy")
    depth = _depths(boxes, kept)
    routes = {link: _route(link, depth) for link in kept}
    columns = _columns(depth, routes.values())
    places, height = _places(columns)
    return Picture(
        boxes=[Box(targets[name], *places[name]) for name in boxes],
        edges=[
            Edge(_path([places[spot] for spot in routes[link]]), link in spread)
            for link in sorted(kept, key=lambda link: link in spread)
        ],
        width=2 * _MARGIN + len(columns) * WIDTH + (len(columns) - 1) * GAP_X,
        height=height,
        left_out=len(targets) - len(shown),
    )


def _depths(names: list[str], links: list[Link]) -> dict[str, int]:
    """The column of each name: to the right of all that it rests on."""
    depth = dict.fromkeys(names, 0)
    # As many rounds as there are boxes settle any chain; a circle must not go round for ever.
    for _ in names:
        before = dict(depth)
        for below, above in links:
            depth[above] = max(depth[above], min(depth[below] + 1, len(names) - 1))
        if depth == before:
            break
    columns = {used: column for column, used in enumerate(sorted(set(depth.values())))}
    return {name: columns[value] for name, value in depth.items()}


def _route(link: Link, depth: Mapping[str, int]) -> list[Spot]:
    """A link's ends and, in the columns that it crosses, the places that are kept free for it."""
    below, above = link
    between = range(depth[below] + 1, depth[above])
    return [below, *((below, above, column) for column in between), above]


def _columns(depth: Mapping[str, int], routes: Iterable[list[Spot]]) -> list[list[Spot]]:
    """What stands in each column, near to what it is linked with on the left."""
    columns: list[list[Spot]] = [[] for _ in range(max(depth.values()) + 1)]
    for name, number in depth.items():
        columns[number].append(name)
    left: dict[Spot, list[Spot]] = {}
    for route in routes:
        for spot in route:
            if not isinstance(spot, str):
                columns[spot[2]].append(spot)
        for before, after in itertools.pairwise(route):
            left.setdefault(after, []).append(before)
    height: dict[Spot, float] = {}
    for column in columns:
        wish = {
            spot: statistics.fmean(near) if near else 0.5
            for spot in column
            for near in [[height[before] for before in left.get(spot, ()) if before in height]]
        }
        column.sort(key=wish.__getitem__)
        height |= {spot: (index + 1) / (len(column) + 1) for index, spot in enumerate(column)}
    return columns


def _places(columns: list[list[Spot]]) -> tuple[dict[Spot, tuple[int, int]], int]:
    """Upper left corners, and the height of the whole drawing."""
    heights = [sum(_height(spot) + GAP_Y for spot in column) - GAP_Y for column in columns]
    places = {}
    for number, column in enumerate(columns):
        y = _MARGIN + (max(heights) - heights[number]) // 2
        for spot in column:
            places[spot] = (_MARGIN + number * (WIDTH + GAP_X), y)
            y += _height(spot) + GAP_Y
    return places, max(heights) + 2 * _MARGIN


def _height(spot: Spot) -> int:
    return HEIGHT if isinstance(spot, str) else 0


def _path(corners: list[tuple[int, int]]) -> str:
    """A curve from the right side of the first box to the left side of the last."""
    middle = HEIGHT // 2
    x, y = corners[0][0] + WIDTH, corners[0][1] + middle
    path = f"M{x} {y}"
    for number, (left, top) in enumerate(corners[1:], 2):
        last = number == len(corners)
        to_x, to_y = (left - 7, top + middle) if last else (left, top)
        bend = max(30, (to_x - x) // 2)
        path += f"C{x + bend} {y} {to_x - bend} {to_y} {to_x} {to_y}"
        x, y = (to_x, to_y) if last else (left + WIDTH, top)
        path += "" if last else f"H{x}"
    return path
