"""app1's services come near their limits on open files and processes, or may have too few."""

from __future__ import annotations

from collections.abc import Iterator

from lab.fault import fault
from lab.machines import Machine
from lab.worlds.hosts import Hosts
from lab.worlds.hosts_sockets import LOGINS

_SHOP = "$(systemctl show --value -p MainPID shop-app)"
_TUNNEL = "$(systemctl show --value -p MainPID shop-tunnel)"
_PRLIMIT = "setpriv --reuid shop --regid shop --clear-groups prlimit"
_CLIENTS = (
    "import socket, time; "
    'kept = [socket.create_connection(("127.0.0.1", 8000)) for _ in range(16)]; time.sleep(600)'
)


@fault(
    "host.service-files-short",
    on="app1",
    cause="half of them and more are connections of its clients",
    also=["host.open-file-limit-low@app1"],
    proves=["sergas:component-down/api-connections"],
)
def clients_take_all_files(hosts: Hosts) -> Iterator[None]:
    """The shop may open 24 files, and 16 clients keep their connections."""
    hosts.app1.run(
        f"{_PRLIMIT} --pid {_SHOP} --nofile=24:24; systemd-run -q --unit=clients python3 -c '{_CLIENTS}'"
    )
    hosts.app1.wait_for("[ $(ss -Htn state established sport = :8000 | wc -l) -ge 16 ]")
    yield
    hosts.app1.run("systemctl stop clients")
    hosts.unit(hosts.app1, "shop-app")


@fault(
    "host.service-files-short",
    on="app1",
    cause="half of them and more are connections that it has opened to others",
    also=["host.pool-full@app1"],
    proves=["claudebox:process-management/open-files-headroom"],
)
def connections_take_all_files(hosts: Hosts) -> Iterator[None]:
    """The shop may open 1000 files, and has 900 connections to Redis."""
    settings = "[Service]\nEnvironment=SHOP_POOL=900\nLimitNOFILE=1000\n"
    hosts.unit(hosts.app1, "shop-app", settings)
    hosts.wait_for_shop()
    yield
    hosts.unit(hosts.app1, "shop-app")


@fault(
    "host.open-file-limit-low",
    on="app1",
    cause="its unit gives it no more",
    proves=["claudebox:process-management/nofile-limit-applied"],
)
def unit_gives_too_few_files(hosts: Hosts) -> Iterator[None]:
    """Both limits of the shop's unit are 512."""
    hosts.unit(hosts.app1, "shop-app", "[Service]\nLimitNOFILE=512\n")
    hosts.wait_for_shop()
    yield
    hosts.unit(hosts.app1, "shop-app")


@fault("host.open-file-limit-low", on="app1", cause="the soft limit alone is low")
def soft_limit_is_low(hosts: Hosts) -> Iterator[None]:
    """The shop could raise its limit, and does not."""
    hosts.unit(hosts.app1, "shop-app", "[Service]\nLimitNOFILE=512:2048\n")
    hosts.wait_for_shop()
    yield
    hosts.unit(hosts.app1, "shop-app")


@fault(
    "host.open-file-limit-low",
    on="app1",
    cause="its unit gives it enough, and it runs with what was before",
)
def limit_was_lowered_on_the_way(hosts: Hosts) -> Iterator[None]:
    """Somebody lowered the limit of the running process."""
    hosts.app1.run(f"{_PRLIMIT} --pid {_SHOP} --nofile=512:512")
    yield
    hosts.unit(hosts.app1, "shop-app")


@fault(
    "host.service-tasks-short",
    on="app1",
    cause="its account may have no more (ulimit -u)",
    proves=["claudebox:process-management/process-limit-headroom"],
)
def account_may_have_no_more_processes(hosts: Hosts) -> Iterator[None]:
    """The tunnel's account has as many processes as the tunnel is allowed."""
    hosts.app1.run(f"{_PRLIMIT} --pid {_TUNNEL} --nproc=2:2")
    yield
    hosts.app1.run("systemctl restart shop-tunnel")
    hosts.app1.wait_for("ss -Hltn sport = :7681 | grep -q LISTEN")


def _logins(app1: Machine, change: str) -> Iterator[None]:
    app1.run(f"cp {LOGINS} /root/limits; {change}")
    yield
    app1.run(f"cat /root/limits >{LOGINS}; rm /root/limits")


@fault(
    "host.login-limits-wrong",
    on="app1",
    cause="no line sets it for all accounts",
    proves=["claudebox:process-management/nofile-limit-configured"],
)
def hard_limit_of_logins_is_missing(app1: Machine) -> Iterator[None]:
    """The line with the hard limit was removed."""
    yield from _logins(app1, f"sed -i /hard/d {LOGINS}")


@fault(
    "host.login-limits-wrong",
    on="app1",
    cause="another line contradicts it",
    proves=["claudebox:process-management/nofile-limit-configured"],
)
def account_has_a_lower_limit(app1: Machine) -> Iterator[None]:
    """The shop's own account was given less at some time."""
    yield from _logins(app1, f"echo 'shop - nofile 1024' >>{LOGINS}")


@fault(
    "host.login-limits-wrong",
    on="app1",
    cause="the last line for all accounts sets it lower",
)
def limit_of_logins_is_low(app1: Machine) -> Iterator[None]:
    """A package's file has the last word."""
    yield from _logins(app1, f"echo '*  soft  nofile  4096 # package' >>{LOGINS}")
