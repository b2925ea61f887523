"""systemd units are where they should be, and stay there."""

from __future__ import annotations

from collections.abc import Callable

from sickbay.inventory.host import HostEntry, HostLimits
from sickbay.judge import offenders, worst
from sickbay.symptoms import HealthTest, symptom
from sickbay.targets.host.facts.journal import JournalLine, last_words
from sickbay.targets.host.facts.unit_starts import UnitStart, judged_starts
from sickbay.targets.host.facts.units import Unit, declared_units

_ADDRESS_IN_USE = ("address already in use", "errno 98", "eaddrinuse", "attempting to bind")
_NO_SPACE = ("no space left on device", "enospc", "disk quota exceeded")
_READ_ONLY = ("read-only file system", "erofs")
_Condition = Callable[[Unit], bool]

_START_LIMIT = ("start request repeated too quickly", "start-limit-hit")
_NO_FILE = ("no such file or directory", "unable to locate executable", "203/exec", "200/chdir")
_ENDED = (
    "failed with result 'exit-code'",
    "failed with result 'signal'",
    "failed with result 'core-dump'",
)
"""systemd's words; while a unit is being started anew its state tells nothing of how it ended."""
_FORBIDDEN = ("permission denied", "operation not permitted", "eacces")


@symptom(
    "host.unit-failed",
    severity="critical",
    signals=[
        "claudebox:system-down/no-failed-units",
        "ai-orchestrator-hub:critical-failure/no-failed-units",
        "ai-orchestrator-hub:service-not-started/activation-result",
        "sergas:application-wont-start/start-result",
    ],
)
def test_no_unit_has_failed(units: tuple[Unit, ...]) -> None:
    """A failed unit does not do its work, and systemd has given up on it."""
    assert offenders(units, lambda unit: unit.failed) == ()


@symptom(
    "host.unit-inactive",
    severity="critical",
    signals=[
        "sergas:component-down/app-unit-active",
        "sergas:component-down/redis-unit",
        "sergas:application-wont-start/postgresql-unit",
        "ai-orchestrator-hub:service-not-started/unit-active",
        "ai-orchestrator-hub:database-unreachable/server-running",
        "claudebox:health-check-script/claudebox-unit-active",
        "claudebox:system-down/nginx-active",
        "claudebox:system-down/neo4j-active",
        "claudebox:system-down/redis-active",
        "claudebox:connection-timeouts/sshd-active",
        "claudebox:connection-timeouts/networking-active",
        "claudebox:maintenance-job/cron-active",
    ],
)
def test_declared_units_are_active(units: tuple[Unit, ...]) -> None:
    """A unit that has to be active on this host is not."""
    assert offenders(declared_units(units), lambda unit: not unit.runs) == ()


@test_declared_units_are_active.cause(
    "the unit failed",
    remedy="systemctl status UNIT and journalctl -u UNIT -n 100 say why; mend it, then systemctl "
    "start UNIT.",
    because="host.unit-failed",
)
def unit_failed(units: tuple[Unit, ...]) -> object:
    return [unit for unit in units if unit.declared and unit.failed]


@test_declared_units_are_active.cause(
    "systemd restarts it again and again",
    remedy="journalctl -u UNIT -n 100 says why it ends each time.",
    because="host.unit-flapping",
)
def unit_restarting(units: tuple[Unit, ...]) -> object:
    return [unit for unit in units if unit.declared and unit.sub.startswith("auto-restart")]


@test_declared_units_are_active.cause(
    "there is no unit of this name on the host",
    remedy="Correct the name in the inventory, or install what brings the unit.",
)
def unit_unknown(units: tuple[Unit, ...]) -> object:
    return [unit for unit in units if unit.declared and unit.load == "not-found"]


@test_declared_units_are_active.cause(
    "it is masked: systemd will not start it",
    remedy="systemctl unmask UNIT, then systemctl start UNIT; or take it out of the inventory.",
)
def unit_masked(units: tuple[Unit, ...]) -> object:
    return [unit for unit in units if unit.declared and unit.load == "masked"]


