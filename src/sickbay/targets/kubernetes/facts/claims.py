"""Volume claims: bound, waiting, lost."""

from __future__ import annotations

from datetime import datetime

import msgspec

from sickbay.facts import Record, fact
from sickbay.targets.kubernetes.listing import Listing, Meta, Page, Wire, full_name, items


class _Spec(Wire):
    storage_class_name: str | None = None


class _Status(Wire):
    phase: str = ""


class _Claim(Wire):
    metadata: Meta
    spec: _Spec = msgspec.field(default_factory=_Spec)
    status: _Status = msgspec.field(default_factory=_Status)


_decoder = msgspec.json.Decoder(Page[_Claim])


@fact("volume_claims", Listing("v1", "persistentvolumeclaims"))
class VolumeClaim(Record):
    """A persistent volume claim (core/v1): Bound, Pending or Lost."""

    name: str
    phase: str
    storage_class: str = ""
    created: datetime | None = None

    @classmethod
    def parse(cls, pages: list[bytes]) -> tuple[VolumeClaim, ...]:
        """Claims from the pages of a PersistentVolumeClaimList."""
        return tuple(
            cls(
                name=full_name(claim.metadata),
                phase=claim.status.phase,
                storage_class=claim.spec.storage_class_name or "",
                created=claim.metadata.creation_timestamp,
            )
            for claim in items(pages, _decoder)
        )
