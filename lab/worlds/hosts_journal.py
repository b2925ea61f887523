"""The journals of the machines: kept on disk, and reaching back further than the lab has run."""

from __future__ import annotations

import time

from lab.machines import Machine

PLACE = "/var/log/journal/$(cat /etc/machine-id)"
SPOKEN = f"{PLACE}/spoken.journal"
DAY = 86400


def settle(machine: Machine) -> None:
    """Give it entries of two days ago, and one of a shop that spoke before journald makes room."""
    put(machine, f"{PLACE}/before.journal", 2 * DAY)
    put(machine, SPOKEN, DAY, "_SYSTEMD_UNIT=shop-app.service")


def put(machine: Machine, file: str, age: float, field: str = "SYSLOG_IDENTIFIER=lab") -> None:
    """Put a journal file of the machine with one entry of ``age`` seconds ago beside its others."""
    machine.run(
        f'mkdir -p {PLACE}; printf "__REALTIME_TIMESTAMP={int(time.time() - age)}000000\\n'
        "__MONOTONIC_TIMESTAMP=1000000\\n_BOOT_ID=$(tr -d - </proc/sys/kernel/random/boot_id)\\n"
        f'PRIORITY=6\\n{field}\\nMESSAGE=the lab was not yet there\\n\\n" |\n'
        f"/lib/systemd/systemd-journal-remote -o {file} - 2>/dev/null\n"
        f"chgrp systemd-journal {file}; chmod 640 {file}"
    )


def forget(machine: Machine) -> None:
    """Leave nothing in the journal of what was written up to now."""
    machine.run("sleep 1.1; journalctl -q --rotate --vacuum-time=1s")