@test_declared_units_are_active.cause(
    "it was stopped, or never started",
    remedy="systemctl start UNIT; where it is disabled, systemctl enable UNIT, so that it comes "
    "back after a reboot.",
)
def unit_stopped(units: tuple[Unit, ...]) -> object:
    return [
        unit
        for unit in units
        if unit.declared
        and unit.active == "inactive"
        and unit.load == "loaded"
        and unit.result == "success"
    ]


@symptom(
    "host.unit-flapping",
    severity="major",
    signals=[
        "ai-orchestrator-hub:service-not-started/no-restart-loop",
        "claudebox:high-memory-usage/unit-restarts-stable",
    ],
)
def test_units_stay_up(units: tuple[Unit, ...], limits: HostLimits) -> None:
    """A unit that systemd restarts again and again works only in between, if at all."""
    assert worst(units, "recent_restarts") <= limits.unit_restarts


@symptom(
    "host.unit-outdated",
    severity="minor",
    signals=[
        "ai-orchestrator-hub:service-not-started/unit-loaded-current",
        "sergas:application-wont-start/unit-file-current",
    ],
)
def test_declared_units_are_current_and_enabled(units: tuple[Unit, ...]) -> None:
    """A changed unit file takes no effect before a reload; a disabled unit is gone after a reboot."""
    assert (
        offenders(declared_units(units), lambda unit: unit.needs_reload or _is_disabled(unit)) == ()
    )


@test_declared_units_are_current_and_enabled.cause(
    "the unit's file was changed and systemd has not read it since",
    remedy="systemctl daemon-reload, then systemctl restart UNIT.",
)
def unit_changed(units: tuple[Unit, ...]) -> object:
    return [unit for unit in units if unit.declared and unit.needs_reload]


@test_declared_units_are_current_and_enabled.cause(
    "the unit is not enabled", remedy="systemctl enable UNIT."
)
def unit_disabled(units: tuple[Unit, ...]) -> object:
    return [unit for unit in units if unit.declared and _is_disabled(unit)]


@symptom(
    "host.unit-starts-slowly",
    severity="major",
    signals=["sergas:balancer-health-check-failures/startup-time"],
)
def test_units_are_ready_in_time(unit_starts: tuple[UnitStart, ...], declared: HostEntry) -> None:
    """Who asks before a service is ready (a load balancer, clients, other units) takes it for dead."""
    assert offenders(judged_starts(declared, unit_starts), lambda one: one.is_late) == ()


@test_units_are_ready_in_time.cause(
    "it takes too long until it is ready",
    remedy="See in journalctl -u UNIT what it does meanwhile (migrations, caches, a database that it "
    "waits for): shorten that, or give its clients more patience (interval, grace period).",
)
def takes_too_long(unit_starts: tuple[UnitStart, ...], declared: HostEntry) -> object:
    return [one for one in judged_starts(declared, unit_starts) if one.is_late and one.is_ready]


@test_units_are_ready_in_time.cause(
    "it has not become ready at all",
    remedy="journalctl -u UNIT says what it waits for, or that it says so in other words than the "
    "inventory expects (ready).",
)
def is_not_ready(unit_starts: tuple[UnitStart, ...], declared: HostEntry) -> object:
    return [one for one in judged_starts(declared, unit_starts) if one.is_late and not one.is_ready]


def _is_disabled(unit: Unit) -> bool:
    return unit.load == "loaded" and unit.enabled == "disabled"


def _failed(unit: Unit) -> bool:
    return unit.failed


def _restarted(unit: Unit) -> bool:
    return unit.recent_restarts > 0


def _ill(units: tuple[Unit, ...], is_ill: _Condition, *results: str) -> list[Unit]:
    return [unit for unit in units if is_ill(unit) and (not results or unit.result in results)]


