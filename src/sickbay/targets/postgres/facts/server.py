"""The server itself: version, role, slots, changed settings."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sickbay.facts import Record, fact
from sickbay.targets.postgres.query import Query


@fact(
    "postgres_server",
    Query("""
        SELECT current_setting('server_version') AS version,
               pg_is_in_recovery() AS standby,
               pg_postmaster_start_time() AS started,
               current_setting('max_connections')::int AS max_connections,
               current_setting('superuser_reserved_connections')::int
                 + coalesce(current_setting('reserved_connections', true)::int, 0) AS reserved,
               current_setting('default_transaction_read_only', true) AS read_only,
               current_setting('log_min_duration_statement') AS log_min_duration,
               current_setting('archive_mode') AS archive_mode
    """),
)
class PostgresServer(Record):
    """A PostgreSQL server (manual, chapters 20 and 9.28). ``reserved`` slots are kept for superusers."""

    version: str
    standby: bool
    started: datetime
    max_connections: int
    reserved: int

    @property
    def slots(self) -> int:
        """Sessions that ordinary roles can have."""
        return max(1, self.max_connections - self.reserved)

    @classmethod
    def parse(cls, rows: list[dict[str, Any]]) -> PostgresServer:
        """Parse the one row."""
        row = rows[0]
        return cls(
            version=row["version"],
            standby=row["standby"],
            started=row["started"],
            max_connections=row["max_connections"],
            reserved=row["reserved"],
        )


@fact(
    "pending_settings",
    Query("SELECT name, setting FROM pg_settings WHERE pending_restart ORDER BY name"),
)
class PendingSetting(Record):
    """A setting changed in the configuration that waits for a restart (view pg_settings)."""

    name: str
    setting: str

    @classmethod
    def parse(cls, rows: list[dict[str, Any]]) -> tuple[PendingSetting, ...]:
        """Parse the rows."""
        return tuple(cls(name=row["name"], setting=str(row["setting"])) for row in rows)
