"""app1's certificate as certbot keeps it: live, and the settings to renew it by."""

from __future__ import annotations

from pathlib import Path

from lab.certificates import Identity

RENEWAL = """\
version = 2.1.0
archive_dir = /etc/letsencrypt/archive/shop
cert = /etc/letsencrypt/live/shop/cert.pem
privkey = /etc/letsencrypt/live/shop/privkey.pem
fullchain = /etc/letsencrypt/live/shop/fullchain.pem
[renewalparams]
server = https://acme-v02.authority.lab/directory
"""


def prepare(root: Path, issued: Identity) -> None:
    """Lay out a lineage ``shop``, closed to others as certbot does it."""
    place = root / "etc/letsencrypt"
    for part in ("live", "renewal"):
        (place / part).mkdir(parents=True, mode=0o700)
    (place / "live/shop").mkdir()
    (place / "live/shop/fullchain.pem").write_bytes(issued.certificate)
    key = place / "live/shop/privkey.pem"
    key.touch(mode=0o600)
    key.write_bytes(issued.key)
    (place / "renewal/shop.conf").write_text(RENEWAL)
