"""Which kinds of target there are."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from functools import cache

from sickbay.errors import UsageError
from sickbay.facts import FactSpec, facts_in
from sickbay.targets.probe import Observer


@dataclass(frozen=True)
class Kind:
    """A kind of target: where its room is, and what it needs to be reached.

    ``room`` is a package with a module ``observer`` (function ``observe``) and a package ``facts``.
    ``extra`` names the optional dependencies and ``needs`` the module that shows they are there.
    """

    name: str
    room: str
    layer: str
    extra: str | None = None
    needs: str | None = None

    def observer(self) -> Observer:
        """The function that observes one target; UsageError when its packages are not installed."""
        if self.needs and importlib.util.find_spec(self.needs) is None:
            raise UsageError(
                f"{self.name} targets need the package {self.needs!r}, which is not installed: "
                f'pip install "sickbay[{self.extra}]"'
            )
        # The client comes with it: imported here and not where it is used, as threads that import
        # at the same time get modules that are only half there.
        observe: Observer = importlib.import_module(f"{self.room}.observer").observe
        return observe


KINDS = {
    kind.name: kind
    for kind in (
        Kind("host", "sickbay.targets.host", "infra"),
        Kind("postgres", "sickbay.targets.postgres", "services", "postgres", "psycopg"),
        Kind("redis", "sickbay.targets.redis", "services", "redis", "redis"),
        Kind("dns", "sickbay.targets.dns", "infra"),
        Kind("endpoint", "sickbay.targets.endpoint", "services"),
        Kind("kubernetes", "sickbay.targets.kubernetes", "k8s", "kubernetes", "kubernetes"),
        Kind("aws", "sickbay.targets.aws", "aws", "aws", "boto3"),
    )
}


@cache
def known_facts() -> dict[str, FactSpec]:
    """Every fact of every kind by name. Imports the fact modules, not the clients they are had with."""
    specs: dict[str, FactSpec] = {}
    for kind in KINDS.values():
        for spec in facts_in(importlib.import_module(f"{kind.room}.facts")):
            if spec.name in specs:
                raise TypeError(f"two facts are named {spec.name!r}")
            specs[spec.name] = spec
    return specs
