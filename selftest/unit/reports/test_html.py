"""report.html: one file, harmless whatever it shows, bounded however large the run."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from selftest.unit.reports import samples
from sickbay.reports import html


class Page(HTMLParser):
    """Collects tags, attributes and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in {"meta", "input", "br", "link", "img"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("name", samples.EVERY)
def test_page_is_well_formed_and_loads_nothing(name: str) -> None:
    """Every tag is closed; no address leads outside; ids are unique and links lead somewhere."""
    page = Page(html.render(samples.EVERY[name]()))
    assert page.open == []
    assert not {"link", "img", "iframe", "object"} & set(page.tags)
    assert not [a for a in page.attributes if a[1] == "src" or a[1].startswith("on")]
    ids = [value for _, attribute, value in page.attributes if attribute == "id"]
    assert len(ids) == len(set(ids))
    for _, attribute, value in page.attributes:
        if attribute == "href" and value is not None:
            assert value.removeprefix("#") in ids if value.startswith("#") else "/" not in value


def test_hostile_text_stays_text() -> None:
    """A script in a log line is shown, not run; the policy allows our one script by its hash."""
    source = html.render(samples.hostile())
    page = Page(source)
    assert page.tags.count("script") == 1
    assert "<script>alert('pwned')</script>" in page.text
    assert "{{ 7*7 }}" in page.text
    assert "\u202e" not in source
    assert "\x1b" not in source
    script = re.search(r"<script>(.*?)</script>", source, re.DOTALL)
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in source


def test_page_tells_root_cause_remedy_and_chain() -> None:
    """What the terminal says is there, and the drawing with the ill lines."""
    page = Page(html.render(samples.rich()))
    assert "4 root causes explain 7 findings" in page.text
    assert "journalctl --vacuum-size=500M" in page.text
    assert page.text.index("host.unit-failed") < page.text.index("endpoint.wrong-status")
    assert "4 health tests on db2 could not look because of this" in " ".join(page.text.split())
    assert ("path", "class", "ill") in page.attributes
    assert "the role monitor may not see" in page.text
    assert "resize booked (owner ops, until 2027-01-15)" in page.text


def test_healthy_page_is_green_and_says_what_was_looked_at() -> None:
    """One sentence, and the table of health tests."""
    source = html.render(samples.healthy())
    assert 'class="verdict good"' in source
    assert "Healthy: 12 health tests on 3 targets" in source


@pytest.mark.parametrize(
    "name", ["empty", "interrupted", "orphan", "all unreachable", "one finding"]
)
def test_page_of_an_ill_or_unfinished_run_is_not_green(name: str) -> None:
    """Blind is never green."""
    assert 'class="verdict good"' not in html.render(samples.EVERY[name]())


def test_page_of_a_huge_run_is_bounded() -> None:
    """A thousand targets with thousands of findings fit into a mail."""
    assert len(html.render(samples.huge(1000, 20, ill=500))) < 2_000_000


def test_gauge_is_only_drawn_for_numbers_that_compare() -> None:
    """Measured and limit on one scale; nothing for words or codes."""
    findings = {f.symptom: f for f in samples.rich().findings}
    assert html.gauge(findings["host.disk-filling"]) == {"measured": 97.0, "limit": 85.0}
    assert html.gauge(findings["endpoint.wrong-status"]) is None
    assert html.gauge(findings["host.unreachable"]) is None
