"""What wears out: transaction ids, dead rows, broken indexes."""

from __future__ import annotations

from typing import Any

from sickbay.facts import Record, fact
from sickbay.targets.postgres.query import Query

_XID_LIMIT = 2**31 - 3_000_000
"""Transactions after which the server refuses to write (manual, section 24.1.5)."""


@fact(
    "databases",
    Query("""
        SELECT d.datname AS name, age(d.datfrozenxid)::bigint AS xid_age, s.deadlocks, s.conflicts
        FROM pg_database d LEFT JOIN pg_stat_database s ON s.datid = d.oid
        WHERE d.datallowconn ORDER BY d.datname
    """),
)
class Database(Record):
    """A database of the server. ``xid_age`` is the age of its oldest unfrozen transaction id;
    ``deadlocks`` counts since the statistics were reset.
    """

    name: str
    xid_age: int
    deadlocks: int = 0
    conflicts: int = 0

    @property
    def transactions_left(self) -> int:
        """Transactions until the server stops to protect itself from wraparound."""
        return max(0, _XID_LIMIT - self.xid_age)

    @classmethod
    def parse(cls, rows: list[dict[str, Any]]) -> tuple[Database, ...]:
        """Parse the rows."""
        return tuple(
            cls(
                name=row["name"],
                xid_age=row["xid_age"],
                deadlocks=row["deadlocks"] or 0,
                conflicts=row["conflicts"] or 0,
            )
            for row in rows
        )


@fact(
    "tables",
    Query("""
        SELECT schemaname || '.' || relname AS name, n_live_tup AS live, n_dead_tup AS dead
        FROM pg_stat_user_tables ORDER BY n_dead_tup DESC LIMIT 100
    """),
)
class Table(Record):
    """A table of the connected database, of the 100 with the most dead rows (pg_stat_user_tables)."""

    name: str
    live: int
    dead: int

    @property
    def dead_share(self) -> float:
        """Dead rows of all rows."""
        return self.dead / (self.live + self.dead) if self.live + self.dead else 0.0

    @classmethod
    def parse(cls, rows: list[dict[str, Any]]) -> tuple[Table, ...]:
        """Parse the rows."""
        return tuple(cls(name=row["name"], live=row["live"], dead=row["dead"]) for row in rows)


@fact(
    "invalid_indexes",
    Query("""
        SELECT n.nspname || '.' || c.relname AS name, t.relname AS on_table
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
             JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE NOT i.indisvalid
          AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid)
    """, since=120000),
)  # fmt: skip
class InvalidIndex(Record):
    """An index left behind by a CREATE INDEX CONCURRENTLY that failed (pg_index.indisvalid)."""

    name: str
    on_table: str

    @classmethod
    def parse(cls, rows: list[dict[str, Any]]) -> tuple[InvalidIndex, ...]:
        """Parse the rows."""
        return tuple(cls(name=row["name"], on_table=row["on_table"]) for row in rows)
