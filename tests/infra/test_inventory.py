"""The inventory itself can be ill: what it tolerates must not be tolerated for ever."""

from __future__ import annotations

from datetime import datetime

from sickbay.facts import Record
from sickbay.inventory.targets import WaiversEntry
from sickbay.judge import offenders
from sickbay.symptoms import symptom


class Tolerated(Record):
    """A waiver as a report shows it."""

    finding: str
    reason: str
    owner: str
    until: str
    written: str
    expired: bool


@symptom("inventory.waiver-expired", severity="minor")
def test_waivers_are_current(declared: WaiversEntry, now: datetime) -> None:
    """A waiver that has expired hides nothing any more: mend the finding, or decide again."""
    waivers = [
        Tolerated(
            finding=f"{waiver.symptom} on {waiver.target}",
            reason=waiver.reason,
            owner=waiver.owner,
            until=waiver.until.isoformat(),
            written=written,
            expired=waiver.until < now.date(),
        )
        for waiver, written in zip(declared.waivers, declared.sources, strict=True)
    ]
    assert offenders(waivers, lambda waiver: waiver.expired) == ()


@test_waivers_are_current.cause(
    "the waiver was not looked at again in time",
    remedy="Mend what it tolerates and remove it from the inventory, or agree on a new day with its "
    "owner and write that to `until`.",
)
def forgotten(declared: WaiversEntry, now: datetime) -> list[str]:
    return [
        f"{written}: {waiver.symptom} on {waiver.target} was tolerated until {waiver.until} "
        f"by {waiver.owner}: {waiver.reason}"
        for waiver, written in zip(declared.waivers, declared.sources, strict=True)
        if waiver.until < now.date()
    ]
