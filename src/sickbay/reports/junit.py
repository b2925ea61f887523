"""junit.xml: each health test on each target as a test case, for CI servers.

A finding is a failure, what it explains is skipped, what could not be looked at and nothing
explains is an error, a waived finding is skipped: as pytest counts them. Names are the same in
every run, so that a server can follow a test case through time.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from sickbay.diagnosis import Diagnosis, Finding
from sickbay.inventory.units import show
from sickbay.reports.results import Result, results
from sickbay.reports.terminal import told_in_full
from sickbay.reports.text import plain, verdict_line

LONG = 1000
"""Characters of one text."""
FULL = 500
"""Failures whose whole story is told; of the others there is the message."""

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped."""


def render(diagnosis: Diagnosis) -> bytes:
    """The document, in UTF-8."""
    root = ET.Element("testsuites", name="sickbay", time=f"{diagnosis.run.duration_s:.3f}")
    suites: dict[str, ET.Element] = {}
    failures = 0
    for result in results(diagnosis):
        failures += result.outcome == "failed"
        layer = result.about.layer
        if layer not in suites:
            suites[layer] = _suite(root, layer, diagnosis)
        _case(suites[layer], result, in_full=failures <= FULL)
    if diagnosis.summary.not_run or diagnosis.run.interrupted:
        _unfinished(root, diagnosis)
    _count(root)
    ET.indent(root, " ")
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _case(suite: ET.Element, result: Result, *, in_full: bool) -> None:
    about = result.about
    element = ET.SubElement(
        suite, "testcase", classname=_clean(f"{about.layer}.{about.kind}"),
        name=_clean(str(result.ref)), time="0.000",
    )  # fmt: skip
    if result.finding is not None:
        _properties(element, _about(result.finding))
    message = _clean(result.message)
    if result.outcome == "failed":
        failure = ET.SubElement(element, "failure", message=message, type=_clean(about.id))
        failure.text = _clean(told_in_full(result.node)) if result.node and in_full else message
    elif result.outcome == "error" and result.unseen is not None:
        gap = result.unseen
        error = ET.SubElement(element, "error", message=message, type=_clean(gap.reason))
        error.text = _clean(f"{plain(gap.detail, LONG)}\ndo: {plain(gap.remedy, LONG)}")
    elif result.outcome != "passed":
        ET.SubElement(element, "skipped", message=message)


def _suite(root: ET.Element, name: str, diagnosis: Diagnosis) -> ET.Element:
    run = diagnosis.run
    # The schema wants a moment without an offset; ours are UTC.
    moment = run.started.partition("+")[0]
    suite = ET.SubElement(
        root, "testsuite", name=_clean(name or "other"), timestamp=_clean(moment),
        hostname=_clean(plain(run.inventory, 120)), time="0.000",
    )  # fmt: skip
    _properties(
        suite,
        {
            "inventory": run.inventory,
            "sickbay": run.version,
            "duration": show(run.duration_s, "seconds"),
        },
    )
    return suite


def _about(finding: Finding) -> dict[str, str]:
    cause = finding.cause
    values = {
        "severity": finding.severity,
        "target": finding.target,
        "symptom": finding.symptom,
        "title": finding.title,
        "measured": finding.measured.text if finding.measured else "",
        "limit": finding.limit.text if finding.limit else "",
        "limit_source": finding.limit_source or "",
        "cause": f"{cause.text} ({cause.status})" if cause else "",
        "remedy": cause.remedy if cause else "",
        "signals": ", ".join(finding.signals),
    }
    return {name: value for name, value in values.items() if value}


def _properties(element: ET.Element, values: dict[str, str]) -> None:
    holder = ET.SubElement(element, "properties")
    for name, value in values.items():
        ET.SubElement(holder, "property", name=name, value=_clean(plain(value, LONG)))


def _unfinished(root: ET.Element, diagnosis: Diagnosis) -> None:
    """A case of its own: a reader that only counts failures must not take half a run for a whole."""
    summary, run = diagnosis.summary, diagnosis.run
    suite = _suite(root, "run", diagnosis)
    element = ET.SubElement(
        suite, "testcase", classname="run", name="came to its end", time="0.000"
    )
    message = verdict_line(summary, len(diagnosis.roots), interrupted=run.interrupted)
    ET.SubElement(element, "error", message=_clean(message), type="not_run").text = _clean(message)


def _count(root: ET.Element) -> None:
    """The numbers that readers expect in the heads of the suites and of the document."""
    whole = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
    for suite in root:
        numbers = {
            "tests": sum(1 for _ in suite.iter("testcase")),
            "failures": sum(1 for _ in suite.iter("failure")),
            "errors": sum(1 for _ in suite.iter("error")),
            "skipped": sum(1 for _ in suite.iter("skipped")),
        }
        for name, number in numbers.items():
            suite.set(name, str(number))
            whole[name] += number
    for name, number in whole.items():
        root.set(name, str(number))


def _clean(text: str) -> str:
    """Text that an XML document can hold."""
    return _NOT_XML.sub("�", text)
