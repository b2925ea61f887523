"""Hosts: Linux machines, reached by SSH, here, or through a testinfra backend."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from sickbay.inventory.base import Entry, Part
from sickbay.inventory.limits import Limits, limit
from sickbay.inventory.units import Count, Duration, Fraction, Rate, Ratio, Size

HIGHEST_PORT = 65535


def _port(value: str | int) -> str | int:
    number = re.fullmatch(r"(?:\S+:)?(\d{1,5})", str(value))
    if number is None or not 1 <= int(number[1]) <= HIGHEST_PORT:
        raise ValueError(f"expected a TCP port such as 5432 or 127.0.0.1:5432, not {value!r}")
    return value


def _unit(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9:_.\\@-]{1,255}", value) or value.startswith("-"):
        raise ValueError(f"expected the name of a systemd unit such as nginx, not {value!r}")
    return value


def _path(value: str) -> str:
    if not value.startswith("/") or not value.isprintable():
        raise ValueError(f"expected an absolute path, not {value!r}")
    return value


def _address(value: str) -> str:
    matched = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[\w.-]{1,253}):(\d{1,5})", value)
    if matched is None or value.startswith("-") or not 1 <= int(matched[2]) <= HIGHEST_PORT:
        raise ValueError(f"expected HOST:PORT such as db.example.com:5432, not {value!r}")
    return value


def _tool(value: str) -> str:
    if not re.fullmatch(r"[\w./+-]{1,200}", value) or value.startswith("-"):
        raise ValueError(f"expected the name of a command such as curl, not {value!r}")
    return value


def _sysctl(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9_-]+(?:[./][a-zA-Z0-9_-]+)+", value):
        raise ValueError(
            f"expected the name of a kernel setting such as vm.swappiness, not {value!r}"
        )
    return value


def _rights(value: str | int) -> str:
    if not re.fullmatch(r"0?[0-7]{3}", str(value)):
        raise ValueError(f"expected rights such as '640' (octal), not {value!r}")
    return str(value)[-3:]


def _wanted(value: str | int) -> str:
    if not re.fullmatch(r"(?:>=|<=)? ?\S[^\n]*", str(value)):
        raise ValueError(f"expected a value such as 10, or '>= 65536', not {value!r}")
    return str(value)


Path = Annotated[str, AfterValidator(_path)]
Tool = Annotated[str, AfterValidator(_tool)]
Address = Annotated[str, AfterValidator(_address)]
Sysctl = Annotated[str, AfterValidator(_sysctl)]
Rights = Annotated[str | int, AfterValidator(_rights)]
Wanted = Annotated[str | int, AfterValidator(_wanted)]
Port = Annotated[str | int, AfterValidator(_port)]
Unit = Annotated[str, AfterValidator(_unit)]


class DeclaredFile(Part):
    """What a file (or directory) that has to be there has to be like."""

    owner: str | None = Field(None, description="account that it belongs to")
    group: str | None = Field(None, description="group that it belongs to")
    rights: Rights | None = Field(
        None, description="rights that it may have at most, in octal", examples=["640"]
    )
    executable: bool = Field(False, description="somebody has to be able to execute it")
    max_age: Duration | None = Field(
        None, description="how long ago it may have been changed", gt=0, examples=["26 h"]
    )
    min_size: Size | None = Field(None, description="bytes that it has to have", examples=["1 MiB"])


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
    clock_offset: Duration = limit("2 s", "how far the clock may be from the time servers'")
    accept_queue_used: Fraction = limit(
        "80 %", "connections waiting to be accepted, of the backlog"
    )
    open_files_used: Fraction = limit("80 %", "open files of the whole machine, of its maximum")
    zombies: Count = limit(0, "processes that ended and that their parent has not taken note of")
    zombie_age: Duration = limit("60 s", "age from which on such a process counts")
    log_share: Fraction = limit("20 %", "share of a file system that logs may take")
    temp_size: Size = limit("1 GB", "size of /tmp or /var/tmp that explains a full file system")
    process_memory: Fraction = limit("50 %", "share of the memory that one process may hold")


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
    sudo: bool = Field(
        False, description="let what only root may see be asked with sudo -n (no password)"
    )
    units: tuple[Unit, ...] = Field(
        (),
        description="systemd units that have to be active",
        examples=[["nginx", "postgresql@15-main", "backup.timer"]],
    )
    ports: tuple[Port, ...] = Field(
        (),
        description="TCP ports, or ADDRESS:PORT, that something has to listen on",
        examples=[[443, "127.0.0.1:5432"]],
    )
    files: dict[Path, DeclaredFile] = Field(
        {},
        description="files or directories that have to be there; of a pattern such as "
        "/var/backups/*.dump the newest counts",
        examples=[{"/etc/shop/settings.toml": {"owner": "shop", "rights": "640"}}],
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
    limits: HostLimits = HostLimits()
