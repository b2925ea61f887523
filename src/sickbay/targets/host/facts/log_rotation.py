"""logrotate: whether it takes its configuration, what runs it, and when it last ran."""

from __future__ import annotations

import re

from sickbay.errors import Denied, NotApplicable
from sickbay.facts import Record, fact
from sickbay.targets.host.command import Command
from sickbay.targets.host.properties import moment, units
from sickbay.targets.host.sections import mark, sections

_CONFIGURATION = "/etc/logrotate.conf"
_MOST_LINES = 2000
_CRONS = ("cron.service", "crond.service", "cronie.service")
_GRANT = "set sudo: true for this host: logrotate's own files are root's to read"

# A dry run tells what it would do and does nothing, not even to its state file. Scripts of cron's that
# name systemd's directory leave their work to the timer where systemd runs.
_SCRIPT = f"""
command -v logrotate >/dev/null && [ -e {_CONFIGURATION} ] || {{ {mark("none")}; exit 0; }}
{mark("user")}; id -u
{mark("told")}
logrotate -d {_CONFIGURATION} 2>&1 |
  grep -aE '^(error: |rotating pattern: |Reading state |Handling [0-9]+ logs)' | head -n {_MOST_LINES}
{mark("state")}
for d in /var/lib /var/lib/logrotate; do
  [ ! -d $d ] || [ -x $d ] || echo "hidden $d"
done
for f in status logrotate.status ../logrotate.status; do
  stat -c '%Y %n' /var/lib/logrotate/$f 2>/dev/null
done
{mark("up")}; read -r up _ </proc/uptime; echo $(($(date +%s) - ${{up%.*}}))
{mark("cron")}
set -- $(grep -als logrotate /etc/crontab /etc/cron.d/* /etc/cron.*ly/* /etc/periodic/*/*)
if [ -d /run/systemd/system ]; then
  [ $# -eq 0 ] || grep -aLs /run/systemd/system "$@"
  {mark("units")}
  TZ=UTC systemctl show --no-pager -p Id,ActiveState,ActiveEnterTimestamp,Result,ExecMainStatus \
-- logrotate.timer logrotate.service {" ".join(_CRONS)} || exit
else
  printf '%s\\n' "$@"
  {mark("running")}; pidof cron crond
fi
{mark("end")}
exit 0
"""
_REQUEST = Command(_SCRIPT, root=True, grant=_GRANT)


@fact("log_rotation", _REQUEST)
class LogRotation(Record):
    """logrotate(8) as it is set up here. Times in seconds since 1970.

    ``scheduled_by`` is the timer or the file of cron's that starts it, empty where nothing does.
    ``since`` is when that, or the host, was started. ``ran_at`` is when it last wrote its state.
    ``result`` is that of its unit, where it has one. ``patterns`` are the logs that it rotates.
    """

    of: str
    scheduled_by: str
    since: int
    ran_at: int | None = None
    result: str = ""
    patterns: tuple[str, ...] = ()

    @classmethod
    def parse(cls, out: str) -> LogRotation:
        """Parse the dry run, the age of the state, and what starts it."""
        parts = _parts(out)
        known = units(parts.get("units", ""))
        crons = [known.get(name, {}).get("ActiveState") == "active" for name in _CRONS]
        cron = any(crons) or parts.get("running", "").strip() != ""
        if not known and not cron:
            raise NotApplicable("neither systemd nor cron runs here")
        timer = known.get("logrotate.timer", {})
        by_timer = timer.get("ActiveState") == "active"
        files = parts["cron"].split() if cron else []
        started = moment(timer.get("ActiveEnterTimestamp")) if by_timer else None
        rows = [line.split(" ", 1) for line in parts["state"].splitlines()]
        if hidden := [path for word, path in rows if word == "hidden"]:
            raise Denied(f"this user may not look into {hidden[0]}", _GRANT)
        return cls(
            of="logrotate",
            scheduled_by="logrotate.timer" if by_timer else next(iter(files), ""),
            since=started if started is not None else int(parts["up"]),
            ran_at=max((int(at) for at, _ in rows), default=None),
            result=known.get("logrotate.service", {}).get("Result", ""),
            patterns=tuple(
                pattern
                for line in parts["told"].splitlines()
                if line.startswith("rotating pattern: ")
                for pattern in re.findall(r'(?<!\S)"?(/[^\s"]+)', line)
            ),
        )


@fact("rotation_errors", _REQUEST)
class RotationError(Record):
    """What logrotate(8) says against its configuration, or against a log that it should rotate.

    Without root only its configuration is judged, as it may not look at all logs.
    """

    error: str

    @classmethod
    def parse(cls, out: str) -> tuple[RotationError, ...]:
        """Parse what a dry run prints: about its files, then its state, then each log."""
        parts = _parts(out)
        configuration, state, logs = f"\n{parts['told']}".partition("\nReading state ")
        if not state:
            raise ValueError("logrotate did not come to the end of its configuration")
        as_root = parts["user"] == "0"
        errors = _errors(configuration) + (_errors(logs) if as_root else [])
        if not as_root and any("Permission denied" in error for error in errors):
            raise Denied("this user may not read all of logrotate's files", _GRANT)
        return tuple(cls(error=error) for error in errors)


def _parts(out: str) -> dict[str, str]:
    parts = sections(out)
    if "none" in parts:
        raise NotApplicable("logrotate is not set up on this host")
    if "end" not in parts or not re.search(r"(?m)^Handling \d+ logs", parts["told"]):
        raise ValueError("the answer of logrotate breaks off")
    return parts


def _errors(text: str) -> list[str]:
    """Each error once; that a file is left out follows the one that says why."""
    lines = [line[len("error: ") :] for line in text.splitlines() if line.startswith("error: ")]
    return list(dict.fromkeys(line[:300] for line in lines if "found error in" not in line))


class JudgedRotation(Record):
    """logrotate with the age of its last run. ``ran`` is false where it never did."""

    of: str
    scheduled_by: str
    ran: bool
    age_seconds: float
    result: str


def judged_rotation(rotation: LogRotation, now: float) -> JudgedRotation:
    """How long ago it last ran; where it never did, for how long it has had the chance to."""
    last = rotation.ran_at if rotation.ran_at is not None else rotation.since
    return JudgedRotation(
        of=rotation.of,
        scheduled_by=rotation.scheduled_by,
        ran=rotation.ran_at is not None,
        age_seconds=max(0.0, now - last),
        result=rotation.result,
    )
