"""Volumes and claims to them: bound, waiting, released, lost."""

from __future__ import annotations

from datetime import datetime

import msgspec

from sickbay.facts import Record, fact
from sickbay.targets.kubernetes.listing import Listing, Meta, Page, Wire, items


class _ClaimSpec(Wire):
    storage_class_name: str | None = None


class _ClaimRef(Wire):
    name: str | None = ""
    namespace: str | None = ""


class _VolumeSpec(Wire):
    claim_ref: _ClaimRef | None = None
    persistent_volume_reclaim_policy: str | None = ""


class _Status(Wire):
    phase: str | None = ""
    reason: str | None = ""
    message: str | None = ""


class _Claim(Wire):
    metadata: Meta
    spec: _ClaimSpec | None = None
    status: _Status | None = None


class _Volume(Wire):
    metadata: Meta
    spec: _VolumeSpec | None = None
    status: _Status | None = None


_claims = msgspec.json.Decoder(Page[_Claim])
_volumes = msgspec.json.Decoder(Page[_Volume])


@fact("volume_claims", Listing("v1", "persistentvolumeclaims"))
class VolumeClaim(Record):
    """A persistent volume claim (core/v1). ``phase``: Bound, Pending, Lost, or Unknown."""

    name: str
    phase: str
    storage_class: str = ""
    created: datetime | None = None

    @classmethod
    def parse(cls, pages: list[bytes]) -> tuple[VolumeClaim, ...]:
        """Claims from the pages of a PersistentVolumeClaimList."""
        return tuple(
            cls(
                name=claim.metadata.full_name,
                phase=(claim.status and claim.status.phase) or "Unknown",
                storage_class=(claim.spec and claim.spec.storage_class_name) or "",
                created=claim.metadata.creation_timestamp,
            )
            for claim in items(pages, _claims)
        )


@fact("volumes", Listing("v1", "persistentvolumes", namespaced=False))
class Volume(Record):
    """A persistent volume (core/v1). ``phase``: Available, Bound, Released, Failed, Pending, Unknown.

    Released: its claim was deleted and the data kept (policy Retain); nothing uses it any more.
    ``claim`` is the claim that it is meant for, ``namespace/name``.
    """

    name: str
    phase: str
    claim: str = ""
    policy: str = ""
    message: str = ""

    @classmethod
    def parse(cls, pages: list[bytes]) -> tuple[Volume, ...]:
        """Volumes from the pages of a PersistentVolumeList."""
        return tuple(cls._from(volume) for volume in items(pages, _volumes))

    @classmethod
    def _from(cls, volume: _Volume) -> Volume:
        status, spec = volume.status or _Status(), volume.spec or _VolumeSpec()
        claim = spec.claim_ref
        return cls(
            name=volume.metadata.name,
            phase=status.phase or "Unknown",
            claim=f"{claim.namespace}/{claim.name}" if claim else "",
            policy=spec.persistent_volume_reclaim_policy or "",
            message=status.message or status.reason or "",
        )
