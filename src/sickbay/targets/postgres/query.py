"""How a fact of a PostgreSQL server is asked for: one read-only query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Query:
    """A SELECT whose rows, as dictionaries, are the raw answer.

    ``since`` is the first server version that knows it (as server_version_num, 150000 for 15).
    ``grant`` is the role or privilege that makes it visible, for the report.
    """

    kind: ClassVar = "postgres"

    sql: str
    since: int = 0
    grant: str = "GRANT pg_monitor"
    after: tuple[str, ...] = ()
