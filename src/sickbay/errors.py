"""Everything that Sickbay raises.

SickbayError
├── UsageError            what the user gave cannot be used; the run does not start (exit code 4)
│   └── InventoryError    ... and it is the inventory; carries every problem found
├── Missing               a fact could not be had: the symptom is "not evaluated", never healthy
│   ├── Unreachable       no answer at all: no route, refused, name unknown, broke off
│   ├── Denied            it answered, but these credentials may not see this
│   ├── Unsupported       the tool or feature that would tell is not there
│   ├── TimedOut          asked, and no answer came in time
│   └── Unreadable        an answer came that cannot be understood
└── NotApplicable         the target does not have the thing at all; nothing to judge
"""

from __future__ import annotations

from typing import ClassVar, Literal

Reason = Literal["unreachable", "denied", "unsupported", "timed_out", "unreadable"]


class SickbayError(Exception):
    """The root of all that Sickbay raises on purpose."""


class UsageError(SickbayError):
    """What the user gave (options, inventory, snapshot file) cannot be used."""


class Missing(SickbayError):
    """A fact could not be had.

    ``detail`` says what was tried and what came back; ``remedy`` what would make it visible;
    ``failure`` is the short name that a failed contact is told by (see probe.Contact).
    """

    reason: ClassVar[Reason]

    def __init__(self, detail: str, remedy: str = "", *, failure: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.remedy = remedy
        self.failure = failure


class Unreachable(Missing):
    reason = "unreachable"


class Denied(Missing):
    reason = "denied"


class Unsupported(Missing):
    reason = "unsupported"


class TimedOut(Missing):
    reason = "timed_out"


class Unreadable(Missing):
    reason = "unreadable"


class NotApplicable(SickbayError):
    """The target does not have what the symptom is about; the message says why."""
