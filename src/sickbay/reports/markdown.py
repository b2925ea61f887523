"""report.md: the diagnosis for a chat or a CI job's summary (GitHub takes up to 1 MiB of it)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from sickbay.diagnosis import Diagnosis, Finding
from sickbay.inventory.units import show
from sickbay.reports.story import Group, blind, groups, is_own, stories
from sickbay.reports.text import (
    REASONS,
    advice,
    counted,
    counts,
    essence,
    expired_lines,
    is_green,
    limit_origin,
    listed,
    plain,
    proof,
    verdict_line,
)

STORIES = 25
"""Told in full; of the others there is a list."""
LIST = 50

_MARKS = {"critical": "🔴", "major": "🟠", "minor": "🔵"}
_SPECIAL = re.compile(r"([\\`*_\[\]<>|~#$])")


def render(diagnosis: Diagnosis) -> str:
    """The whole text."""
    return "\n".join(_lines(diagnosis)).rstrip() + "\n"


def words(text: object, most: int = 400) -> str:
    """Prose that stays prose: nothing in it becomes a heading, a link, HTML or a mention."""
    safe = _SPECIAL.sub(r"\\\1", plain(text, most)).replace("&", "&amp;")
    return safe.replace("\\<", "&lt;").replace("\\>", "&gt;").replace("@", "&#64;")


def code(text: object, most: int = 400) -> str:
    """Anything as a code span, whatever backticks it holds."""
    line = plain(text, most) or " "
    longest = max((len(run) for run in re.findall(r"`+", line)), default=0)
    fence = "`" * (longest + 1)
    space = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{space}{line}{space}{fence}"


def _lines(diagnosis: Diagnosis) -> Iterator[str]:
    run, numbers = diagnosis.run, diagnosis.summary
    told = stories(diagnosis)
    green = is_green(numbers, interrupted=run.interrupted)
    mark = "🟢" if green else "🔴" if numbers.findings else "🟡"
    yield f"## {mark} {verdict_line(numbers, len(told), interrupted=run.interrupted)}"
    yield ""
    yield (
        f"Inventory {code(run.inventory, 80)}, {words(run.started)}, "
        f"{show(run.duration_s, 'seconds')}: {', '.join(counts(numbers))}."
    )
    yield ""
    shown = groups([node for node in told if not is_own(node)])
    for group in shown[:STORIES]:
        yield from _story(group)
    yield from _section(
        "Further root causes",
        (
            f"{_headline(group)}: {code(essence(group.first.finding), 160)}"
            for group in shown[STORIES:]
        ),
    )
    yield from _section(
        "Could not be looked at (counts against the run)",
        (
            f"**{words(listed(item.targets))}**, {REASONS.get(item.reason, item.reason)}: "
            f"{code('; '.join(item.details[:3]), 240)} hides "
            f"{counted(item.number, 'health test')} ({words(listed(item.symptoms))})"
            + "".join(f"\n  - **Do:** {words(remedy, 1000)}" for remedy in item.remedies)
            for item in blind(diagnosis)
        ),
    )
    yield from _section(
        "Expired waivers",
        (words(line) for node in told if is_own(node) for line in expired_lines(node.finding)),
    )
    yield from _section(
        "Waived",
        (
            f"{_name(f)}: {code(essence(f), 160)}, {words(f.waiver)}"
            for f in diagnosis.findings
            if f.waiver is not None
        ),
    )
    yield from _section("About the inventory", (words(warning) for warning in diagnosis.warnings))


def _section(heading: str, items: Iterable[str]) -> Iterator[str]:
    items = list(items)
    if not items:
        return
    yield f"### {heading}"
    yield ""
    yield from (f"- {item}" for item in items[:LIST])
    if len(items) > LIST:
        yield f"- and {len(items) - LIST:,} more, in diagnosis.json"
    yield ""


def _name(finding: Finding) -> str:
    return f"{code(finding.symptom, 120)} on **{words(finding.target, 120)}**"


def _headline(group: Group) -> str:
    finding = group.first.finding
    return (
        f"{_MARKS.get(finding.severity, '')} {finding.severity.upper()} "
        f"{code(finding.symptom, 120)} on **{words(listed(group.targets, 6))}**"
    )


def _story(group: Group) -> Iterator[str]:
    finding = group.first.finding
    cause = finding.cause
    yield f"### {_headline(group)}"
    yield ""
    yield words(finding.title)
    yield ""
    origin = limit_origin(finding)
    yield f"- **Found:** {code(essence(finding))}" + (f" ({words(origin)})" if origin else "")
    if cause is not None:
        perhaps = "perhaps " if cause.status == "possible" else ""
        where = f", on **{words(cause.target, 120)}**" if cause.target else ""
        lines = "; ".join(proof(finding, cause, 200)[:3])
        yield f"- **Cause:** {perhaps}{words(cause.text)}{where}" + (
            f": {code(lines)}" if lines else ""
        )
    if remedy := advice(finding):
        yield f"- **Do:** {words(remedy, 1000)}"
    below = [(depth, node.finding) for depth, node in group.first.walk() if depth]
    if below:
        yield "- **Hence:**"
        for depth, follower in below[:LIST]:
            yield f"{'  ' * depth}- {_name(follower)}: {code(essence(follower), 200)} ({follower.severity})"
        if len(below) > LIST:
            yield f"  - and {len(below) - LIST:,} more"
    if hidden := group.hidden():
        targets = list(dict.fromkeys(item.target for item in hidden))
        yield (
            f"- {counted(len(hidden), 'health test')} on {words(listed(targets))} "
            "could not look because of this"
        )
    yield ""
