"""app1's jobs are not scheduled, do not run, or fail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lab.fault import fault
from lab.machines import Machine
from lab.worlds.hosts_jobs import CHECKS, CRONTAB, MAINTENANCE, REPORT, history

_FORGED = "the journal is given lines of earlier days; cron's own would take as long"
_CHANGE = "/run/systemd/system/shop-backup.service.d"
_MEND = f"rm -r {_CHANGE}; systemctl daemon-reload; systemctl start shop-backup"


@fault(
    "host.job-missing",
    on="app1",
    cause="no crontab, folder of cron or timer has it",
    proves=[
        "claudebox:maintenance-job/maintenance-cron-entry",
        "claudebox:performance-monitoring/monitor-cron-entry",
        "sergas:high-memory-usage/nightly-restart-job",
    ],
)
def crontab_was_replaced(app1: Machine) -> Iterator[None]:
    """Another job was installed as the guide says, and the table now holds that one alone."""
    app1.run(f"cp -p {CRONTAB} /root/crontab; echo '*/5 * * * * /usr/bin/true' | crontab -")
    yield
    app1.run(f"mv /root/crontab {CRONTAB}")


@fault(
    "host.job-missing",
    on="app1",
    cause="its timer is not active",
    proves=[
        "ai-orchestrator-hub:routine-checks-missed/daily-health-check",
        "claudebox:ssl-certificate-issues/certbot-renewal-scheduled",
    ],
)
def timer_was_disabled(app1: Machine) -> Iterator[None]:
    """Somebody disabled the backup's timer."""
    app1.run("systemctl -q disable --now shop-backup.timer")
    yield
    app1.run("systemctl -q enable --now shop-backup.timer")


@fault("host.job-missing", on="app1", cause="cron does not run")
def cron_was_stopped(app1: Machine) -> Iterator[None]:
    """Every line is there, and nobody reads them."""
    app1.run("systemctl stop cron")
    yield
    app1.run("systemctl start cron")


@fault(
    "host.job-missing",
    on="app1",
    cause="cron passes over its file: a dot in the name, or no right to execute it",
)
def cron_passes_over_a_file(app1: Machine) -> Iterator[None]:
    """The file in /etc/cron.d was given an ending."""
    app1.run(f"mv {CHECKS} {CHECKS}.cron")
    yield
    app1.run(f"mv {CHECKS}.cron {CHECKS}")


@fault("host.job-missing", on="app1", cause="its line is commented out")
def line_was_commented_out(app1: Machine) -> Iterator[None]:
    """For a migration, and nobody took the sign away again."""
    app1.run(f"sed -i 's/^30/#30/' {CHECKS}")
    yield
    app1.run(f"sed -i 's/^#30/30/' {CHECKS}")


@fault(
    "host.job-wrong-schedule",
    on="app1",
    cause="it is scheduled for other times",
    proves=[
        "claudebox:maintenance-job/maintenance-cron-entry",
        "claudebox:performance-monitoring/monitor-cron-entry",
        "sergas:high-memory-usage/nightly-restart-job",
    ],
)
def maintenance_runs_at_noon(app1: Machine) -> Iterator[None]:
    """Somebody moved the maintenance into the busy hours."""
    app1.run(f"sed -i 's/^0 3/0 12/' {CRONTAB}")
    yield
    app1.run(f"sed -i 's/^0 12/0 3/' {CRONTAB}")


@fault("host.job-wrong-schedule", on="app1", cause="it runs under another account")
def check_runs_as_root(app1: Machine) -> Iterator[None]:
    """What the check writes belongs to root from now on."""
    app1.run(f"sed -i 's/ shop / root /' {CHECKS}")
    yield
    app1.run(f"sed -i 's/ root / shop /' {CHECKS}")


@fault(
    "host.job-overdue",
    on="app1",
    cause="it is scheduled, and was not started or did not come to its end",
    proves=[
        "ai-orchestrator-hub:routine-checks-missed/daily-health-check",
        "claudebox:maintenance-job/maintenance-ran",
    ],
    how=_FORGED,
)
def maintenance_did_not_run_for_two_days(app1: Machine) -> Iterator[None]:
    """The table has it, and cron's last line of it is two days old."""
    history(app1, hours=48)
    yield
    history(app1)


