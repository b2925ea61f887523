"""What runs of the declared units and processes is what should run, as it should."""

from __future__ import annotations

from sickbay.errors import NotApplicable
from sickbay.inventory.host import HostEntry, HostLimits
from sickbay.judge import offenders
from sickbay.symptoms import symptom
from sickbay.targets.host.facts.binaries import Binary
from sickbay.targets.host.facts.process_details import ProcessDetails, ProcessState
from sickbay.targets.host.facts.service_processes import ServiceProcess
from sickbay.targets.host.facts.units import Unit
from sickbay.targets.host.services import (
    declared_services,
    judged_details,
    judged_processes,
    judged_states,
    process_counts,
    uptimes,
)

Processes = tuple[ServiceProcess, ...]
Details = tuple[ProcessDetails, ...]
States = tuple[ProcessState, ...]
_NOT_UP = ["host.unit-inactive", "host.unit-failed", "host.unit-flapping", "host.process-missing"]


def _declares(declared: HostEntry, key: str) -> None:
    """Nothing to judge where no service has the key."""
    if not any(getattr(one, key, None) for one in declared_services(declared).values()):
        raise NotApplicable(f"the inventory declares no {key} of a unit or process of this host")


@symptom(
    "host.process-missing",
    severity="critical",
    signals=[
        "ai-orchestrator-hub:assessment-context/one-process",
        "claudebox:connection-timeouts/ssh-tunnel-running",
    ],
)
def test_declared_processes_run(service_processes: Processes, declared: HostEntry) -> None:
    """A process that has to run does not, or more of them run than there should."""
    assert offenders(process_counts(declared, service_processes), lambda one: one.is_wrong) == ()


@test_declared_processes_run.cause(
    "it has ended, or was never started",
    remedy="Start it by what keeps it running (pm2 start, systemctl start); its own log says why it ended.",
)
def too_few(service_processes: Processes, declared: HostEntry) -> object:
    counts = process_counts(declared, service_processes)
    return [one for one in counts if one.is_wrong and one.running < (one.wanted or 1)]


@test_declared_processes_run.cause(
    "more of them run than there should be",
    remedy="pgrep -af PATTERN shows all of them: stop those that nothing supervises.",
)
def too_many(service_processes: Processes, declared: HostEntry) -> object:
    counts = process_counts(declared, service_processes)
    return [one for one in counts if one.is_wrong and one.running > (one.wanted or 1)]


@symptom(
    "host.process-wrong-user",
    severity="major",
    signals=["ai-orchestrator-hub:assessment-context/process-user"],
    explained_by=_NOT_UP,
)
def test_services_run_under_their_account(
    service_processes: Processes, declared: HostEntry
) -> None:
    """What it writes belongs to somebody else, or it may do more than it should."""
    _declares(declared, "user")
    assert (
        offenders(judged_processes(declared, service_processes), lambda one: one.wrong_user) == ()
    )


@test_services_run_under_their_account.cause(
    "it runs as root",
    remedy="Set User= in the unit (systemctl edit UNIT), mend the owner of the files that it wrote as "
    "root, then systemctl restart UNIT.",
)
def runs_as_root(service_processes: Processes, declared: HostEntry) -> object:
    judged = judged_processes(declared, service_processes)
    return [one for one in judged if one.wrong_user and one.user == "root"]


@test_services_run_under_their_account.cause(
    "its unit names another account, or it was started by hand",
    remedy="systemctl show -p User UNIT; stop what was started by hand and start the unit.",
)
def runs_as_another(service_processes: Processes, declared: HostEntry) -> object:
    judged = judged_processes(declared, service_processes)
    return [one for one in judged if one.wrong_user and one.user != "root"]


@symptom(
    "host.process-stuck",
    severity="critical",
    signals=["ai-orchestrator-hub:assessment-context/process-state"],
    explained_by=["host.process-traced"],
)
def test_services_are_able_to_work(service_processes: Processes, process_states: States) -> None:
    """Its main process is there and does nothing: what waits for it waits for ever."""
    judged = judged_states(service_processes, process_states)
    assert offenders(judged, lambda one: bool(one.stuck)) == ()


@test_services_are_able_to_work.cause(
    "it was stopped by a signal",
    remedy="kill -CONT PID lets it go on; see who sent SIGSTOP or SIGTSTP (a terminal, a backup's hook).",
)
def stopped(service_processes: Processes, process_states: States) -> object:
    judged = judged_states(service_processes, process_states)
    return [one for one in judged if one.stuck == "T"]


@test_services_are_able_to_work.cause(
    "it waits for a disk or a network file system",
    remedy="cat /proc/PID/wchan, dmesg: look for I/O errors and mounts that do not answer; nothing but "
    "these ends the wait.",
)
def waits(service_processes: Processes, process_states: States) -> object:
    judged = judged_states(service_processes, process_states)
    return [one for one in judged if one.stuck == "D"]


