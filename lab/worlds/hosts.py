"""The world of hosts: app1 with a web shop behind nginx, db1 with PostgreSQL, Redis, DNS and time."""

from __future__ import annotations

import datetime as dt
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg

from lab.certificates import LIFE, Authority
from lab.machines import Machine
from lab.namespaces import Network
from lab.shell import run
from lab.world import World
from lab.worlds import (
    hosts_aws,
    hosts_backups,
    hosts_certificates,
    hosts_checkouts,
    hosts_files,
    hosts_gpus,
    hosts_jobs,
    hosts_journal,
    hosts_network,
    hosts_services,
    hosts_sites,
    hosts_sockets,
    hosts_space,
    hosts_tuning,
    hosts_upkeep,
    hosts_volumes,
    hosts_zones,
)

APP, DB = "192.0.2.11", "192.0.2.12"
MAX_CONNECTIONS = 20
SETTINGS = Path(__file__).with_name("hosts_settings")
"""What is written into the machines: units, nginx's site, PostgreSQL's settings, the inventory."""
DISKS = {"var/lib/shop": (48, 512), "var/log": (48, 4096), "var/tmp": (16, 128)}
"""app1's own file systems, MiB and inodes: small enough to fill in a blink."""
HEALTHY = {
    "loadavg": "0.20 0.20 0.20 1/120 900",
    "meminfo": "MemTotal: 4000000 kB\nMemFree: 2500000 kB\nMemAvailable: 3000000 kB\nBuffers: 1000 kB\n"
    "Cached: 400000 kB\nSwapTotal: 1000000 kB\nSwapFree: 1000000 kB\nCommitted_AS: 900000 kB",
    "swaps": hosts_volumes.SWAPS,
    "vmstat": "pswpin 0\npswpout 0\noom_kill 0",
    "sys/fs/file-nr": "1000\t0\t100000",
    "sys/vm/swappiness": "10",
    **{
        f"pressure/{resource}": "\n".join(
            f"{which} avg10=0.00 avg60=0.00 avg300=0.00 total=0" for which in ("some", "full")
        )
        for resource in ("cpu", "memory", "io")
    },
}
"""A machine's view of what it shares with the machine it runs on, as lxcfs gives to containers."""
PAGE = 'default_type text/html; return 200 "<title>Shop</title>";'


