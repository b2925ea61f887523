"""What the options of a pytest run mean for Sickbay: which targets, how long, where reports go."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from sickbay.errors import UsageError
from sickbay.inventory.hostspec import HostOptions
from sickbay.inventory.select import Selector, inventory_folders, narrowed
from sickbay.inventory.targets import Target
from sickbay.inventory.units import parse_duration
from sickbay.redact import Redactor
from sickbay.run import RunState, replay
from sickbay.suite import idle_mentions
from sickbay.symptoms import symptom_of

_COLLECTED = pytest.StashKey[dict[str, str]]()
"""The kind of target of every symptom that was collected, selected or not."""
_COLLECTED_FILE = "collected.json"
"""What workers of pytest-xdist leave it in, for the process that reports for all of them."""

_DESCRIPTION = """sickbay: infrastructure health
  --hosts=NAME[,NAME...] (one of testinfra's options) says what to look at; a NAME is
    prod                   the inventory inventories/prod.yaml; the path of one does as well
    local                  this machine; so it is without --hosts
    ssh://user@host:22     a host by SSH; docker://NAME, podman://NAME, kubectl://POD,
                           chroot:///DIR, salt://MINION, ansible://GROUP
  -m says how much: critical, major, minor, infra, services, aws, k8s, "critical and aws"
  `sickbay symptoms` lists what is looked for"""
_LIMIT = """only these targets: names, tags, kinds or globs, separated by commas; ! takes away
- --limit=db1,web
- --limit='db*,!db2'
- --limit=endpoints"""
_DEADLINE = """how long observing all targets may take (default: 60 s); the inventory has each one's own
- --deadline=90s
- --deadline='2 min'"""
_ACTIVE = "also run the probes that may have a side effect (marker: active); all others only read"
_REPLAY = """judge an earlier run's snapshot again, contacting nothing
- --replay=reports/latest/snapshot.json"""
_HISTORY = "reports of earlier runs, to compare with (default: the folder of --reports-dir)"
_REPORTS = "where reports go: DIR/<time>/ and DIR/latest (default: reports)"


def add_options(parser: pytest.Parser) -> None:
    """Add Sickbay's options, in one group that teaches them."""
    group = parser.getgroup("sickbay", _DESCRIPTION)
    group.addoption("--limit", metavar="WORDS", help=_LIMIT)
    group.addoption("--deadline", metavar="TIME", default="60 s", help=_DEADLINE)
    group.addoption("--active", action="store_true", help=_ACTIVE)
    group.addoption("--replay", metavar="SNAPSHOT", help=_REPLAY)
    group.addoption("--reports-dir", metavar="DIR", default="reports", help=_REPORTS)
    group.addoption("--history", metavar="DIR", help=_HISTORY)


def new_run(config: pytest.Config) -> RunState:
    """The run that the options ask for. Raises UsageError; nothing has been contacted then."""
    hosts = getattr(config.option, "hosts", None)
    shared = getattr(config, "workerinput", {}).get("sickbay_shared")
    deadline = _deadline(config.getoption("deadline"))
    reports = config.invocation_params.dir / config.getoption("reports_dir")
    if reports.exists() and not reports.is_dir():
        raise UsageError(f"--reports-dir: {config.getoption('reports_dir')} is not a directory")
    snapshot = None
    if replayed := config.getoption("replay"):
        if hosts:
            raise UsageError("--replay brings its own inventory: leave --hosts out")
        inventory, snapshot = replay(config.invocation_params.dir / replayed)
    else:
        inventory = selector(config).inventory(hosts)
    if limit := config.getoption("limit"):
        inventory = narrowed(inventory, limit)
    options = {
        "hosts": Redactor(inventory.secrets).text(hosts) if hosts else None,
        "markers": config.getoption("markexpr"),
        "keyword": config.getoption("keyword"),
        "limit": limit,
        "deadline": config.getoption("deadline"),
        "active": config.getoption("active"),
        "replay": replayed,
    }
    return RunState(
        inventory=inventory,
        deadline=deadline,
        options={name: value for name, value in options.items() if value},
        replayed=snapshot,
        shared=Path(shared) if shared else None,
        history=_history(config, reports),
    )


def _history(config: pytest.Config, reports: Path) -> Path:
    if (given := config.getoption("history")) is None:
        return reports
    folder: Path = config.invocation_params.dir / given
    if not folder.is_dir():
        raise UsageError(f"--history: there is no directory {given}")
    return folder


def selector(config: pytest.Config) -> Selector:
    """Where this run looks for inventories, and what testinfra's options say about hosts."""
    option = config.option
    return Selector(
        folders=inventory_folders(config.invocation_params.dir, config.rootpath),
        options=HostOptions(
            connection=getattr(option, "connection", None),
            ssh_config=getattr(option, "ssh_config", None),
            ssh_identity_file=getattr(option, "ssh_identity_file", None),
            sudo=bool(getattr(option, "sudo", False)),
            sudo_user=getattr(option, "sudo_user", None),
            ansible_inventory=getattr(option, "ansible_inventory", None),
            force_ansible=bool(getattr(option, "force_ansible", False)),
        ),
    )


def hosts_of_module(config: pytest.Config, specs: Iterable[str | None]) -> list[Target]:
    """The hosts that a test module names itself (``testinfra_hosts``)."""
    try:
        return selector(config).hosts(specs)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None


def _deadline(text: str) -> float:
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise UsageError(f"--deadline: {error}") from None
    if seconds <= 0:
        raise UsageError("--deadline: has to be more than nothing")
    return seconds


# ---------------------------------------------------------------------- warnings


def note_symptoms(config: pytest.Config, items: Iterable[pytest.Item], shared: Path | None) -> None:
    """Remember which symptoms were collected, before any are deselected."""
    found = [symptom_of(getattr(item, "function", None)) for item in items]
    collected = {symptom.id: symptom.kind for symptom in found if symptom is not None}
    config.stash[_COLLECTED] = collected
    if shared is not None and hasattr(config, "workerinput"):
        (shared / _COLLECTED_FILE).write_text(json.dumps(collected))


def add_warnings(config: pytest.Config, run: RunState) -> None:
    """Add to the run's inventory what can only be told now: of what it speaks in vain."""
    collected = config.stash.get(_COLLECTED, {})
    if run.shared is not None and (left := run.shared / _COLLECTED_FILE).is_file():
        collected = json.loads(left.read_text())
    told = (*run.inventory.warnings, *idle_mentions(run.inventory, collected))
    run.inventory = replace(run.inventory, warnings=told)
