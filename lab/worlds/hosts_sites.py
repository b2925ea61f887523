"""app1's second site, laid out as Debian does it, with an upstream."""

from __future__ import annotations

from pathlib import Path

SITE = "/etc/nginx/sites-available/desk"
TEXT = """\
upstream desk {
    server 127.0.0.1:8000;
    server 127.0.0.1:8001 weight=1 max_fails=0;
}
server {
    listen 127.0.0.1:8443 ssl;
    server_name desk.lab;
    ssl_certificate /etc/ssl/shop.pem;
    ssl_certificate_key /etc/ssl/shop.pem;
    location / { proxy_pass http://desk/; }
}
"""


def prepare(root: Path) -> None:
    """Write and enable it."""
    (root / SITE[1:]).write_text(TEXT)
    (root / "etc/nginx/sites-enabled/desk").symlink_to(SITE)
