"""Declared jobs: what has to run at set times, and how one sees that it did."""

from __future__ import annotations

from pydantic import Field

from sickbay.inventory.base import Part
from sickbay.inventory.declared.words import Path
from sickbay.inventory.patterns import Pattern
from sickbay.inventory.schedules import Schedule
from sickbay.inventory.units import Duration


class DeclaredJob(Part):
    """Something that cron or a systemd timer has to run."""

    command: Pattern = Field(
        description="regular expression that its command in a crontab, its script's path in "
        "/etc/cron.daily and the like, its timer's name or the command of the timer's unit holds",
        examples=["shop-backup", "systemctl restart shop"],
    )
    schedule: Schedule | None = Field(
        None,
        description="when it has to run: cron's five fields, a word such as @daily, or systemd's "
        "calendar",
        examples=["0 3 * * *", "*/5 * * * *"],
    )
    user: str | None = Field(None, description="account that it has to run under")
    within: Duration | None = Field(
        None, description="how long ago its last run may be", gt=0, examples=["26 h"]
    )
    report: Path | None = Field(
        None,
        description="file that each run writes, in place of the timer's last start or cron's lines "
        "in the journal; of a pattern the newest counts",
        examples=["/var/reports/check-*.txt"],
    )
