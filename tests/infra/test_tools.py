"""The commands that people and scripts rely on are installed."""

from __future__ import annotations

from sickbay.judge import offenders
from sickbay.symptoms import symptom
from sickbay.targets.host.facts.tools import Tool


@symptom(
    "host.tool-missing",
    severity="minor",
    signals=[
        "claude-projects-api:escalation/tools-installed",
        "claudebox:performance-monitoring/monitor-tools-present",
        "claudebox:health-check-script/health-tools-present",
        "neurallog:diagnostic-tooling-missing/operator-commands-present",
        "sergas:component-down/diagnostic-tools",
    ],
)
def test_declared_tools_are_installed(tools: tuple[Tool, ...]) -> None:
    """In an incident there is no time to install what the guide calls."""
    assert offenders(tools, lambda tool: not tool.path) == ()


@test_declared_tools_are_installed.cause(
    "it was never installed here, or was removed",
    remedy="Install its package (apt-file search bin/NAME, or command-not-found NAME, names it).",
)
def not_installed(tools: tuple[Tool, ...]) -> object:
    return [tool for tool in tools if not tool.path]
