"""The journal holds what it has to, nothing that it must not, and is kept as long as it should be."""

from __future__ import annotations

import re

from sickbay.errors import Unreadable
from sickbay.inventory.host import HostEntry, HostLimits
from sickbay.judge import offenders, worst
from sickbay.symptoms import symptom
from sickbay.targets.host.facts.crash_dumps import CrashDump
from sickbay.targets.host.facts.journal_errors import (
    JournalErrors,
    RepeatedErrors,
    UnitErrors,
)
from sickbay.targets.host.facts.journal_files import JournalArchive, JournalKeeping
from sickbay.targets.host.facts.journal_troubles import Trouble, recent
from sickbay.targets.host.facts.journal_watches import (
    JudgedWatch,
    WatchedEntries,
    judged_watches,
)
from sickbay.targets.host.facts.ssh_logins import SshLogins
from sickbay.targets.host.facts.units import Unit, unit_name

# ---------------------------------------------------------------------- what is declared


@symptom(
    "host.journal-match",
    severity="major",
    signals=[
        "ai-orchestrator-hub:authentication-failing/auth-failure-rate",
        "ai-orchestrator-hub:database-unreachable/no-connection-errors",
        "ai-orchestrator-hub:error-patterns/structured-errors",
        "ai-orchestrator-hub:journal-errors/no-error-priority",
        "ai-orchestrator-hub:neural-failing/no-neural-errors",
        "ai-orchestrator-hub:unauthorized-access/no-security-events",
        "claudebox:backups/backup-log-clean",
        "claudebox:health-check-script/claudebox-unit-journal-quiet",
        "claudebox:performance-monitoring/no-recent-warnings",
    ],
)
def test_journal_holds_nothing_that_it_must_not(
    journal_watches: tuple[WatchedEntries, ...], declared: HostEntry
) -> None:
    """The journal holds more of the entries that the inventory watches for than it may."""
    judged = judged_watches(declared, journal_watches)
    assert offenders(judged, lambda one: one.is_too_much or one.is_blind) == ()


def _telling(
    declared: HostEntry, found: tuple[WatchedEntries, ...], words: str
) -> list[JudgedWatch]:
    pattern = re.compile(words, re.IGNORECASE)
    return [
        one
        for one in judged_watches(declared, found)
        if one.is_too_much and any(pattern.search(message) for message in one.messages)
    ]


@test_journal_holds_nothing_that_it_must_not.cause(
    "what it needs refuses it, or does not answer",
    remedy="The messages name it (a database, another service): see whether that runs and takes "
    "connections from here, and whether address, role and password are right.",
    because=("host.peer-unreachable", "postgres.unreachable", "redis.unreachable"),
)
def cut_off(journal_watches: tuple[WatchedEntries, ...], declared: HostEntry) -> object:
    return _telling(
        declared,
        journal_watches,
        r"connection.{0,40}(refused|failed|timed out|reset)|unreachable|no route|Disconnected",
    )


@test_journal_holds_nothing_that_it_must_not.cause(
    "somebody is refused: a wrong password, or no right",
    remedy="Many from few addresses: block these. From all: see whether a secret was renewed or "
    "tokens have run out, and log in again.",
)
def refused(journal_watches: tuple[WatchedEntries, ...], declared: HostEntry) -> object:
    return _telling(
        declared,
        journal_watches,
        r"unauthori[sz]ed|forbidden|denied|auth\w* fail|invalid (token|password|credential)",
    )


@test_journal_holds_nothing_that_it_must_not.cause(
    "it ran short of memory, disk or CPU",
    remedy="Free what is short, or give it more; see which limit it ran into.",
    because=("host.memory-short", "host.disk-filling", "host.overloaded"),
)
def short_of_something(journal_watches: tuple[WatchedEntries, ...], declared: HostEntry) -> object:
    return _telling(
        declared,
        journal_watches,
        r"out.of.memory|no space left|high (cpu|memory|disk) usage|cannot allocate",
    )


