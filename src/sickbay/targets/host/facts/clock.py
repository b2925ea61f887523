"""Whether the clock is kept right."""

from __future__ import annotations

import re

from sickbay.errors import NotApplicable, Unsupported
from sickbay.facts import Record, fact
from sickbay.targets.host.command import Command
from sickbay.targets.host.sections import mark, sections

# chronyc answers "506 Cannot talk to daemon" and timedatectl "Failed to connect to bus" where what
# they ask is not there; both are told apart below. timedatectl starts a service (timedated) to be
# answered, so it is asked only where no other tells.
_SCRIPT = f"""
{mark("container")}
for f in /run/systemd/container /.dockerenv /run/.containerenv; do [ ! -e "$f" ] || echo "$f"; done
if command -v chronyc >/dev/null 2>&1; then {mark("chrony")}; chronyc -n tracking 2>&1 && exit 0; fi
if command -v ntpq >/dev/null 2>&1; then {mark("ntp")}; ntpq -c rv 2>&1 && exit 0; fi
if command -v timedatectl >/dev/null 2>&1; then
  {mark("timedatectl")}; timedatectl show -p NTP -p NTPSynchronized 2>&1
fi
exit 0
"""
_OFFSET = re.compile(r"System time\s*:\s*([\d.]+) seconds (slow|fast)")


@fact("clock", Command(_SCRIPT))
class Clock(Record):
    """What the time service says of the clock (chronyc(1), ntpq(8), timedatectl(1))."""

    service: str
    """What keeps the clock: ``chrony``, ``ntp``, ``systemd`` (a service that timedated knows), ``none``."""
    synchronised: bool
    offset_seconds: float | None = None
    """How far the clock is from the servers' time, where the service tells."""

    @classmethod
    def parse(cls, out: str) -> Clock:
        """Parse what each of the time services that are installed answered."""
        parts = sections(out)
        if leap := re.search(r"Leap status\s*:\s*(.+)", parts.get("chrony", "")):
            offset = _OFFSET.search(parts["chrony"])
            synchronised = leap[1].strip() != "Not synchronised"
            # Before it has a server, chronyc's offset is a figure without meaning.
            told = float(offset[1]) if offset and synchronised else None
            return cls(service="chrony", synchronised=synchronised, offset_seconds=told)
        if "leap_" in parts.get("ntp", "") or "leap=" in parts.get("ntp", ""):
            unknown = "leap_alarm" in parts["ntp"] or "leap=11" in parts["ntp"]
            offset = re.search(r"\boffset=([-\d.]+)", parts["ntp"])
            told = abs(float(offset[1])) / 1000 if offset and not unknown else None
            return cls(service="ntp", synchronised=not unknown, offset_seconds=told)
        said = dict(
            line.split("=", 1) for line in parts.get("timedatectl", "").splitlines() if "=" in line
        )
        if parts["container"] and said.get("NTP") != "yes":
            raise NotApplicable(
                "a container without a time service: its clock is that of its machine"
            )
        if "NTPSynchronized" not in said:
            raise Unsupported(
                "nothing on this host tells whether its clock is right",
                "install a time service: systemd-timesyncd or chrony",
            )
        return cls(
            service="systemd" if said.get("NTP") == "yes" else "none",
            synchronised=said["NTPSynchronized"] == "yes",
        )
