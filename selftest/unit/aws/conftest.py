"""One emulated account for all tests of the room, and the environment that reaches no other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from lab.account import ENVIRON, Account, account
from selftest.unit.aws.entries import Look, target
from sickbay.inventory.targets import Inventory
from sickbay.observe import Observatory
from sickbay.redact import Redactor
from sickbay.snapshot import TargetState
from sickbay.targets.kinds import known_facts


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials for the emulator, and nothing of this machine's own AWS configuration."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def running_account() -> Iterator[Account]:
    """The emulated account, started once."""
    with account() as running:
        yield running


@pytest.fixture
def aws(running_account: Account) -> Iterator[Account]:
    """The account in good health, with no call noted yet; mended afterwards."""
    running_account.seen()
    yield running_account
    running_account.mend()


def _with_earlier(facts: Iterable[str]) -> frozenset[str]:
    """The facts and those that their requests build on."""
    wanted, waiting = set[str](), list(facts)
    while waiting:
        name = waiting.pop()
        wanted.add(name)
        waiting += known_facts()[name].request.after
    return frozenset(wanted)


@pytest.fixture
def look() -> Look:
    """Observe facts of an account: ``look("lambda_functions", endpoint_url=...)``."""

    def observe(*facts: str, **settings: Any) -> TargetState:
        settings.setdefault("deadline", 20)
        one = target(**settings)
        inventory = Inventory(name="selftest", targets={one.name: one})
        with Observatory(inventory, Redactor()) as observatory:
            seen = observatory.observe({one.name: _with_earlier(facts)}, deadline=60)
        return seen.states[one.name]

    return observe
