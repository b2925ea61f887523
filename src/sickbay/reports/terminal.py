"""The diagnosis on the terminal: roots first, so that ten seconds are enough."""

from __future__ import annotations

import os
import textwrap
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sickbay.assess import WeighedCause
from sickbay.diagnosis import Diagnosis, Finding
from sickbay.inventory.units import show
from sickbay.reports.story import Blind, Group, Node, blind, groups, is_own, stories
from sickbay.reports.text import (
    REASONS,
    advice,
    counted,
    counts,
    essence,
    expired_lines,
    found,
    is_green,
    listed,
    plain,
    proof,
    row_text,
    verdict_line,
)

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

    from sickbay.run import RunState

FULL_STORIES = 5
"""Stories told in full without ``-v``; the others get one line each, then only a number."""
LIST = 12
"""Lines of any list that are shown without ``-v``."""
ROWS = 3
"""Evidence rows of the most certain cause that are shown without ``-v``."""
LONGEST_DETAIL = 240
"""Characters of one detail without ``-v``."""
LONG = 1000
"""Characters of a remedy."""

_WIDEST = 120
"""Columns; longer lines are hard to read on any terminal."""
_LABEL = 8
"""Columns of the words in front: found, cause, do, hence."""
_PROGRESS_SECONDS = 0.1
_STYLES: dict[str, dict[str, bool]] = {
    "critical": {"red": True, "bold": True},
    "major": {"yellow": True, "bold": True},
    "minor": {"cyan": True, "bold": True},
    "heading": {"bold": True},
    "label": {"light": True},
    "good": {"green": True, "bold": True},
    "bad": {"red": True, "bold": True},
    "odd": {"yellow": True, "bold": True},
    "do": {"bold": True},
    "": {},
}
_ASCII = str.maketrans(
    {"\u2514": "`", "\u2500": "-", "\u2026": "...", "\u2013": "-", "\u2014": "-", "\u2192": "->",
     "\u2264": "<=", "\u2265": ">=", "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"',
     "\u00b5": "u", "\u00d7": "x", "\u00b7": "-"}
)  # fmt: skip
"""What is drawn with, and the punctuation that log lines like to hold."""


@dataclass(frozen=True)
class Line:
    """A line of the diagnosis. ``lead`` stands in front; what is wrapped is indented as far."""

    lead: str
    text: str = ""
    lead_style: str = ""
    style: str = ""


class Progress:
    """One line that counts the targets observed, on a terminal only."""

    def __init__(self, reporter: TerminalReporter | None) -> None:
        self._reporter = reporter if reporter is not None and reporter.isatty else None
        self._width = reporter._tw.fullwidth if reporter is not None else 80  # noqa: SLF001 (no other way to it)
        self._shown = 0.0

    def step(self, name: str, done: int, total: int) -> None:
        """Show that one more target is done."""
        moment = time.monotonic()
        if self._reporter is None:
            return
        if moment - self._shown < _PROGRESS_SECONDS and done < total:
            return
        self._shown = moment
        line = f"observing {counted(total, 'target')}: {done:,} done ({plain(name, 40)})"
        self._reporter.rewrite(line[: self._width - 1], erase=True)

    def done(self) -> None:
        """Take the line away."""
        if self._reporter is not None and self._shown:
            self._reporter.rewrite("", erase=True)


def summary(reporter: TerminalReporter, run: RunState) -> None:
    """Print the diagnosis of a finished run."""
    assert run.diagnosis is not None
    writer = reporter._tw  # noqa: SLF001 (pytest offers no other way to the width and encoding)
    encoding = getattr(getattr(writer, "_file", None), "encoding", None) or "utf-8"
    # Where no terminal reads along, a command stays in one piece: for grep, and for copying.
    width = min(writer.fullwidth, _WIDEST) if reporter.isatty else None
    reporter.section("diagnosis")
    for line in lines(run.diagnosis, verbose=reporter.verbosity > 0):
        for number, (lead, text) in enumerate(wrapped(line, width)):
            parts = (lead, line.lead_style), (text, line.style)
            printed = [
                writer.markup(encodable(part, encoding), **_STYLES[style]) if part.strip() else part
                for part, style in (parts if number == 0 else (("", ""), (lead + text, line.style)))
            ]
            reporter.write_line("".join(printed).rstrip())
    for problem in run.unwritten:
        reporter.write_line(encodable(plain(problem), encoding), red=True)
    if run.written is not None:
        reporter.write_line(encodable(f"report: {_shortest(run.written)}", encoding))


def _shortest(home: Path) -> str:
    """The report's path as one would type it here."""
    latest = home.parent / "latest"
    folder = latest if latest.exists() and latest.resolve() == home.resolve() else home
    page = folder / "report.html"
    return min(os.path.relpath(page), str(page), key=len)


