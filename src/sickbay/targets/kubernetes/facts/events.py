"""What the cluster itself has warned of."""

from __future__ import annotations

from datetime import datetime

import msgspec

from sickbay.facts import Record, fact
from sickbay.targets.kubernetes.listing import Listing, Meta, Moment, Page, Wire, items


class _Object(Wire):
    kind: str | None = ""
    namespace: str | None = ""
    name: str | None = ""

    @property
    def full_name(self) -> str:
        parts = (self.namespace, self.kind, self.name)
        return "/".join(part for part in parts if part)


class _Series(Wire):
    count: int | None = 0
    last_observed_time: Moment | None = None


class _Event(Wire):
    metadata: Meta
    involved_object: _Object = msgspec.field(default_factory=_Object)
    reason: str | None = ""
    message: str | None = ""
    count: int | None = 0
    last_timestamp: Moment | None = None
    event_time: Moment | None = None
    series: _Series | None = None


_decoder = msgspec.json.Decoder(Page[_Event])


@fact("warning_events", Listing("v1", "events", fields="type=Warning"))
class WarningEvent(Record):
    """A warning about an object (core/v1 Event), how often it recurred and when it last did.

    Events of the newer API fill only eventTime and series. The API server forgets events after an
    hour.
    """

    name: str
    reason: str
    count: int
    message: str = ""
    last: datetime | None = None

    @classmethod
    def parse(cls, pages: list[bytes]) -> tuple[WarningEvent, ...]:
        """Warnings from the pages of an EventList."""
        return tuple(cls._from(event) for event in items(pages, _decoder))

    @classmethod
    def _from(cls, event: _Event) -> WarningEvent:
        series = event.series or _Series()
        return cls(
            name=f"{event.involved_object.full_name} {event.reason or ''}".strip(),
            reason=event.reason or "",
            count=max(event.count or 0, series.count or 0, 1),
            message=event.message or "",
            last=series.last_observed_time
            or event.last_timestamp
            or event.event_time
            or event.metadata.creation_timestamp,
        )