@symptom(
    "host.process-traced",
    severity="major",
    signals=["ai-orchestrator-hub:memory-tuning/no-profiler-attached"],
)
def test_services_are_not_traced(service_processes: Processes, process_states: States) -> None:
    """A debugger or profiler slows a service down many times over, and sees its secrets."""
    judged = judged_states(service_processes, process_states)
    assert offenders(judged, lambda one: one.traced) == ()


@test_services_are_not_traced.cause(
    "a debugger, strace or a profiler is attached to it, or it runs under one",
    remedy="grep TracerPid /proc/PID/status names the process: end it, or restart the unit without it.",
)
def tracer(service_processes: Processes, process_states: States) -> object:
    return [one for one in judged_states(service_processes, process_states) if one.traced]


@symptom(
    "host.process-outdated",
    severity="major",
    signals=[
        "ai-orchestrator-hub:service-not-started/deployed-binary-running",
        "ai-orchestrator-hub:config-invalid/config-in-effect",
        "ai-orchestrator-hub:assessment-context/working-directory",
        "ai-orchestrator-hub:websocket-refused/nginx-config-loaded",
    ],
)
def test_services_run_what_is_on_disk(
    service_processes: Processes, process_details: Details
) -> None:
    """It still runs an old program or old settings; the next restart will show whether the new ones work."""
    judged = judged_details(service_processes, process_details)
    assert (
        offenders(
            judged,
            lambda one: one.replaced or bool(one.changed_settings) or bool(one.missing_settings),
        )
        == ()
    )


@test_services_run_what_is_on_disk.cause(
    "its program was replaced while it ran",
    remedy="systemctl restart UNIT, as the deployment should have done.",
)
def replaced(service_processes: Processes, process_details: Details) -> object:
    return [one for one in judged_details(service_processes, process_details) if one.replaced]


@test_services_run_what_is_on_disk.cause(
    "its settings were changed after it read them",
    remedy="Check them (the program's own check, nginx -t), then systemctl reload or restart UNIT.",
)
def changed(service_processes: Processes, process_details: Details) -> object:
    judged = judged_details(service_processes, process_details)
    return [one for one in judged if one.changed_settings]


@test_services_run_what_is_on_disk.cause(
    "its settings are not where it looks for them",
    remedy="readlink /proc/PID/cwd shows its working directory: set WorkingDirectory= in the unit, or "
    "bring the file back.",
)
def settings_gone(service_processes: Processes, process_details: Details) -> object:
    judged = judged_details(service_processes, process_details)
    return [one for one in judged if one.missing_settings]


@symptom(
    "host.process-arguments-wrong",
    severity="major",
    signals=["ai-orchestrator-hub:config-invalid/production-settings-used"],
    explained_by=_NOT_UP,
)
def test_services_were_started_as_they_should(
    service_processes: Processes, declared: HostEntry
) -> None:
    """It runs with other settings than production's."""
    _declares(declared, "arguments")
    judged = judged_processes(declared, service_processes)
    assert offenders(judged, lambda one: bool(one.lacks_arguments)) == ()


@test_services_were_started_as_they_should.cause(
    "its command line is another one",
    remedy="systemctl cat UNIT: correct ExecStart, systemctl daemon-reload, systemctl restart UNIT.",
)
def other_arguments(service_processes: Processes, declared: HostEntry) -> object:
    judged = judged_processes(declared, service_processes)
    return [one for one in judged if one.lacks_arguments]


@symptom(
    "host.process-environment-wrong",
    severity="major",
    signals=["ai-orchestrator-hub:config-invalid/hive-environment"],
    explained_by=_NOT_UP,
)
def test_services_have_their_environment(
    service_processes: Processes, process_details: Details, declared: HostEntry
) -> None:
    """A variable that it takes its settings from is missing, empty, or says something else."""
    _declares(declared, "environment")
    judged = judged_details(service_processes, process_details)
    assert offenders(judged, lambda one: bool(one.wrong_variables)) == ()


@test_services_have_their_environment.cause(
    "a variable is missing or empty",
    remedy="systemctl show -p Environment,EnvironmentFiles UNIT: add it there, then restart the unit. The "
    "environment of your own shell is not the service's.",
)
def variable_missing(service_processes: Processes, process_details: Details) -> object:
    judged = judged_details(service_processes, process_details)
    return [
        one
        for one in judged
        if any(v.endswith((" missing", " empty")) for v in one.wrong_variables)
    ]


@test_services_have_their_environment.cause(
    "a variable says something else than it should",
    remedy="systemctl cat UNIT and its EnvironmentFile: correct it, then restart the unit.",
)
def variable_otherwise(service_processes: Processes, process_details: Details) -> object:
    judged = judged_details(service_processes, process_details)
    return [one for one in judged if any(v.endswith(" otherwise") for v in one.wrong_variables)]


