"""app1 cannot log in to db1's second sshd, or nobody answers behind its tunnel."""

from __future__ import annotations

from collections.abc import Iterator

from lab.fault import fault
from lab.machines import Machine
from lab.worlds.hosts import Hosts

_SSHD = "$(systemctl show --value -p MainPID slot-sshd)"
_TUNNEL = "/etc/systemd/system/shop-tunnel.service"


@fault(
    "host.ssh-silent",
    on="app1",
    cause="nothing listens there",
    proves=["claudebox:slots-wont-start/slot-host-ssh-banner"],
)
def sshd_over_there_was_stopped(db1: Machine) -> Iterator[None]:
    """The other machine takes no logins."""
    db1.run("systemctl stop slot-sshd")
    yield
    db1.run("systemctl start slot-sshd")


@fault(
    "host.ssh-silent",
    on="app1",
    cause="it says nothing: sshd hangs, a firewall drops what comes, or the host is down",
)
def sshd_over_there_hangs(db1: Machine) -> Iterator[None]:
    """Its process was stopped: the kernel takes connections, and nobody speaks."""
    db1.run(f"kill -STOP {_SSHD}")
    yield
    db1.run(f"kill -CONT {_SSHD}")


@fault(
    "host.ssh-login-fails",
    on="app1",
    cause="the key is not accepted over there",
    proves=["claudebox:slots-wont-start/slot-host-ssh-login"],
)
def key_was_removed_over_there(db1: Machine) -> Iterator[None]:
    """The account was made anew, without the key."""
    db1.run("mv /home/tunnel/.ssh/authorized_keys /root/keys")
    yield
    db1.run("mv /root/keys /home/tunnel/.ssh/authorized_keys")


@fault(
    "host.ssh-login-fails",
    on="app1",
    cause="others may read the private key, so that ssh does not use it",
)
def private_key_is_open_to_all(app1: Machine) -> Iterator[None]:
    """A deployment gave it the rights of all other files."""
    app1.run("chmod 644 /etc/shop/tunnel_key")
    yield
    app1.run("chmod 600 /etc/shop/tunnel_key")


@fault(
    "host.ssh-login-fails",
    on="app1",
    cause="the other host's key is not known, or is another than before",
)
def host_was_made_anew(app1: Machine) -> Iterator[None]:
    """What this machine knows is the key of its predecessor."""
    known = "/etc/shop/slot_known"
    app1.run(
        f"cp {known} /root/known; ssh-keygen -q -t ed25519 -N '' -f /root/other\n"
        f'echo "[192.0.2.12]:2222 $(cat /root/other.pub)" >{known}'
    )
    yield
    app1.run(f"cat /root/known >{known}; rm /root/known /root/other /root/other.pub")


@fault("host.ssh-login-fails", on="app1", cause="it comes in, and may run nothing there")
def account_over_there_has_no_shell(db1: Machine) -> Iterator[None]:
    """Somebody locked the account a little."""
    db1.run("usermod --shell /bin/false tunnel")
    yield
    db1.run("usermod --shell /bin/sh tunnel")


@fault(
    "host.peer-unreachable",
    on="app1",
    cause="a tunnel or proxy takes the connection, and nobody answers behind it",
    proves=["claudebox:connection-timeouts/tunnel-port-accepts"],
)
def nobody_answers_behind_the_tunnel(hosts: Hosts) -> Iterator[None]:
    """The tunnel stands, and what it leads to does not listen."""
    _tunnel(hosts, "s/localhost:22 /localhost:9 /")
    yield
    _tunnel(hosts, "s/localhost:9 /localhost:22 /")


def _tunnel(hosts: Hosts, change: str) -> None:
    hosts.app1.run(
        f"sed -i '{change}' {_TUNNEL}; systemctl daemon-reload; systemctl restart shop-tunnel"
    )
    hosts.app1.wait_for("ss -Hltn sport = :7681 | grep -q LISTEN")
