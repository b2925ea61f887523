"""What crashed programs, and kernels, left behind on disk."""

from __future__ import annotations

from sickbay.errors import Denied
from sickbay.facts import Record, fact
from sickbay.targets.host.command import Command
from sickbay.targets.host.sections import mark, sections

_GRANT = "let the user list the directory, or set sudo: true for this host"
# kdump writes kexec_cmd anew at each start, apport marks what it has sent.
_SCRIPT = f"""
{mark("now")}; date +%s
{mark("dumps")}
for d in /var/crash /var/lib/systemd/coredump; do
  [ -d "$d" ] || continue
  [ -r "$d" ] && [ -x "$d" ] || {{ echo "hidden $d"; continue; }}
  find "$d" -xdev -maxdepth 2 -type f ! -name kexec_cmd ! -name '.*' ! -name '*.upload' \
    ! -name '*.uploaded' -exec stat -c 'dump %Y %s %n' {{}} + 2>/dev/null
done | head -n 1000
exit 0
"""
_KEPT = 20


@fact("crash_dumps", Command(_SCRIPT, root=True, grant=_GRANT))
class CrashDump(Record):
    """A file in /var/crash, or one that systemd-coredump(8) wrote; the newest of them."""

    file: str
    size: int
    """In bytes."""
    age_seconds: float

    @classmethod
    def parse(cls, out: str) -> tuple[CrashDump, ...]:
        """Parse the time, and a line for each dump: time, size and name."""
        parts = sections(out)
        now = int(parts["now"])
        found = []
        for line in parts["dumps"].splitlines():
            word, _, rest = line.partition(" ")
            if word == "hidden":
                raise Denied(f"the directory {rest[:200]} may not be listed by this user", _GRANT)
            if word != "dump":  # the rest of a name with a line end in it
                continue
            changed, size, file = rest.split(" ", 2)
            found.append(cls(file=file, size=int(size), age_seconds=max(0, now - int(changed))))
        return tuple(sorted(found, key=lambda dump: (dump.age_seconds, dump.file))[:_KEPT])
