"""nginx's configuration: whether nginx takes it, which sites it serves, and by which backends."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from sickbay.errors import NotApplicable, Unsupported
from sickbay.facts import Record, fact
from sickbay.inventory.declared.nginx import DeclaredNginx
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.command import Command
from sickbay.targets.host.nginx import Directive, directives
from sickbay.targets.host.sections import mark, sections

_LARGEST = 4 * 2**20
_LONGEST = 300
_MAINTENANCE = "503"

# The test opens, and where they are missing creates, the pid file and the logs that the configuration
# names: so it is only made of an nginx that runs, and while all those logs are there.
_SCRIPT = f"""
[ "$(id -u)" = 0 ] || {{ echo 'must be root to test the configuration of nginx' >&2; exit 1; }}
{mark("state")}
pid=$(cat /run/nginx.pid /var/run/nginx.pid 2>/dev/null | head -n 1)
if [ -z "$pid" ] || [ ! -d "/proc/$pid" ]; then echo idle; {mark("end")}; exit 0; fi
for log in $(grep -rhoE '^[^#]*(access|error)_log[[:space:]]+/[^[:space:];]+' /etc/nginx | sed 's/.*[[:space:]]//'); do
  case $log in *\\$*) continue ;; esac
  [ -e "$log" ] || {{ echo "lacks $log"; {mark("end")}; exit 0; }}
done
echo runs
{mark("dump")}
exec 3>&1
said=$(nginx -T 2>&1 >&3 | tail -c 2000; echo end)
{mark("said")}
printf '%s\\n' "$said"
{mark("waiting")}
cd /etc/nginx/sites-available 2>/dev/null && for file in *; do
  [ -f "$file" ] || continue
  for link in ../sites-enabled/*; do [ "$link" -ef "$file" ] && continue 2; done
  sed -n 's/^[[:space:]]*server_name[[:space:]]*\\([^;#]*\\).*/\\1/p' "$file" | head -n 50
