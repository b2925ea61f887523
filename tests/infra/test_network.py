"""The network as the host sees it: interfaces, packet filter, names, and who can be reached."""

from __future__ import annotations

from sickbay.errors import NotApplicable, Unsupported
from sickbay.inventory.host import HostEntry, HostLimits
from sickbay.judge import offenders, worst
from sickbay.symptoms import symptom
from sickbay.targets.host.facts.firewall import FirewallVerdict
from sickbay.targets.host.facts.jails import Jails, missing_jails
from sickbay.targets.host.facts.links import Link, needed_links
from sickbay.targets.host.facts.peers import ForeignPeer
from sickbay.targets.host.facts.reached import (
    HostAnswer,
    HostName,
    Ping,
    judged_answers,
    judged_names,
)

Verdicts = tuple[FirewallVerdict, ...]


@symptom(
    "host.interface-down",
    severity="critical",
    signals=[
        "claudebox:connection-timeouts/interfaces-up",
        "ai-orchestrator-hub:websocket-refused/interfaces-up",
    ],
)
def test_interfaces_are_up(network_links: tuple[Link, ...], declared: HostEntry) -> None:
    """What is reached by this interface, or reaches the host by it, is cut off."""
    assert offenders(needed_links(declared, network_links), lambda one: not one.works) == ()


@test_interfaces_are_up.cause(
    "somebody has set it down, or nobody has set it up",
    remedy="ip link set NAME up; see that what configures the network (ifupdown, networkd) does so at boot.",
)
def set_down(network_links: tuple[Link, ...], declared: HostEntry) -> object:
    return [one for one in needed_links(declared, network_links) if one.there and not one.up]


@test_interfaces_are_up.cause(
    "there is nothing at the other end",
    remedy="Look at cable, switch port or hypervisor; ethtool NAME says whether there is a link.",
)
def no_carrier(network_links: tuple[Link, ...], declared: HostEntry) -> object:
    return [one for one in needed_links(declared, network_links) if one.up and not one.carrier]


@test_interfaces_are_up.cause(
    "it has no address",
    remedy="ip address add, or renew the lease; see the log of what configures the network.",
)
def no_address(network_links: tuple[Link, ...], declared: HostEntry) -> object:
    links = needed_links(declared, network_links)
    return [one for one in links if one.there and one.up and one.carrier and not one.addresses]


@test_interfaces_are_up.cause(
    "there is no such interface",
    remedy="Correct the name in the inventory, or see why the device is gone (dmesg, lspci).",
)
def no_such_interface(network_links: tuple[Link, ...], declared: HostEntry) -> object:
    return [one for one in needed_links(declared, network_links) if not one.there]


@symptom(
    "host.ping-failing",
    severity="major",
    signals=[
        "claudebox:slow-response-times/outbound-ping",
        "claudebox:slow-response-times/outbound-route",
        "ai-orchestrator-hub:network-broken/localhost-ping",
    ],
    explained_by=["host.interface-down", "host.name-unresolved"],
)
def test_declared_hosts_answer_pings(pings: tuple[Ping, ...], limits: HostLimits) -> None:
    """The way to a host that stands for the world outside is broken, or loses packets."""
    assert worst(pings, "loss") < limits.ping_loss


@test_declared_hosts_answer_pings.cause(
    "there is no route to it",
    remedy="ip route get ADDRESS; add the default route, and see that what configures the network sets it.",
)
def no_route(pings: tuple[Ping, ...]) -> object:
    return [one for one in pings if not one.has_route]


@test_declared_hosts_answer_pings.cause(
    "its name is not known on this host",
    remedy="getent hosts NAME there; correct /etc/resolv.conf or the name.",
)
def name_unknown(pings: tuple[Ping, ...]) -> object:
    return [one for one in pings if not one.known]


@test_declared_hosts_answer_pings.cause(
    "packets are lost on the way, or not answered",
    remedy="mtr ADDRESS shows where; some hosts and firewalls leave pings unanswered on purpose.",
)
def packets_lost(pings: tuple[Ping, ...], limits: HostLimits) -> object:
    return [one for one in pings if one.sent and one.has_route and one.loss >= limits.ping_loss]


@symptom(
    "host.ping-slow",
    severity="minor",
    signals=[
        "claudebox:slow-response-times/outbound-ping",
        "claude-projects-api:mongodb-connection-refused/cluster-host-reachable",
    ],
)
def test_declared_hosts_answer_pings_soon(pings: tuple[Ping, ...], limits: HostLimits) -> None:
    """Every question to what is out there takes that much longer."""
    assert worst(pings, "seconds") < limits.ping_time


