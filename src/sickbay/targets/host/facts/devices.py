"""Disks and network interfaces at work, measured over the window."""

from __future__ import annotations

from sickbay.errors import NotApplicable
from sickbay.facts import Record, fact
from sickbay.targets.host.window import WINDOW, elapsed, readings

FEWEST_OPERATIONS = 10
"""Of fewer operations in the window the mean time says nothing."""
FEWEST_FAULTS = 10
"""Fewer packets lost than this, as when a protocol that nobody here speaks comes by, are no trouble."""
MOST_INTERFACES = 20
"""Interfaces that are told of, those with most faults first: a host of containers has hundreds."""


@fact("disks", WINDOW)
class Disk(Record):
    """A disk of its own, no partition or volume, over about two seconds (kernel docs, iostats).

    ``busy`` is the share of the time in which it had something to do, ``wait_seconds`` how long one
    operation took on average; None where there were too few.
    """

    name: str
    busy: float
    operations: int
    wait_seconds: float | None = None

    @classmethod
    def parse(cls, out: str) -> tuple[Disk, ...]:
        """Parse /proc/diskstats of both readings, and which of the devices stand for hardware."""
        parts = readings(out)
        real = {path.split("/")[3] for path in parts["devices"].split()}
        before, after = _disks(parts["before.disks"]), _disks(parts["after.disks"])
        rows = tuple(
            cls._of(name, before[name], now, elapsed(parts))
            for name, now in after.items()
            if name in real and name in before
        )
        if not rows:
            raise NotApplicable("this host has no disk of its own, or its kernel does not count")
        return rows

    @classmethod
    def _of(cls, name: str, before: list[int], after: list[int], seconds: float) -> Disk:
        moved = [max(0, now - then) for then, now in zip(before, after, strict=False)]
        reads, _, _, reading, writes, _, _, writing, _, ticks = moved[:10]
        operations = reads + writes
        mean = (reading + writing) / 1000 / operations if operations else 0.0
        return cls(
            name=name,
            busy=min(1.0, ticks / 1000 / seconds),
            operations=operations,
            wait_seconds=round(mean, 4) if operations >= FEWEST_OPERATIONS else None,
        )


@fact("interfaces", WINDOW)
class Interface(Record):
    """A network interface over about two seconds (proc_pid_net(5)), both directions together.

    ``overruns`` are packets that found its buffer full.
    """

    name: str
    packets: int
    errors: int = 0
    drops: int = 0
    overruns: int = 0

    @property
    def faulty_share(self) -> float:
        """Packets with errors, dropped or overrun, of all; 0 while they are too few to matter."""
        faulty = self.errors + self.drops + self.overruns
        return faulty / (self.packets + faulty) if faulty >= FEWEST_FAULTS else 0.0

    @classmethod
    def parse(cls, out: str) -> tuple[Interface, ...]:
        """Parse /proc/net/dev of both readings; loopback counts no errors."""
        parts = readings(out)
        before, after = (
            _interfaces(parts["before.interfaces"]),
            _interfaces(parts["after.interfaces"]),
        )
        rows = [
            cls._of(name, before[name], now)
            for name, now in after.items()
            if name in before and name != "lo"
        ]
        if not rows:
            raise NotApplicable("this host has no network interface beside loopback")
        rows.sort(key=lambda one: (-one.faulty_share, -one.packets))
        return tuple(rows[:MOST_INTERFACES])

    @classmethod
    def _of(cls, name: str, before: list[int], after: list[int]) -> Interface:
        moved = [max(0, now - then) for then, now in zip(before, after, strict=True)]
        received, sent = moved[:8], moved[8:]
        packets, errors, drops, overruns = (received[n] + sent[n] for n in range(1, 5))
        return cls(name=name, packets=packets, errors=errors, drops=drops, overruns=overruns)


def _disks(text: str) -> dict[str, list[int]]:
    rows = [line.split() for line in text.splitlines()]
    return {row[2]: [int(number) for number in row[3:13]] for row in rows}


def _interfaces(text: str) -> dict[str, list[int]]:
    _, _, *lines = text.splitlines()
    rows = (line.rpartition(":") for line in lines)
    return {name.strip(): [int(number) for number in words.split()] for name, _, words in rows}