@symptom(
    "host.workers-wrong",
    severity="major",
    signals=[
        "sergas:high-response-times/worker-processes",
        "ai-orchestrator-hub:cpu-tuning/runtime-threads",
    ],
    explained_by=_NOT_UP,
)
def test_services_run_as_many_workers_as_they_should(
    service_processes: Processes, declared: HostEntry
) -> None:
    """With fewer workers or threads requests wait for each other; with more they wait for memory."""
    if not any(one.workers or one.threads for one in declared_services(declared).values()):
        raise NotApplicable("the inventory declares no workers or threads of a service")
    judged = judged_processes(declared, service_processes)
    assert offenders(judged, lambda one: one.wrong_workers or one.wrong_threads) == ()


@test_services_run_as_many_workers_as_they_should.cause(
    "it runs another number of workers",
    remedy="Correct the option (--workers, server.workers) in the unit or the settings; restart it.",
)
def other_workers(service_processes: Processes, declared: HostEntry) -> object:
    return [one for one in judged_processes(declared, service_processes) if one.wrong_workers]


@test_services_run_as_many_workers_as_they_should.cause(
    "it runs another number of threads",
    remedy="Correct the number of worker threads in its settings (often: the number of cores).",
)
def other_threads(service_processes: Processes, declared: HostEntry) -> object:
    return [one for one in judged_processes(declared, service_processes) if one.wrong_threads]


@symptom(
    "host.unit-restarted",
    severity="minor",
    signals=[
        "sergas:application-crashes/unexpected-restarts",
        "ai-orchestrator-hub:restoration-incomplete/stable-15-minutes",
    ],
    explained_by=["host.unit-flapping"],
)
def test_declared_units_have_been_up_for_a_while(
    units: tuple[Unit, ...], declared: HostEntry, limits: HostLimits
) -> None:
    """It runs now, and has not done so for long: it may end again."""
    up = uptimes(declared, units)
    assert offenders(up, lambda one: one.is_short(limits.restart_window)) == ()


@test_declared_units_have_been_up_for_a_while.cause(
    "systemd had to restart it",
    remedy="journalctl -u UNIT | grep -E 'Main process exited|Scheduled restart' shows when and how it ended.",
)
def restarted(units: tuple[Unit, ...], declared: HostEntry, limits: HostLimits) -> object:
    return [
        one
        for one in uptimes(declared, units)
        if one.restarts and one.is_short(limits.restart_window)
    ]


@test_declared_units_have_been_up_for_a_while.cause(
    "it was started not long ago",
    remedy="Wait, and look again: a service counts as restored once it has been up for that long.",
)
def just_started(units: tuple[Unit, ...], declared: HostEntry, limits: HostLimits) -> object:
    return [
        one
        for one in uptimes(declared, units)
        if not one.restarts and one.is_short(limits.restart_window)
    ]


@symptom(
    "host.binary-unfit",
    severity="critical",
    signals=[
        "ai-orchestrator-hub:assessment-context/binary-matches-platform",
        "ai-orchestrator-hub:service-not-started/libraries-resolve",
        "ai-orchestrator-hub:memory-tuning/no-profiling-build",
    ],
)
def test_programs_of_units_fit_this_machine(binaries: tuple[Binary, ...]) -> None:
    """The unit will not start again with this program, or not as it should in production."""
    assert offenders(binaries, lambda one: one.is_unfit) == ()


@test_programs_of_units_fit_this_machine.cause(
    "it was built for another kind of machine, or is no program",
    remedy="file PATH and uname -m say what differs: deploy the build for this machine.",
)
def foreign(binaries: tuple[Binary, ...]) -> object:
    return [one for one in binaries if one.is_foreign]


@test_programs_of_units_fit_this_machine.cause(
    "shared libraries that it needs are not found",
    remedy="ldd PATH names them: install the packages that bring them, then ldconfig.",
)
def libraries_missing(binaries: tuple[Binary, ...]) -> object:
    return [one for one in binaries if one.lacks]


@test_programs_of_units_fit_this_machine.cause(
    "it is a build for debugging or profiling",
    remedy="Deploy the ordinary release build (without RUSTFLAGS=-g or the like; strip takes the sections out).",
)
def debug_build(binaries: tuple[Binary, ...]) -> object:
    return [one for one in binaries if one.has_debug_sections]


@test_programs_of_units_fit_this_machine.cause(
    "it is not there", remedy="Deploy it again; compare ExecStart of the unit with the path."
)
def program_gone(binaries: tuple[Binary, ...]) -> object:
    return [one for one in binaries if not one.there]
