"""PostgreSQL servers."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from sickbay.inventory.base import Entry, Secret
from sickbay.inventory.limits import Limits, limit
from sickbay.inventory.units import Fraction


class PostgresLimits(Limits):
    connections_used: Fraction = limit(
        "80 %", "client sessions of the slots open to ordinary roles"
    )


class PostgresEntry(Entry):
    kind: ClassVar = "postgres"

    dsn: Secret = Field(description="connection string or URI; give the password by ${VARIABLE}")
    limits: PostgresLimits = PostgresLimits()
