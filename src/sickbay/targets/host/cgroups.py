"""Which unit a process belongs to, by its control group (cgroups(7), systemd.slice(5)). Pure."""

from __future__ import annotations

_KINDS = (".service", ".scope", ".socket", ".mount", ".swap")


def unit_of(line: str) -> str | None:
    """The unit of a line of /proc/PID/cgroup; empty for none, None where the line tells of no unit.

    systemd keeps its units in the tree of version 2, or in one of version 1 with its own name. What
    lies below a unit (a user's manager, a container's groups) belongs to it.
    """
    number, _, rest = line.partition(":")
    controllers, _, path = rest.partition(":")
    if not number.isascii() or not number.isdecimal() or not path.startswith("/"):
        raise ValueError(f"{line[:80]!r} is no line of /proc/PID/cgroup")
    if controllers not in {"", "name=systemd"}:
        return None
    return next((part for part in path.split("/") if part.endswith(_KINDS)), "")
