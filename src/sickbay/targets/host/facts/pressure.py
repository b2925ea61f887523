"""Pressure stall information: how long work stood still for lack of something."""

from __future__ import annotations

from sickbay.errors import NotApplicable
from sickbay.facts import Record, fact
from sickbay.targets.host.command import Command

_SCRIPT = (
    'for r in cpu memory io; do { while read -r l; do echo "$r $l"; done </proc/pressure/$r; } '
    "2>/dev/null; done; exit 0"
)


@fact("pressures", Command(_SCRIPT))
class Pressure(Record):
    """What share of the time some or all work stood still for a resource (PSI, kernel docs).

    Shares of the last 10 seconds and of the last minute; ``full`` is unknown for the CPU of old
    kernels.
    """

    resource: str
    some_10s: float
    some_minute: float
    full_minute: float | None = None

    @classmethod
    def parse(cls, out: str) -> tuple[Pressure, ...]:
        """Parse /proc/pressure/*, each line with the resource's name in front."""
        lines: dict[tuple[str, str], dict[str, float]] = {}
        for line in out.splitlines():
            resource, sort, *values = line.split()
            pairs = (value.partition("=") for value in values)
            lines[resource, sort] = {name: float(number) / 100 for name, _, number in pairs}
        if not lines:
            raise NotApplicable("this kernel keeps no pressure figures (no CONFIG_PSI, or psi=0)")
        found = tuple(
            cls(
                resource=resource,
                some_10s=values["avg10"],
                some_minute=values["avg60"],
                full_minute=lines.get((resource, "full"), {}).get("avg60"),
            )
            for (resource, sort), values in lines.items()
            if sort == "some"
        )
        if not found:
            raise ValueError("no line of pressure figures among what came")
        return found