def _explain_by_last_words(test: HealthTest, is_ill: _Condition) -> None:
    """The causes that a failed and a flapping unit share, told by what they wrote last."""

    @test.cause(
        "it could not write: no space was left",
        remedy="Free space on the full file system, then systemctl restart UNIT.",
        because=("host.disk-filling", "host.inodes-short"),
    )
    def no_space(units: tuple[Unit, ...], unit_journals: tuple[JournalLine, ...]) -> object:
        return last_words(unit_journals, _ill(units, is_ill), *_NO_SPACE)

    @test.cause(
        "it could not write: the file system is read-only",
        remedy="Find out why it is (journalctl -k -p err), make it writable again, then restart UNIT.",
        because="host.filesystem-read-only",
    )
    def read_only(units: tuple[Unit, ...], unit_journals: tuple[JournalLine, ...]) -> object:
        return last_words(unit_journals, _ill(units, is_ill), *_READ_ONLY)

    @test.cause(
        "another process holds its port",
        remedy="ss -ltnp names the process: stop it, or give one of the two another port.",
        because="host.port-taken",
    )
    def port_taken(units: tuple[Unit, ...], unit_journals: tuple[JournalLine, ...]) -> object:
        return last_words(unit_journals, _ill(units, is_ill), *_ADDRESS_IN_USE)

    @test.cause(
        "a file or program that it needs is not there",
        remedy="Correct the path in the unit (systemctl cat UNIT), or install what is missing.",
    )
    def file_missing(units: tuple[Unit, ...], unit_journals: tuple[JournalLine, ...]) -> object:
        return last_words(unit_journals, _ill(units, is_ill), *_NO_FILE)

    @test.cause(
        "it may not do what it has to",
        remedy="Correct owner and mode of what the journal names, or User= and the sandboxing of the "
        "unit (systemctl cat UNIT).",
    )
    def forbidden(units: tuple[Unit, ...], unit_journals: tuple[JournalLine, ...]) -> object:
        return last_words(unit_journals, _ill(units, is_ill), *_FORBIDDEN)


def _explain_by_result(test: HealthTest, is_ill: _Condition) -> None:
    """The causes that they share, told by what systemd says of the last run."""

    @test.cause(
        "it was killed for lack of memory",
        remedy="Raise its limit (MemoryMax=) or lower what it may use; look for a leak.",
        because=("host.oom-kills", "host.memory-short"),
    )
    def out_of_memory(units: tuple[Unit, ...]) -> object:
        return _ill(units, is_ill, "oom-kill")

    @test.cause(
        "it did not start, or stop, in time",
        remedy="See in journalctl -u UNIT what it waited for; raise TimeoutStartSec= only if it needs "
        "that long.",
    )
    def too_slow(units: tuple[Unit, ...]) -> object:
        return _ill(units, is_ill, "timeout", "watchdog")

    @test.cause(
        "it was started too often in a short time, and systemd gave up",
        remedy="Mend what ends it (the first error in journalctl -u UNIT), then systemctl "
        "reset-failed UNIT and start it.",
    )
    def start_limit(units: tuple[Unit, ...], unit_journals: tuple[JournalLine, ...]) -> object:
        hit = _ill(units, is_ill, "start-limit-hit")
        return hit or last_words(unit_journals, _ill(units, is_ill), *_START_LIMIT)

    @test.cause(
        "its program ended with an error",
        remedy="journalctl -u UNIT -n 100: the lines before the end say what went wrong.",
    )
    def exit_code(units: tuple[Unit, ...], unit_journals: tuple[JournalLine, ...]) -> object:
        ended = _ill(units, is_ill, "exit-code", "signal", "core-dump")
        return ended or last_words(unit_journals, _ill(units, is_ill), *_ENDED)


for _test, _condition in ((test_no_unit_has_failed, _failed), (test_units_stay_up, _restarted)):
    _explain_by_last_words(_test, _condition)
    _explain_by_result(_test, _condition)
