"""A small AWS account on moto's server (see lab.account)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.account import ENVIRON, account
from lab.world import World


@contextmanager
def opened() -> Iterator[World]:
    """The account, furnished and healthy."""
    with account() as running, tempfile.TemporaryDirectory(prefix="sickbay-aws-") as folder:
        inventory = Path(folder) / "aws.yaml"
        inventory.write_text(
            f"aws:\n  account: {{region: {ENVIRON['AWS_DEFAULT_REGION']}, endpoint_url: '{running.endpoint}'}}\n"
        )
        yield World(name="aws", inventory=inventory, parts={"account": running}, environ=ENVIRON)
