"""How journalctl is asked, and how its JSON is read. Pure."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sickbay.facts import Record

GRANT = (
    "add the user to the group systemd-journal (or set sudo: true for this host), so that it may "
    "read the journals of all units"
)
LONGEST_MESSAGE = 400

# With --grep journalctl ends with 1 where nothing matched, and says nothing; an error it tells of.
ASK = """
ask() {
  said=$(journalctl --no-pager "$@" 2>&1 >&3); ended=$?
  [ -z "$said" ] || echo "$said" >&2
  [ $ended = 0 ] || { [ $ended = 1 ] && [ -z "$said" ]; } || exit $ended
} 3>&1
"""
"""The shell function ``ask``: journalctl with these options; the piece of shell ends where it fails."""

FIELDS = "MESSAGE,PRIORITY,SYSLOG_IDENTIFIER,_SYSTEMD_UNIT,UNIT,_PID"


class Entry(Record):
    """One entry of a journal."""

    seconds: float
    """When, in seconds since 1970."""
    message: str
    priority: int
    """syslog's: 3 and below are errors. What a program prints has 6, whatever it says."""
    source: str
    """The unit that wrote it, else the name that it was written under."""
    tag: str
    pid: str


def ask(*options: str, newest: int, seconds: float, holds: str = "") -> str:
    """The line of shell that prints the newest entries of the last ``seconds`` as JSON.

    ``holds`` is a regular expression that the messages hold.
    """
    words = [
        "ask", "-o", "json", f"--output-fields={FIELDS}", "-n", str(newest),
        f"--since=-{seconds:.0f}s", *options,
    ]  # fmt: skip
    line = shlex.join(words)
    return f"{line} --case-sensitive=yes --grep={_spelt_out(holds)}" if holds else line


def _spelt_out(pattern: str) -> str:
    """A pattern in octal: sudo writes the script to the journal, where it would find itself."""
    octal = "".join(f"\\0{byte:03o}" for byte in pattern.encode())
    return f"\"$(printf %b '{octal}')\""


def entries(text: str) -> Iterator[Entry]:
    """The entries of journalctl's JSON, one object a line."""
    for line in text.splitlines():
        if not line or line.startswith("-- "):  # "-- No entries --"
            continue
        fields = json.loads(line)
        if not isinstance(fields, dict):
            raise ValueError(f"the journal has an entry that is none: {line[:80]!r}")  # noqa: TRY004 (a parser's contract)
        tag = plain(fields.get("SYSLOG_IDENTIFIER"))
        yield Entry(
            seconds=int(fields["__REALTIME_TIMESTAMP"]) / 1e6,
            message=plain(fields.get("MESSAGE"))[:LONGEST_MESSAGE],
            priority=int(fields.get("PRIORITY", 6)),
            source=plain(fields.get("UNIT") or fields.get("_SYSTEMD_UNIT")) or tag or "unknown",
            tag=tag,
            pid=plain(fields.get("_PID")),
        )


def when(seconds: float) -> str:
    """A moment in UTC, to the second."""
    return datetime.fromtimestamp(int(seconds), UTC).isoformat()


def plain(message: Any) -> str:
    """A field as text: journald gives what is no UTF-8 as a list of bytes."""
    if isinstance(message, list):
        if all(isinstance(byte, int) for byte in message):
            return bytes(message).decode(errors="replace")
        return " / ".join(map(str, message))
    return str(message or "")
