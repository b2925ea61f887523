"""What listens for TCP connections."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from sickbay.errors import NotApplicable
from sickbay.facts import Record, fact
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.command import Command
from sickbay.targets.host.sections import mark, sections

_SCRIPT = f"""
if command -v ss >/dev/null 2>&1; then {mark("ss")}; ss -Hltn
elif command -v netstat >/dev/null 2>&1; then {mark("netstat")}; netstat -ltn
else {mark("proc")}; cat /proc/net/tcp; [ ! -r /proc/net/tcp6 ] || cat /proc/net/tcp6
fi
"""
_LISTEN = "0A"
ANY = frozenset(("*", "0.0.0.0", "::"))  # noqa: S104 (what listeners say)


@fact("listeners", Command(_SCRIPT))
class Listener(Record):
    """A TCP socket that accepts connections (ss(8), else netstat(8), else proc_net_tcp(5)).

    ``waiting`` connections are established and not yet accepted; ``backlog`` is how many may wait,
    which only ss tells.
    """

    socket: str
    address: str
    port: int
    waiting: int = 0
    backlog: int | None = None

    @property
    def waiting_fraction(self) -> float | None:
        return self.waiting / self.backlog if self.backlog else None

    @classmethod
    def parse(cls, out: str) -> tuple[Listener, ...]:
        """Parse the answer of whichever of the three there is."""
        ((tool, text),) = sections(out).items()
        rows = {"ss": _ss, "netstat": _netstat, "proc": _proc}[tool](text)
        return tuple(dict.fromkeys(rows))


class DeclaredPort(Record):
    """A port that the inventory declares, and what listens on it."""

    port: str
    listening: bool
    only_on: tuple[str, ...] = ()
    """Addresses on which its number is listened on, where they are not the declared one."""


def declared_ports(entry: HostEntry, listeners: Iterable[Listener]) -> tuple[DeclaredPort, ...]:
    """The declared ports, those of units and processes too; NotApplicable where there are none."""
    services = (*entry.units.values(), *entry.processes.values())
    ports = [*entry.ports, *(port for service in services for port in service.ports)]
    if not ports:
        raise NotApplicable("the inventory declares no ports for this host")
    found = []
    for declared in dict.fromkeys(map(str, ports)):
        address, _, number = declared.rpartition(":")
        of_number = [one for one in listeners if one.port == int(number)]
        wanted = address.strip("[]")
        heard = [one for one in of_number if not wanted or one.address in {wanted, *ANY}]
        found.append(
            DeclaredPort(
                port=declared,
                listening=bool(heard),
                only_on=() if heard else tuple(one.address for one in of_number),
            )
        )
    return tuple(found)


def split_socket(local: str) -> tuple[str, int]:
    """Address and port of a socket as ss and netstat write it: 127.0.0.53%lo:53, [::1]:80, *:22."""
    address, _, port = local.rpartition(":")
    return re.sub(r"%[^\]]*", "", address).strip("[]"), int(port)


def _listener(local: str, waiting: int, backlog: int | None) -> Listener:
    address, port = split_socket(local)
    shown = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    return Listener(socket=shown, address=address, port=port, waiting=waiting, backlog=backlog)


def _ss(text: str) -> Iterable[Listener]:
    for line in text.splitlines():
        state, waiting, backlog, local, *_ = line.split()
        if state == "LISTEN":
            yield _listener(local, int(waiting), int(backlog))


def _netstat(text: str) -> Iterable[Listener]:
    for line in text.splitlines():
        words = line.split()
        if words and words[0].startswith("tcp") and "LISTEN" in words:
            yield _listener(words[3], int(words[1]), None)


def _proc(text: str) -> Iterable[Listener]:
    for line in text.splitlines():
        words = line.split()
        if len(words) > 4 and words[3] == _LISTEN:  # noqa: PLR2004 (proc_net_tcp(5))
            address, _, port = words[1].partition(":")
            waiting = int(words[4].partition(":")[2], 16)
            yield _listener(f"{_dotted(address)}:{int(port, 16)}", waiting, None)


def _dotted(word: str) -> str:
    """An address as /proc/net/tcp has it: words of four bytes in the machine's (little) order."""
    raw = b"".join(bytes.fromhex(word[at : at + 8])[::-1] for at in range(0, len(word), 8))
    return str(ipaddress.ip_address(raw))
