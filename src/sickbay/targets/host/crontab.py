"""The lines of cron's tables (crontab(5)). Pure."""

from __future__ import annotations

import re

from sickbay.facts import Record
from sickbay.inventory.schedules import FIELDS, times

_SETTING = re.compile(r"\s*[\w\"']+\s*=")


class Entry(Record):
    """A job in a table of cron's. ``asleep``: it is commented out."""

    when: str
    user: str
    command: str
    asleep: bool = False


def entry(line: str, user: str | None) -> Entry | None:
    """The job that a line names, if it names one.

    ``user`` is the owner of a user's table; None for a system's, whose lines name the account.
    What is commented out counts only where it has the form of a job.
    """
    text = line.lstrip(" \t#")
    asleep = line.lstrip().startswith("#")
    if not text or _SETTING.match(text):
        return None
    fields = 1 if text.startswith("@") else FIELDS
    words = text.split(None, fields + (user is None))
    when = " ".join(words[:fields])
    if len(words) < fields + 1 + (user is None) or not (times(when) or when == "@reboot"):
        return None
    return Entry(
        when=when,
        user=words[fields] if user is None else user,
        command=_command(words[-1]),
        asleep=asleep,
    )


def _command(text: str) -> str:
    """A percent sign ends the command unless a backslash stands before it."""
    return re.split(r"(?<!\\)%", text, maxsplit=1)[0].replace("\\%", "%").strip()
