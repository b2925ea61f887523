"""What the name servers of the zones themselves say."""

from __future__ import annotations

from collections.abc import Iterable

from sickbay.errors import NotApplicable, Unreachable
from sickbay.facts import Record, fact
from sickbay.targets.dns.ask import SILENT, Asked, Resolve


@fact("authoritative_answers", Resolve("authorities"))
class AuthoritativeAnswer(Record):
    """What one name server of a name's zone says of it, beside what the resolver says.

    ``outcome`` as in ``resolved_names``; ``says`` and ``resolver_says`` are the records that stand at the
    name itself.
    """

    of: str
    """Name and server."""
    name: str
    server: str
    outcome: str
    says: tuple[str, ...] = ()
    resolver_says: tuple[str, ...] = ()

    @property
    def silent(self) -> bool:
        return self.outcome == SILENT

    @property
    def differs(self) -> bool:
        """It answers, and otherwise than the resolver."""
        return not self.silent and self.says != self.resolver_says

    @classmethod
    def parse(cls, raw: Iterable[Asked]) -> tuple[AuthoritativeAnswer, ...]:
        """Read the answers; Unreachable where no server of a zone could be asked."""
        return tuple(
            cls(
                of=f"{asked.name} at {one.server}",
                name=asked.name,
                server=one.server,
                outcome=one.outcome,
                says=one.owner,
                resolver_says=asked.expected or (),
            )
            for asked in _asked(
                raw, "the inventory declares no name of this resolver authoritative"
            )
            for one in asked.answers
        )


@fact("delegations", Resolve("delegations"))
class Delegation(Record):
    """The name servers that one server of the zone above names for a zone.

    ``expected`` are those that are declared, or that the zone itself names.
    """

    of: str
    """Zone and server."""
    zone: str
    server: str
    outcome: str
    named: tuple[str, ...] = ()
    expected: tuple[str, ...] = ()

    @property
    def differs(self) -> bool:
        """It answers, and names others."""
        return self.outcome != SILENT and self.named != self.expected

    @classmethod
    def parse(cls, raw: Iterable[Asked]) -> tuple[Delegation, ...]:
        """Read the answers; Unreachable where no server above a zone could be asked."""
        return tuple(
            cls(
                of=f"{asked.name} at {one.server}",
                zone=asked.name,
                server=one.server,
                outcome=one.outcome,
                named=one.values,
                expected=asked.expected or (),
            )
            for asked in _asked(raw, "the inventory declares no zones for this resolver")
            for one in asked.answers
        )


def _asked(raw: Iterable[Asked], nothing: str) -> tuple[Asked, ...]:
    every = tuple(raw)
    if not every:
        raise NotApplicable(nothing)
    for asked in every:
        if asked.expected is None:
            raise Unreachable(f"{asked.name}: {asked.problem}", "see the resolver's own findings")
        if all(one.outcome == SILENT for one in asked.answers):
            raise Unreachable(
                f"{asked.name}: none of {', '.join(one.server for one in asked.answers)} answers",
                "let this machine ask name servers outside (UDP and TCP port 53)",
            )
    return every
