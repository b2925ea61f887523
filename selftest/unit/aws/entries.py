"""Inventory entries, limits and observations as the tests of the room write them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sickbay.inventory.aws import AwsEntry, AwsLimits
from sickbay.inventory.limits import resolve
from sickbay.inventory.targets import Target
from sickbay.snapshot import TargetState

Look = Callable[..., TargetState]
"""Observe facts of an account: ``look("lambda_functions", endpoint_url=...)``."""


def target(**settings: Any) -> Target:
    """A target named account."""
    entry = AwsEntry(**{"region": "eu-central-1", **settings})
    return Target("account", entry, limits())


def limits(**settings: Any) -> AwsLimits:
    """Limits as an inventory has them that says only this."""
    return resolve(AwsLimits(**settings), AwsLimits(), lambda _: "here", lambda _: "default")
