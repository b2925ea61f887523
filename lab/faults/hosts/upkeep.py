"""app1 is not kept up: its logs are not rotated, grow and stay; its packages are not upgraded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.fault import fault
from lab.machines import Machine
from lab.worlds.hosts_upkeep import LOGS, METRICS, offer

_RULES = "/etc/logrotate.d/fault"
_RULE = "/var/log/shop-metrics.log {\\n weekly\\n missingok\\n}\\n"
_OFFERED = "the package lists are those of an archive of the lab's own"


@fault(
    "host.log-rotation-refused",
    on="app1",
    cause="a directive is misspelt or has a wrong value",
    also=["host.unit-failed@app1"],
    proves=[
        "ai-orchestrator-hub:maintenance-overdue/logrotate-config",
        "claudebox:disk-space/logrotate-healthy",
    ],
)
def rule_for_logs_is_misspelt(app1: Machine) -> Iterator[None]:
    """A rule with a misspelt directive, with which logrotate fails."""
    app1.run(
        f"printf '{_RULE}' | sed s/weekly/rotate\\ few/ >{_RULES}; systemctl start logrotate || :"
    )
    yield
    app1.run(f"rm {_RULES}; systemctl start logrotate")


@fault(
    "host.log-rotation-refused",
    on="app1",
    cause="a file of its configuration may be changed by others, or is not root's",
    proves=["ai-orchestrator-hub:maintenance-overdue/logrotate-config"],
)
def rule_for_logs_is_writable_by_a_group(app1: Machine) -> Iterator[None]:
    """logrotate passes over what others may change."""
    app1.run(f"printf '{_RULE}' >{_RULES}; chmod 664 {_RULES}")
    yield
    app1.run(f"rm {_RULES}")


@fault(
    "host.log-rotation-refused",
    on="app1",
    cause="the folder of a log may be written to by others than root, or the account named is not known",
)
def folder_of_a_log_is_open_to_all(app1: Machine) -> Iterator[None]:
    """The shop's logs lie where everybody may write."""
    app1.run(f"chmod 777 {LOGS}; printf '{LOGS}/*.log {{\\n weekly\\n}}\\n' >{_RULES}")
    yield
    app1.run(f"chmod 755 {LOGS}; rm {_RULES}")


@fault("host.log-rotation-refused", on="app1", cause="two files have a rule for the same log")
def log_has_two_rules(app1: Machine) -> Iterator[None]:
    """A package and an operator each wrote one."""
    app1.run(f"printf '{_RULE}' >{_RULES}; cp {_RULES} {_RULES}-2")
    yield
    app1.run(f"rm {_RULES} {_RULES}-2")


@fault("host.log-rotation-refused", on="app1", cause="a log that it has to rotate is not there")
def log_with_a_rule_is_gone(app1: Machine) -> Iterator[None]:
    """The program was removed, and its rule was not."""
    app1.run(f"printf '{_RULE}' | sed 's/metrics/gone/; /missingok/d' >{_RULES}")
    yield
    app1.run(f"rm {_RULES}")


@fault(
    "host.log-rotation-off",
    on="app1",
    cause="its timer is not active, and cron has no entry for it",
    proves=[
        "ai-orchestrator-hub:maintenance-overdue/logrotate-ran",
        "claudebox:disk-space/logrotate-healthy",
    ],
)
def timer_of_logrotate_was_stopped(app1: Machine) -> Iterator[None]:
    """cron's own script leaves the work to the timer."""
    app1.run("systemctl stop logrotate.timer")
    yield
    app1.run("systemctl start logrotate.timer")


@contextmanager
def _last_rotated(app1: Machine, ago: str) -> Iterator[None]:
    """logrotate's state, as it was left so long ago."""
    app1.run(f"systemctl start logrotate; touch -d '{ago}' /var/lib/logrotate/status")
    yield
    app1.run("touch /var/lib/logrotate/status")


@fault(
    "host.log-rotation-overdue",
    on="app1",
    cause="it is started, and does not come to its end",
    proves=[
        "ai-orchestrator-hub:maintenance-overdue/logrotate-ran",
        "claudebox:disk-space/logrotate-healthy",
    ],
)
def logs_were_last_rotated_ten_days_ago(app1: Machine) -> Iterator[None]:
    """The timer is there, and the state is old."""
    with _last_rotated(app1, "10 days ago"):
        yield


