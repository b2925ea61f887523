"""Names resolve, to what they should, and zones are where the zones above say."""

from __future__ import annotations

from sickbay.inventory.dns import DnsEntry
from sickbay.judge import offenders
from sickbay.symptoms import symptom
from sickbay.targets.dns.facts.names import ResolvedName, judged_names
from sickbay.targets.dns.facts.zones import AuthoritativeAnswer, Delegation
from sickbay.targets.probe import Contact


@symptom(
    "dns.unreachable",
    severity="critical",
    explained_by=["host.unreachable", "host.unit-failed", "host.unit-inactive", "host.port-closed"],
)
def test_resolver_answers(contact: Contact) -> None:
    """Nothing that is asked for by name can be reached while the resolver does not answer."""
    assert contact.outcome == "answered"


@test_resolver_answers.cause(
    "no name server runs there",
    remedy="Start it (systemctl start unbound, or what it is called), or name another as resolver.",
)
def refused(contact: Contact) -> object:
    return contact if contact.failure == "refused" else None


@test_resolver_answers.cause(
    "it hangs, is cut off, or something drops what is sent there",
    remedy="dig @ADDRESS NAME, and with +tcp; look for firewalls in between and at the server's load.",
)
def silent(contact: Contact) -> object:
    return contact if contact.failure == "silent" else None


@test_resolver_answers.cause(
    "this machine has no name server",
    remedy="Name one as resolver in the inventory, or in /etc/resolv.conf.",
)
def no_resolver(contact: Contact) -> object:
    return contact if contact.failure == "no-resolver" else None


@symptom(
    "dns.name-unresolved",
    severity="critical",
    signals=[
        "claude-projects-api:mongodb-connection-refused/cluster-srv-resolves",
        "claudebox:support-channels/support-sites-resolve",
    ],
)
def test_declared_names_resolve(resolved_names: tuple[ResolvedName, ...]) -> None:
    """Whoever asks for it gets no address, and so no connection."""
    assert offenders(resolved_names, lambda one: not one.resolves) == ()


@test_declared_names_resolve.cause(
    "there is no such name",
    remedy="Compare it with the zone's records; a new one may take as long as the zone's negative TTL.",
)
def unknown(resolved_names: tuple[ResolvedName, ...]) -> object:
    return [one for one in resolved_names if one.outcome == "NXDOMAIN"]


@test_declared_names_resolve.cause(
    "it has no records of this type",
    remedy="Add the record to the zone (A or AAAA, SRV, MX), or correct the type in the inventory.",
)
def no_such_record(resolved_names: tuple[ResolvedName, ...]) -> object:
    return [one for one in resolved_names if one.outcome == "NOERROR" and not one.values]


@test_declared_names_resolve.cause(
    "what its records point at has no address",
    remedy="Add the address records of these targets, or take them out of the SRV or MX record.",
)
def target_without_address(resolved_names: tuple[ResolvedName, ...]) -> object:
    return [one for one in resolved_names if one.lacking]


@test_declared_names_resolve.cause(
    "the resolver cannot ask the zone's name servers",
    remedy="dig +trace NAME shows where it ends; see that the zone's servers run and serve it.",
)
def resolver_fails(resolved_names: tuple[ResolvedName, ...]) -> object:
    return [one for one in resolved_names if one.outcome not in {"NOERROR", "NXDOMAIN"}]


@symptom(
    "dns.answer-wrong",
    severity="critical",
    signals=["neurallog:external-access-failures/public-name-resolves"],
)
def test_declared_names_resolve_to_their_values(
    resolved_names: tuple[ResolvedName, ...], declared: DnsEntry
) -> None:
    """Clients are led to another place than the one that serves them."""
    assert (
        offenders(
            judged_names(declared, resolved_names), lambda one: bool(one.lacks or one.has_beside)
        )
        == ()
    )


@test_declared_names_resolve_to_their_values.cause(
    "it leads elsewhere",
    remedy="Correct the record in the zone, or the values in the inventory; then wait for its TTL.",
)
def elsewhere(resolved_names: tuple[ResolvedName, ...], declared: DnsEntry) -> object:
    return [one for one in judged_names(declared, resolved_names) if one.has_beside]


@test_declared_names_resolve_to_their_values.cause(
    "some of its values are missing",
    remedy="Add them to the record in the zone, or take them out of the inventory.",
)
def values_missing(resolved_names: tuple[ResolvedName, ...], declared: DnsEntry) -> object:
    judged = judged_names(declared, resolved_names)
    return [one for one in judged if one.lacks and not one.has_beside]


@symptom(
    "dns.answers-differ",
    severity="major",
    signals=["claude-projects-api:api-unreachable/dns-answers-agree"],
)
def test_resolver_says_what_the_zone_says(
    authoritative_answers: tuple[AuthoritativeAnswer, ...],
) -> None:
    """Some clients are led to the old place, some to the new one."""
    assert offenders(authoritative_answers, lambda one: one.silent or one.differs) == ()


@test_resolver_says_what_the_zone_says.cause(
    "the resolver still holds what the zone said before",
    remedy="Wait for the record's TTL (a change may take 48 hours to be known everywhere), or flush the "
    "resolver's cache.",
)
def old_answer(authoritative_answers: tuple[AuthoritativeAnswer, ...]) -> object:
    said = _said(authoritative_answers)
    return [one for one in authoritative_answers if one.differs and len(said[one.name]) == 1]


@test_resolver_says_what_the_zone_says.cause(
    "the zone's name servers say different things",
    remedy="Compare the serial numbers (dig @SERVER ZONE SOA) and see why transfers fail.",
)
def servers_disagree(authoritative_answers: tuple[AuthoritativeAnswer, ...]) -> object:
    said = _said(authoritative_answers)
    return [one for one in authoritative_answers if len(said[one.name]) > 1]


def _said(answers: tuple[AuthoritativeAnswer, ...]) -> dict[str, set[tuple[str, ...]]]:
    """All that the servers of its zone say of each name."""
    said: dict[str, set[tuple[str, ...]]] = {one.name: set() for one in answers}
    for one in answers:
        if not one.silent:
            said[one.name].add(one.says)
    return said


@test_resolver_says_what_the_zone_says.cause(
    "a name server of the zone does not answer",
    remedy="Start it, or take it out of the zone's NS records and of its delegation.",
)
def server_silent(authoritative_answers: tuple[AuthoritativeAnswer, ...]) -> object:
    return [one for one in authoritative_answers if one.silent]


@symptom(
    "dns.delegation-wrong",
    severity="critical",
    signals=["claude-projects-api:api-unreachable/zone-delegation-matches"],
)
def test_zones_are_delegated_to_their_name_servers(delegations: tuple[Delegation, ...]) -> None:
    """Resolvers ask servers that do not know the zone, or an old state of it."""
    assert offenders(delegations, lambda one: one.differs) == ()


@test_zones_are_delegated_to_their_name_servers.cause(
    "the zone above names other servers",
    remedy="Set the zone's name servers at the registrar (or in the zone above) to those of the zone; a "
    "zone that was made anew has new ones.",
)
def others_named(delegations: tuple[Delegation, ...]) -> object:
    return [one for one in delegations if one.differs and one.named]


@test_zones_are_delegated_to_their_name_servers.cause(
    "the zone above does not delegate it at all",
    remedy="Add its NS records there, with the addresses of those that lie in the zone itself.",
)
def not_delegated(delegations: tuple[Delegation, ...]) -> object:
    return [one for one in delegations if one.differs and not one.named]
