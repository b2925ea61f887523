"""Namespaces and what they allot."""

from __future__ import annotations

from datetime import datetime

import msgspec

from sickbay.facts import Record, fact
from sickbay.targets.kubernetes.listing import (
    ConditionWire,
    Listing,
    Meta,
    Page,
    Wire,
    condition,
    items,
)
from sickbay.targets.kubernetes.quantity import quantity


class _NamespaceStatus(Wire):
    phase: str | None = "Unknown"
    conditions: list[ConditionWire] | None = None


class _Namespace(Wire):
    metadata: Meta
    status: _NamespaceStatus = msgspec.field(default_factory=_NamespaceStatus)


class _QuotaStatus(Wire):
    hard: dict[str, str] | None = None
    used: dict[str, str] | None = None


class _Quota(Wire):
    metadata: Meta
    status: _QuotaStatus = msgspec.field(default_factory=_QuotaStatus)


_namespaces = msgspec.json.Decoder(Page[_Namespace])
_quotas = msgspec.json.Decoder(Page[_Quota])


@fact("cluster_namespaces", Listing("v1", "namespaces", namespaced=False))
class Namespace(Record):
    """A namespace (core/v1). ``phase``: Active or Terminating; ``leaving`` since when the latter.

    ``held_by`` is what keeps it from ending: finalizers, or content that remains.
    """

    name: str
    phase: str
    leaving: datetime | None = None
    held_by: str = ""

    @classmethod
    def parse(cls, pages: list[bytes]) -> tuple[Namespace, ...]:
        """Namespaces from the pages of a NamespaceList."""
        return tuple(cls._from(item) for item in items(pages, _namespaces))

    @classmethod
    def _from(cls, item: _Namespace) -> Namespace:
        names = ("NamespaceFinalizersRemaining", "NamespaceContentRemaining")
        found = (condition(item.status.conditions, name) for name in names)
        held = [each.told for each in found if each and each.status == "True"]
        return cls(
            name=item.metadata.name,
            phase=item.status.phase or "Unknown",
            leaving=item.metadata.deletion_timestamp,
            held_by="; ".join(held),
        )


@fact("quotas", Listing("v1", "resourcequotas"))
class Quota(Record):
    """One item of a resource quota (core/v1), in its own unit: cores, bytes, objects."""

    name: str
    used: float
    hard: float

    @property
    def used_fraction(self) -> float | None:
        """None for a quota of nothing, which forbids and cannot run out."""
        return self.used / self.hard if self.hard else None

    @classmethod
    def parse(cls, pages: list[bytes]) -> tuple[Quota, ...]:
        """Items from the pages of a ResourceQuotaList."""
        return tuple(
            cls(
                name=f"{quota.metadata.full_name} {item}",
                used=quantity((quota.status.used or {}).get(item, "0")),
                hard=quantity(hard),
            )
            for quota in items(pages, _quotas)
            for item, hard in (quota.status.hard or {}).items()
        )