@fault(
    "host.log-rotation-overdue",
    on="app1",
    cause="nothing starts it",
    also=["host.log-rotation-off@app1"],
)
def logrotate_was_stopped_days_ago(app1: Machine) -> Iterator[None]:
    """The timer is off, and the state is old."""
    app1.run("systemctl stop logrotate.timer")
    with _last_rotated(app1, "10 days ago"):
        yield
    app1.run("systemctl start logrotate.timer")


@fault(
    "host.log-too-large",
    on="app1",
    cause="no rule of logrotate covers it",
    proves=["claudebox:maintenance-job/pm2-log-rotation"],
)
def log_of_the_shop_grows(app1: Machine) -> Iterator[None]:
    """120 MB, most of it a hole, and nothing rotates it."""
    app1.run(f"truncate -s 120M {LOGS}/shop-out.log")
    yield
    app1.run(f"truncate -s 8 {LOGS}/shop-out.log")


@fault(
    "host.log-too-large",
    on="app1",
    cause="it grows faster than its rule rotates, or logrotate does not run",
)
def log_of_the_shop_outgrows_its_rule(app1: Machine) -> Iterator[None]:
    """120 MB before the week is over."""
    app1.run(
        f"truncate -s 120M {LOGS}/shop-out.log; printf '{LOGS}/*.log {{\\n weekly\\n}}\\n' >{_RULES}"
    )
    yield
    app1.run(f"truncate -s 8 {LOGS}/shop-out.log; rm {_RULES}")


@fault(
    "host.log-too-old",
    on="app1",
    cause="the maintenance that removes old logs does not run, or does not know this one",
    proves=["claudebox:maintenance-job/old-logs-absent"],
)
def old_log_was_left(app1: Machine) -> Iterator[None]:
    """A log that was last written to 40 days ago."""
    app1.run("touch -d '40 days ago' /var/log/old.log")
    yield
    app1.run("rm /var/log/old.log")


@fault(
    "host.log-malformed",
    on="app1",
    cause="what writes it got no value, or one in another form",
    proves=["claudebox:performance-monitoring/metrics-log-complete"],
)
def metrics_lack_a_value(app1: Machine) -> Iterator[None]:
    """A line without the CPU's share, as under a locale that the script does not know."""
    app1.run(f"echo '2026-01-01 01:00:00,CPU:,MEM:20' >>{METRICS}")
    yield
    app1.run(f"sed -i '$d' {METRICS}")


@fault("host.log-malformed", on="app1", cause="there is nothing in it, or it is not there")
def metrics_are_empty(app1: Machine) -> Iterator[None]:
    """The log was emptied, and nothing was written to it since."""
    app1.run(f"cp -p {METRICS} /root/metrics; : >{METRICS}")
    yield
    app1.run(f"mv /root/metrics {METRICS}")


@fault(
    "host.security-updates-pending",
    on="app1",
    cause="nothing installs them by itself",
    proves=[
        "ai-orchestrator-hub:maintenance-overdue/security-updates",
        "claudebox:maintenance-job/no-pending-upgrades",
    ],
    how=_OFFERED,
)
def security_update_waits(app1: Machine) -> Iterator[None]:
    """A newer shell in an archive labelled as Debian's for security."""
    offer(app1.root, "99", "Debian-Security")
    yield
    offer(app1.root)


@fault("host.security-updates-pending", on="app1", cause="packages are held", how=_OFFERED)
def held_package_lacks_a_security_update(app1: Machine) -> Iterator[None]:
    """apt itself tells of no upgrade, as the package is on hold."""
    offer(app1.root, "99", "Debian-Security")
    app1.run("apt-mark hold bash")
    yield
    app1.run("apt-mark unhold bash")
    offer(app1.root)


@fault(
    "host.updates-pending",
    on="app1",
    cause="nothing installs them by itself",
    proves=["claudebox:maintenance-job/no-pending-upgrades"],
    how=_OFFERED,
)
def update_waits(app1: Machine) -> Iterator[None]:
    """A newer shell, of the ordinary kind."""
    offer(app1.root, "99")
    yield
    offer(app1.root)


@fault("host.updates-pending", on="app1", cause="packages are held", how=_OFFERED)
def held_package_lacks_an_update(app1: Machine) -> Iterator[None]:
    """The shell was put on hold, and forgotten."""
    offer(app1.root, "99")
    app1.run("apt-mark hold bash")
    yield
    app1.run("apt-mark unhold bash")
    offer(app1.root)
