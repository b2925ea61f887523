"""Idle is not ill, and neither is work: healthy hosts give no finding, whatever they are doing."""

from __future__ import annotations

import pytest

from lab.world import World
from lab.worlds.hosts import Hosts

pytestmark = [
    pytest.mark.parametrize("world", ["hosts"], indirect=True),
    pytest.mark.xdist_group("hosts-trust"),
]
SECONDS = 60
"""How long an activity goes on at most; a run takes less."""
ACTIVITIES = {
    "freshly booted": "true",
    "idle": "sleep 1",
    "idle for a while": "sleep 3",
    "half a core at work": "while :; do timeout 0.1 sh -c 'while :; do :; done'; sleep 0.15; done",
    "disks at work": "while :; do dd if=/dev/zero of=/var/tmp/work bs=64k count=16 conv=fsync; "
    "sleep 0.2; done",
    "many short processes": "while :; do for i in 1 2 3 4 5 6 7 8; do true | cat; done; sleep 0.1; done",
    "logs are rotated": "logrotate --force /etc/logrotate.conf",
    "nginx is reloaded": "for i in 1 2 3; do systemctl reload nginx; sleep 0.4; done",
    "a backup is made": "mkdir -p /run/work; while :; do tar -cf /run/work/b.tar /etc /opt; sleep 0.2; done",
    "requests come in": "while :; do curl -sk https://localhost/page; sleep 0.02; done",
}
"""What app1 is doing while it is looked at: shell, run as root, and whatever it leaves is removed."""


@pytest.mark.parametrize("activity", ACTIVITIES)
def test_healthy_hosts_at_work_give_no_finding(world: World, activity: str) -> None:
    """Load within the limits, rotations, reloads and backups are what hosts are for."""
    hosts = world.parts["hosts"]
    assert isinstance(hosts, Hosts)
    work = ACTIVITIES[activity].replace("'", "'\\''")
    hosts.app1.run(
        f"systemd-run -q --collect --unit=work --property=RuntimeMaxSec={SECONDS} sh -c '{work}' "
        "|| systemctl reset-failed work"
    )
    try:
        seen = world.diagnose()
    finally:
        hosts.app1.run(
            "systemctl kill -s KILL work; systemctl stop work; systemctl reset-failed work; rm -rf /var/tmp/work /run/work; true"
        )
    assert [f["message"] for f in seen.diagnosis["findings"]] == [], seen.output
    assert seen.diagnosis["not_evaluated"] == [], seen.output
