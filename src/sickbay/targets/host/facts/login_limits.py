"""What logins may have, by the files of pam_limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sickbay.errors import NotApplicable
from sickbay.facts import Record, fact
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.command import Command
from sickbay.targets.host.sections import mark, sections

MOST = 500
"""Lines that are read; hardly a host has ten."""
_UNLIMITED = frozenset(("unlimited", "infinity", "-1"))

# Files are read in the order in which pam_limits does: a later line has the last word.
_READ = """
for file in /etc/security/limits.conf /etc/security/limits.d/*.conf; do
  [ -e "$file" ] || continue
  said=$(grep -E "$lines" "$file") || [ $? = 1 ] || exit 1
  [ -z "$said" ] || printf '%s\\n' "$said" | while read -r words; do echo "$file: $words"; done
done
"""


def _script(entry: HostEntry, _: Mapping[str, Any]) -> str | None:
    if not entry.login_limits:
        return None
    items = "|".join(entry.login_limits)
    lines = rf"^[[:space:]]*[^#[:space:]]+[[:space:]]+(soft|hard|-)[[:space:]]+({items})[[:space:]]"
    return f"lines='{lines}'\n{mark('lines')}{_READ}{mark('end')}"


@fact("login_limits", Command(_script, root=True))
class LoginLimit(Record):
    """A line of limits.conf(5) about a limit that the inventory declares.

    ``who`` is an account, ``@GROUP``, or ``*`` for all but root; ``kind`` is ``soft``, ``hard`` or
    ``-`` for both. ``value`` is None where it sets no limit.
    """

    line: str
    who: str
    kind: str
    item: str
    value: int | None
    file: str

    @classmethod
    def parse(cls, out: str) -> tuple[LoginLimit, ...]:
        """Parse ``FILE: WHO KIND ITEM VALUE``; words behind the value are a comment."""
        if not out:
            raise NotApplicable("the inventory declares no limits of logins for this host")
        parts = sections(out)
        if "end" not in parts:
            raise ValueError("the answer breaks off before its end")
        lines = [line for line in parts["lines"].split("\n") if line]
        if len(lines) > MOST:
            raise ValueError(f"there are more than {MOST} lines of limits")
        return tuple(map(cls._from, lines))

    @classmethod
    def _from(cls, text: str) -> LoginLimit:
        file, _, line = text.partition(": ")
        who, kind, item, value, *_ = line.split()
        if not file.startswith("/") or kind not in {"soft", "hard", "-"}:
            raise ValueError(f"{text[:80]!r} is no line of limits")
        return cls(
            line=f"{who} {kind} {item} {value}"[:200],
            who=who,
            kind=kind,
            item=item,
            value=None if value in _UNLIMITED else int(value),
            file=file,
        )
