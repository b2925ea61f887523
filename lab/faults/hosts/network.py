"""app1's network is not as it should be: interfaces, packet filter, names, and who can be reached."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.fault import fault
from lab.machines import Machine

OUTSIDE = "192.0.2.21"
"""What app1 pings: an address of db1 that nothing else uses."""


@contextmanager
def _rules(app1: Machine, *rules: str) -> Iterator[None]:
    """More rules than there are in the file, ahead of all others of their chains."""
    for rule in rules:
        app1.run(f"nft insert rule inet filter {rule}")
    yield
    app1.run("nft -f /etc/nftables.conf")


@fault(
    "host.interface-down",
    on="app1",
    cause="somebody has set it down, or nobody has set it up",
    proves=[
        "claudebox:connection-timeouts/interfaces-up",
        "ai-orchestrator-hub:websocket-refused/interfaces-up",
    ],
)
def interface_is_set_down(app1: Machine) -> Iterator[None]:
    """The second interface is off."""
    app1.run("ip link set host1 down")
    yield
    app1.run("ip link set host1 up")


@fault("host.interface-down", on="app1", cause="there is nothing at the other end")
def cable_of_an_interface_is_pulled(app1: Machine) -> Iterator[None]:
    """The other end of the second interface is off."""
    app1.run("ip link set other1 down")
    yield
    app1.run("ip link set other1 up")


@fault("host.interface-down", on="app1", cause="it has no address")
def interface_has_lost_its_address(app1: Machine) -> Iterator[None]:
    """Its lease has run out."""
    app1.run("ip address flush dev host1")
    yield
    app1.run("ip address add 198.51.100.2/30 dev host1")


@fault(
    "host.ping-failing",
    on="app1",
    cause="there is no route to it",
    proves=["claudebox:slow-response-times/outbound-route"],
)
def there_is_no_route_outside(app1: Machine) -> Iterator[None]:
    """The route to what stands for the world outside is gone."""
    app1.run(f"ip route add unreachable {OUTSIDE}")
    yield
    app1.run(f"ip route del unreachable {OUTSIDE}")


@fault(
    "host.ping-failing",
    on="app1",
    cause="packets are lost on the way, or not answered",
    proves=[
        "claudebox:slow-response-times/outbound-ping",
        "ai-orchestrator-hub:network-broken/localhost-ping",
    ],
)
def packets_are_lost(app1: Machine) -> Iterator[None]:
    """Every answer to a ping is thrown away, loopback's too."""
    with _rules(app1, "input icmp type echo-reply drop"):
        yield


@fault(
    "host.ping-slow",
    on="app1",
    cause="the way there is long or congested",
    proves=[
        "claudebox:slow-response-times/outbound-ping",
        "claude-projects-api:mongodb-connection-refused/cluster-host-reachable",
    ],
    how="the limit is lowered: the lab's kernel cannot hold packets back (netem)",
)
def way_outside_is_long(inventory: Path) -> Iterator[None]:
    """Pings take longer than a microsecond."""
    before = inventory.read_text()
    inventory.write_text(before.replace("limits:\n", "limits:\n  ping_time: 0.001 ms\n", 1))
    yield
    inventory.write_text(before)


@fault(
    "host.firewall-blocks",
    on="app1",
    cause="a rule throws them away",
    proves=[
        "ai-orchestrator-hub:websocket-refused/firewall-allows",
        "claudebox:connection-timeouts/firewall-allows-ports",
    ],
)
def rule_drops_the_port(app1: Machine) -> Iterator[None]:
    """A rule for a test was forgotten ahead of the one that lets the shop's port in."""
    with _rules(app1, "input tcp dport 8000 drop"):
        yield


@fault(
    "host.firewall-blocks",
    on="app1",
    cause="no rule lets them through",
    proves=["sergas:balancer-health-check-failures/firewall-allows-balancer"],
)
def balancer_is_not_let_in(app1: Machine) -> Iterator[None]:
    """The balancers' network was taken out of the set."""
    app1.run("nft delete element inet filter balancers '{ 192.0.2.0/24 }'")
    yield
    app1.run("nft add element inet filter balancers '{ 192.0.2.0/24 }'")


@fault(
    "host.firewall-blocks",
    on="app1",
    cause="a rule throws them away",
    also=["host.peer-unreachable@app1"],
    proves=["sergas:cognee-down/cognee-firewall"],
)
def rule_drops_what_goes_out(app1: Machine) -> Iterator[None]:
    """Connections to the database's port are rejected on the way out."""
    with _rules(app1, "output tcp dport 5432 reject"):
        yield


@fault(
    "host.firewall-open",
    on="app1",
    cause="no packet filter is active",
    proves=["sergas:unauthorized-access/firewall-active"],
)
def firewall_was_switched_off(app1: Machine) -> Iterator[None]:
    """Somebody had trouble with it and never switched it on again."""
    app1.run("nft flush ruleset")
    yield
    app1.run("nft -f /etc/nftables.conf")