@test_declared_hosts_answer_pings_soon.cause(
    "the way there is long or congested",
    remedy="mtr ADDRESS shows where the time goes; compare the host's own traffic (ip -s link).",
)
def slow_way(pings: tuple[Ping, ...], limits: HostLimits) -> object:
    return [one for one in pings if (one.seconds or 0) >= limits.ping_time]


@symptom(
    "host.firewall-blocks",
    severity="critical",
    signals=[
        "ai-orchestrator-hub:websocket-refused/firewall-allows",
        "claudebox:connection-timeouts/firewall-allows-ports",
        "sergas:balancer-health-check-failures/firewall-allows-balancer",
        "sergas:cognee-down/cognee-firewall",
    ],
)
def test_firewall_lets_declared_connections_through(firewall: Verdicts) -> None:
    """Clients wait for an answer that the host's own packet filter has thrown away."""
    wanted = [one for one in firewall if not one.is_default]
    if not wanted:
        raise NotApplicable("the inventory declares no port that the firewall lets through")
    _known(wanted)
    assert offenders(wanted, lambda one: not one.lets_through) == ()


def _known(verdicts: list[FirewallVerdict]) -> None:
    """What a rule decides that cannot be judged is neither let through nor blocked."""
    unknown = [one for one in verdicts if one.verdict == "unknown"]
    if unknown:
        one = unknown[0]
        raise Unsupported(
            f"{one.what}: {one.by} depends on something that cannot be judged from the rules",
            "try the connection itself (`reaches` of a client), or simplify the rule",
        )


@test_firewall_lets_declared_connections_through.cause(
    "a rule throws them away",
    remedy="nft -a list ruleset shows the rule by its handle: delete it (nft delete rule ... handle N), and "
    "take it out of /etc/nftables.conf (or ufw delete).",
)
def rule_drops(firewall: Verdicts) -> object:
    return [
        one
        for one in firewall
        if not one.is_default and one.verdict in {"drop", "reject"} and " handle " in one.by
    ]


@test_firewall_lets_declared_connections_through.cause(
    "no rule lets them through",
    remedy="Add one ahead of the end of the chain: nft add rule inet filter input tcp dport PORT accept "
    "(or ufw allow PORT/tcp), and keep it in /etc/nftables.conf.",
)
def no_rule(firewall: Verdicts) -> object:
    return [
        one
        for one in firewall
        if not one.is_default and one.verdict == "drop" and one.by.startswith("policy")
    ]


@symptom(
    "host.firewall-open",
    severity="critical",
    signals=["sergas:unauthorized-access/firewall-active"],
)
def test_firewall_denies_what_is_not_allowed(firewall: Verdicts) -> None:
    """Whatever listens on this host can be reached by everybody."""
    default = [one for one in firewall if one.is_default]
    if not default:
        raise NotApplicable("the inventory does not want this host's firewall to deny by default")
    _known(default)
    assert offenders(default, lambda one: one.lets_through) == ()


@test_firewall_denies_what_is_not_allowed.cause(
    "no packet filter is active",
    remedy="systemctl enable --now nftables (or ufw enable): first let SSH in, or you lock yourself out.",
)
def not_active(firewall: Verdicts) -> object:
    return [one for one in firewall if one.is_default and one.by == "no rule"]


@test_firewall_denies_what_is_not_allowed.cause(
    "its rules let in whatever they do not name",
    remedy="Set the policy of the input chain to drop (ufw default deny incoming), SSH allowed before.",
)
def policy_accepts(firewall: Verdicts) -> object:
    return [one for one in firewall if one.is_default and one.lets_through and one.by != "no rule"]


@symptom(
    "host.jail-missing",
    severity="major",
    signals=["sergas:unauthorized-access/fail2ban-jail"],
)
def test_jails_are_on(jails: Jails, declared: HostEntry) -> None:
    """Whoever tries passwords is not shut out."""
    assert offenders(missing_jails(declared, jails), lambda _: True) == ()


@test_jails_are_on.cause(
    "fail2ban does not run",
    remedy="systemctl start fail2ban; journalctl -u fail2ban says why it ended.",
)
def fail2ban_off(jails: Jails, declared: HostEntry) -> object:
    return [one for one in missing_jails(declared, jails) if not one.fail2ban_runs]


@test_jails_are_on.cause(
    "the jail is not enabled",
    remedy="enabled = true in /etc/fail2ban/jail.d/NAME.conf, then fail2ban-client reload.",
)
def jail_off(jails: Jails, declared: HostEntry) -> object:
    return [one for one in missing_jails(declared, jails) if one.fail2ban_runs]


