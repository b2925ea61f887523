"""Hosts: Linux machines, reached by SSH, here, or through a testinfra backend."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from sickbay.inventory.base import Entry
from sickbay.inventory.declared.aws import DeclaredAwsCredentials
from sickbay.inventory.declared.backups import DeclaredBackup
from sickbay.inventory.declared.certificates import DeclaredCertificate
from sickbay.inventory.declared.checkouts import DeclaredCheckout
from sickbay.inventory.declared.files import DeclaredFile
from sickbay.inventory.declared.gpu import DeclaredGpu
from sickbay.inventory.declared.jobs import DeclaredJob
from sickbay.inventory.declared.journal import Watches
from sickbay.inventory.declared.logins import DeclaredLogin
from sickbay.inventory.declared.logs import DeclaredLogFolder, DeclaredLogLines
from sickbay.inventory.declared.network import (
    DeclaredFirewall,
    Reference,
    Url,
)
from sickbay.inventory.declared.nginx import DeclaredNginx
from sickbay.inventory.declared.services import DeclaredProcess, Units
from sickbay.inventory.declared.settings import DeclaredSettings
from sickbay.inventory.declared.space import DeclaredFolder, DeclaredTree
from sickbay.inventory.declared.volumes import DeclaredSwap
from sickbay.inventory.declared.words import (
    HIGHEST_PORT,
    Address,
    Label,
    LoginItem,
    Path,
    Port,
    Sysctl,
    Tool,
    Wanted,
)
from sickbay.inventory.limits import Limits, limit
from sickbay.inventory.units import Count, Duration, Fraction, Rate, Ratio, Size


class HostLimits(Limits):
    disk_used: Fraction = limit("85 %", "space in use of a file system")
    inodes_used: Fraction = limit("90 %", "inodes in use of a file system")
    memory_available: Fraction = limit("10 %", "memory that programs can still get, at least")
    swap_used: Fraction = limit("50 %", "swap space in use")
    swap_rate: Rate = limit("100 /s", "pages moved in and out of swap, both together")
    oom_kills: Count = limit(0, "processes killed for lack of memory within a day")
    load_per_core: Ratio = limit(1.0, "load average of 5 minutes for each core")
    memory_pressure: Fraction = limit("10 %", "share of a minute in which work waited for memory")
    io_pressure: Fraction = limit("30 %", "share of a minute in which work waited for disks")
    cpu_pressure: Fraction = limit("50 %", "share of a minute in which work waited for a CPU")
    io_wait: Fraction = limit("20 %", "CPU time spent waiting for disks that explains a high load")
    unit_restarts: Count = limit(2, "restarts of a unit that has not been up for an hour since")
    restart_window: Duration = limit(
        "24 h", "how long a unit has to have been up once systemd had to restart it"
    )
    clock_offset: Duration = limit("2 s", "how far the clock may be from the time servers'")
    accept_queue_used: Fraction = limit(
        "80 %", "connections waiting to be accepted, of the backlog"
    )
    left_open: Count = limit(50, "connections that the other end has closed and a program has not")
    pool_used: Fraction = limit("80 %", "connections of a process to a port, of those it may have")
    open_files_used: Fraction = limit("80 %", "open files of the whole machine, of its maximum")
    service_files_used: Fraction = limit(
        "80 %", "open files of a declared service's process, of its own limit"
    )
    tasks_used: Fraction = limit(
        "80 %", "processes and threads of a declared service's unit or account, of its limit"
    )
    zombies: Count = limit(0, "processes that ended and that their parent has not taken note of")
    zombie_age: Duration = limit("60 s", "age from which on such a process counts")
    log_share: Fraction = limit("20 %", "share of a file system that logs may take")
    temp_size: Size = limit("1 GB", "size of /tmp or /var/tmp that explains a full file system")
    backup_size: Fraction = limit("50 %", "size of a backup, at least, against the one before")
    backup_room: Ratio = limit(2.0, "free space for backups, or to restore one, against its size")
    ping_loss: Fraction = limit("5 %", "pings of a declared host that are not answered")
    ping_time: Duration = limit("200 ms", "mean time until a ping of a declared host is answered")
    certificate_file_left: Duration = limit("30 d", "validity that a certificate on disk has left")
    process_memory: Fraction = limit("50 %", "share of the memory that one process may hold")
    log_rotation_age: Duration = limit("2 d", "how long ago logrotate may have run last")
    security_updates: Count = limit(0, "packages that wait for an upgrade from a security archive")
    updates_pending: Count = limit(0, "packages that wait for an upgrade, from whatever archive")
    journal_critical: Count = limit(0, "entries of priority crit or worse within an hour")
    journal_errors: Count = limit(20, "entries of priority err or worse within an hour")
    error_rise: Ratio = limit(2, "a unit's errors within an hour, against its day's hourly mean")
    error_floor: Count = limit(10, "errors within an hour below which a rise says nothing")
    repeated_errors: Count = limit(10, "how often a unit may report the same error within a day")
    trouble_window: Duration = limit(
        "1 d", "how far back a crash, or a lack of memory, space or a port, counts (a day at most)"
    )
    crash_dump_age: Duration = limit("7 d", "how far back a crash dump counts")
    ssh_failures: Count = limit(50, "refused SSH logins within an hour, of one host")
    journal_reach: Duration = limit("1 d", "how far back the journal has to reach")
    journal_age: Duration = limit("365 d", "how far back the journal may reach")
    cpu_used: Fraction = limit("80 %", "CPU time in use, as far as it lasts for a minute")
    process_cpu: Fraction = limit("50 %", "share of all CPU time that one process may use")
    process_cores: Ratio = limit(1.0, "CPU cores that a process of no declared service may use")
    kernel_time: Fraction = limit("50 %", "share of a service's CPU time spent in system calls")
    kernel_time_floor: Ratio = limit(
        0.5, "CPU cores in use below which a service's time in system calls says nothing"
    )
    throttled: Fraction = limit("25 %", "share of scheduling periods held up by a CPU quota")
    command_delay: Duration = limit("2 s", "how much longer than it should a command may take")
    commit_charge: Fraction = limit("100 %", "memory promised to programs, of memory and swap")
    unit_memory_used: Fraction = limit("90 %", "memory of a unit, of its own limit")
    memory_growth: Fraction = limit(
        "10 %", "growth of a service's memory over the runs that are compared, if it never fell"
    )
    memory_growth_span: Duration = limit(
        "1 h", "time over which runs have to be spread to tell of a service's memory"
    )
    disk_busy: Fraction = limit("90 %", "share of the time in which a disk is at work")
    disk_wait: Duration = limit("50 ms", "mean time that one operation of a disk takes")
    interface_errors: Fraction = limit("0.1 %", "packets with errors or dropped, of all")
    directory_share: Fraction = limit(
        "50 %", "share of its file system that a directory of a tree may take"
    )
    volume_unused: Fraction = limit(
        "10 %", "share of its volume that a declared mount's file system leaves unused"
    )
    clock_difference: Duration = limit("5 s", "how far the clock may be from ours")
    gpu_memory_used: Fraction = limit("95 %", "memory in use of a GPU, of its own")
    aws_login_left: Duration = limit("15 min", "validity that AWS credentials have left")


class HostEntry(Entry):
    kind: ClassVar = "host"

    address: str | None = Field(
        None, description="name or address for SSH; the target's name if unset"
    )
    port: Annotated[int, Field(ge=1, le=HIGHEST_PORT)] | None = Field(
        None, description="SSH port (else SSH config, else 22)"
    )
    user: str | None = Field(None, description="SSH user (else SSH config, else yours)")
    identity_file: str | None = Field(
        None, description="private key file (else SSH config, agent, and the keys in ~/.ssh)"
    )
    ssh_config: str | None = Field(
        None, description="SSH config file to use in place of ~/.ssh/config and the system's"
    )
    known_hosts: str | None = Field(
        None, description="file of known host keys (else SSH config's, else ~/.ssh/known_hosts)"
    )
    connection: str = Field(
        "ssh",
        description="ssh, local, or a testinfra host spec such as docker://NAME or kubectl://POD",
        examples=["ssh", "local", "docker://web", "podman://web", "kubectl://pod?namespace=shop"],
    )
    sudo: bool | Literal["read"] = Field(
        False,
        description="let what only root may see be asked with sudo -n (no password); read: as one who "
        "may read every file and write none (`sickbay grants` prints the line for sudoers)",
    )
    units: Units = Field(
        {},
        description="systemd units that have to be active: their names, or of each what it has to be like",
        examples=[["nginx", "postgresql@15-main", "backup.timer"], {"shop": {"user": "shop"}}],
    )
    processes: dict[Label, DeclaredProcess] = Field(
        {},
        description="processes that have to run, beside those of the units, each by a name of yours",
        examples=[{"api": {"command": "node .*server\\.js", "user": "box", "count": 2}}],
    )
    ports: tuple[Port, ...] = Field(
        (),
        description="TCP ports, or ADDRESS:PORT, that something has to listen on",
        examples=[[443, "127.0.0.1:5432"]],
    )
    private_ports: tuple[Port, ...] = Field(
        (),
        description="TCP ports that nothing may listen on but at loopback, or at ADDRESS in "
        "ADDRESS:PORT",
        examples=[[6379, "10.0.0.5:9229"]],
    )
    files: dict[Path, DeclaredFile] = Field(
        {},
        description="files or directories that have to be there; of a pattern such as "
        "/var/backups/*.dump the newest counts",
        examples=[{"/etc/shop/settings.toml": {"owner": "shop", "rights": "640"}}],
    )
    settings: dict[Path, DeclaredSettings] = Field(
        {},
        description="settings files that can be read, and what has to stand in them; of all else that "
        "is in them nothing is kept",
        examples=[{"/etc/shop/settings.toml": {"keys": {"server.port": 8000}}}],
    )
    nginx: DeclaredNginx | None = Field(
        None,
        description="nginx has to take its configuration, and to serve these sites by these backends",
        examples=[{"sites": {"shop.example.com": {"passes_to": ["127.0.0.1:8000"]}}}],
    )
    mounts: tuple[Path, ...] = Field(
        (),
        description="mount points that something has to be mounted at, now and after the next boot",
        examples=[["/var/lib/postgresql"]],
    )
    folders: dict[Path, DeclaredFolder] = Field(
        {},
        description="folders that may not take too much space, or hold what is too old",
        examples=[
            {"/srv/spool": {"size": "1 GB", "oldest": "10 d"}, "/var/log": {"share": "20 %"}}
        ],
    )
    trees: dict[Path, DeclaredTree] = Field(
        {},
        description="trees that are looked through, on one file system, for what is too large",
        examples=[{"/": {"allowed": ["/var/lib/postgresql", "/swapfile"]}}],
    )
    leftovers: dict[Path, Duration] = Field(
        {},
        description="patterns of files that have to be gone some time after they were written",
        examples=[{"/srv/shop/heapdump-*.heapsnapshot": "1 d"}],
    )
    swap: DeclaredSwap | None = Field(None, description="swap space that has to be on")
    certificates: dict[Path, DeclaredCertificate] = Field(
        {},
        description="files that have to hold a certificate (PEM), valid now and for a while",
        examples=[{"/etc/ssl/shop.pem": {"names": ["shop.example.com"]}}],
    )
    tools: tuple[Tool, ...] = Field(
        (), description="commands that have to be installed", examples=[["curl", "jq"]]
    )
    sysctl: dict[Sysctl, Wanted] = Field(
        {},
        description="kernel settings and their value, or the least ('>= 65536') or most ('<= 10')",
        examples=[{"vm.swappiness": 10, "net.core.somaxconn": ">= 65536"}],
    )
    reaches: tuple[Address, ...] = Field(
        (),
        description="TCP addresses, HOST:PORT, that have to take connections from this host",
        examples=[["db1.example.com:5432"]],
    )
    login_limits: dict[LoginItem, Annotated[int, Field(ge=1)]] = Field(
        {},
        description="limits that logins have to have at least, soft and hard, by "
        "/etc/security/limits.conf and limits.d",
        examples=[{"nofile": 65536}],
    )
    jobs: dict[str, DeclaredJob] = Field(
        {},
        description="jobs that cron or a systemd timer has to run, each by a name of yours",
        examples=[{"backup": {"command": "shop-backup", "schedule": "0 3 * * *"}}],
    )
    log_folders: dict[Path, DeclaredLogFolder] = Field(
        {},
        description="folders whose logs (*.log) may not become too large or stay for too long",
        examples=[{"/home/shop/.pm2/logs": {"largest": "100 MB"}}],
    )
    log_lines: dict[Path, DeclaredLogLines] = Field(
        {},
        description="logs whose last lines have to have a form",
        examples=[{"/var/log/shop-metrics.log": {"form": "[\\d-]+ [\\d:]+,CPU:[\\d.]+"}}],
    )
    updates: bool = Field(
        False, description="no package may wait for an upgrade, as far as apt's lists tell"
    )
    journal: Watches = Field(
        {},
        description="what the journal must not hold, or has to, each by a name of yours",
        examples=[{"backup": {"tag": "backup", "holds": "ERROR", "within": "1 d"}}],
    )
    backups: dict[Path, DeclaredBackup] = Field(
        {},
        description="backups that have to be there; of a pattern such as /srv/backups/*.tar.gz the newest "
        "is looked at, and compared with the one before",
        examples=[{"/srv/backups/shop-*.dump": {"max_age": "26 h"}}],
    )
    tunnels: tuple[Address, ...] = Field(
        (),
        description="TCP addresses, HOST:PORT, of tunnels or proxies that have to take connections from "
        "this host and keep them",
        examples=[["localhost:7681"]],
    )
    logins: dict[str, DeclaredLogin] = Field(
        {},
        description="logins by SSH that have to work from this host, each by a name of yours; each run "
        "tries them, with the command true",
        examples=[
            {"slot1": {"address": "slot1.example.com:22", "user": "box", "key": "/root/key"}}
        ],
    )
    unreachable: tuple[Address, ...] = Field(
        (),
        description="TCP addresses, HOST:PORT, that must not take connections from this host",
        examples=[["other-tenant.example.com:8080"]],
    )
    resolves: dict[Reference, tuple[str, ...]] = Field(
        {},
        description="names that this host has to resolve, each to these addresses, or to any",
        examples=[{"localhost": ["127.0.0.1"], "db1.example.com": []}],
    )
    unresolvable: tuple[Reference, ...] = Field(
        (), description="names that this host must not be able to resolve"
    )
    answers: dict[Url, Annotated[int, Field(ge=100, le=599)]] = Field(
        {},
        description="URLs that have to answer a GET from this host, each with a status",
        examples=[{"http://auth-service:8080/health": 200}],
    )
    pings: tuple[Reference, ...] = Field(
        (), description="hosts that have to answer a ping from this one"
    )
    interfaces: tuple[Annotated[str, Field(pattern=r"^[\w.@-]{1,15}$")], ...] = Field(
        (), description="network interfaces that have to be up, beside those with an address"
    )
    firewall: DeclaredFirewall | None = Field(
        None, description="what the host's packet filter (nftables) lets through"
    )
    fail2ban: tuple[Annotated[str, Field(pattern=r"^[\w.-]{1,100}$")], ...] = Field(
        (), description="jails of fail2ban that have to be on", examples=[["sshd"]]
    )
    gpu: DeclaredGpu | None = Field(
        None,
        description="what the host's NVIDIA cards have to be like, and who has to use them",
        examples=[{"count": 1, "cuda": "11.8", "used_by": "shop", "memory": "4 GiB"}],
    )
    aws_logins: dict[Label, DeclaredAwsCredentials] = Field(
        {},
        description="AWS credentials that accounts of this host deploy with, each by a name of yours",
        examples=[{"deployment": {"account": "deploy", "profile": "production"}}],
    )
    checkouts: dict[Path, DeclaredCheckout] = Field(
        {},
        description="checkouts of git whose history can be read and that nobody has changed in place",
        examples=[{"/srv/shop": {"clean": ["src"], "commits": 5}}],
    )
    limits: HostLimits = HostLimits()
