"""A small AWS account on moto's server (see lab.account)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.account import ACCOUNT, ENVIRON, FUNCTIONS, GATEWAY, REGION, STACK, account
from lab.world import World

_INVENTORY = f"""\
aws:
  account:
    account: "{ACCOUNT}"
    region: {REGION}
    endpoint_url: {{endpoint}}
    functions: [{", ".join(FUNCTIONS)}]
    environment: [MONGODB_URI]
    stacks: [{STACK}]
    gateways: [{GATEWAY}]
"""


@contextmanager
def opened() -> Iterator[World]:
    """The account, furnished and healthy."""
    with account() as running, tempfile.TemporaryDirectory(prefix="sickbay-aws-") as folder:
        inventory = Path(folder) / "aws.yaml"
        inventory.write_text(_INVENTORY.format(endpoint=running.endpoint))
        yield World(name="aws", inventory=inventory, parts={"account": running}, environ=ENVIRON)