@symptom(
    "host.name-unresolved",
    severity="critical",
    signals=[
        "neurallog:service-to-service-failures/cluster-dns-resolves",
        "ai-orchestrator-hub:network-broken/localhost-resolves",
    ],
)
def test_declared_names_resolve_on_the_host(
    host_names: tuple[HostName, ...], declared: HostEntry
) -> None:
    """What runs on this host asks for a name, and gets no address or a wrong one."""
    if not declared.resolves:
        raise NotApplicable("the inventory names no names that this host has to resolve")
    assert offenders(judged_names(declared, host_names), lambda one: one.is_wrong) == ()


@test_declared_names_resolve_on_the_host.cause(
    "it has no address here",
    remedy="getent hosts NAME there; see /etc/resolv.conf, /etc/hosts and nsswitch.conf.",
)
def no_address_here(host_names: tuple[HostName, ...], declared: HostEntry) -> object:
    return [one for one in judged_names(declared, host_names) if one.is_wrong and not one.addresses]


@test_declared_names_resolve_on_the_host.cause(
    "it has another address here",
    remedy="grep NAME /etc/hosts: an old line there goes first; else correct the record.",
)
def other_address(host_names: tuple[HostName, ...], declared: HostEntry) -> object:
    return [one for one in judged_names(declared, host_names) if one.is_wrong and one.addresses]


@symptom(
    "host.isolation-broken",
    severity="critical",
    signals=[
        "neurallog:tenant-isolation-broken/cross-tenant-blocked",
        "neurallog:tenant-isolation-broken/tenant-dns-isolated",
    ],
)
def test_what_must_not_be_reached_is_not(foreign_peers: tuple[ForeignPeer, ...]) -> None:
    """This host can connect to what it must be kept apart from, such as another tenant's service."""
    assert offenders(foreign_peers, lambda peer: peer.outcome == "connected") == ()


@test_what_must_not_be_reached_is_not.cause(
    "nothing keeps packets from going there",
    remedy="Deny it in the firewall in between, or by a network policy that the network plugin enforces.",
)
def nothing_in_between(foreign_peers: tuple[ForeignPeer, ...]) -> object:
    return [peer for peer in foreign_peers if peer.outcome == "connected"]


@symptom(
    "host.name-leaks",
    severity="major",
    signals=["neurallog:tenant-isolation-broken/tenant-dns-isolated"],
)
def test_names_of_others_do_not_resolve(
    host_names: tuple[HostName, ...], declared: HostEntry
) -> None:
    """This host learns names that it must be kept apart from."""
    if not declared.unresolvable:
        raise NotApplicable("the inventory names no names that this host must not resolve")
    assert offenders(judged_names(declared, host_names), lambda one: one.leaks) == ()


@test_names_of_others_do_not_resolve.cause(
    "its resolver answers for them",
    remedy="Give each tenant a resolver of its own, or a view or access list in the shared one.",
)
def resolver_answers(host_names: tuple[HostName, ...], declared: HostEntry) -> object:
    return [one for one in judged_names(declared, host_names) if one.leaks]


@symptom(
    "host.answer-wrong",
    severity="critical",
    signals=[
        "neurallog:service-to-service-failures/auth-reachable-from-billing",
        "sergas:balancer-health-check-failures/reachable-from-balancer",
    ],
    explained_by=[
        "host.unit-inactive",
        "host.unit-failed",
        "host.unit-flapping",
        "host.port-closed",
        "host.process-stuck",
        "host.name-unresolved",
        "host.peer-unreachable",
    ],
)
def test_declared_urls_answer_this_host(
    host_answers: tuple[HostAnswer, ...], declared: HostEntry
) -> None:
    """From where this host stands, a service that it needs does not answer as it should."""
    assert offenders(judged_answers(declared, host_answers), lambda one: one.is_wrong) == ()


@test_declared_urls_answer_this_host.cause(
    "no answer comes back",
    remedy="curl -v URL on the host says where it ends: the name, the connection (a firewall there or "
    "here), or TLS.",
)
def no_answer(host_answers: tuple[HostAnswer, ...], declared: HostEntry) -> object:
    return [one for one in judged_answers(declared, host_answers) if one.status == 0]


@test_declared_urls_answer_this_host.cause(
    "it answers with another status",
    remedy="Compare with the service's own findings; the same request may be refused for where it comes from.",
)
def other_status(host_answers: tuple[HostAnswer, ...], declared: HostEntry) -> object:
    return [one for one in judged_answers(declared, host_answers) if one.is_wrong and one.status]
