"""What ``systemctl show`` prints. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

_MOMENT = "%a %Y-%m-%d %H:%M:%S %Z"


def units(text: str) -> dict[str, dict[str, str]]:
    """The properties of units by their Id; the lines of one that comes several times together."""
    found: dict[str, dict[str, str]] = {}
    for block in text.split("\n\n"):
        unit: dict[str, str] = {}
        for line in block.splitlines():
            name, sign, value = line.partition("=")
            if sign:
                unit[name] = f"{unit[name]}\n{value}" if name in unit else value
        if unit:
            found.setdefault(unit["Id"], unit)
    return found


def moment(text: str | None) -> int | None:
    """A moment, asked for with TZ=UTC, in seconds since 1970; None where there was none yet."""
    if not text or text == "n/a":
        return None
    if len(text) > len("Mon 2026-11-23 12:12:22 UTC"):
        raise ValueError(f"{text[:80]!r} is no moment")
    return int(datetime.strptime(text, _MOMENT).replace(tzinfo=UTC).timestamp())
