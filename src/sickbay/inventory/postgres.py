"""PostgreSQL servers."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from sickbay.inventory.base import Entry, Secret
from sickbay.inventory.limits import Limits, limit
from sickbay.inventory.units import Count, Duration, Fraction, Size


class PostgresLimits(Limits):
    connections_used: Fraction = limit(
        "80 %", "client sessions of the slots open to ordinary roles"
    )
    idle_after: Duration = limit("5 min", "how long a session may idle before it counts as idle")
    idle_share: Fraction = limit("20 %", "idle sessions of the slots open to ordinary roles")
    idle_in_transaction: Duration = limit("5 min", "how long a transaction may stand open and idle")
    query_time: Duration = limit("1 min", "how long one statement may run")
    lock_wait: Duration = limit("10 s", "how long one session may wait for another's lock")
    transactions_left: Count = limit(
        500_000_000, "transactions left before the server stops to protect itself from wraparound"
    )
    replication_lag: Duration = limit("1 min", "how far a standby may be behind")
    slot_retained: Size = limit("5 GiB", "write-ahead log that one replication slot may hold back")
    dead_rows: Fraction = limit("20 %", "dead rows of all rows of a table")
    dead_rows_floor: Count = limit(10_000, "rows below which a table's dead rows say nothing")


class PostgresEntry(Entry):
    kind: ClassVar = "postgres"

    dsn: Secret = Field(description="connection string or URI; give the password by ${VARIABLE}")
    limits: PostgresLimits = PostgresLimits()
