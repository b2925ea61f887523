"""The shop that runs on the lab's app1: healthy while it can write its data and ask its database.

Runs on the bare python3 of the machine, so it speaks PostgreSQL's first messages itself
(PostgreSQL manual, "Message Flow": a start-up message is answered by R, let in, or E, refused).
"""

import json
import os
import socket
import struct
import sys
import threading
import time
import tomllib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

DATA = Path("/var/lib/shop/heartbeat")
DATABASE = ("192.0.2.12", 5432)
CACHE = ("192.0.2.12", 6379)
SIZE = 256 * 1024
LEAK = 120_000


def write_data() -> None:
    """Write a file of fixed size, as an application that keeps its state on disk does."""
    fresh = DATA.with_suffix(".new")
    fresh.write_bytes(b"x" * SIZE)
    fresh.replace(DATA)


def database_state() -> str:
    """``connected``, or what the database or the network says against it."""
    settings = b"user\0shop\0database\0shop\0\0"
    try:
        with socket.create_connection(DATABASE, timeout=2) as server:
            server.sendall(struct.pack("!ii", len(settings) + 8, 196608) + settings)
            answer = server.recv(4096)
    except OSError as error:
        return f"unavailable: {error}"
    if answer[:1] == b"R":
        return "connected"
    fields = answer[5:].split(b"\0")
    return "refused: " + next((f[1:].decode() for f in fields if f[:1] == b"M"), "no reason given")


class Handler(BaseHTTPRequestHandler):
    pool: list[socket.socket] = []

    def do_GET(self) -> None:
        state = database_state()
        well = state == "connected"
        body = json.dumps(
            {"status": "healthy" if well else "ill", "database": state, "load": [0.42]}
        ).encode()
        self.send_response(200 if well else 503)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """The proxy in front keeps the access log."""


def leak() -> None:
    """Keep ever more, as a cache without bounds does."""
    kept = []
    while True:
        kept.append(bytearray(os.urandom(LEAK)))
        time.sleep(0.5)


def check(settings: Path) -> None:
    """Say whether the settings could be used, as ``--check`` of many servers does."""
    server = tomllib.loads(settings.read_text())["server"]
    for name in ("port", "workers"):
        if not isinstance(server[name], int):
            sys.exit(f"server.{name}: expected a whole number")


def main() -> None:
    """Serve on port 8000."""
    if sys.argv[1:2] == ["--check"]:
        check(Path(sys.argv[2]))
        return
    write_data()
    print("shop is up", file=sys.stderr)
    for _ in range(int(os.environ.get("SHOP_THREADS", "0"))):
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    if "SHOP_LEAK" in os.environ:
        threading.Thread(target=leak, daemon=True).start()
    size = int(os.environ.get("SHOP_POOL", "0"))
    Handler.pool = [socket.create_connection(CACHE) for _ in range(size)]
    ThreadingHTTPServer(("127.0.0.1", 8000), Handler).serve_forever()


if __name__ == "__main__":
    main()
