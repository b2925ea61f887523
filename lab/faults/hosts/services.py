"""What runs on app1 is not what should run, or not as it should."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.fault import fault
from lab.machines import Machine
from lab.worlds.hosts import Hosts

TOOL = "/opt/shop/tool"
MAIN = "$(systemctl show -p MainPID --value shop-app)"


@contextmanager
def _shop(hosts: Hosts, settings: str) -> Iterator[None]:
    """The shop under other settings of its unit."""
    hosts.unit(hosts.app1, "shop-app", f"[Service]\n{settings}\n")
    hosts.wait_for_shop()
    yield
    hosts.unit(hosts.app1, "shop-app")


@fault(
    "host.process-missing",
    on="app1",
    cause="it has ended, or was never started",
    also=["host.peer-unreachable@app1"],
    proves=[
        "claudebox:connection-timeouts/ssh-tunnel-running",
        "claudebox:connection-timeouts/tunnel-port-accepts",
    ],
)
def tunnel_was_stopped(app1: Machine) -> Iterator[None]:
    """Nobody has started it again."""
    app1.run("systemctl stop shop-tunnel")
    yield
    app1.run("systemctl start shop-tunnel")
    app1.wait_for("ss -Hltn sport = :7681 | grep -q LISTEN")


@fault(
    "host.process-missing",
    on="app1",
    cause="more of them run than there should be",
    proves=[
        "claudebox:connection-timeouts/ssh-tunnel-running",
        "ai-orchestrator-hub:assessment-context/one-process",
    ],
)
def second_tunnel_was_started(app1: Machine) -> Iterator[None]:
    """By hand, beside the one that systemd runs; it cannot have the port, and stays all the same."""
    command = (
        "$(systemctl show -p ExecStart --value shop-tunnel | sed 's/.*argv\\[\\]=//; s/ ; .*//')"
    )
    app1.run(
        f"setsid -f setpriv --reuid shop --regid shop --clear-groups {command} >/dev/null 2>&1"
    )
    app1.wait_for("[ $(pgrep -fc '^/usr/bin/ssh -N .*7681') = 2 ]")
    yield
    app1.run("pkill -n -f '^/usr/bin/ssh -N .*7681'")
    app1.wait_for("[ $(pgrep -fc '^/usr/bin/ssh -N .*7681') = 1 ]")


@fault(
    "host.process-wrong-user",
    on="app1",
    cause="it runs as root",
    proves=["ai-orchestrator-hub:assessment-context/process-user"],
)
def shop_runs_as_root(hosts: Hosts) -> Iterator[None]:
    """Somebody had trouble with permissions."""
    with _shop(hosts, "User=root"):
        yield


@fault(
    "host.process-wrong-user",
    on="app1",
    cause="its unit names another account, or it was started by hand",
    also=["host.file-no-access@app1"],
)
def shop_runs_under_another_account(hosts: Hosts) -> Iterator[None]:
    """The web server's account does the shop's work."""
    with _shop(hosts, "User=www-data\nExecStartPre=+/bin/chown -R www-data /var/lib/shop"):
        yield
        hosts.app1.run("chown -R shop /var/lib/shop")


@fault(
    "host.process-stuck",
    on="app1",
    cause="it was stopped by a signal",
    proves=["ai-orchestrator-hub:assessment-context/process-state"],
)
def shop_is_stopped_by_a_signal(app1: Machine) -> Iterator[None]:
    """It listens, and answers nobody."""
    app1.run(f"kill -STOP {MAIN}")
    yield
    app1.run(f"kill -CONT {MAIN}")


@fault(
    "host.process-traced",
    on="app1",
    cause="a debugger, strace or a profiler is attached to it, or it runs under one",
    proves=["ai-orchestrator-hub:memory-tuning/no-profiler-attached"],
)
def shop_is_traced(app1: Machine) -> Iterator[None]:
    """Somebody looks at it with ptrace(2), as strace does, and has forgotten about it."""
    seize = "import ctypes, sys, time; ctypes.CDLL(None).ptrace(0x4206, int(sys.argv[1]), 0, 0); time.sleep(600)"
    app1.run(f"setsid -f python3 -c '{seize}' {MAIN} tracer >/dev/null 2>&1")
    app1.wait_for(f"! grep -q 'TracerPid:.0$' /proc/{MAIN}/status")
    yield
    app1.run("pkill -f 'ptrace.* tracer$'")
    app1.wait_for(f"grep -q 'TracerPid:.0$' /proc/{MAIN}/status")


@fault(
    "host.process-outdated",
    on="app1",
    cause="its program was replaced while it ran",
    proves=["ai-orchestrator-hub:service-not-started/deployed-binary-running"],
)
def program_is_deployed_without_a_restart(hosts: Hosts) -> Iterator[None]:
    """The new one lies there, the old one runs."""
    hosts.app1.run("p=$(readlink -f /usr/bin/python3); cp -p $p $p.new; mv $p.new $p")
    yield
    hosts.unit(hosts.app1, "shop-app")


@fault(
    "host.process-outdated",
    on="app1",
    cause="its settings were changed after it read them",
    proves=[
        "ai-orchestrator-hub:config-invalid/config-in-effect",
        "ai-orchestrator-hub:websocket-refused/nginx-config-loaded",
    ],
)
def settings_are_changed_without_a_reload(app1: Machine) -> Iterator[None]:
    """The shop's and nginx's, both valid, a minute ahead of what runs."""
    files = "/etc/shop/settings.toml /etc/nginx/conf.d/shop.conf"
    app1.run(f"touch -d '1 minute' {files}")
    yield
    app1.run(f"touch -d '1 hour ago' {files}")


@fault(
    "host.process-outdated",
    on="app1",
    cause="its settings are not where it looks for them",
    proves=["ai-orchestrator-hub:assessment-context/working-directory"],
)
def shop_is_started_in_another_directory(hosts: Hosts) -> Iterator[None]:
    """From there its settings cannot be found."""
    with _shop(hosts, "WorkingDirectory=/var/lib/shop"):
        yield


@fault(
    "host.process-arguments-wrong",
    on="app1",
    cause="its command line is another one",
    proves=["ai-orchestrator-hub:config-invalid/production-settings-used"],
)
def shop_is_started_with_other_arguments(hosts: Hosts) -> Iterator[None]:
    """As somebody tried it out."""
    with _shop(hosts, "ExecStart=\nExecStart=/usr/bin/python3 -B /opt/shop/app.py"):
        yield


@fault(
    "host.process-environment-wrong",
    on="app1",
    cause="a variable is missing or empty",
    proves=["ai-orchestrator-hub:config-invalid/hive-environment"],
)
def variable_is_not_set(hosts: Hosts) -> Iterator[None]:
    """The unit does not hand it on."""
    with _shop(hosts, "UnsetEnvironment=SHOP_DATABASE"):
        yield


@fault(
    "host.process-environment-wrong",
    on="app1",
    cause="a variable says something else than it should",
    proves=["ai-orchestrator-hub:config-invalid/hive-environment"],
)
def variable_contradicts_the_settings(hosts: Hosts) -> Iterator[None]:
    """The environment names another port."""
    with _shop(hosts, "Environment=SHOP_PORT=9000"):
        yield


@fault(
    "host.workers-wrong",
    on="app1",
    cause="it runs another number of workers",
    proves=["sergas:high-response-times/worker-processes"],
)
def nginx_runs_a_single_worker(hosts: Hosts) -> Iterator[None]:
    """One is set where two are wanted."""
    hosts.app1.run(
        "sed -i.kept 's/^worker_processes .*/worker_processes 1;/' /etc/nginx/nginx.conf"
    )
    hosts.reload()
    yield
    hosts.app1.run("mv /etc/nginx/nginx.conf.kept /etc/nginx/nginx.conf")
    hosts.reload()


@fault(
    "host.workers-wrong",
    on="app1",
    cause="it runs another number of threads",
    proves=["ai-orchestrator-hub:cpu-tuning/runtime-threads"],
)
def shop_runs_too_many_threads(hosts: Hosts) -> Iterator[None]:
    """Somebody has raised the number and forgotten why."""
    with _shop(hosts, "Environment=SHOP_THREADS=40"):
        yield


@fault(
    "host.unit-restarted",
    on="app1",
    cause="systemd had to restart it",
    proves=["sergas:application-crashes/unexpected-restarts"],
)
def shop_has_crashed_once(hosts: Hosts) -> Iterator[None]:
    """It was killed, and runs again."""
    with _shop(hosts, "Restart=always\nRestartSec=0.1"):
        hosts.app1.run(f"kill -KILL {MAIN}")
        hosts.app1.wait_for("[ $(systemctl show -p NRestarts --value shop-app) = 1 ]")
        hosts.wait_for_shop()
        yield


@fault(
    "host.unit-restarted",
    on="app1",
    cause="it was started not long ago",
    proves=["ai-orchestrator-hub:restoration-incomplete/stable-15-minutes"],
)
def service_is_not_yet_known_to_be_stable(inventory: Path) -> Iterator[None]:
    """The inventory wants nginx to have been up for longer than the machine."""
    before = inventory.read_text()
    inventory.write_text(before.replace("      nginx: {", "      nginx: {up_at_least: 30 d, "))
    yield
    inventory.write_text(before)


@fault(
    "host.binary-unfit",
    on="app1",
    cause="it was built for another kind of machine, or is no program",
    proves=["ai-orchestrator-hub:assessment-context/binary-matches-platform"],
)
def program_is_for_another_machine(app1: Machine) -> Iterator[None]:
    """Its head says that it was built for SPARC."""
    app1.run(
        f"cp -p {TOOL} /root/kept; printf '\\002' | dd of={TOOL} bs=1 seek=18 conv=notrunc status=none"
    )
    yield
    app1.run(f"mv /root/kept {TOOL}")


@fault(
    "host.binary-unfit",
    on="app1",
    cause="shared libraries that it needs are not found",
    proves=["ai-orchestrator-hub:service-not-started/libraries-resolve"],
)
def program_needs_a_library_that_is_not_there(app1: Machine) -> Iterator[None]:
    """It asks for another version of libssl."""
    app1.run(f"cp -p {TOOL} /root/kept; sed -i s/libssl.so.3/libssl.so.9/ {TOOL}")
    yield
    app1.run(f"mv /root/kept {TOOL}")


@fault(
    "host.binary-unfit",
    on="app1",
    cause="it is a build for debugging or profiling",
    proves=["ai-orchestrator-hub:memory-tuning/no-profiling-build"],
    how="the name of the section is put behind the program: there is no compiler on the machine",
)
def program_is_built_for_profiling(app1: Machine) -> Iterator[None]:
    """It brings its debugging information along."""
    app1.run(f"cp -p {TOOL} /root/kept; printf '.debug_info' >>{TOOL}")
    yield
    app1.run(f"mv /root/kept {TOOL}")


@fault(
    "host.binary-unfit",
    on="app1",
    cause="it is not there",
    also=["host.file-missing@app1"],
)
def program_was_not_deployed(app1: Machine) -> Iterator[None]:
    """The deployment has only removed the old one."""
    app1.run(f"mv {TOOL} /root/kept")
    yield
    app1.run(f"mv /root/kept {TOOL}")
