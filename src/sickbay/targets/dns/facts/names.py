"""What the resolver says of the declared names."""

from __future__ import annotations

from collections.abc import Iterable

from sickbay.errors import NotApplicable
from sickbay.facts import Record, fact
from sickbay.inventory.dns import DnsEntry
from sickbay.targets.dns.ask import Answer, Resolve


@fact("resolved_names", Resolve("names"))
class ResolvedName(Record):
    """A declared name and the resolver's answer (RFC 1035).

    ``outcome`` is ``silent`` or the answer's code (NOERROR, NXDOMAIN, SERVFAIL, ...); ``values`` are the
    records as text; ``lacking`` are targets of SRV, MX or NS records without an address.
    """

    name: str
    record: str
    outcome: str
    values: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    failure: str = ""

    @property
    def resolves(self) -> bool:
        """It has such records, and all that they point at has an address."""
        return bool(self.values) and not self.lacking

    @classmethod
    def parse(cls, raw: Iterable[Answer]) -> tuple[ResolvedName, ...]:
        """Read the resolver's answers."""
        rows = tuple(
            cls(
                name=one.name,
                record=one.record,
                outcome=one.outcome,
                values=one.values,
                lacking=one.lacking,
                failure=one.failure,
            )
            for one in raw
        )
        if not rows:
            raise NotApplicable("the inventory declares no names for this resolver")
        return rows


class JudgedName(Record):
    """A name with declared values, and how its own differ from them."""

    name: str
    lacks: tuple[str, ...]
    has_beside: tuple[str, ...]


def judged_names(entry: DnsEntry, names: Iterable[ResolvedName]) -> tuple[JudgedName, ...]:
    """The names whose values are declared; NotApplicable where there are none."""
    declared = {
        name: {value.removesuffix(".").lower() for value in wanted.values}
        for name, wanted in entry.names.items()
        if wanted.values
    }
    if not declared:
        raise NotApplicable("the inventory declares no values for the names of this resolver")
    return tuple(
        JudgedName(
            name=one.name,
            lacks=tuple(sorted(declared[one.name] - set(one.values))),
            has_beside=tuple(sorted(set(one.values) - declared[one.name])),
        )
        for one in names
        if one.name in declared and one.values
    )