@test_journal_holds_nothing_that_it_must_not.cause(
    "the program itself reports failures",
    remedy="The messages name the part that fails: narrow down by time (journalctl -u UNIT --since) "
    "what came before the first of them.",
)
def reports_failures(journal_watches: tuple[WatchedEntries, ...], declared: HostEntry) -> object:
    failing = _telling(declared, journal_watches, r"\b(error|failed|failure|panick?ed|fatal)\b")
    with_errors = [
        one for one in judged_watches(declared, journal_watches) if one.is_too_much and one.errors
    ]
    return list({one.watch: one for one in [*with_errors, *failing]}.values())


@test_journal_holds_nothing_that_it_must_not.cause(
    "there is no unit of this name, so that nothing can be found",
    remedy="Correct the unit of this watch in the inventory (what pm2 starts is in pm2-USER).",
    because="host.unit-inactive",
)
def no_such_unit(journal_watches: tuple[WatchedEntries, ...], declared: HostEntry) -> object:
    return [one for one in judged_watches(declared, journal_watches) if one.is_blind]


@test_journal_holds_nothing_that_it_must_not.cause(
    "its unit has failed",
    remedy="systemctl status UNIT and journalctl -u UNIT -n 100 tell the whole of it.",
    because=("host.unit-failed", "host.unit-flapping"),
)
def its_unit_failed(
    journal_watches: tuple[WatchedEntries, ...], declared: HostEntry, units: tuple[Unit, ...]
) -> object:
    failed = {unit.name for unit in units if unit.failed or unit.recent_restarts}
    return [
        one
        for one in judged_watches(declared, journal_watches)
        if one.is_too_much and one.unit and unit_name(one.unit) in failed
    ]


@symptom(
    "host.journal-silent",
    severity="major",
    signals=["ai-orchestrator-hub:journal-errors/journal-alive"],
)
def test_journal_holds_what_it_has_to(
    journal_watches: tuple[WatchedEntries, ...], declared: HostEntry
) -> None:
    """What should write to the journal again and again has not: it stands still, or is not heard."""
    assert offenders(judged_watches(declared, journal_watches), lambda one: one.is_too_little) == ()


def _silent(declared: HostEntry, found: tuple[WatchedEntries, ...]) -> list[JudgedWatch]:
    return [one for one in judged_watches(declared, found) if one.is_too_little]


@test_journal_holds_what_it_has_to.cause(
    "its unit is not active",
    remedy="systemctl status UNIT says why; start it.",
    because=("host.unit-inactive", "host.unit-failed"),
)
def unit_is_not_active(
    journal_watches: tuple[WatchedEntries, ...], declared: HostEntry, units: tuple[Unit, ...]
) -> object:
    down = {unit.name for unit in units if not unit.runs}
    return [
        one
        for one in _silent(declared, journal_watches)
        if one.unit and unit_name(one.unit) in down
    ]


@test_journal_holds_what_it_has_to.cause(
    "its unit is active, and what it says does not reach the journal",
    remedy="systemctl show -p StandardOutput -p StandardError UNIT should say journal; see whether "
    "systemd-journald runs, and whether the program logs to a file of its own.",
)
def output_goes_elsewhere(
    journal_watches: tuple[WatchedEntries, ...], declared: HostEntry, units: tuple[Unit, ...]
) -> object:
    active = {unit.name for unit in units if unit.runs}
    return [
        one
        for one in _silent(declared, journal_watches)
        if one.unit and unit_name(one.unit) in active
    ]


@test_journal_holds_what_it_has_to.cause(
    "the job that logs under this name does not run",
    remedy="See in crontab and systemctl list-timers whether it is still scheduled; run it by hand.",
)
def job_does_not_run(journal_watches: tuple[WatchedEntries, ...], declared: HostEntry) -> object:
    return [one for one in _silent(declared, journal_watches) if one.tag]


# ---------------------------------------------------------------------- errors