@fault(
    "host.firewall-open",
    on="app1",
    cause="its rules let in whatever they do not name",
    proves=["sergas:unauthorized-access/firewall-active"],
)
def firewall_lets_everything_in(app1: Machine) -> Iterator[None]:
    """The policy of its chain is to accept."""
    app1.run("nft chain inet filter input '{ policy accept ; }'")
    yield
    app1.run("nft chain inet filter input '{ policy drop ; }'")


@fault(
    "host.jail-missing",
    on="app1",
    cause="fail2ban does not run",
    proves=["sergas:unauthorized-access/fail2ban-jail"],
)
def fail2ban_was_stopped(app1: Machine) -> Iterator[None]:
    """Nobody has started it again."""
    app1.run("systemctl stop fail2ban")
    yield
    app1.run("systemctl start fail2ban")
    app1.wait_for("fail2ban-client ping")


@fault(
    "host.jail-missing",
    on="app1",
    cause="the jail is not enabled",
    proves=["sergas:unauthorized-access/fail2ban-jail"],
)
def jail_is_off(app1: Machine) -> Iterator[None]:
    """fail2ban runs without the jail for sshd."""
    app1.run("fail2ban-client stop sshd")
    yield
    app1.run("fail2ban-client reload")
    app1.wait_for("fail2ban-client status sshd")


@fault(
    "host.name-unresolved",
    on="app1",
    cause="it has no address here",
    proves=["ai-orchestrator-hub:network-broken/localhost-resolves"],
)
def localhost_has_no_address(app1: Machine) -> Iterator[None]:
    """Its line is gone from the hosts file, and the resolver is never asked for it."""
    app1.run("cp /etc/hosts /etc/nsswitch.conf /root; grep -v localhost /root/hosts >/etc/hosts")
    app1.run("sed -i 's/^hosts:.*/hosts: files/' /etc/nsswitch.conf")
    yield
    app1.run("cat /root/hosts >/etc/hosts; cat /root/nsswitch.conf >/etc/nsswitch.conf")


@fault(
    "host.name-unresolved",
    on="app1",
    cause="it has another address here",
    proves=["neurallog:service-to-service-failures/cluster-dns-resolves"],
    also=["host.peer-unreachable@app1"],
)
def old_line_in_the_hosts_file(app1: Machine) -> Iterator[None]:
    """It leads to the address that the database had before."""
    app1.run("cp /etc/hosts /root; sed -i 's/^192.0.2.12 /192.0.2.99 /' /etc/hosts")
    yield
    app1.run("cat /root/hosts >/etc/hosts")


@fault(
    "host.isolation-broken",
    on="app1",
    cause="nothing keeps packets from going there",
    proves=["neurallog:tenant-isolation-broken/cross-tenant-blocked"],
)
def other_tenant_can_be_reached(db1: Machine) -> Iterator[None]:
    """Its service takes connections from everybody."""
    db1.run(
        "systemd-run -q --collect --unit=other python3 -c 'import socket, time; "
        's = socket.create_server(("192.0.2.12", 9)); time.sleep(60)\''
    )
    db1.wait_for("ss -Hltn sport = :9 | grep -q LISTEN")
    yield
    db1.run("systemctl kill --signal=KILL other; systemctl reset-failed other; true")


@fault(
    "host.name-leaks",
    on="app1",
    cause="its resolver answers for them",
    proves=["neurallog:tenant-isolation-broken/tenant-dns-isolated"],
)
def name_of_the_other_tenant_resolves(app1: Machine) -> Iterator[None]:
    """Somebody has made it known on this host."""
    app1.run("cp /etc/hosts /root; echo 192.0.2.98 other-tenant.lab >>/etc/hosts")
    yield
    app1.run("cat /root/hosts >/etc/hosts")


@fault(
    "host.answer-wrong",
    on="app1",
    cause="no answer comes back",
    proves=["neurallog:service-to-service-failures/auth-reachable-from-billing"],
)
def way_to_the_service_is_blocked(app1: Machine) -> Iterator[None]:
    """From here alone, connections to it are rejected on the way out."""
    with _rules(app1, "output ip daddr 192.0.2.11 tcp dport 80 reject with tcp reset"):
        yield


@fault(
    "host.answer-wrong",
    on="app1",
    cause="it answers with another status",
    proves=["sergas:balancer-health-check-failures/reachable-from-balancer"],
)
def service_refuses_this_host(app1: Machine) -> Iterator[None]:
    """Whoever asks from here is forbidden."""
    site = "/etc/nginx/conf.d/shop.conf"
    app1.run(
        f"cp -p {site} /root/kept; sed -i 's,return 301,if ($remote_addr = 192.0.2.11) {{ return 403; }} return 301,' {site}; "
        "nginx -s reload; sleep 0.3"
    )
    yield
    app1.run(f"mv /root/kept {site}; nginx -s reload; sleep 0.3")
