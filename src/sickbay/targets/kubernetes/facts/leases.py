"""Whether the parts of the control plane are alive, by the leases that they renew."""

from __future__ import annotations

from datetime import datetime

import msgspec

from sickbay.errors import NotApplicable
from sickbay.facts import Record, fact
from sickbay.targets.kubernetes.listing import Listing, Meta, Moment, Page, Wire, items

CONTROLLERS = ("kube-controller-manager", "kube-scheduler")


class _Spec(Wire):
    holder_identity: str | None = ""
    renew_time: Moment | None = None


class _Lease(Wire):
    metadata: Meta
    spec: _Spec = msgspec.field(default_factory=_Spec)


_decoder = msgspec.json.Decoder(Page[_Lease])


@fact("controller_leases", Listing("coordination.k8s.io/v1", "leases", namespace="kube-system"))
class ControllerLease(Record):
    """The leader lease of a part of the control plane (coordination.k8s.io/v1 Lease).

    Its holder renews it every few seconds for as long as it lives.
    """

    name: str
    holder: str = ""
    renewed: datetime | None = None

    @classmethod
    def parse(cls, pages: list[bytes]) -> tuple[ControllerLease, ...]:
        """Leases of scheduler and controller manager from the pages of a LeaseList."""
        leases = tuple(
            cls(
                name=lease.metadata.name,
                holder=lease.spec.holder_identity or "",
                renewed=lease.spec.renew_time,
            )
            for lease in items(pages, _decoder)
            if lease.metadata.name in CONTROLLERS
        )
        if not leases:
            raise NotApplicable("neither scheduler nor controller manager keeps a lease here")
        return leases
