"""Declared watches over the journal: what it must not hold, and what it has to."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from sickbay.inventory.base import Part
from sickbay.inventory.declared.words import Name, Tag, Unit
from sickbay.inventory.patterns import Pattern
from sickbay.inventory.units import Duration

WEEK = 7 * 86400
MOST_ENTRIES = 5000
"""Entries of one watch that can be counted."""
MOST_WATCHES = 20
"""Watches of one host: each is a look through its journal."""

Priority = Literal["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"]
Patterns = Annotated[
    tuple[Pattern, ...],
    BeforeValidator(
        lambda value: (value,) if isinstance(value, str) else value,
        json_schema_input_type=str | tuple[str, ...],
    ),
]
"""One regular expression, or several of which one has to match."""


class JournalWatch(Part):
    """Entries that the journal must not hold, or has to hold, within some time.

    Without ``at_most`` and ``at_least`` there may be none.
    """

    unit: Unit | None = Field(None, description="unit that writes them (journalctl -u)")
    tag: Tag | None = Field(
        None, description="name that they are written under (journalctl -t), such as CRON"
    )
    holds: Patterns = Field(
        (),
        description="regular expression that their message holds, or several; (?i) for any case",
        examples=["(?i)database.*(refused|timed out)", ["Errno 98", '"level": ?"error"']],
    )
    priority: Priority | None = Field(
        None, description="they have this priority, or a worse one", examples=["err"]
    )
    within: Duration = Field(3600, description="how far back they count", gt=0, le=WEEK)
    at_most: int | None = Field(
        None, description="how many of them there may be", ge=0, lt=MOST_ENTRIES
    )
    at_least: int | None = Field(
        None, description="how many of them there have to be", ge=1, lt=MOST_ENTRIES
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.at_least is None and not self.holds and self.priority is None:
            raise ValueError("expected holds, priority or at_least: a journal is never empty")
        return self

    @property
    def most(self) -> int | None:
        """How many there may be: none, unless something is said."""
        return 0 if self.at_most is None and self.at_least is None else self.at_most


Watches = Annotated[dict[Name, JournalWatch], Field(max_length=MOST_WATCHES)]
"""Watches by names of one's own."""