done
{mark("end")}
"""


def _script(entry: HostEntry, _: Mapping[str, Any]) -> str | None:
    return _SCRIPT if entry.nginx is not None else None


class Site(Record):
    """A server block, as far as the inventory can ask for it."""

    names: tuple[str, ...]
    certificates: tuple[str, ...]
    passes_to: tuple[str, ...]
    """Backends, or names of upstreams, that requests are passed to."""
    in_maintenance: bool
    """It answers with 503, itself or for all that lies below /."""


class Backend(Record):
    """A server of an upstream."""

    address: str
    upstream: str
    down: bool
    backup: bool
    weight: int


@fact(
    "nginx_configuration",
    Command(
        _script,
        tool="nginx",
        root=True,
        everything=True,
        grant="set sudo: true for this host: only root may read the keys that nginx tests",
    ),
)
class NginxConfiguration(Record):
    """What ``nginx -T`` says of the configuration, and the sites and backends in it.

    ``error`` is why nginx does not take it; then there are neither. ``lacks`` is a log file that the
    test would create, so that it was not made. ``waiting`` are server names in files of
    sites-available that are not enabled.
    """

    error: str = ""
    lacks: str = ""
    sites: tuple[Site, ...] = ()
    backends: tuple[Backend, ...] = ()
    waiting: tuple[str, ...] = ()

    @classmethod
    def parse(cls, out: str) -> NginxConfiguration:
        """Parse the state, the configuration, what nginx said of it, and what is not enabled."""
        if not out:
            raise NotApplicable("the inventory declares no nginx for this host")
        parts = sections(out)
        if "end" not in parts:
            raise ValueError("the answer breaks off")
        state, _, log = parts["state"].partition(" ")
        if state == "idle":
            raise NotApplicable("nginx does not run")
        if state == "lacks":
            return cls(lacks=log)
        if state != "runs" or len(out) > _LARGEST:
            raise ValueError("the configuration is too large, or its state unknown")
        said, end, _ = parts["said"].rpartition("end")
        waiting = tuple(dict.fromkeys(parts["waiting"].split()))[:100]
        if not end:
            raise ValueError("what nginx said breaks off")
        if "test is successful" not in said:
            return cls(error=_error(said), waiting=waiting)
        every = directives(parts["dump"])
        return cls(
            sites=tuple(_site(one) for one in _within(every, "server") if one.block),
            backends=tuple(
                _backend(upstream.arguments[0], server)
                for upstream in _within(every, "upstream")
                for server in upstream.block
                if server.name == "server"
            ),
            waiting=waiting,
        )


def _error(said: str) -> str:
    lines = [line for line in said.splitlines() if "[emerg]" in line] or said.split("\n")
    return re.sub(r"^nginx: |\[emerg\] ", "", lines[0]).strip()[:_LONGEST] or "it said nothing"


def _within(every: Iterable[Directive], name: str) -> list[Directive]:
    """Blocks of a name, be they in a file of their own or in the http block."""
    return [
        found
        for one in every
        for found in ([one] if one.name == name else one.all(name) if one.name == "http" else [])
    ]


def _site(server: Directive) -> Site:
    def values(name: str) -> tuple[str, ...]:
        return tuple(arg for one in server.block if one.name == name for arg in one.arguments)

    passes = [one.arguments[0] for one in server.all("proxy_pass") if one.arguments]
    whole = [
        one
        for one in server.block
        if one.name == "location" and one.arguments in {("/",), ("=", "/")}
    ]
    returns = [
        one.arguments[:1]
        for block in (server, *whole)
        for one in block.block
        if one.name == "return"
    ]
    return Site(
        names=values("server_name"),
        certificates=values("ssl_certificate"),
        passes_to=tuple(dict.fromkeys(re.sub(r"^\w+://|/.*", "", url) for url in passes)),
        in_maintenance=(_MAINTENANCE,) in returns,
    )


def _backend(upstream: str, server: Directive) -> Backend:
    address, *words = server.arguments
    weight = next((word[7:] for word in words if word.startswith("weight=")), "1")
    return Backend(
        address=address,
        upstream=upstream,
        down="down" in words,
        backup="backup" in words,
        weight=int(weight),
    )


# ---------------------------------------------------------------------- against the inventory


class JudgedSite(Record):
    """A declared site that nginx does not serve as wanted."""

    name: str
    served: bool
    waiting: bool
    """A file with its name is in sites-available, and not enabled."""
    certificates: tuple[str, ...]
    other_certificate: bool
    passes_to: tuple[str, ...]
    other_backend: bool


class JudgedBackend(Record):
    """A declared backend that gets no requests, or fewer than the others; or a whole site."""

    address: str
    of: str
    """Its upstream."""
    trouble: str
    """``absent``, ``down``, ``backup``, ``weight`` or ``maintenance``."""


def _taken(declared: DeclaredNginx | None, found: NginxConfiguration) -> DeclaredNginx:
    assert declared is not None
    must_be_tested(found)
    if found.error:
        raise NotApplicable("nginx does not take its configuration, so there are no sites in it")
    return declared


def must_be_tested(found: NginxConfiguration) -> None:
    """Raise Unsupported where the test was not made."""
    if found.lacks:
        raise Unsupported(
            f"a test of nginx's configuration would create {found.lacks}, so none was made",
            "reload nginx, which creates its logs itself, or correct the path",
        )


def wrong_sites(entry: HostEntry, found: NginxConfiguration) -> tuple[JudgedSite, ...]:
    """The declared sites that are not served as wanted; NotApplicable where none are declared."""
    sites = _taken(entry.nginx, found).sites
    if not sites:
        raise NotApplicable("the inventory declares no sites of this nginx")
    judged = []
    for name, wanted in sites.items():
        servers = [one for one in found.sites if name in one.names]
        certificates = {path for one in servers for path in one.certificates}
        reached = {address for one in servers for address in _addresses(one, found)}
        judged.append(
            JudgedSite(
                name=name,
                served=bool(servers),
                waiting=name in found.waiting,
                certificates=tuple(sorted(certificates)),
                other_certificate=bool(servers)
                and wanted.certificate is not None
                and wanted.certificate not in certificates,
                passes_to=tuple(sorted(reached)),
                other_backend=bool(servers) and not set(wanted.passes_to) <= reached,
            )
        )
    return tuple(
        one for one in judged if not one.served or one.other_certificate or one.other_backend
    )


def _addresses(site: Site, found: NginxConfiguration) -> set[str]:
    """Where a site's requests go, upstreams taken apart."""
    behind = {one.address for one in found.backends if one.upstream in site.passes_to}
    return behind | set(site.passes_to)


def idle_backends(entry: HostEntry, found: NginxConfiguration) -> tuple[JudgedBackend, ...]:
    """The declared backends and sites that traffic is kept from; NotApplicable where none are declared."""
    declared = _taken(entry.nginx, found)
    if not declared.upstreams and not declared.sites:
        raise NotApplicable("the inventory declares neither sites nor upstreams of this nginx")
    rows = [
        JudgedBackend(address=address, of=upstream, trouble=trouble)
        for upstream, addresses in declared.upstreams.items()
        for address in addresses
        if (trouble := _trouble(address, [b for b in found.backends if b.upstream == upstream]))
    ]
    return tuple(
        rows
        + [
            JudgedBackend(address=name, of="", trouble="maintenance")
            for name in declared.sites
            if any(name in site.names and site.in_maintenance for site in found.sites)
        ]
    )


def _trouble(address: str, backends: list[Backend]) -> str:
    one = next((backend for backend in backends if backend.address == address), None)
    if one is None:
        return "absent"
    if one.down or one.backup:
        return "down" if one.down else "backup"
    return "weight" if one.weight < max(backend.weight for backend in backends) else ""