class Hosts:
    """The running machines, and what faults need to know about them."""

    def __init__(self, folder: Path, network: Network) -> None:
        self.folder, self.network = folder, network
        self.authority = Authority("Sickbay lab authority")
        self.trusted = folder / "authority.pem"
        self.trusted.write_bytes(self.authority.certificate)
        self.passwords = {name: secrets.token_hex(12) for name in ("sickbay", "blind", "redis")}
        self.app1 = Machine("app1", APP, network, self._prepare_app)
        self.db1 = Machine("db1", DB, network, self._prepare_db)
        self.home = folder / "operator"
        (self.home / ".ssh").mkdir(parents=True, mode=0o700)
        _keygen(self.home / ".ssh/id_ed25519")

    # ------------------------------------------------------------------ what faults use

    def dsn(self, user: str = "sickbay", port: int = 5432) -> str:
        """How a role connects to db1."""
        return f"postgresql://{user}:{self.passwords[user]}@db1.lab:{port}/shop"

    def redis_url(self, port: int = 6379) -> str:
        """How to connect to a Redis of db1."""
        return f"redis://:{self.passwords['redis']}@db1.lab:{port}/0"

    def sql(self, *statements: str, database: str = "postgres") -> str:
        """Run statements as the superuser; what psql prints."""
        out = ""
        for statement in statements:
            out += self.db1.run(
                f"su postgres -c 'psql -qAtX -v ON_ERROR_STOP=1 {database}' <<'END'\n{statement};\nEND"
            )
        return out

    def redis(self, *commands: str, port: int = 6379) -> str:
        """Give commands to a Redis of db1; what redis-cli prints."""
        lines = "\n".join(commands)
        cli = f"redis-cli -p {port} --no-auth-warning -a {self.passwords['redis']}"
        return self.db1.run(f"{cli} <<'END'\n{lines}\nEND")

    @contextmanager
    def sessions(self, number: int, statement: str = "") -> Iterator[list[psycopg.Connection]]:
        """Sessions of the shop's worker, each busy with a statement that it does not wait for."""
        end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'worker'"
        with ExitStack() as stack:
            stack.callback(self.sql, end)
            opened = []
            for _ in range(number):
                with self.network.inside():
                    connection = psycopg.connect(
                        f"host={DB} dbname=shop user=worker application_name=shop-worker",
                        autocommit=True,
                    )
                stack.callback(connection.close)
                if statement:
                    connection.pgconn.send_query(statement.encode())
                opened.append(connection)
            yield opened

    def view(self, machine: Machine, changes: Mapping[str, str] = {}) -> None:
        """Let a machine see other figures in /proc than healthy ones; none given: healthy again."""
        for name, text in (HEALTHY | dict(changes)).items():
            machine.run(f"cat >/run/view/{name} <<'END'\n{text}\nEND")

    def site(
        self, *, health: str = "", page: str = PAGE, listen: str = "443 ssl", more: str = ""
    ) -> None:
        """Let nginx serve the shop in another way; nothing given: as it should."""
        text = (SETTINGS / "shop.nginx").read_text()
        health = health or "proxy_pass http://127.0.0.1:8000; proxy_read_timeout 5s;"
        for name, value in {
            "HEALTH": health,
            "PAGE": page,
            "LISTEN": listen,
            "MORE": more or 'add_header Strict-Transport-Security "max-age=31536000" always;',
        }.items():
            text = text.replace(f"@{name}@", value)
        self.app1.run(f"cat >/etc/nginx/conf.d/shop.conf <<'END'\n{text}\nEND")
        self.reload()

    def certificate(
        self,
        *names: str,
        valid_for: dt.timedelta = LIFE,
        starts_in: dt.timedelta = -LIFE,
        authority: Authority | None = None,
    ) -> None:
        """Give the shop another certificate and let nginx use it; nothing given: a good one."""
        issued = (authority or self.authority).server(
            *(names or ("app1.lab",)), valid_for=valid_for, starts_in=starts_in
        )
        (self.app1.root / "etc/ssl/shop.pem").write_bytes(issued.both)
        self.reload()

    def reload(self) -> None:
        """Let nginx read its files again, and wait until the old workers are gone."""
        self.app1.run(
            "nginx -t -q || exit 1; old=$(pgrep -P $(cat /run/nginx.pid)); nginx -s reload; n=0\n"
            "for pid in $old; do while [ -d /proc/$pid ] && [ $n -lt 50 ]; do sleep 0.05; n=$((n+1)); done; done"
        )

    def unit(self, machine: Machine, name: str, settings: str = "") -> None:
        """Change a unit by a drop-in and start it anew; no settings: as it was, and running.

        What its journal told of earlier faults is forgotten.
        """
        place = f"/etc/systemd/system/{name}.service.d"
        change = f"mkdir -p {place}; printf '%s' '{settings}' >{place}/fault.conf"
        machine.run(
            f"{change if settings else f'rm -rf {place}'}; systemctl daemon-reload\n"
            "journalctl -q --rotate --vacuum-time=1s\n"
            f"systemctl reset-failed {name}; systemctl restart {name}",
            check=not settings,
        )
        if not settings and name == "shop-app":
            self.wait_for_shop()

    def wait_for_shop(self) -> None:
        """Until the shop listens."""
        self.app1.wait_for("ss -Hltn sport = :8000 | grep -q LISTEN")

    def wait_for_replica(self) -> None:
        """Until Redis's replica has its master again."""
        cli = f"redis-cli -p 6380 --no-auth-warning -a {self.passwords['redis']} info replication"
        self.db1.wait_for(f"{cli} | grep -q master_link_status:up")

    # ------------------------------------------------------------------ how they are made

    def _prepare(self, root: Path, name: str) -> None:
        """What both machines have: host key, operator, no services but those wanted."""
        for old in (root / "etc/ssh").glob("ssh_host_*"):
            old.unlink()
        _keygen(root / "etc/ssh/ssh_host_ed25519_key")
        public = (root / "etc/ssh/ssh_host_ed25519_key.pub").read_text()
        with (self.home / ".ssh/known_hosts").open("a") as known:
            known.write(f"{name}.lab {public}")
        groups = "systemd-journal,adm"
        _chroot(root, "useradd", "--create-home", "--groups", groups, "--shell", "/bin/sh", "medic")
        (root / "var/log/journal").mkdir(exist_ok=True)
        authorised = root / "home/medic/.ssh/authorized_keys"
        authorised.parent.mkdir(mode=0o755)
        shutil.copy(self.home / ".ssh/id_ed25519.pub", authorised)
        unwanted = {"app1": "postgresql redis-server", "db1": "nginx"}[name].split()
        for unit in (
            *unwanted,
            "apt-daily.timer",
            "apt-daily-upgrade.timer",
            "e2scrub_reap",
            "systemd-modules-load",
            "fail2ban",
            "nsd",
        ):
            _chroot(root, "systemctl", "--quiet", "mask", unit)
        (root / "etc/ssh/sshd_config.d/lab.conf").write_text("LogLevel VERBOSE\nUseDNS no\n")

    def _prepare_app(self, root: Path) -> None:
        _chroot(root, "useradd", "--system", "shop")
        for place, (size, inodes) in DISKS.items():
            self._disk(root, place, size, inodes)
        (root / "var/tmp").chmod(0o1777)
        _chroot(root, "chown", "shop:", "/var/lib/shop")
        self._prepare(root, "app1")
        (root / "etc/sudoers.d/medic").write_text("medic ALL=(root) NOPASSWD: ALL\n")
        (root / "opt/shop").mkdir()
        shutil.copy(Path(__file__).with_name("shop_app.py"), root / "opt/shop/app.py")
        shutil.copy(SETTINGS / "shop-app.service", root / "etc/systemd/system")
        _chroot(root, "systemctl", "--quiet", "enable", "shop-app")
        (root / "etc/nginx/sites-enabled/default").unlink()
        (root / "etc/shop").mkdir()
        (root / "etc/shop/settings.toml").write_text("port = 8000\n")
        (root / "usr/local/bin/shop-recover").write_text("#!/bin/sh\nsystemctl restart shop-app\n")
        (root / "var/backups/shop-1.dump").write_text("x" * 2000)
        (root / "etc/hosts").write_text(f"127.0.0.1 localhost\n{APP} app1\n{DB} db1.lab\n")
        (root / "etc/sysctl.d/60-shop.conf").write_text("vm.swappiness = 10\n")
        _chroot(root, "chown", "shop:", "/etc/shop/settings.toml")
        _chroot(root, "chmod", "640", "/etc/shop/settings.toml")
        _chroot(root, "chmod", "755", "/usr/local/bin/shop-recover")
        (root / "etc/ssl/shop.pem").write_bytes(self.authority.server("app1.lab").both)
        hosts_certificates.prepare(root, self.authority.server("app1.lab"))
        hosts_services.prepare(root, self.db1)
        _chrony(root, f"server {DB} iburst minpoll 0 maxpoll 2\n")
        hosts_jobs.prepare(root)
        hosts_network.prepare(root)
        hosts_sockets.prepare_app(root, self.db1)
        hosts_sites.prepare(root)
        hosts_space.prepare(root)
        hosts_tuning.prepare(root)
        hosts_upkeep.prepare(root)
        hosts_volumes.prepare(root)
        hosts_files.prepare(root)
        hosts_gpus.prepare(root)
        hosts_aws.prepare(root)
        hosts_checkouts.prepare(root)

    def _disk(self, root: Path, place: str, size: int, inodes: int) -> None:
        image = self.folder / f"{place.replace('/', '-')}.img"
        with image.open("wb") as file:
            file.truncate(size * 2**20)
        run("mkfs.ext4", "-q", "-m", "0", "-N", str(inodes), "-O", "^has_journal", str(image))
        (root / place).mkdir(exist_ok=True)
        content = self.folder / "content"
        shutil.copytree(root / place, content, symlinks=True, dirs_exist_ok=True)
        run("mount", "-o", "loop", str(image), str(root / place))
        device = run("losetup", "-n", "-O", "NAME", "-j", str(image)).strip()
        run("cp", "-a", f"{content}/.", str(root / place))
        shutil.rmtree(content)
        with (root / "etc/fstab").open("a") as table:
            table.write(f"{device} /{place} ext4 defaults,noauto 0 2\n")

    def _prepare_db(self, root: Path) -> None:
        self._prepare(root, "db1")
        clusters = root / "etc/postgresql/15"
        for file in ("lab.conf", "pg_hba.conf"):
            text = (SETTINGS / file).read_text().replace("@MAX_CONNECTIONS@", str(MAX_CONNECTIONS))
            where = clusters / "main" / ("conf.d" if file == "lab.conf" else "")
            where.mkdir(exist_ok=True)
            (where / file).write_text(text)
        _chroot(root, "cp", "-a", "/etc/postgresql/15/main", "/etc/postgresql/15/standby")
        standby = clusters / "standby/postgresql.conf"
        standby.write_text(
            standby.read_text().replace("15/main", "15/standby").replace("15-main", "15-standby")
            + "port = 5433\n"
        )
        (clusters / "standby/start.conf").write_text("manual\n")
        settings = (
            (SETTINGS / "redis.conf").read_text().replace("@PASSWORD@", self.passwords["redis"])
        )
        with (root / "etc/redis/redis.conf").open("a") as redis:
            redis.write(settings)
        (root / "etc/redis/replica.conf").write_text(
            f"{settings}port 6380\ndir /var/lib/redis\ndbfilename replica.rdb\n"
            f"replicaof 127.0.0.1 6379\nmasterauth {self.passwords['redis']}\n"
        )
        _chroot(root, "chown", "redis:", "/etc/redis/replica.conf")
        for unit in ("lab-dns.service", "redis-replica.service"):
            shutil.copy(SETTINGS / unit, root / "etc/systemd/system")
            _chroot(root, "systemctl", "--quiet", "enable", unit)
        shutil.copy(SETTINGS / "dnsmasq.conf", root / "etc/lab-dns.conf")
        hosts_zones.prepare(root)
        hosts_sockets.prepare_db(root)
        _chrony(root, "local stratum 8\nallow 192.0.2.0/24\n")

    def settle(self) -> None:
        """Roles, data and views that need running machines."""
        for machine in (self.app1, self.db1):
            # Units of the boot may mind being in a container; the last of them lets users log in.
            machine.run("systemctl reset-failed; systemctl start systemd-user-sessions")
            machine.run("mkdir -p /run/view/pressure /run/view/sys/fs /run/view/sys/vm")
            hosts_journal.settle(machine)
            self.view(machine)
            for name in HEALTHY:
                machine.run(f"mount --bind /run/view/{name} /proc/{name}")
            # Counters that stand still are those of disks with nothing to do.
            machine.run(
                "cat /proc/diskstats >/run/view/diskstats\n"
                "mount --bind /run/view/diskstats /proc/diskstats"
            )
        self.db1.wait_for("pg_isready -q -h 127.0.0.1")
        self.sql(
            "CREATE ROLE shop LOGIN",
            "CREATE ROLE worker LOGIN",
            "CREATE DATABASE shop OWNER worker",
            f"CREATE ROLE sickbay LOGIN PASSWORD '{self.passwords['sickbay']}'",
            "GRANT pg_monitor TO sickbay",
            f"CREATE ROLE blind LOGIN PASSWORD '{self.passwords['blind']}'",
        )
        self.clone()
        hosts_network.settle(self.app1)
        hosts_backups.settle(self.app1, self.db1)
        hosts_jobs.history(self.app1)
        self.site()
        self.app1.wait_for("chronyc -n tracking | grep -q 'Leap status.*Normal'")

    def clone(self) -> None:
        """Make the standby from the primary, and start it."""
        home = "/var/lib/postgresql/15/standby"
        self.db1.run(
            f"systemctl stop postgresql@15-standby; rm -rf {home}\n"
            f"su postgres -c 'pg_basebackup -c fast -R -D {home}'\n"
            "systemctl start postgresql@15-standby"
        )
        self.db1.wait_for("pg_isready -q -h 127.0.0.1 -p 5433")


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
        shutil.copy(SETTINGS / "inventory.yaml", inventory)
        parts: dict[str, object] = {
            "hosts": hosts, "app1": hosts.app1, "db1": hosts.db1, "inventory": inventory,
        }  # fmt: skip
        world = parts["world"] = World(
            name="hosts",
            inventory=inventory,
            parts=parts,
            environ={
                "HOME": str(hosts.home),
                "LAB_DSN": hosts.dsn(),
                "LAB_STANDBY": hosts.dsn(port=5433),
                "LAB_REDIS": hosts.redis_url(),
                "LAB_REPLICA": hosts.redis_url(6380),
                "LAB_CA": str(hosts.trusted),
            },
            prefix=hosts.network.prefix,
        )
        yield world


def _chrony(root: Path, settings: str) -> None:
    """Follow or give the time without touching the clock, which is that of the outer machine."""
    (root / "etc/chrony/chrony.conf").write_text(f"{settings}driftfile /var/lib/chrony/drift\n")
    override = root / "etc/systemd/system/chrony.service.d/lab.conf"
    override.parent.mkdir()
    shutil.copy(SETTINGS / "chrony.conf", override)


def _keygen(path: Path) -> None:
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(path))


def _chroot(root: Path, *command: str) -> None:
    run("chroot", str(root), *command)
