"""The world of hosts: app1 with a web shop behind nginx, db1 with PostgreSQL, Redis, DNS and time."""

from __future__ import annotations

import datetime as dt
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from lab.certificates import Authority
from lab.machines import Machine
from lab.namespaces import Network
from lab.shell import run
from lab.world import World

APP, DB = "192.0.2.11", "192.0.2.12"
DISK = 48 * 2**20
"""Size of the shop's own file system: small enough to fill in a blink."""
MAX_CONNECTIONS = 20

_UNIT = """\
[Unit]
Description=The shop
After=network.target
StartLimitIntervalSec=0

[Service]
User=shop
ExecStart=/usr/bin/python3 /opt/shop/app.py
Restart=no

[Install]
WantedBy=multi-user.target
"""
_NGINX = """\
server {
    listen 443 ssl;
    server_name app1.lab;
    ssl_certificate /etc/ssl/shop.pem;
    ssl_certificate_key /etc/ssl/shop.pem;
    add_header Strict-Transport-Security "max-age=31536000" always;
    location / {
        proxy_pass http://127.0.0.1:8000;
        proxy_read_timeout 5s;
    }
}
server {
    listen 80 default_server;
    return 301 https://app1.lab$request_uri;
}
"""
_POSTGRES = f"""\
listen_addresses = '*'
max_connections = {MAX_CONNECTIONS}
shared_preload_libraries = 'pg_stat_statements'
log_statement = 'all'
log_line_prefix = '%u@%d '
deadlock_timeout = '200ms'
fsync = off
"""
_ACCESS = """\
local all all peer
host shop shop 192.0.2.11/32 trust
host all all 192.0.2.0/24 scram-sha-256
"""
_INVENTORY = """\
limits: {disk_used: 85 %}
hosts:
  app1: {address: app1.lab, user: medic, units: [nginx, shop-app], ports: [22, 80, 443, 8000]}
  db1: {address: db1.lab, user: medic, units: [postgresql@15-main, redis-server], ports: [22, 5432, 6379]}
postgres:
  main: {dsn: "${LAB_DSN}", runs_on: db1}
redis:
  cache: {url: "${LAB_REDIS}", runs_on: db1}
endpoints:
  shop:
    url: https://app1.lab/health
    runs_on: app1
    depends_on: [main]
    ca_file: ${LAB_CA}
    expect: {status: 200, json: {status: healthy, database: connected}}
"""


