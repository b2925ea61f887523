"""Servers on loopback that misbehave in one way each."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Behaviour = Callable[[socket.socket], None]
GARBAGE = b"\x00\xff\x16\x03this is no protocol\r\n\r\n\x00" * 20


def silent(_: socket.socket) -> None:
    """Say nothing."""


def garbage(client: socket.socket) -> None:
    """Say what nobody can read."""
    client.sendall(GARBAGE)


def hang_up(client: socket.socket) -> None:
    """Close at once."""
    client.close()


def answering(answer: bytes, *, close: bool = True) -> Behaviour:
    """Read what comes, give this answer, and hang up (or not)."""

    def behave(client: socket.socket) -> None:
        client.recv(65536)
        client.sendall(answer)
        if close:
            client.shutdown(socket.SHUT_RDWR)
            client.close()

    return behave


def dripping(client: socket.socket) -> None:
    """Answer a byte now and then, without end."""
    client.recv(65536)
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        client.sendall(b"x")
        time.sleep(0.05)


@contextmanager
def served(behaviour: Behaviour) -> Iterator[int]:
    """A loopback port where every connection is treated the same way."""
    listener = socket.create_server(("127.0.0.1", 0))
    kept: list[socket.socket] = []

    def treat(client: socket.socket) -> None:
        with suppress(OSError):
            behaviour(client)

    def serve() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                kept.append(client)
                threading.Thread(target=treat, args=(client,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()
        for client in kept:
            client.close()


@contextmanager
def nobody() -> Iterator[int]:
    """A loopback port where nothing listens."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]
