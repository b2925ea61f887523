"""Name servers on db1: one for the zone ``test``, two for ``shop.test`` below it."""

from __future__ import annotations

import shutil
from pathlib import Path

from lab.shell import run

SETTINGS = Path(__file__).with_name("hosts_settings")
SERVERS = {
    "above": ("192.0.2.21", "test"),
    "first": ("192.0.2.22", "shop.test"),
    "second": ("192.0.2.23", "shop.test"),
}
"""Each server's address, and the zone that it serves."""
ABOVE = """\
test. 60 IN SOA ns.test. root.test. 1 60 60 60 1
test. 60 IN NS ns.test.
ns.test. 60 IN A 192.0.2.21
shop.test. 60 IN NS ns1.shop.test.
shop.test. 60 IN NS ns2.shop.test.
ns1.shop.test. 60 IN A 192.0.2.22
ns2.shop.test. 60 IN A 192.0.2.23
"""
ZONE = """\
shop.test. 1 IN SOA ns1.shop.test. root.shop.test. 1 60 60 60 1
shop.test. 60 IN NS ns1.shop.test.
shop.test. 60 IN NS ns2.shop.test.
ns1.shop.test. 60 IN A 192.0.2.22
ns2.shop.test. 60 IN A 192.0.2.23
shop.test. 1 IN A 192.0.2.11
shop.test. 1 IN A 192.0.2.12
shop.test. 1 IN MX 10 mail.shop.test.
mail.shop.test. 1 IN A 192.0.2.11
held.shop.test. 3600 IN A 192.0.2.11
_mongodb._tcp.shop.test. 1 IN SRV 0 0 27017 db-a.shop.test.
_mongodb._tcp.shop.test. 1 IN SRV 0 0 27017 db-b.shop.test.
db-a.shop.test. 1 IN A 192.0.2.12
db-b.shop.test. 1 IN A 192.0.2.12
"""
"""What is asked for keeps for a second, but for ``held``, which a resolver holds for an hour."""
_SETTINGS = """\
server:
  ip-address: {address}
  username: ""
  pidfile: ""
  database: ""
  zonelistfile: /run/lab-zone-{server}/list
  xfrdfile: /run/lab-zone-{server}/state
  xfrdir: /run/lab-zone-{server}
  server-count: 1
remote-control:
  control-enable: no
zone:
  name: {zone}
  zonefile: /etc/lab-zones/{server}.zone
"""


def prepare(root: Path) -> None:
    """Settings, zones and units of the three servers."""
    place = root / "etc/lab-zones"
    place.mkdir()
    shutil.copy(SETTINGS / "lab-zone@.service", root / "etc/systemd/system")
    for server, (address, zone) in SERVERS.items():
        text = _SETTINGS.format(address=address, server=server, zone=zone)
        (place / f"{server}.conf").write_text(text)
        (place / f"{server}.zone").write_text(ABOVE if server == "above" else ZONE)
        run("chroot", str(root), "systemctl", "--quiet", "enable", f"lab-zone@{server}")
    (root / "etc/systemd/system/lab-zone@.service.d").mkdir()
    addresses = "".join(
        f"ExecStartPre=-/usr/sbin/ip address add {address}/24 dev host0\n"
        for address, _ in SERVERS.values()
    )
    override = root / "etc/systemd/system/lab-zone@.service.d/addresses.conf"
    override.write_text(f"[Service]\n{addresses}")
