"""Ports for servers that have to be told theirs before they start."""

from __future__ import annotations

import random
import socket

_PORTS = range(20_000, 32_768)
"""Below what Linux and the BSDs give to outgoing connections (ip(7), ip_local_port_range), one of
which might otherwise take the port before the server does."""


def free_port() -> int:
    """A port of 127.0.0.1 on which nothing listens."""
    while True:
        port = random.choice(_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
