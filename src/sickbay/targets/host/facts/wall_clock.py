"""What time it is on the host, beside what time it is here."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from sickbay.facts import Record, fact
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.command import Command
from sickbay.targets.host.facts.processes import stats
from sickbay.targets.host.sections import mark, sections


def _script(_: HostEntry, __: Mapping[str, Any]) -> str:
    # The shell's own start, and that of the one who looks, tell how long it has been at work.
    return (
        f"{mark('asked')}; echo {time.time():.3f}; {mark('date')}; date +%s\n"
        f"{mark('looking')}; cat /proc/self/stat; {mark('shell')}; cat /proc/$$/stat"
    )


@fact("wall_clock", Command(_script))
class WallClock(Record):
    """The host's clock against that of the machine that Sickbay runs on, when it was asked (date(1)).

    ``ahead_seconds`` is negative where it is behind. The way of the question to the host is in it:
    it makes a clock that is right seem ahead by so much.
    """

    of: str
    ahead_seconds: float

    @property
    def difference(self) -> float:
        return abs(self.ahead_seconds)

    @classmethod
    def parse(cls, out: str) -> WallClock:
        """Parse our time and the host's, and since when its shell has been at work on the question."""
        parts = sections(out)
        (looking,), (shell,) = stats(parts["looking"]), stats(parts["shell"])
        at_work = looking.started - shell.started
        ahead = int(parts["date"]) + 0.5 - at_work - float(parts["asked"])
        return cls(of="the host's clock", ahead_seconds=round(ahead, 1))
