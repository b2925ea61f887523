"""app1's units fail, stop, flap, or are not what their files say; its ports are not listened on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from lab.fault import fault
from lab.worlds.hosts import Hosts


@contextmanager
def _failing(hosts: Hosts, settings: str) -> Iterator[None]:
    """The shop with other settings, with which it fails."""
    hosts.unit(hosts.app1, "shop-app", settings)
    hosts.app1.wait_for("systemctl is-failed shop-app")
    yield
    hosts.unit(hosts.app1, "shop-app")


@fault(
    "host.unit-failed",
    on="app1",
    cause="its program ended with an error",
    proves=["ai-orchestrator-hub:critical-failure/no-failed-units"],
)
def program_ends_with_an_error(hosts: Hosts) -> Iterator[None]:
    """The shop ends with status 3 at once."""
    with _failing(hosts, '[Service]\nExecStart=\nExecStart=/bin/sh -c "exit 3"\n'):
        yield


@fault(
    "host.unit-failed",
    on="app1",
    cause="another process holds its port",
    also=["endpoint.wrong-status@shop", "host.port-taken@app1"],
    proves=["sergas:application-wont-start/start-result"],
)
def port_is_taken(hosts: Hosts) -> Iterator[None]:
    """A forgotten process listens on the shop's port."""
    hosts.app1.run(
        "systemctl stop shop-app\n"
        "systemd-run -q --collect --unit=squatter python3 -m http.server --bind 127.0.0.1 8000"
    )
    hosts.wait_for_shop()
    with _failing(hosts, "[Service]\nEnvironment=TAKEN=1\n"):
        yield
        hosts.app1.run("systemctl stop squatter")


@fault(
    "host.unit-failed",
    on="app1",
    cause="a file or program that it needs is not there",
    proves=["ai-orchestrator-hub:service-not-started/activation-result"],
)
def program_is_missing(hosts: Hosts) -> Iterator[None]:
    """The unit starts a program that was never installed."""
    with _failing(hosts, "[Service]\nExecStart=\nExecStart=/opt/shop/missing\n"):
        yield


@fault(
    "host.unit-failed",
    on="app1",
    cause="it may not do what it has to",
    also=["host.file-no-access@app1"],
)
def data_directory_has_another_owner(hosts: Hosts) -> Iterator[None]:
    """Somebody restored the shop's data as root."""
    hosts.app1.run("chown -R root: /var/lib/shop; chmod 700 /var/lib/shop")
    with _failing(hosts, "[Service]\nEnvironment=OWNER=1\n"):
        yield
        hosts.app1.run("chown -R shop: /var/lib/shop; chmod 755 /var/lib/shop")


@fault("host.unit-failed", on="app1", cause="it did not start, or stop, in time")
def start_takes_too_long(hosts: Hosts) -> Iterator[None]:
    """systemd waits for the shop to say that it is ready, and it never does."""
    with _failing(
        hosts, "[Service]\nType=notify\nTimeoutStartSec=1\nExecStart=\nExecStart=/bin/sleep 60\n"
    ):
        yield


@fault(
    "host.unit-failed",
    on="app1",
    cause="it was started too often in a short time, and systemd gave up",
)
def systemd_gives_up(hosts: Hosts) -> Iterator[None]:
    """The shop ends at once each time until systemd starts it no more."""
    settings = "[Unit]\nStartLimitBurst=2\n[Service]\nRestart=always\nRestartSec=100ms\nExecStart=\nExecStart=/bin/false\n"
    with _failing(hosts, settings):
        yield


@fault(
    "host.unit-inactive",
    on="app1",
    cause="it was stopped, or never started",
    proves=[
        "ai-orchestrator-hub:service-not-started/unit-active",
        "sergas:component-down/app-unit-active",
        "claudebox:health-check-script/claudebox-unit-active",
        "claudebox:system-down/nginx-active",
        "claudebox:system-down/neo4j-active",
        "claudebox:system-down/redis-active",
        "claudebox:connection-timeouts/sshd-active",
        "ai-orchestrator-hub:database-unreachable/server-running",
        "sergas:component-down/redis-unit",
        "sergas:application-wont-start/postgresql-unit",
    ],
)
def shop_was_stopped(hosts: Hosts) -> Iterator[None]:
    """Somebody stopped the shop, and nginx answers 502."""
    hosts.app1.run("systemctl stop shop-app")
    yield
    hosts.app1.run("systemctl start shop-app")
    hosts.wait_for_shop()