def wrapped(line: Line, width: int | None) -> Iterator[tuple[str, str]]:
    """A line as (lead, text) pairs that fit into ``width`` columns; None leaves it whole."""
    if width is None or len(line.lead) + len(line.text) <= width:
        yield line.lead, line.text
        return
    pieces = textwrap.wrap(
        line.text,
        max(20, width - len(line.lead)),
        break_long_words=False,
        break_on_hyphens=False,
    )
    for number, piece in enumerate(pieces):
        yield (line.lead if number == 0 else " " * len(line.lead)), piece


def encodable(text: str, encoding: str) -> str:
    """The text in letters that the stream can write; others become ASCII, or escapes."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.translate(_ASCII).encode(encoding, "backslashreplace").decode(encoding)
    except LookupError:
        text = text.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii")
    return text


# ---------------------------------------------------------------------- the lines


def lines(diagnosis: Diagnosis, *, verbose: bool = False) -> Iterator[Line]:
    """Everything that the terminal shows of a diagnosis, unwrapped."""
    told = stories(diagnosis)
    shown = groups([node for node in told if not is_own(node)])
    full = len(shown) if verbose or len(shown) <= FULL_STORIES + 1 else FULL_STORIES
    for group in shown[:full]:
        yield from _told(group, verbose=verbose)
        yield Line("")
    if rest := shown[full:]:
        yield Line("", "further root causes", style="heading")
        yield from _short_list([_headline(group) for group in rest], verbose=verbose)
        yield Line("")
    yield from _section(
        "could not be looked at, which counts against the run",
        (_unseen(item, verbose=verbose) for item in blind(diagnosis)),
        verbose=verbose,
    )
    yield from _section(
        "expired waivers",
        (_expired(node.finding) for node in told if is_own(node)),
        verbose=verbose,
    )
    yield from _section(
        "waived",
        ([_waived(f)] for f in diagnosis.findings if f.waiver is not None),
        verbose=verbose,
    )
    yield from _section(
        "inventory",
        ([Line("  ", plain(warning), style="odd")] for warning in diagnosis.warnings),
        verbose=verbose,
    )
    yield _last_line(diagnosis, len(told))


def told_in_full(node: Node) -> str:
    """One story as plain text with everything in it, for reports that hold text."""
    return "\n".join(
        (line.lead + line.text).rstrip() for line in _told(Group((node,)), verbose=True)
    )


def _section(heading: str, blocks: Iterable[list[Line]], *, verbose: bool) -> Iterator[Line]:
    blocks = list(blocks)
    if not blocks:
        return
    yield Line("", heading, style="heading")
    yield from _short_list(blocks, verbose=verbose)
    yield Line("")


def _short_list(blocks: list[list[Line]], *, verbose: bool) -> Iterator[Line]:
    most = len(blocks) if verbose or len(blocks) <= LIST + 1 else LIST
    for block in blocks[:most]:
        yield from block
    if len(blocks) > most:
        yield Line("  ", f"and {len(blocks) - most:,} more (all with -v, and in the report)")


def _headline(group: Group) -> list[Line]:
    """A story in one line."""
    finding = group.first.finding
    where = plain(listed(group.targets))
    return [
        Line(
            f"  {finding.severity:9}", f"{finding.symptom} on {where}: {essence(finding)}",
            lead_style=finding.severity,
        )
    ]  # fmt: skip


def _told(group: Group, *, verbose: bool) -> Iterator[Line]:
    """A story in full: what, found, cause, what to do, and what comes of it."""
    finding = group.first.finding
    targets = listed(group.targets, len(group.targets) if verbose else LIST)
    several = f"{counted(len(group.nodes), 'target')}: " if len(group.nodes) > 1 else ""
    yield Line(
        f"{finding.severity.upper()} ", f"{finding.symptom} on {several}{plain(targets, 10_000)}",
        lead_style=finding.severity, style="heading",
    )  # fmt: skip
    yield Line("  ", plain(finding.title))
    yield from _found(group, verbose=verbose)
    yield from _cause(finding, verbose=verbose)
    if group.first.lost:
        parents = plain(listed([str(ref) for ref in group.first.lost]))
        yield _labelled("since", f"{parents}, which this run did not come to")
    yield from _hence(group, verbose=verbose)
    if verbose:
        yield from _evidence(finding)


def _found(group: Group, *, verbose: bool) -> Iterator[Line]:
    most = len(group.nodes) if verbose or len(group.nodes) <= ROWS + 1 else ROWS
    for number, node in enumerate(group.nodes[:most]):
        where = f"{plain(node.finding.target)}: " if len(group.nodes) > 1 else ""
        yield _labelled("found" if number == 0 else "", f"{where}{found(node.finding)}")


def _cause(finding: Finding, *, verbose: bool) -> Iterator[Line]:
    cause = finding.cause
    if cause is None:
        if finding.causes:
            number = counted(len(finding.causes), "documented cause")
            yield _labelled("cause", f"none of the {number} fits what was seen")
    else:
        yield _labelled("cause", _weighed(cause))
        evidence = proof(finding, cause, LONGEST_DETAIL * (4 if verbose else 1))
        shown = evidence if verbose else evidence[:ROWS]
        yield from (_labelled("", line, style="label") for line in shown)
        if len(evidence) > len(shown):
            yield _labelled("", f"and {len(evidence) - len(shown)} more", style="label")
    if remedy := advice(finding):
        yield _labelled("do", plain(remedy, LONG), style="do")
    others = [c for c in finding.causes if c is not cause and c.status == "confirmed"]
    for other in others if verbose else others[:2]:
        yield _labelled("also", f"{_weighed(other)}; do: {plain(other.remedy, LONG)}")
    if verbose:
        for other in finding.causes:
            if other is not cause and other not in others:
                yield _labelled("", f"{other.status.replace('_', ' ')}: {_weighed(other)}")


def _weighed(cause: WeighedCause) -> str:
    where = f", on {plain(cause.target)}" if cause.target else ""
    if cause.status == "possible":
        why = f" (could not be told: {plain(cause.detail, LONGEST_DETAIL)})" if cause.detail else ""
        return f"perhaps {plain(cause.text)}{where}{why}"
    return f"{plain(cause.text)}{where}"


def _hence(group: Group, *, verbose: bool) -> Iterator[Line]:
    """What follows from it, as a tree; then what could not be looked at because of it."""
    label = "hence"
    below = [(depth, node) for depth, node in group.first.walk() if depth]
    most = len(below) if verbose or len(below) <= LIST + 1 else LIST
    for depth, node in below[:most]:
        stem = "" if depth == 1 else f"{'   ' * (depth - 2)}└─ "
        finding = node.finding
        also = f"; also because of {listed([str(ref) for ref in node.also])}" if node.also else ""
        line = Line(
            f"  {label:{_LABEL}}{stem}",
            f"{finding.symptom} on {plain(finding.target)}: {essence(finding, LONGEST_DETAIL)}"
            f" ({finding.severity}{plain(also)})",
        )
        label = ""
        yield line
    if len(below) > most:
        yield _labelled("", f"and {len(below) - most:,} more")
    hidden = group.hidden()
    if hidden:
        targets = list(dict.fromkeys(item.target for item in hidden))
        yield _labelled(
            label,
            f"{counted(len(hidden), 'health test')} on {plain(listed(targets))} "
            "could not look, and say nothing",
        )


def _evidence(finding: Finding) -> Iterator[Line]:
    """With -v: the evidence of a finding and the signals that it decides."""
    for number, row in enumerate(finding.evidence):
        yield _labelled("seen" if number == 0 else "", row_text(row, LONGEST_DETAIL * 4))
    if finding.evidence_left_out:
        yield _labelled("", f"and {finding.evidence_left_out:,} more")
    if finding.signals:
        yield _labelled("signals", plain(", ".join(finding.signals), LONG))


def _unseen(item: Blind, *, verbose: bool) -> list[Line]:
    reason = REASONS.get(item.reason, item.reason)
    details = item.details if verbose else item.details[:ROWS]
    block = [Line("  ", f"{plain(listed(item.targets))}: {reason}", style="odd")]
    block += [
        Line("    ", plain(detail, LONGEST_DETAIL * (4 if verbose else 1))) for detail in details
    ]
    if len(item.details) > len(details):
        block.append(Line("    ", f"and {len(item.details) - len(details)} more such answers"))
    block += [_labelled("do", plain(remedy, LONG), "    ", style="do") for remedy in item.remedies]
    symptoms = list(dict.fromkeys(item.symptoms))
    named = listed(symptoms, len(symptoms) if verbose else ROWS)
    block.append(_labelled("hides", f"{counted(item.number, 'health test')}: {named}", "    "))
    return block


def _expired(finding: Finding) -> list[Line]:
    block = [Line("  ", line, style="odd") for line in expired_lines(finding)]
    if finding.cause:
        block.append(_labelled("do", plain(finding.cause.remedy, LONG), style="do"))
    return block


def _waived(finding: Finding) -> Line:
    text = f"{finding.symptom} on {plain(finding.target)}: {essence(finding, LONGEST_DETAIL)}"
    return Line("  ", f"{text}: {plain(finding.waiver or '', LONGEST_DETAIL)}")


def _labelled(label: str, text: str, indent: str = "  ", style: str = "") -> Line:
    return Line(f"{indent}{label:{_LABEL}}", text, lead_style="label", style=style)


def _last_line(diagnosis: Diagnosis, roots: int) -> Line:
    numbers, run = diagnosis.summary, diagnosis.run
    took = show(run.duration_s, "seconds")
    if numbers.findings:
        ended = ", interrupted" if run.interrupted else ""
        text = (
            f"{', '.join(counts(numbers))}{ended}; {counted(numbers.targets, 'target')} in {took}"
        )
        return Line("", text, style="bad")
    text = verdict_line(numbers, roots, interrupted=run.interrupted)
    aside = f"{numbers.not_applicable:,} not applicable, " if numbers.not_applicable else ""
    green = is_green(numbers, interrupted=run.interrupted)
    return Line("", f"{text} ({aside}{took})", style="good" if green else "odd")