@fault(
    "host.job-overdue",
    on="app1",
    cause="it is scheduled, and was not started or did not come to its end",
    proves=[
        "ai-orchestrator-hub:routine-checks-missed/weekly-diagnostics",
        "ai-orchestrator-hub:routine-checks-missed/monthly-benchmark",
    ],
)
def newest_report_is_old(app1: Machine) -> Iterator[None]:
    """The weekly check has left no report for ten days."""
    app1.run(f"touch -d '10 days ago' {REPORT}")
    yield
    app1.run(f"touch {REPORT}")


@fault(
    "host.job-overdue",
    on="app1",
    cause="it is not scheduled, or nothing minds the schedule",
    also=["host.job-missing@app1"],
    how=_FORGED,
)
def line_has_been_gone_for_days(app1: Machine) -> Iterator[None]:
    """The maintenance's line is gone, and its last run is three days old."""
    app1.run(f"sed -i '/maintenance/d' {CRONTAB}")
    history(app1, hours=72)
    yield
    app1.run(f"echo '{MAINTENANCE}' >>{CRONTAB}")
    history(app1)


@fault(
    "host.job-overdue",
    on="app1",
    cause="it runs and fails, so that it leaves no new report",
    also=["host.job-failed@app1", "host.unit-failed@app1"],
)
def check_fails_and_leaves_no_report(app1: Machine) -> Iterator[None]:
    """The check has become a timer's, and fails before it writes its report."""
    unit = "/run/systemd/system/shop-check"
    app1.run(
        f"touch -d '10 days ago' {REPORT}; mv {CHECKS} /root/shop-check\n"
        f"printf '[Timer]\\nOnCalendar=Mon 04:30\\n' >{unit}.timer\n"
        f"printf '[Service]\\nType=oneshot\\nUser=shop\\nExecStart=/bin/false\\n' >{unit}.service\n"
        "systemctl daemon-reload; systemctl start shop-check.timer; systemctl start shop-check || :"
    )
    yield
    app1.run(
        f"systemctl stop shop-check.timer; systemctl reset-failed shop-check; rm {unit}.*\n"
        f"systemctl daemon-reload; mv /root/shop-check {CHECKS}; touch {REPORT}"
    )


@fault(
    "host.job-failed",
    on="app1",
    cause="its unit has failed",
    also=["host.unit-failed@app1"],
    proves=[
        "ai-orchestrator-hub:routine-checks-missed/daily-health-check",
        "claudebox:ssl-certificate-issues/certbot-renewal-scheduled",
        "neurallog:database-data-loss-risk/backup-run-succeeded",
    ],
)
def backup_may_not_write(app1: Machine) -> Iterator[None]:
    """The file system that the backup writes to is shown to it as read-only."""
    app1.run(
        f"mkdir -p {_CHANGE}; printf '[Service]\\nReadOnlyPaths=/var/lib/shop\\nExecStart=\\n"
        f"ExecStart=/bin/touch /var/lib/shop/backup\\n' >{_CHANGE}/fault.conf\n"
        "systemctl daemon-reload; systemctl start shop-backup || :"
    )
    yield
    app1.run(_MEND)


@fault(
    "host.job-failed",
    on="app1",
    cause="its failure was put aside, and it has not run since",
)
def failure_of_the_backup_was_put_aside(app1: Machine) -> Iterator[None]:
    """The unit exits with 1, and somebody reset it to be rid of the alarm."""
    app1.run(
        f"mkdir -p {_CHANGE}; printf '[Service]\\nExecStart=\\nExecStart=/bin/false\\n' "
        f">{_CHANGE}/fault.conf; systemctl daemon-reload; systemctl start shop-backup\n"
        "systemctl reset-failed shop-backup"
    )
    yield
    app1.run(_MEND)


@fault(
    "host.unit-not-restarted",
    on="app1",
    cause="the job that restarts it is not scheduled, or does not run",
    proves=["sergas:high-memory-usage/nightly-restart-job"],
    how="a second stands in for the day that a unit of a new machine has not been up for",
)
def shop_was_not_restarted(app1: Machine, inventory: Path) -> Iterator[None]:
    """The shop has been up for longer than it may."""
    app1.wait_for("[ $(ps -o etimes= -p $(systemctl show --value -p MainPID shop-app)) -gt 1 ]")
    before = inventory.read_text()
    inventory.write_text(before.replace("up_at_most: 25 h", "up_at_most: 1 s"))
    yield
    inventory.write_text(before)
