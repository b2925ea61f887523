"""app1 does not let us in."""

from __future__ import annotations

from collections.abc import Iterator

from lab.fault import fault
from lab.worlds.hosts import APP, Hosts

KEY = "/etc/ssh/ssh_host_ed25519_key"


@fault("host.unreachable", on="app1", cause="sshd does not run there, or listens on another port")
def sshd_is_stopped(hosts: Hosts) -> Iterator[None]:
    """Nothing listens on port 22."""
    hosts.app1.run("systemctl stop ssh")
    yield
    hosts.app1.run("systemctl start ssh")


@fault("host.unreachable", on="app1", cause="the host is off, or the network to it is broken")
def there_is_no_route(hosts: Hosts) -> Iterator[None]:
    """A router in between says that the machine cannot be reached; its endpoints cannot be either."""
    with hosts.network.unreachable(APP):
        yield


@fault("host.unreachable", on="app1")
def network_cable_is_pulled(hosts: Hosts) -> Iterator[None]:
    """The machine's network interface is down: silence, until this machine's kernel gives up on it."""
    hosts.app1.run("ip link set host0 down")
    yield
    hosts.app1.run("ip link set host0 up")
    hosts.app1.wait_for("chronyc -n tracking | grep -q 'Leap status.*Normal'")


@fault(
    "host.unreachable",
    on="app1",
    cause="the host hangs, or a firewall drops what is sent to it",
)
def sshd_hangs(hosts: Hosts) -> Iterator[None]:
    """The connection comes about, and then nothing does."""
    hosts.app1.run("kill -STOP $(systemctl show --value -p MainPID ssh)")
    yield
    hosts.app1.run("kill -CONT $(systemctl show --value -p MainPID ssh)")


@fault("host.unreachable", on="app1", cause="sshd drops connections before the login")
def sshd_drops_connections(hosts: Hosts) -> Iterator[None]:
    """Something in sshd's place closes every connection."""
    program = (
        'import socket; server = socket.create_server(("0.0.0.0", 22)); '
        "[server.accept()[0].close() for _ in iter(int, 1)]"
    )
    hosts.app1.run(
        f"systemctl stop ssh; systemd-run -q --collect --unit=closer python3 -c '{program}'"
    )
    hosts.app1.wait_for("ss -Hltn sport = :22 | grep -q LISTEN")
    yield
    hosts.app1.run("systemctl stop closer; systemctl start ssh")


@fault("host.unreachable", on="app1", cause="something else than sshd answers there")
def web_server_answers_on_port_22(hosts: Hosts) -> Iterator[None]:
    """A program greets in another protocol."""
    program = (
        'import socket; server = socket.create_server(("0.0.0.0", 22)); '
        '[(c := server.accept()[0], c.sendall(b"220 mail.example.com ESMTP\\r\\n" * 2000), c.close()) for _ in iter(int, 1)]'
    )
    hosts.app1.run(
        f"systemctl stop ssh; systemd-run -q --collect --unit=stranger python3 -c '{program}'"
    )
    hosts.app1.wait_for("ss -Hltn sport = :22 | grep -q LISTEN")
    yield
    hosts.app1.run("systemctl stop stranger; systemctl start ssh")


@fault("host.unreachable", on="app1", cause="its host key is not known here")
def host_key_is_not_known(hosts: Hosts) -> Iterator[None]:
    """The operator has never connected to the machine."""
    known = hosts.home / ".ssh/known_hosts"
    before = known.read_text()
    known.write_text("".join(line for line in before.splitlines(True) if "app1" not in line))
    yield
    known.write_text(before)


@fault(
    "host.unreachable",
    on="app1",
    cause="its host key is another than it was: the host was made anew, or somebody stands between",
)
def host_key_has_changed(hosts: Hosts) -> Iterator[None]:
    """The machine was made anew, with another key."""
    hosts.app1.run(
        f"mv {KEY} {KEY}.pub /root; ssh-keygen -q -t ed25519 -N '' -f {KEY}; systemctl restart ssh"
    )
    yield
    hosts.app1.run(
        f"rm {KEY} {KEY}.pub; mv /root/ssh_host_ed25519_key* /etc/ssh; systemctl restart ssh"
    )


@fault("host.unreachable", on="app1", cause="the login is refused")
def login_is_refused(hosts: Hosts) -> Iterator[None]:
    """The operator's key was taken away."""
    hosts.app1.run("mv /home/medic/.ssh /root/medic-ssh")
    yield
    hosts.app1.run("mv /root/medic-ssh /home/medic/.ssh")


@fault("host.unreachable", on="app1", cause="it lets us in but gives no shell")
def account_has_no_shell(hosts: Hosts) -> Iterator[None]:
    """The operator's account was closed by giving it no shell."""
    hosts.app1.run("usermod -s /usr/sbin/nologin medic")
    yield
    # What nologin calls critical would count for an hour.
    hosts.app1.run("usermod -s /bin/sh medic; journalctl -q --rotate --vacuum-time=1s")


@fault(
    "host.unreachable",
    on="app1",
    cause="its name is not known here",
    also=["endpoint.name-unresolved@shop", "endpoint.name-unresolved@page"],
)
def name_is_not_known(hosts: Hosts) -> Iterator[None]:
    """Neither the name server nor the hosts file knows the machine; its endpoints are lost too."""
    file = hosts.network.hosts_file
    before = file.read_text()
    file.write_text("".join(line for line in before.splitlines(True) if APP not in line))
    hosts.db1.run("sed -i '/app1/d' /etc/lab-dns.conf; systemctl restart lab-dns")
    yield
    file.write_text(before)
    hosts.db1.run(
        f"echo 'host-record=app1.lab,{APP}' >>/etc/lab-dns.conf; systemctl restart lab-dns"
    )
