"""app1's jobs: one of a timer, one of root's crontab, one that writes reports."""

from __future__ import annotations

import time
from pathlib import Path

from lab.machines import Machine

UNITS = {
    "shop-backup.service": "[Service]\nType=oneshot\nExecStart=/usr/local/bin/shop-backup\n",
    "shop-backup.timer": "[Timer]\nOnCalendar=*-*-* 02:30:00\n[Install]\nWantedBy=timers.target\n",
}
CRONTAB = "/var/spool/cron/crontabs/root"
MAINTENANCE = "0 3 * * * /usr/local/bin/shop-maintenance"
CHECKS = "/etc/cron.d/shop-check"
REPORT = "/var/lib/shop-checks/check-1.txt"
_HISTORY = "/run/log/journal/$(cat /etc/machine-id)/cron.journal"
_BOOT = "0" * 31 + "1"
_HOUR = 3600


def prepare(root: Path) -> None:
    """Their scripts, which do nothing, and where cron and systemd have them."""
    for name in ("shop-backup", "shop-maintenance", "shop-check"):
        script = root / "usr/local/bin" / name
        script.write_text("#!/bin/sh\n:\n")
        script.chmod(0o755)
    system = root / "etc/systemd/system"
    for name, text in UNITS.items():
        (system / name).write_text(text)
    wants = system / "timers.target.wants"
    (wants / "shop-backup.timer").symlink_to("/etc/systemd/system/shop-backup.timer")
    table = root / CRONTAB[1:]
    table.write_text(f"# shop\n{MAINTENANCE}\n")
    table.chmod(0o600)
    (root / CHECKS[1:]).write_text("MAILTO=root\n30 4 * * 1 shop /usr/local/bin/shop-check\n")
    report = root / REPORT[1:]
    report.parent.mkdir()
    report.write_text("all is well\n")


def history(machine: Machine, *, hours: float = 9) -> None:
    """Let the journal tell of four days, and that cron last did the maintenance so long ago."""
    lines = {96.0: "(root) CMD (cd / && run-parts --report /etc/cron.hourly)"}
    lines[hours] = "(root) CMD (/usr/local/bin/shop-maintenance)"
    entries = "\n".join(
        f"__REALTIME_TIMESTAMP={int((time.time() - ago * _HOUR) * 1e6)}\n"
        f"__MONOTONIC_TIMESTAMP={int((100 - ago) * 1e6)}\n_BOOT_ID={_BOOT}\nPRIORITY=6\n"
        f"SYSLOG_IDENTIFIER=CRON\n_PID=7\n_HOSTNAME=app1\nMESSAGE={message}\n"
        for ago, message in lines.items()
    )
    machine.run(
        f"rm -f {_HISTORY}; mkdir -p $(dirname {_HISTORY})\n"
        f"/lib/systemd/systemd-journal-remote -o {_HISTORY} - <<'END'\n{entries}\nEND"
    )
