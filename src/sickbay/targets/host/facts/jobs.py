"""The jobs that the inventory declares: where cron or systemd has them, and when they last ran."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from sickbay.errors import Denied, NotApplicable, Unsupported
from sickbay.facts import Record, fact
from sickbay.inventory.declared.jobs import DeclaredJob
from sickbay.inventory.host import HostEntry
from sickbay.inventory.schedules import same_times
from sickbay.targets.host import crontab
from sickbay.targets.host.command import Command
from sickbay.targets.host.facts.declared_files import LOOK
from sickbay.targets.host.properties import moment, units
from sickbay.targets.host.sections import mark, sections

_GRANT = "set sudo: true for this host: the crontabs of users, and the journal of cron, are root's to read"
_MOST_LINES = 5000
_CRONS = ("cron", "crond", "cronie")
_FOLDERS = ("hourly", "daily", "weekly", "monthly")
_TIMER = "Id,ActiveState,Unit,TimersCalendar,TimersMonotonic,LastTriggerUSec,ActiveEnterTimestamp"
_SERVICE = (
    "Id,ActiveState,User,Result,ExecMainStatus,SuccessExitStatus,ExecMainStartTimestamp,ExecStart"
)

# Names that cron would not take either are left out. Scripts that name systemd's directory are those
# that leave their work to a timer where systemd runs.
_TABLES = f"""
hidden=; set --
for d in /etc/cron.d /var/spool/cron /var/spool/cron/crontabs; do
  [ ! -d $d ] || {{ [ -r $d ] && [ -x $d ]; }} || hidden="$hidden $d"
done
for f in /etc/crontab /etc/cron.d/* /var/spool/cron/crontabs/* /var/spool/cron/*; do
  case $f in *[!A-Za-z0-9_./@+-]*) continue ;; esac
  [ -f "$f" ] || continue
  if [ -r "$f" ]; then set -- "$@" "$f"; else hidden="$hidden $f"; fi
done
{mark("hidden")}; echo "$hidden"
[ ! -e /etc/debian_version ] || {mark("debian")}
[ ! -x /usr/sbin/anacron ] || {mark("anacron")}
{mark("tables")}; [ $# -eq 0 ] || grep -an '' /dev/null "$@" | head -n {_MOST_LINES}
{mark("scripts")}; set --
for f in {" ".join(f"/etc/cron.{folder}/*" for folder in _FOLDERS)}; do
  case $f in *[!A-Za-z0-9_./@+-]*) continue ;; esac
  [ -f "$f" ] || continue
  set -- "$@" "$f"; if [ -x "$f" ]; then echo "x $f"; else echo "- $f"; fi
done
{mark("yielding")}; [ $# -eq 0 ] || grep -als /run/systemd/system "$@"
"""
# Those that are not loaded, because they are disabled, are found by their files.
_TIMERS = f"""
if [ -d /run/systemd/system ]; then
  set --
  for d in /etc /run /usr/local/lib /usr/lib; do
    for f in $d/systemd/system/*.timer; do
      case $f in *'@.timer' | *'*.timer') ;; *) set -- "$@" "${{f##*/}}" ;; esac
    done
  done
  {mark("timers")}
  shown=$(TZ=UTC systemctl show --no-pager -p {_TIMER} -- '*.timer' "$@") || exit
  printf '%s\\n' "$shown"
  set -f; set -- $(printf '%s\\n' "$shown" | sed -n 's/^Unit=//p' | sort -u); set +f
  {mark("services")}
  TZ=UTC systemctl show --no-pager -p {_SERVICE} -- {" ".join(f"{name}.service" for name in _CRONS)} "$@" \
|| exit
else
  {mark("cron")}; pidof {" ".join(_CRONS)}
