"""The demo's web shop: HTTP and HTTPS, healthy only while its database lets it in."""

from __future__ import annotations

import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

import psycopg

CONNECT_SECONDS = 2


class Shop:
    """Serves ``/health`` on a free loopback port, with TLS when it is given a certificate."""

    def __init__(self, database: str, certificate: Path | None = None) -> None:
        def healthy() -> str:
            try:
                psycopg.connect(database, connect_timeout=CONNECT_SECONDS).close()
            except psycopg.OperationalError as error:
                return f"unavailable: {str(error).strip().rpartition('FATAL:')[2].strip()}"
            return "connected"

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                state = healthy()
                well = state == "connected"
                body = json.dumps(
                    {"status": "healthy" if well else "ill", "database": state}
                ).encode()
                self.send_response(200 if well else 503)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nobody reads a demo's access log."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            scheme = "https"
        self.url = f"{scheme}://localhost:{self._server.server_address[1]}/health"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
