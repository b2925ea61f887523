"""Words and lines that several reports share. What targets say is hostile until it went through here."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

from sickbay.assess import WeighedCause
from sickbay.diagnosis import Finding, Summary
from sickbay.inventory.units import Unit, show

LINE = 400
"""Characters of one text that a line of a report shows; more is behind ``-v`` and in the JSON."""

_UNSEEN_LETTERS = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode categories that do not print, or turn the direction of what follows."""
_UNITS: dict[str, Unit] = {"fraction": "fraction", "bytes": "bytes", "seconds": "seconds"}
"""Last word of a field's name, and the unit that it tells."""
_MANY_DIGITS = 1_000_000
REASONS = {
    "unreachable": "unreachable", "denied": "denied", "unsupported": "unsupported",
    "timed_out": "timed out", "unreadable": "unreadable",
}  # fmt: skip


def plain(text: object, most: int = LINE) -> str:
    """Any text as one line that prints as it is: no control characters, at most ``most`` long.

    A log line may hold escape sequences that would recolour, overwrite or reverse a terminal.
    """
    words = str(text)
    if len(words) <= most and words.isprintable() and "  " not in words:
        return words.strip()
    cut = len(words) - most
    line = " ".join(words[: most + 1].split())[:most] if cut > 0 else " ".join(words.split())
    if not line.isprintable():
        line = "".join(_shown(letter) for letter in line)
    return f"{line}... ({cut:,} more characters)" if cut > 0 else line


def _shown(letter: str) -> str:
    if letter.isprintable() or unicodedata.category(letter) not in _UNSEEN_LETTERS:
        return letter
    code = ord(letter)
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"  # noqa: PLR2004 (one byte)


def counted(number: int, one: str, many: str | None = None) -> str:
    """``1 finding``, ``2 findings``, ``1,200 findings``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(names: Sequence[str], most: int = 3) -> str:
    """``a``, ``a and b``, ``a, b, c and 12 more``; one more than ``most`` is named rather than counted."""
    if len(names) > most + 1:
        return f"{', '.join(names[:most])} and {len(names) - most:,} more"
    if len(names) > 1:
        return f"{', '.join(names[:-1])} and {names[-1]}"
    return names[0] if names else ""


def limit_origin(finding: Finding) -> str:
    """Which limit applied and where it came from; empty where no limit was compared with."""
    if finding.limit_source is None:
        return ""
    name = f"limit {finding.limit_name}" if finding.limit_name else "limit"
    if finding.limit_source == "default":
        return f"{name}: default"
    return f"{name}: {finding.limit_source}"


def found(finding: Finding) -> str:
    """What was found, measured against which limit, in a line."""
    origin = limit_origin(finding)
    return f"{essence(finding)} ({plain(origin)})" if origin else essence(finding)


def essence(finding: Finding, most: int = LINE) -> str:
    """What was found in a few words; of a target that cannot be reached, what happened on the way."""
    for row in finding.evidence:
        if _is_contact(row) and finding.symptom == f"{finding.kind}.unreachable":
            happened = str(row.get("failure", "")).replace("-", " ")
            return plain(": ".join(part for part in (happened, row_text(row, most)) if part), most)
    return plain(finding.message, most) or "the assertion of the health test does not hold"


def advice(finding: Finding) -> str:
    """What to do: the remedy of the most certain cause, else what the failed contact itself says."""
    if finding.cause is not None:
        return finding.cause.remedy
    return next((str(r.get("remedy", "")) for r in finding.evidence if _is_contact(r)), "")


def proof(finding: Finding, cause: WeighedCause, most: int = LINE) -> list[str]:
    """A cause's evidence, a line each, without what the finding says already."""
    said = essence(finding, most)
    return [line for row in cause.evidence if (line := row_text(row, most)) not in said]


def _is_contact(row: dict[str, Any]) -> bool:
    """Whether a row is a Contact that failed (see sickbay.targets.probe)."""
    return "outcome" in row and "detail" in row


def value_text(name: str, value: Any) -> str:
    """A field of an evidence row as people read it. A unit is only given where the name tells it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return _number_text(name, value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {value_text(str(key), item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(value_text("", item) for item in value)
    return str(value)


def _number_text(name: str, value: float) -> str:
    unit = _UNITS.get(name.rpartition("_")[2])
    if unit is not None:
        return show(float(value), unit)
    if isinstance(value, int):
        # Digits are grouped where they would have to be counted; pids and ports stay as they are.
        return f"{value:,}" if abs(value) >= _MANY_DIGITS else str(value)
    return f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"  # noqa: PLR2004 (digits)


def row_text(row: dict[str, Any], most: int = LINE) -> str:
    """An evidence row in a line: what it is about, then its fields."""
    if set(row) <= {"text", "_"} and "text" in row:
        return plain(row["text"], most)
    if _is_contact(row):
        return plain(row["detail"], most)
    label = plain(row.get("_", ""), most)
    fields = [
        f"{name.replace('_', ' ')} {value_text(name, value)}"
        for name, value in row.items()
        if name != "_" and value not in ("", [], {}, None) and str(value) != row.get("_")
    ]
    return plain(": ".join(part for part in (label, ", ".join(fields)) if part), most)


def expired_lines(finding: Finding) -> list[str]:
    """One line for each waiver that a finding about the inventory says has expired."""
    cause = finding.cause
    rows = (cause.evidence if cause else []) or finding.evidence or [{"text": finding.message}]
    return [row_text(row) for row in rows]


def counts(summary: Summary) -> list[str]:
    """The numbers of a run, the ones that matter first; zeros are left out but for the findings."""
    severities = ", ".join(f"{n:,} {name}" for name, n in summary.by_severity.items() if n)
    return [
        counted(summary.findings, "finding") + (f" ({severities})" if severities else ""),
        *(
            f"{number:,} {word}"
            for number, word in (
                (summary.not_evaluated, "not evaluated"),
                (summary.not_run, "not run"),
                (summary.waived, "waived"),
                (summary.healthy, "healthy"),
                (summary.not_applicable, "not applicable"),
            )
            if number
        ),
    ]


def verdict_line(summary: Summary, roots: int, *, interrupted: bool) -> str:
    """The whole run in one sentence. Blind is never green: what was not seen is part of it."""
    looked = f"{counted(summary.evaluated, 'health test')} on {counted(summary.targets, 'target')}"
    blind = [
        part
        for part in (
            f"{summary.not_evaluated:,} could not be evaluated" if summary.not_evaluated else "",
            f"{summary.not_run:,} were not run" if summary.not_run else "",
            "the run was interrupted" if interrupted else "",
        )
        if part
    ]
    unseen = f"; {', '.join(blind)}" if blind else ""
    if summary.findings:
        causes = counted(roots, "root cause")
        if roots == summary.findings:
            return f"{counted(summary.findings, 'finding')} by {looked}{unseen}"
        verb = "explains" if roots == 1 else "explain"
        return f"{causes} {verb} {counted(summary.findings, 'finding')} by {looked}{unseen}"
    if not summary.evaluated:
        return f"Nothing was evaluated{unseen}"
    known = f" but for {summary.waived:,} waived" if summary.waived else ""
    if blind:
        return f"No finding{known} by {looked}, but not all was seen{unseen}"
    return f"Healthy{known}: {looked}"


def is_green(summary: Summary, *, interrupted: bool) -> bool:
    """Whether a run may be shown in green: something was looked at, all of it, and nothing found."""
    blind = summary.not_evaluated or summary.not_run or interrupted
    return not summary.findings and not blind and summary.evaluated > 0