fi
"""
# The newest line of each of cron's commands is enough.
_NEWEST = r"""awk '{ at = $1; sub(/^[^]]*\]: /, ""); if (!seen[$0]++) print at, $0 }'"""


def _script(entry: HostEntry, _: Mapping[str, Any]) -> str | None:
    if not entry.jobs:
        return None
    wanted = "\n".join(
        json.dumps({"job": name, "command": job.command, "report": job.report is not None})
        for name, job in entry.jobs.items()
    )
    reports = [job.report for job in entry.jobs.values() if job.report]
    spans = sorted(
        {int(job.within) for job in entry.jobs.values() if job.within and not job.report}
    )
    return "\n".join(
        (
            f"{mark('wanted')}; printf '%s\\n' {shlex.quote(wanted)}",
            _TABLES,
            _TIMERS,
            *(_journal(spans) if spans else ()),
            mark("reports"),
            LOOK if reports else ":",
            *(f"look {shlex.quote(path)}" for path in reports),
            "exit 0",
        )
    )


def _journal(spans: list[int]) -> Iterator[str]:
    read = "journalctl --no-pager -o short-unix"
    yield "if command -v journalctl >/dev/null; then"
    yield mark("covered")
    yield from (
        f"printf '%s\\n' \"{span} $({read} -r -n 1 --until=-{span}s 2>&1)\"" for span in spans
    )
    yield mark("runs")
    yield f"{read} -r -t CRON -t CROND --since=-{spans[-1]}s 2>/dev/null | {_NEWEST} | head -n {_MOST_LINES}"
    yield "fi"


class Place(Record):
    """Where a job is written: a line of a crontab, a script in a folder of cron's, or a timer.

    ``state`` is ``active``, ``stopped`` (a timer, or cron itself), ``passed-over`` (cron minds a
    file's name or rights) or ``commented-out``. Of a timer: when its unit last started and the timer
    was started, in seconds since 1970, and how that unit's last run ended.
    """

    place: str
    when: str
    user: str
    state: str
    ran_at: int | None = None
    since: int | None = None
    unit: str = ""
    result: str = ""
    exit_status: int = 0


@fact("scheduled_jobs", Command(_script, root=True, grant=_GRANT))
class Job(Record):
    """A declared job as it was found (crontab(5), systemd.timer(5)). Times in seconds since 1970.

    ``report`` is the newest file that it wrote, where one is declared. ``logged_at`` is when cron
    last wrote to the journal that it started it, and ``journal_covers`` how many seconds the journal
    reaches back at least; None where that was not asked, or this user sees no journal.
    """

    name: str
    places: tuple[Place, ...] = ()
    report: str = ""
    report_at: int | None = None
    logged_at: int | None = None
    journal_covers: int | None = None

    @classmethod
    def parse(cls, out: str) -> tuple[Job, ...]:
        """Parse cron's tables and folders, systemd's timers, reports, and cron's lines in the journal."""
        if not out:
            raise NotApplicable("the inventory declares no jobs for this host")
        parts = sections(out)
        wanted = [json.loads(line) for line in parts["wanted"].splitlines()]
        reports = iter(parts["reports"].splitlines())
        found = [*_timers(parts), *_table_entries(parts), *_scripts(parts)]
        runs = list(_runs(parts))
        covers = _covers(parts)
        jobs = []
        for job in wanted:
            pattern = re.compile(job["command"])
            places = tuple(place for place, said in found if pattern.search(said))
            if not places and parts["hidden"]:
                raise Denied(f"this user may not read {parts['hidden'].strip()}", _GRANT)
            report, report_at = _report(next(reports)) if job["report"] else ("", None)
            in_folder = {place.when for place in places if place.when in _FOLDERS}
            logged = [
                at
                for at, command in runs
                if pattern.search(command)
                or any(f"/etc/cron.{folder}" in command for folder in in_folder)
            ]
            jobs.append(
                cls(
                    name=job["job"],
                    places=places,
                    report=report,
                    report_at=report_at,
                    logged_at=max(logged, default=None),
                    journal_covers=covers,
                )
            )
        return tuple(jobs)


def _timers(parts: Mapping[str, str]) -> Iterator[tuple[Place, str]]:
    """Each timer, and the text that tells which job it is."""
    services = units(parts.get("services", ""))
    for name, timer in units(parts.get("timers", "")).items():
        service = services.get(timer.get("Unit", ""), {})
        calendar = re.search(r"OnCalendar=(.*?) ;", timer.get("TimersCalendar", ""))
        interval = re.search(r"(On\w+USec=.*?) ;", timer.get("TimersMonotonic", ""))
        argv = re.findall(r"argv\[\]=(.*?) ; ignore_errors=", service.get("ExecStart", ""))
        ran = [
            moment(timer.get("LastTriggerUSec")),
            moment(service.get("ExecMainStartTimestamp")),
        ]
        place = Place(
            place=name,
            when=calendar[1] if calendar else interval[1] if interval else "",
            user=service.get("User") or "root",
            state="active" if timer.get("ActiveState") == "active" else "stopped",
            ran_at=max((one for one in ran if one is not None), default=None),
            since=moment(timer.get("ActiveEnterTimestamp")),
            unit=timer.get("Unit") or f"{name.removesuffix('.timer')}.service",
            result=service.get("Result", ""),
            exit_status=_exit_status(service),
        )
        yield place, "\n".join((name, timer.get("Unit", ""), *argv))


def _exit_status(service: Mapping[str, str]) -> int:
    """How the last run of a service ended; 0 where the unit counts it as success."""
    status = service.get("ExecMainStatus") or "0"
    return 0 if status in service.get("SuccessExitStatus", "").split() else int(status)


def _table_entries(parts: Mapping[str, str]) -> Iterator[tuple[Place, str]]:
    """Each job in a table of cron's, and its command."""
    lines = parts["tables"].splitlines()
    if len(lines) >= _MOST_LINES:
        raise ValueError(f"cron's tables have more than {_MOST_LINES} lines")
    cron = _cron_state(parts)
    for line in lines:
        file, number, text = line.split(":", 2)
        if not file.startswith("/") or not number.isdigit():
            raise ValueError(f"{line[:80]!r} is no line of cron's tables")
        entry = crontab.entry(text, file.rpartition("/")[2] if "/spool/" in file else None)
        if entry is None or ("timers" in parts and "/run/systemd/system" in entry.command):
            continue
        ignored = "debian" in parts and file.startswith("/etc/cron.d/") and not _is_plain(file)
        state = "commented-out" if entry.asleep else "passed-over" if ignored else cron
        yield (
            Place(place=f"{file}:{number}", when=entry.when, user=entry.user, state=state),
            entry.command,
        )


def _scripts(parts: Mapping[str, str]) -> Iterator[tuple[Place, str]]:
    """Each script in a folder of cron's, and its path."""
    yielding = set(parts["yielding"].splitlines()) if "timers" in parts else set()
    cron = _cron_state(parts)
    for line in parts["scripts"].splitlines():
        right, _, path = line.partition(" ")
        if right not in {"x", "-"} or not path.startswith("/etc/cron."):
            raise ValueError(f"{line[:80]!r} is no script of cron's")
        if path in yielding:
            continue
        ignored = right == "-" or ("debian" in parts and not _is_plain(path))
        when = path.split("/")[2].removeprefix("cron.")
        yield (
            Place(place=path, when=when, user="root", state="passed-over" if ignored else cron),
            path,
        )


def _cron_state(parts: Mapping[str, str]) -> str:
    """The state of an entry that cron minds: that of cron."""
    if "timers" not in parts:
        return "active" if parts["cron"].strip() else "stopped"
    crons = (units(parts["services"]).get(f"{name}.service", {}) for name in _CRONS)
    return "active" if any(cron.get("ActiveState") == "active" for cron in crons) else "stopped"


def _is_plain(path: str) -> bool:
    """Whether Debian's cron and run-parts take a file of this name."""
    return re.fullmatch(r"[A-Za-z0-9_-]+", path.rpartition("/")[2]) is not None


def _report(line: str) -> tuple[str, int | None]:
    """The newest of the files that a job wrote, and when."""
    state, _, rest = line.partition(" ")
    if state == "hidden":
        raise Denied(f"the directory {rest} may not be searched by this user", _GRANT)
    if state == "there":
        *_, changed, path = rest.split(" ", 5)
        return path, int(changed)
    if state not in {"dangling", "missing"}:
        raise ValueError(f"{line[:80]!r} tells of no report")
    return "", None


def _covers(parts: Mapping[str, str]) -> int | None:
    """How many seconds cron's journal reaches back at least, as far as this user may read it."""
    rows = parts.get("covered", "").splitlines()
    spans = [int(row[1]) for line in rows if (row := re.match(r"(\d+) \d+\.\d+ ", line))]
    shown = all(re.match(r"\d+ (?:\d+\.\d+ |-- No entries)", line) for line in rows)
    return max(spans, default=0) if rows and shown else None


def _runs(parts: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    """When cron started which command. What anacron does cron does not know of."""
    for line in parts.get("runs", "").splitlines():
        matched = re.fullmatch(r"(\d+)\.\d+ \(\S+\) CMD \((.*)\)", line)
        if matched and not ("anacron" in parts and "/anacron" in matched[2]):
            yield int(matched[1]), matched[2]


class JudgedJob(Record):
    """A declared job beside what the inventory wants of it.

    ``state`` is ``scheduled``, or why it is not: ``cron-stopped``, ``timer-stopped``,
    ``passed-over``, ``commented-out`` or ``absent``. ``differs`` is ``times`` or ``account`` where
    it runs otherwise than wanted. ``run`` is ``in-time``, ``overdue``, ``awaited`` (its timer has
    not been there for long enough), ``unseen`` (nothing tells) or empty where nothing is wanted.
    """

    job: str
    state: str
    scheduled: str
    wanted: str = ""
    differs: str = ""
    run: str = ""
    last_run: str = ""
    """When it last ran, as far as is known, in UTC."""
    age_seconds: float | None = None
    within_seconds: float | None = None
    ended: str = ""
    """How its last run ended, where that was not well."""
    forgotten: bool = False
    """... and its unit was then set back, and has not run since."""


def judged_jobs(entry: HostEntry, jobs: tuple[Job, ...], now: float) -> tuple[JudgedJob, ...]:
    """The declared jobs with what was found of each. ``now`` in seconds since 1970."""
    return tuple(
        _judged(job, wanted, now) for job, wanted in zip(jobs, entry.jobs.values(), strict=True)
    )


def timed(judged: Iterable[JudgedJob]) -> tuple[JudgedJob, ...]:
    """Those of which the inventory says how often they have to run.

    Unsupported where one of them leaves no trace of its runs, and none that does is overdue.
    """
    found = tuple(one for one in judged if one.run)
    if not found:
        raise NotApplicable("the inventory says of no job how long ago its last run may be")
    unseen = [one.job for one in found if one.run == "unseen"]
    if unseen and not any(one.run == "overdue" for one in found):
        raise Unsupported(
            f"nothing tells when cron last ran {', '.join(unseen)}: the journal does not reach back "
            "that far, is not there, or is not shown to this user",
            "let the user read it (group systemd-journal, or sudo: true), keep it for longer "
            "(Storage=persistent), or declare the report that the job writes",
        )
    return found


def _judged(job: Job, wanted: DeclaredJob, now: float) -> JudgedJob:
    active = [place for place in job.places if place.state == "active"]
    ill = [
        place for place in job.places if place.result not in {"", "success"} or place.exit_status
    ]
    ran_at = _ran_at(job, wanted)
    return JudgedJob(
        job=job.name,
        state=_state(job.places),
        scheduled="; ".join(f"{p.when} as {p.user} ({p.place})" for p in active or job.places),
        wanted=" as ".join(filter(None, (wanted.schedule, wanted.user))),
        differs=_difference(active, wanted),
        run=_run(job, wanted, ran_at, now) if wanted.within else "",
        last_run=datetime.fromtimestamp(ran_at, UTC).isoformat() if ran_at is not None else "",
        age_seconds=now - ran_at if ran_at is not None else None,
        within_seconds=wanted.within,
        ended="; ".join(f"{p.unit}: {p.result}, status {p.exit_status}" for p in ill),
        forgotten=bool(ill) and all(place.result == "success" for place in ill),
    )


def _state(places: tuple[Place, ...]) -> str:
    states = {
        place.state
        if place.state != "stopped"
        else "timer-stopped"
        if place.unit
        else "cron-stopped"
        for place in places
    }
    if "active" in states:
        return "scheduled"
    by_weight = ("cron-stopped", "timer-stopped", "passed-over", "commented-out")
    return next((state for state in by_weight if state in states), "absent")


def _difference(active: list[Place], wanted: DeclaredJob) -> str:
    if not active:
        return ""
    schedule = wanted.schedule
    if schedule and not any(same_times(place.when, schedule) for place in active):
        return "times"
    return "account" if wanted.user and all(p.user != wanted.user for p in active) else ""


def _ran_at(job: Job, wanted: DeclaredJob) -> int | None:
    if wanted.report:
        return job.report_at
    known = [job.logged_at, *(place.ran_at for place in job.places)]
    return max((at for at in known if at is not None), default=None)


def _run(job: Job, wanted: DeclaredJob, ran_at: int | None, now: float) -> str:
    within = wanted.within or 0
    if ran_at is not None:
        return "overdue" if now - ran_at > within else "in-time"
    if wanted.report:
        return "overdue"
    timers = [place for place in job.places if place.unit]
    if timers:
        waits = any(place.since is not None and now - place.since <= within for place in timers)
        return "awaited" if waits else "overdue"
    return "overdue" if (job.journal_covers or 0) >= within else "unseen"