@symptom(
    "host.journal-errors",
    severity="major",
    signals=["claudebox:system-down/system-journal-quiet"],
)
def test_journal_is_quiet(journal_errors: JournalErrors, limits: HostLimits) -> None:
    """Something on this host reports errors, or something critical, to the journal."""
    assert worst([journal_errors], "critical") <= limits.journal_critical
    assert worst([journal_errors], "errors") <= limits.journal_errors
    if journal_errors.is_cut:
        raise Unreadable("there are more errors in the journal than are read", "journalctl -p err")


@test_journal_is_quiet.cause(
    "something critical happened",
    remedy="journalctl -p crit --since -1h: see to the first of these entries first.",
)
def critical(journal_errors: JournalErrors, limits: HostLimits) -> object:
    return journal_errors if journal_errors.critical > limits.journal_critical else None


@test_journal_is_quiet.cause(
    "one source writes most of the errors",
    remedy="journalctl -p err --since -1h -u UNIT (or -t NAME) shows them: mend what it names.",
)
def one_source(journal_errors: JournalErrors, limits: HostLimits) -> object:
    most = max(journal_errors.sources.values(), default=0)
    loud = journal_errors.errors > limits.journal_errors and most * 2 > journal_errors.errors
    return journal_errors if loud else None


@test_journal_is_quiet.cause(
    "errors come from many sources, as where something fails that all of them need",
    remedy="journalctl -p err --since -1h: look at disk, memory, network and name service first.",
)
def many_sources(journal_errors: JournalErrors, limits: HostLimits) -> object:
    most = max(journal_errors.sources.values(), default=0)
    loud = journal_errors.errors > limits.journal_errors and most * 2 <= journal_errors.errors
    return journal_errors if loud else None


def _rising(unit_errors: tuple[UnitErrors, ...], limits: HostLimits) -> list[UnitErrors]:
    return [
        one
        for one in unit_errors
        if one.last_hour >= limits.error_floor
        and one.last_hour > limits.error_rise * one.hourly_mean
    ]


@symptom(
    "host.errors-rising",
    severity="major",
    signals=["ai-orchestrator-hub:journal-errors/error-rate-in-log"],
)
def test_units_report_no_more_errors_than_usual(
    unit_errors: tuple[UnitErrors, ...], limits: HostLimits
) -> None:
    """A unit reports far more errors than it did over the day before: something has changed."""
    rising = _rising(unit_errors, limits)
    assert offenders(unit_errors, lambda one: one in rising) == ()


@test_units_report_no_more_errors_than_usual.cause(
    "it reported hardly any before",
    remedy="journalctl -u UNIT -p err --since -1h: the first entry tells when it began; see what was "
    "changed at that time (a release, a setting, a certificate).",
)
def began(unit_errors: tuple[UnitErrors, ...], limits: HostLimits) -> object:
    return [one for one in _rising(unit_errors, limits) if one.hourly_mean < 1]


@test_units_report_no_more_errors_than_usual.cause(
    "what it has long reported comes more often",
    remedy="journalctl -u UNIT -p err --since -1d: see whether load has grown, and mend what the "
    "entries name.",
)
def grew(unit_errors: tuple[UnitErrors, ...], limits: HostLimits) -> object:
    return [one for one in _rising(unit_errors, limits) if one.hourly_mean >= 1]


@symptom(
    "host.errors-repeated",
    severity="major",
    signals=["ai-orchestrator-hub:error-patterns/repeated-errors"],
)
def test_units_do_not_report_the_same_again_and_again(
    repeated_errors: RepeatedErrors, limits: HostLimits
) -> None:
    """A unit reports one and the same error over and over: a fault that nobody has mended."""
    assert offenders(repeated_errors.messages, lambda one: one.times > limits.repeated_errors) == ()
    if repeated_errors.is_cut:
        raise Unreadable("there are more errors in the journal than are read", "journalctl -u UNIT")


