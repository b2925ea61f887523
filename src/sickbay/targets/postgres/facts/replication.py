"""Replication and archiving: how far a standby is behind, what is held back for whom."""

from __future__ import annotations

from typing import Any

from sickbay.errors import NotApplicable
from sickbay.facts import Record, fact
from sickbay.targets.postgres.query import Query


@fact(
    "standby_lag",
    # A record that has come in just now is about to be replayed: where there is one, look again.
    Query("""
        WITH first AS MATERIALIZED (
            SELECT pg_last_wal_receive_lsn() AS received, pg_last_wal_replay_lsn() AS replayed
        ), pause AS MATERIALIZED (
            SELECT received, CASE WHEN received > replayed THEN pg_sleep(0.2) END FROM first
        )
        SELECT pg_is_in_recovery() AS standby,
               received <= pg_last_wal_replay_lsn() AS caught_up,
               extract(epoch FROM clock_timestamp() - coalesce(pg_last_xact_replay_timestamp(),
                                                   pg_postmaster_start_time()))::float8 AS seconds
        FROM pause
    """),
)
class StandbyLag(Record):
    """How far this standby is behind its primary, in seconds; 0 where all that came is replayed.

    One that has replayed nothing yet is as far behind as it has been running.
    """

    seconds: float

    @property
    def label(self) -> str:
        return "standby"

    @classmethod
    def parse(cls, rows: list[dict[str, Any]]) -> StandbyLag:
        """Parse the one row; a primary has no lag."""
        row = rows[0]
        if not row["standby"]:
            raise NotApplicable("this server is a primary")
        return cls(seconds=0.0 if row["caught_up"] else row["seconds"] or 0.0)


@fact(
    "replication_slots",
    Query("""
        SELECT slot_name AS name, active,
               CASE WHEN pg_is_in_recovery() THEN NULL
                    ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) END::float8 AS retained
        FROM pg_replication_slots
    """),
)
class ReplicationSlot(Record):
    """A replication slot and the write-ahead log that it holds back, in bytes."""

    name: str
    active: bool
    retained: float = 0.0

    @classmethod
    def parse(cls, rows: list[dict[str, Any]]) -> tuple[ReplicationSlot, ...]:
        """Parse the rows."""
        return tuple(
            cls(name=row["name"], active=row["active"], retained=row["retained"] or 0.0)
            for row in rows
        )


@fact(
    "archiver",
    Query("""
        SELECT current_setting('archive_mode') AS mode, archived_count, failed_count,
               last_failed_wal, coalesce(last_failed_time > last_archived_time,
                                         last_failed_time IS NOT NULL) AS failing
        FROM pg_stat_archiver
    """),
)
class Archiver(Record):
    """How archiving of the write-ahead log goes (pg_stat_archiver); counters since their reset."""

    failing: bool
    """The last attempt failed."""
    failed: int
    archived: int
    last_failed: str = ""

    @property
    def label(self) -> str:
        return "archiver"

    @classmethod
    def parse(cls, rows: list[dict[str, Any]]) -> Archiver:
        """Parse the one row."""
        row = rows[0]
        if row["mode"] == "off":
            raise NotApplicable("this server does not archive (archive_mode = off)")
        return cls(
            failing=row["failing"],
            failed=row["failed_count"],
            archived=row["archived_count"],
            last_failed=row["last_failed_wal"] or "",
        )