@fault("host.unit-inactive", on="app1", cause="it is masked: systemd will not start it")
def shop_is_masked(hosts: Hosts) -> Iterator[None]:
    """Somebody masked the shop's unit."""
    unit = "/etc/systemd/system/shop-app.service"
    hosts.app1.run(f"systemctl stop shop-app; mv {unit} /root; systemctl -q mask shop-app")
    yield
    hosts.app1.run(
        f"systemctl -q unmask shop-app; mv /root/shop-app.service {unit}; systemctl daemon-reload\n"
        "systemctl -q enable shop-app; systemctl start shop-app"
    )
    hosts.wait_for_shop()


@fault("host.unit-inactive", on="app1", cause="there is no unit of this name on the host")
def shop_was_removed(hosts: Hosts) -> Iterator[None]:
    """The package with the unit is gone."""
    unit = "/etc/systemd/system/shop-app.service"
    hosts.app1.run(f"systemctl stop shop-app; mv {unit} /root; systemctl daemon-reload")
    yield
    hosts.app1.run(
        f"mv /root/shop-app.service {unit}; systemctl daemon-reload; systemctl -q enable shop-app; systemctl start shop-app"
    )
    hosts.wait_for_shop()


@fault(
    "host.unit-inactive",
    on="app1",
    cause="the unit failed",
    also=["host.unit-failed@app1"],
)
def shop_was_killed(hosts: Hosts) -> Iterator[None]:
    """A signal ended the shop."""
    hosts.app1.run("kill -SEGV $(systemctl show --value -p MainPID shop-app)")
    hosts.app1.wait_for("systemctl is-failed shop-app")
    yield
    hosts.unit(hosts.app1, "shop-app")


@fault(
    "host.unit-flapping",
    on="app1",
    cause="its program ended with an error",
    proves=[
        "ai-orchestrator-hub:service-not-started/no-restart-loop",
        "claudebox:high-memory-usage/unit-restarts-stable",
    ],
)
def shop_ends_again_and_again(hosts: Hosts) -> Iterator[None]:
    """systemd starts the shop anew every other moment, and it ends each time."""
    settings = '[Unit]\nStartLimitBurst=1000\n[Service]\nRestart=always\nRestartSec=1s\nExecStart=\nExecStart=/bin/sh -c "exit 4"\n'
    hosts.unit(hosts.app1, "shop-app", settings)
    hosts.app1.wait_for('[ "$(systemctl show --value -p NRestarts shop-app)" -gt 2 ]')
    yield
    hosts.unit(hosts.app1, "shop-app")


@fault(
    "host.unit-inactive",
    on="app1",
    cause="systemd restarts it again and again",
)
def shop_is_between_two_starts(hosts: Hosts) -> Iterator[None]:
    """The shop ended, and systemd waits before it starts it anew."""
    settings = "[Service]\nRestart=always\nRestartSec=60s\nExecStart=\nExecStart=/bin/false\n"
    hosts.unit(hosts.app1, "shop-app", settings)
    hosts.app1.wait_for("[ $(systemctl show --value -p SubState shop-app) = auto-restart ]")
    yield
    hosts.unit(hosts.app1, "shop-app")


@fault(
    "host.unit-outdated",
    on="app1",
    cause="the unit's file was changed and systemd has not read it since",
    proves=[
        "ai-orchestrator-hub:service-not-started/unit-loaded-current",
        "sergas:application-wont-start/unit-file-current",
    ],
)
def unit_file_was_changed(hosts: Hosts) -> Iterator[None]:
    """Somebody edited the unit and went away."""
    hosts.app1.run("sleep 1; echo '# changed' >>/etc/systemd/system/shop-app.service")
    yield
    hosts.app1.run("systemctl daemon-reload")


@fault("host.unit-outdated", on="app1", cause="the unit is not enabled")
def unit_is_not_enabled(hosts: Hosts) -> Iterator[None]:
    """The shop runs, and will not after the next reboot."""
    hosts.app1.run("systemctl -q disable shop-app")
    yield
    hosts.app1.run("systemctl -q enable shop-app")


@fault(
    "host.port-closed",
    on="app1",
    cause="no program listens on it at all",
    proves=[
        "claudebox:connection-timeouts/api-port-listening",
        "claude-projects-api:local-testing/local-port-listening",
        "claude-projects-api:mongodb-connection-refused/local-mongod-listening",
    ],
)
def shop_listens_on_another_port(hosts: Hosts) -> Iterator[None]:
    """A new setting moved the shop to port 8001, where nginx does not look for it."""
    app = "/opt/shop/app.py"
    hosts.app1.run(f"sed -i 's/8000)/8001)/' {app}; systemctl restart shop-app")
    hosts.app1.wait_for("ss -Hltn sport = :8001 | grep -q LISTEN")
    yield
    hosts.app1.run(f"sed -i 's/8001)/8000)/' {app}; systemctl restart shop-app")
    hosts.wait_for_shop()