@test_units_do_not_report_the_same_again_and_again.cause(
    "one fault keeps coming back",
    remedy="Follow what the most frequent message names; journalctl -u UNIT --grep with its words "
    "shows since when.",
)
def comes_back(repeated_errors: RepeatedErrors, limits: HostLimits) -> object:
    return [one for one in repeated_errors.messages if one.times > limits.repeated_errors]


# ---------------------------------------------------------------------- what none should tell of


@symptom(
    "host.trouble-logged",
    severity="critical",
    signals=[
        "ai-orchestrator-hub:out-of-memory/no-memory-errors",
        "sergas:application-crashes/segfaults",
        "sergas:application-wont-start/port-bind-errors",
        "sergas:database-disk-full/no-space-errors",
    ],
)
def test_journal_tells_of_no_crash_and_no_lack(
    journal_troubles: tuple[Trouble, ...], limits: HostLimits
) -> None:
    """A program crashed, or did not get the memory, the disk space or the port that it needs."""
    assert offenders(recent(journal_troubles, limits.trouble_window), lambda _: True) == ()


def _explain_trouble(kind: str, text: str, remedy: str, *because: str) -> None:
    def weigh(journal_troubles: tuple[Trouble, ...], limits: HostLimits) -> list[Trouble]:
        return recent(journal_troubles, limits.trouble_window, kind)

    weigh.__name__ = kind
    test_journal_tells_of_no_crash_and_no_lack.cause(text, remedy=remedy, because=because)(weigh)


_explain_trouble(
    "crash",
    "a program crashed",
    "coredumpctl info tells where, if systemd-coredump is there; look for an update of the program "
    "and its libraries, and test the memory where several programs crash.",
)
_explain_trouble(
    "memory",
    "memory was refused, or ran out",
    "See whether the host (free -m) or a limit (MemoryMax=, ulimit) refused it; lower what the "
    "program may use, look for a leak, or give it more.",
    "host.memory-short",
    "host.oom-kills",
)
_explain_trouble(
    "space",
    "no space was left on a file system",
    "df -h and df -i show which one is full, now or then: free space, and find out what grew.",
    "host.disk-filling",
    "host.inodes-short",
)
_explain_trouble(
    "port",
    "another process holds its port",
    "ss -ltnp names the process: stop it, or give one of the two another port.",
)


@test_journal_tells_of_no_crash_and_no_lack.cause(
    "the unit that tells of it has failed",
    remedy="systemctl status UNIT and journalctl -u UNIT -n 100 tell the whole of it.",
    because=("host.unit-failed", "host.unit-flapping"),
)
def unit_failed(
    journal_troubles: tuple[Trouble, ...], units: tuple[Unit, ...], limits: HostLimits
) -> object:
    failed = {unit.name for unit in units if unit.failed or unit.recent_restarts}
    found = recent(journal_troubles, limits.trouble_window)
    return [one for one in found if one.source in failed]


@symptom(
    "host.crash-dumps",
    severity="major",
    signals=["sergas:application-crashes/crash-dumps"],
)
def test_no_crash_left_a_dump(crash_dumps: tuple[CrashDump, ...], limits: HostLimits) -> None:
    """A program, or the kernel, crashed lately and left a dump."""
    assert offenders(crash_dumps, lambda one: one.age_seconds <= limits.crash_dump_age) == ()


def _fresh(crash_dumps: tuple[CrashDump, ...], limits: HostLimits) -> list[CrashDump]:
    return [one for one in crash_dumps if one.age_seconds <= limits.crash_dump_age]


@test_no_crash_left_a_dump.cause(
    "a program crashed, and systemd kept its memory",
    remedy="coredumpctl list, then coredumpctl info PID: the stack names the library or function.",
)
def program(crash_dumps: tuple[CrashDump, ...], limits: HostLimits) -> object:
    return [one for one in _fresh(crash_dumps, limits) if one.file.startswith("/var/lib/systemd/")]


