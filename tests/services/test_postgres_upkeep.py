"""PostgreSQL is looked after: vacuum, replication, archiving, settings."""

from __future__ import annotations

from sickbay.inventory.postgres import PostgresLimits
from sickbay.judge import least, offenders, worst
from sickbay.symptoms import symptom
from sickbay.targets.postgres.facts.replication import Archiver, ReplicationSlot, StandbyLag
from sickbay.targets.postgres.facts.server import PendingSetting
from sickbay.targets.postgres.facts.sessions import Session
from sickbay.targets.postgres.facts.storage import Database, InvalidIndex, Table


@symptom("postgres.wraparound-near", severity="critical")
def test_transaction_ids_are_far_from_running_out(
    databases: tuple[Database, ...], limits: PostgresLimits
) -> None:
    """The server stops taking writes when vacuum has not frozen old rows in time."""
    assert least(databases, "transactions_left") > limits.transactions_left


@symptom(
    "postgres.dead-rows",
    severity="minor",
    signals=[
        "sergas:slow-queries/table-bloat",
        "neurallog:postgres-slow/dead-rows-few",
        "ai-orchestrator-hub:query-analysis/dead-tuples",
    ],
    explained_by=["postgres.idle-in-transaction"],
)
def test_tables_are_vacuumed(tables: tuple[Table, ...], limits: PostgresLimits) -> None:
    """Dead rows make a table slow to read and large on disk."""
    bloated = offenders(
        tables,
        lambda t: t.live + t.dead > limits.dead_rows_floor and t.dead_share > limits.dead_rows,
    )
    assert bloated == ()


@test_tables_are_vacuumed.cause(
    "an old transaction keeps vacuum from removing them",
    remedy="End the transaction; then VACUUM the table.",
    because="postgres.idle-in-transaction",
)
def old_transaction(sessions: tuple[Session, ...], limits: PostgresLimits) -> object:
    return [s for s in sessions if s.seconds_in_transaction > limits.idle_in_transaction]


@symptom(
    "postgres.invalid-index",
    severity="minor",
)
def test_indexes_are_valid(invalid_indexes: tuple[InvalidIndex, ...]) -> None:
    """An invalid index costs every write and serves no read."""
    assert offenders(invalid_indexes, lambda _: True) == ()


@test_indexes_are_valid.cause(
    "CREATE INDEX CONCURRENTLY did not come to its end",
    remedy="DROP INDEX and create it anew, or REINDEX INDEX CONCURRENTLY.",
)
def unfinished(invalid_indexes: tuple[InvalidIndex, ...]) -> object:
    return invalid_indexes


@symptom(
    "postgres.pending-restart",
    severity="minor",
)
def test_settings_are_in_force(pending_settings: tuple[PendingSetting, ...]) -> None:
    """A changed setting that waits for a restart surprises whoever restarts next."""
    assert offenders(pending_settings, lambda _: True) == ()


@symptom("postgres.replication-lag", severity="major")
def test_standby_keeps_up(standby_lag: StandbyLag, limits: PostgresLimits) -> None:
    """What a standby has not replayed is lost when it has to take over."""
    assert worst([standby_lag], "seconds") < limits.replication_lag


@symptom("postgres.slot-retains-wal", severity="major")
def test_slots_hold_little_back(
    replication_slots: tuple[ReplicationSlot, ...], limits: PostgresLimits
) -> None:
    """A replication slot that nobody reads keeps write-ahead log until the disk is full."""
    assert worst(replication_slots, "retained") < limits.slot_retained


@test_slots_hold_little_back.cause(
    "nobody reads the slot any more",
    remedy="Bring its reader back, or drop it: SELECT pg_drop_replication_slot('NAME').",
)
def unread(replication_slots: tuple[ReplicationSlot, ...]) -> object:
    return [slot for slot in replication_slots if not slot.active]


@symptom("postgres.archiving-fails", severity="major", explained_by=["host.disk-filling"])
def test_archiving_succeeds(archiver: Archiver) -> None:
    """Without its archive a backup cannot be brought up to date, and the log piles up."""
    assert offenders([archiver], lambda a: a.failing) == ()