class Hosts:
    """The running machines, and what faults need to know about them."""

    def __init__(self, folder: Path, network: Network) -> None:
        self.folder, self.network = folder, network
        self.authority = Authority(folder)
        self.passwords = {name: secrets.token_hex(12) for name in ("sickbay", "blind", "redis")}
        self.app1 = Machine("app1", APP, network, self._prepare_app)
        self.db1 = Machine("db1", DB, network, self._prepare_db)
        self.home = folder / "operator"
        (self.home / ".ssh").mkdir(parents=True, mode=0o700)
        _keygen(self.home / ".ssh/id_ed25519")

    def dsn(self, user: str = "sickbay") -> str:
        """How a role connects to db1."""
        return f"postgresql://{user}:{self.passwords[user]}@db1.lab:5432/shop"

    @property
    def redis_url(self) -> str:
        return f"redis://:{self.passwords['redis']}@db1.lab:6379/0"

    def certificate(self, *names: str, valid_for: dt.timedelta = dt.timedelta(days=90)) -> None:
        """Give the shop another certificate and let nginx use it."""
        issued = self.authority.issue("shop.pem", *names, valid_for=valid_for)
        shutil.copy(issued, self.app1.root / "etc/ssl/shop.pem")
        self.app1.run("nginx -s reload")

    def _prepare(self, root: Path, name: str) -> None:
        """What both machines have: host key, operator, no services but those wanted."""
        for old in (root / "etc/ssh").glob("ssh_host_*"):
            old.unlink()
        _keygen(root / "etc/ssh/ssh_host_ed25519_key")
        public = (root / "etc/ssh/ssh_host_ed25519_key.pub").read_text()
        with (self.home / ".ssh/known_hosts").open("a") as known:
            known.write(f"{name}.lab {public}")
        _chroot(
            root,
            "useradd",
            "--create-home",
            "--groups",
            "systemd-journal,adm",
            "--shell",
            "/bin/sh",
            "medic",
        )
        authorised = root / "home/medic/.ssh/authorized_keys"
        authorised.parent.mkdir(mode=0o755)
        shutil.copy(self.home / ".ssh/id_ed25519.pub", authorised)
        unwanted = {"app1": "postgresql redis-server", "db1": "nginx"}[name].split()
        for unit in (*unwanted, "apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_reap"):
            _chroot(root, "systemctl", "--quiet", "mask", unit)
        (root / "etc/ssh/sshd_config.d/lab.conf").write_text("LogLevel VERBOSE\nUseDNS no\n")

    def _prepare_app(self, root: Path) -> None:
        self._prepare(root, "app1")
        _chroot(root, "useradd", "--system", "shop")
        disk = self.folder / "shop.img"
        with disk.open("wb") as image:
            image.truncate(DISK)
        run("mkfs.ext4", "-q", "-m", "0", "-N", "512", str(disk))
        (root / "var/lib/shop").mkdir()
        run("mount", "-o", "loop", str(disk), str(root / "var/lib/shop"))
        _chroot(root, "chown", "shop:", "/var/lib/shop")
        (root / "opt/shop").mkdir()
        shutil.copy(Path(__file__).with_name("shop_app.py"), root / "opt/shop/app.py")
        (root / "etc/systemd/system/shop-app.service").write_text(_UNIT)
        _chroot(root, "systemctl", "--quiet", "enable", "shop-app")
        (root / "etc/nginx/sites-enabled/default").unlink()
        (root / "etc/nginx/conf.d/shop.conf").write_text(_NGINX)
        issued = self.authority.issue("shop.pem", "app1.lab", valid_for=dt.timedelta(days=90))
        shutil.copy(issued, root / "etc/ssl/shop.pem")
        _chrony(root, f"server {DB} iburst minpoll 0 maxpoll 2\n")

    def _prepare_db(self, root: Path) -> None:
        self._prepare(root, "db1")
        settings = root / "etc/postgresql/15/main"
        (settings / "conf.d").mkdir(exist_ok=True)
        (settings / "conf.d/lab.conf").write_text(_POSTGRES)
        (settings / "pg_hba.conf").write_text(_ACCESS)
        with (root / "etc/redis/redis.conf").open("a") as redis:
            redis.write(
                f"bind 0.0.0.0\nrequirepass {self.passwords['redis']}\nmaxmemory 16mb\n"
                'maxmemory-policy noeviction\nsave ""\n'
            )
        (root / "etc/systemd/system/lab-dns.service").write_text(
            "[Service]\nExecStart=/usr/sbin/dnsmasq --keep-in-foreground --no-resolv --no-hosts "
            f"--address=/app1.lab/{APP} --address=/db1.lab/{DB}\n[Install]\nWantedBy=multi-user.target\n"
        )
        _chroot(root, "systemctl", "--quiet", "enable", "lab-dns")
        _chrony(root, "local stratum 8\nallow 192.0.2.0/24\n")

    def settle(self) -> None:
        """Roles and data that need running servers."""
        self.db1.wait_for("pg_isready -q -h 127.0.0.1")
        self.sql(
            "CREATE ROLE shop LOGIN; CREATE DATABASE shop OWNER shop",
            f"CREATE ROLE sickbay LOGIN PASSWORD '{self.passwords['sickbay']}'; GRANT pg_monitor TO sickbay",
            f"CREATE ROLE blind LOGIN PASSWORD '{self.passwords['blind']}'",
        )
        self.app1.wait_for("chronyc -n tracking | grep -q 'Leap status.*Normal'")

    def sql(self, *statements: str) -> str:
        """Run statements as the superuser; what psql prints."""
        out = ""
        for statement in (part for text in statements for part in text.split("; ")):
            out += self.db1.run(
                f"su postgres -c 'psql -qAtX -v ON_ERROR_STOP=1' <<'END'\n{statement};\nEND"
            )
        return out


@contextmanager
def opened() -> Iterator[World]:
    """Both machines, booted and settled."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sickbay-hosts-")))
        folder.chmod(0o755)
        hosts = Hosts(folder, stack.enter_context(Network()))
        stack.enter_context(hosts.db1)
        stack.enter_context(hosts.app1)
        hosts.settle()
        inventory = folder / "hosts.yaml"
        inventory.write_text(_INVENTORY)
        yield World(
            name="hosts",
            inventory=inventory,
            parts={"hosts": hosts, "app1": hosts.app1, "db1": hosts.db1},
            environ={
                "HOME": str(hosts.home),
                "LAB_DSN": hosts.dsn(),
                "LAB_REDIS": hosts.redis_url,
                "LAB_CA": str(hosts.authority.path),
            },
            prefix=hosts.network.prefix,
        )


def _chrony(root: Path, settings: str) -> None:
    """Follow or give the time without touching the clock, which is that of the outer machine."""
    (root / "etc/chrony/chrony.conf").write_text(f"{settings}driftfile /var/lib/chrony/drift\n")
    override = root / "etc/systemd/system/chrony.service.d/lab.conf"
    override.parent.mkdir()
    override.write_text(
        "[Unit]\nConditionCapability=\n[Service]\nUser=\nExecStart=\nExecStart=/usr/sbin/chronyd -x -d\nType=simple\n"
    )


def _keygen(path: Path) -> None:
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(path))


def _chroot(root: Path, *command: str) -> None:
    run("chroot", str(root), *command)