@fault(
    "host.port-closed",
    on="db1",
    cause="it is listened on, but on another address than declared",
    proves=[
        "claudebox:connection-timeouts/bolt-port-listening",
        "sergas:balancer-health-check-failures/listens-beyond-loopback",
    ],
)
def database_listens_on_loopback_only(hosts: Hosts) -> Iterator[None]:
    """PostgreSQL takes connections from its own machine only."""
    settings = "/etc/postgresql/15/main/conf.d/zz-fault.conf"
    hosts.db1.run(
        f"echo \"listen_addresses = 'localhost'\" >{settings}; systemctl restart postgresql@15-main"
    )
    yield
    hosts.db1.run(f"rm {settings}; systemctl restart postgresql@15-main")
    hosts.db1.wait_for("pg_isready -q -h 192.0.2.12")


@fault(
    "host.accept-queue-full",
    on="app1",
    cause="the program does not get round to accepting them",
    proves=[
        "sergas:high-response-times/accept-queue",
        "ai-orchestrator-hub:network-broken/listen-queue",
    ],
)
def connections_wait_to_be_accepted(hosts: Hosts) -> Iterator[None]:
    """A program listens, and hangs; clients queue up in front of it."""
    program = (
        'import socket, time; server = socket.create_server(("127.0.0.1", 9000), backlog=4); '
        "clients = [socket.socket() for _ in range(5)]; "
        '[c.setblocking(False) or c.connect_ex(("127.0.0.1", 9000)) for c in clients]; time.sleep(600)'
    )
    hosts.app1.run(f"systemd-run -q --collect --unit=hanging python3 -c '{program}'")
    hosts.app1.wait_for("ss -Hltn sport = :9000 | grep -q LISTEN; sleep 0.2")
    yield
    hosts.app1.run("systemctl stop hanging")


@fault(
    "host.zombies",
    on="app1",
    cause="their parent does not wait for its children",
    proves=["claudebox:process-management/no-zombies"],
)
def children_are_not_waited_for(hosts: Hosts) -> Iterator[None]:
    """A program starts others and takes no note of their end."""
    program = "import os, time; [os.fork() or os._exit(0) for _ in range(3)]; time.sleep(600)"
    hosts.app1.run(f"systemd-run -q --collect --unit=careless python3 -c '{program}'; sleep 2.5")
    yield
    hosts.app1.run("systemctl stop careless")


@fault(
    "host.unit-starts-slowly",
    on="db1",
    cause="it takes too long until it is ready",
    proves=["sergas:balancer-health-check-failures/startup-time"],
)
def unit_says_late_that_it_is_ready(hosts: Hosts) -> Iterator[None]:
    """It was started, and did not answer for three seconds."""
    hosts.unit(hosts.db1, "slots", "[Service]\nEnvironment=DELAY=2.5\n")
    time.sleep(3)
    yield
    hosts.unit(hosts.db1, "slots")


@fault("host.unit-starts-slowly", on="db1", cause="it has not become ready at all")
def unit_never_says_that_it_is_ready(hosts: Hosts) -> Iterator[None]:
    """It runs, and waits for something."""
    hosts.unit(hosts.db1, "slots", "[Service]\nEnvironment=DELAY=600\n")
    time.sleep(2.5)
    yield
    hosts.unit(hosts.db1, "slots")


@fault("host.unit-starts-slowly", on="db1", cause="it takes too long until it is ready")
def database_is_loaded_for_too_long(hosts: Hosts) -> Iterator[None]:
    """Redis tells systemd when it is ready, and something went before it."""
    change = "/run/systemd/system/redis-server.service.d"
    restart = "systemctl daemon-reload; systemctl restart redis-server"
    hosts.db1.run(
        f"mkdir {change}; cat >{change}/fault.conf <<'END'\n"
        f"[Service]\nNoExecPaths=\nExecStartPre=/bin/sleep 4.2\nEND\n{restart}"
    )
    hosts.wait_for_replica()
    yield
    hosts.db1.run(f"rm -r {change}; {restart}")
    hosts.wait_for_replica()
