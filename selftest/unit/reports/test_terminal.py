"""The lines that a user sees."""

from __future__ import annotations

import io
import os

import pytest
from _pytest._io import TerminalWriter

from selftest.unit.reports import samples
from sickbay.diagnosis import Diagnosis
from sickbay.reports.terminal import Line, encodable, lines, wrapped


def text(diagnosis: Diagnosis, *, verbose: bool = False) -> str:
    return "\n".join((line.lead + line.text).rstrip() for line in lines(diagnosis, verbose=verbose))


def test_rich_diagnosis_leads_with_the_best_answer() -> None:
    """What, found, cause, proof, what to do, what comes of it: in this order, in eight lines."""
    journal_remedy = samples.rich().roots[0].remedy
    assert text(samples.rich()).splitlines()[:9] == [
        "CRITICAL host.disk-filling on app1",
        '  Writes fail with "No space left on device" once a file system is full.',
        "  found   /var: used fraction 97 % is not < 85 % (limit disk_used: inventories/prod.yaml:31)",
        "  cause   the journal has outgrown its share",
        "          /var/log/journal: size bytes 12.4 GiB, files 148",
        f"  do      {journal_remedy}",
        "  hence   host.unit-failed on app1: sergas-agent.service, nginx.service (major)",
        "          └─ endpoint.wrong-status on api: status 502 is not == 200 (critical)",
        "             └─ endpoint.slow on shop: total seconds 4.2 s is not < 1 s (minor)",
    ]


def test_blind_spots_waivers_and_warnings_follow() -> None:
    """Each once, with its remedy, and the numbers last."""
    shown = text(samples.rich())
    for line in (
        "could not be looked at, which counts against the run",
        "  main: denied",
        "    do      GRANT pg_monitor TO monitor;",
        "  redis.memory-full on cache: used fraction 96 % is not < 90 %: resize booked (owner ops, until 2027-01-15)",
        "expired waivers",
        "  inventories/prod.yaml:12: the password stands in the file: write ${VARIABLE}",
    ):
        assert line in shown.splitlines()
    assert shown.count("GRANT pg_monitor") == 1
    assert shown.splitlines()[-1] == (
        "7 findings (3 critical, 3 major, 1 minor), 7 not evaluated, 2 not run, 2 waived, 29 healthy, "
        "1 not applicable; 11 targets in 1.42 s"
    )


def test_verbose_tells_all_causes_and_evidence() -> None:
    """-v adds what a second look needs."""
    shown = text(samples.rich(), verbose=True)
    assert "possible: perhaps a process still holds deleted files open" in shown
    assert "ruled out: unused container images fill the disk" in shown
    assert "signals sergas:disk-full/root-usage, claudebox:disk-full/usage" in shown
    assert "and 63 more" in shown


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("empty", "Nothing was evaluated (1.42 s)"),
        ("healthy", "Healthy: 12 health tests on 3 targets (1.42 s)"),
        ("interrupted", "Nothing was evaluated; 12 were not run, the run was interrupted (1.42 s)"),
        ("one finding", "1 finding (1 major), 1 healthy; 1 target in 1.42 s"),
        ("all unreachable", "4 findings (4 critical), 12 not evaluated; 4 targets in 1.42 s"),
        ("orphan", "1 finding (1 major), 1 not run, interrupted; 1 target in 1.42 s"),
    ],
)
def test_last_line_tells_the_numbers_honestly(name: str, said: str) -> None:
    """One line for the whole run."""
    assert text(samples.EVERY[name]()).splitlines()[-1] == said


@pytest.mark.parametrize(
    ("blind", "style"), [({}, "good"), ({"not_run": 3}, "odd"), ({"interrupted": True}, "odd")]
)
def test_run_that_did_not_see_all_is_not_green(blind: dict[str, int], style: str) -> None:
    """Blind is never green."""
    *_, last = lines(samples.of(samples.verdict("host.x", "a"), **blind))
    assert last.style == style


def test_denied_fact_alone_is_not_green() -> None:
    """No finding, but something could not be looked at."""
    gap = samples.Gap(reason="denied", detail="no", remedy="grant it")
    diagnosis = samples.of(
        samples.verdict("host.x", "a"), samples.verdict("host.y", "a", "not_evaluated", gap=gap)
    )
    *_, last = lines(diagnosis)
    assert (last.style, last.text) == (
        "odd",
        "No finding by 1 health test on 1 target, but not all was seen; 1 could not be evaluated (1.42 s)",
    )


def test_huge_run_stays_short() -> None:
    """A thousand targets do not scroll the answer away; -v may."""
    diagnosis = samples.huge(300, 8, ill=100)
    assert len(text(diagnosis).splitlines()) < 60
    assert "and 183 more (all with -v, and in the report)" in text(diagnosis)


def test_same_finding_on_many_targets_is_one_block() -> None:
    """The first targets are named, the others counted."""
    shown = text(samples.all_unreachable(50))
    assert shown.startswith("CRITICAL host.unreachable on 50 targets: h0, h1,")
    assert "and 38 more" in shown
    assert "150 health tests on h0, h1, h10 and 47 more could not look, and say nothing" in shown


def test_unreachable_target_tells_what_happened_on_the_way() -> None:
    """The contact's own words and remedy, not the comparison of two short names."""
    contact = {"_": "unreachable", "outcome": "unreachable", "failure": "no-route",
               "detail": "No route to host: 10.0.0.7", "remedy": "Is it on?"}  # fmt: skip
    shown = text(
        samples.of(
            samples.verdict(
                "host.unreachable",
                "db2",
                "finding",
                message='"unreachable" is not == "answered"',
                evidence=[contact],
            )
        )
    )
    assert "  found   no route: No route to host: 10.0.0.7" in shown
    assert "  do      Is it on?" in shown


def test_hostile_text_cannot_command_the_terminal() -> None:
    """No escape sequence, no control character, no turned direction gets through; lines stay lines."""
    for verbose in (False, True):
        shown = text(samples.hostile(), verbose=verbose)
        assert all(letter == "\n" or letter.isprintable() for letter in shown)
        assert max(map(len, shown.splitlines())) < 6000
    assert "\\x1b[31mred" in shown


def test_lines_are_wrapped_under_their_own_beginning() -> None:
    """What is wrapped hangs behind its label."""
    line = Line("  found   ", "word " * 30)
    pieces = [lead + rest for lead, rest in wrapped(line, 60)]
    assert len(pieces) == 3
    assert all(len(piece) <= 60 for piece in pieces)
    assert pieces[1].startswith("          word")
    assert [lead + rest for lead, rest in wrapped(line, None)] == ["  found   " + "word " * 30]


def test_stream_that_knows_only_ascii_gets_ascii() -> None:
    """In the C locale nothing is lost and nothing raises."""
    assert encodable("└─ é → ok", "ascii") == "`- \\xe9 -> ok"
    assert encodable("└─ é", "utf-8") == "└─ é"
    assert encodable("└─", "no-such-encoding") == "`-"


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    """pytest's writer decides; what it is given goes through its markup only."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for name in ("NO_COLOR", "PY_COLORS", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert TerminalWriter(Terminal()).hasmarkup
    monkeypatch.setenv("NO_COLOR", "1")
    assert not TerminalWriter(Terminal()).hasmarkup
    assert os.environ["NO_COLOR"]