@test_no_crash_left_a_dump.cause(
    "a crash left a file in /var/crash",
    remedy="Its name tells of the program, or of the time of a kernel's crash (apport-unpack, crash); "
    "report it, then remove the file.",
)
def left_behind(crash_dumps: tuple[CrashDump, ...], limits: HostLimits) -> object:
    return [one for one in _fresh(crash_dumps, limits) if one.file.startswith("/var/crash/")]


@symptom(
    "host.logins-guessed",
    severity="critical",
    signals=["claudebox:support-escalation/no-ssh-brute-force"],
)
def test_nobody_guesses_logins(ssh_logins: SshLogins, limits: HostLimits) -> None:
    """Somebody tries names and passwords at sshd, or root came in by a password."""
    assert offenders([ssh_logins], lambda one: one.root_by_password != ()) == ()
    assert worst([ssh_logins], "refused") < limits.ssh_failures
    if ssh_logins.is_cut:
        raise Unreadable("there are more refused logins than are read", "journalctl -t sshd")


@test_nobody_guesses_logins.cause(
    "root came in by a password",
    remedy="Ask who it was; if nobody knows, isolate the host and renew its secrets. Set "
    "PermitRootLogin prohibit-password in sshd_config.",
)
def root_by_password(ssh_logins: SshLogins) -> object:
    return ssh_logins if ssh_logins.root_by_password else None


@test_nobody_guesses_logins.cause(
    "names and passwords are tried",
    remedy="Let in by keys alone (PasswordAuthentication no), and by known addresses where that can "
    "be; block the others (fail2ban, a firewall).",
)
def guessed(ssh_logins: SshLogins, limits: HostLimits) -> object:
    return ssh_logins if ssh_logins.refused >= limits.ssh_failures else None


# ---------------------------------------------------------------------- how it is kept


@symptom(
    "host.journal-short",
    severity="major",
    signals=[
        "ai-orchestrator-hub:error-patterns/day-of-journal",
        "claudebox:support-channels/logs-collectable",
    ],
)
def test_journal_is_kept(journal_keeping: JournalKeeping, limits: HostLimits) -> None:
    """The entries that would tell what happened yesterday, or before the last start, are gone."""
    reach = limits.journal_reach
    assert offenders([journal_keeping], lambda one: not one.on_disk or one.is_short(reach)) == ()


@test_journal_is_kept.cause(
    "it is kept in memory, and gone after a restart",
    remedy="Storage=persistent in /etc/systemd/journald.conf (or mkdir -p /var/log/journal), then "
    "systemctl restart systemd-journald and journalctl --flush.",
)
def in_memory(journal_keeping: JournalKeeping) -> object:
    return None if journal_keeping.on_disk else journal_keeping


@test_journal_is_kept.cause(
    "too little room is given to it, or it was emptied",
    remedy="See SystemMaxUse= and MaxRetentionSec= in journald.conf and the free space under "
    "/var/log; see what writes so much (journalctl --since -1h).",
)
def too_little_room(journal_keeping: JournalKeeping, limits: HostLimits) -> object:
    return journal_keeping if journal_keeping.is_short(limits.journal_reach) else None


@symptom(
    "host.journal-overlong",
    severity="minor",
    signals=["claudebox:disk-space/journal-retention"],
)
def test_journal_is_not_kept_for_too_long(
    journal_archives: tuple[JournalArchive, ...], limits: HostLimits
) -> None:
    """Files of the journal are older than they should become, and take space."""
    assert offenders(journal_archives, lambda one: one.age_seconds > limits.journal_age) == ()


@test_journal_is_not_kept_for_too_long.cause(
    "nothing bounds how long it is kept",
    remedy="journalctl --vacuum-time=7d removes what is older; MaxRetentionSec= in journald.conf does "
    "so for good.",
)
def unbounded(journal_archives: tuple[JournalArchive, ...], limits: HostLimits) -> object:
    return [one for one in journal_archives if one.age_seconds > limits.journal_age]
