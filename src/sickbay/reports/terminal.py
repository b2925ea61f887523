"""The diagnosis on the terminal: roots first, so that ten seconds are enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

    from sickbay.run import RunState


class Progress:
    """One line that counts the targets observed, on a terminal only."""

    def __init__(self, reporter: TerminalReporter | None) -> None:
        self._reporter = reporter if reporter is not None and reporter.isatty else None
        self._shown = False

    def step(self, name: str, done: int, total: int) -> None:
        """Show that one more target is done."""
        if self._reporter is not None:
            self._shown = True
            self._reporter.rewrite(f"observing {total} targets: {done} done ({name})", erase=True)

    def done(self) -> None:
        """End the line."""
        if self._reporter is not None and self._shown:
            self._reporter.rewrite("", erase=True)


def summary(reporter: TerminalReporter, run: RunState) -> None:
    """Print the diagnosis of a finished run."""
    diagnosis = run.diagnosis
    assert diagnosis is not None
    reporter.section("diagnosis")
    for root in diagnosis.roots:
        reporter.write_line(f"{root.severity} {root.symptom} on {root.target}: {root.cause}")
