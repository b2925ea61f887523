"""Services stay clear of their limits on open files and processes, and logins have those they should."""

from __future__ import annotations

from sickbay.inventory.host import HostEntry, HostLimits
from sickbay.judge import offenders, worst
from sickbay.symptoms import symptom
from sickbay.targets.host.facts.connections import Connections
from sickbay.targets.host.facts.login_limits import LoginLimit
from sickbay.targets.host.facts.process_limits import ProcessLimits, UnitLimits
from sickbay.targets.host.facts.service_processes import ServiceProcess
from sickbay.targets.host.limits import LOW, FileUse, file_limits, file_use, judged_logins, task_use

Processes = tuple[ServiceProcess, ...]
Limits = tuple[ProcessLimits, ...]
Units = tuple[UnitLimits, ...]
Held = tuple[Connections, ...]


@symptom(
    "host.service-files-short",
    severity="critical",
    signals=[
        "claudebox:process-management/open-files-headroom",
        "sergas:component-down/api-connections",
    ],
)
def test_services_can_open_more_files(
    service_processes: Processes,
    process_limits: Limits,
    declared: HostEntry,
    limits: HostLimits,
) -> None:
    """A process that reaches its limit can open no file and take no connection any more."""
    uses = file_use(declared, service_processes, process_limits)
    assert worst(uses, "used_fraction") < limits.service_files_used


def _short(
    declared: HostEntry,
    processes: Processes,
    process_limits: Limits,
    connections: Held,
    limits: HostLimits,
) -> list[FileUse]:
    uses = file_use(declared, processes, process_limits, connections)
    return [one for one in uses if one.used_fraction >= limits.service_files_used]


@test_services_can_open_more_files.cause(
    "half of them and more are connections of its clients",
    remedy="See in ss -tn who they are; close what is idle, spread the load, or raise LimitNOFILE=.",
)
def clients(
    service_processes: Processes,
    process_limits: Limits,
    connections: Held,
    declared: HostEntry,
    limits: HostLimits,
) -> object:
    short = _short(declared, service_processes, process_limits, connections, limits)
    return [one for one in short if one.clients >= one.open / 2]


@test_services_can_open_more_files.cause(
    "half of them and more are connections that it has opened to others",
    remedy="Let it keep connections in one pool of bounded size, and close what it does not need.",
)
def servers(
    service_processes: Processes,
    process_limits: Limits,
    connections: Held,
    declared: HostEntry,
    limits: HostLimits,
) -> object:
    short = _short(declared, service_processes, process_limits, connections, limits)
    return [one for one in short if one.servers >= one.open / 2]


@test_services_can_open_more_files.cause(
    "half of them and more are connections that the other end has closed",
    remedy="It has to close them as well: restart it for now.",
    because="host.connections-left-open",
)
def left_open(
    service_processes: Processes,
    process_limits: Limits,
    connections: Held,
    declared: HostEntry,
    limits: HostLimits,
) -> object:
    short = _short(declared, service_processes, process_limits, connections, limits)
    return [one for one in short if one.left_open >= one.open / 2]


@test_services_can_open_more_files.cause(
    "its limit is low",
    remedy="Raise it: LimitNOFILE=65536 in the unit (limits.conf for what a login starts), then "
    "restart it. ls -l /proc/PID/fd shows what it has open.",
    because="host.open-file-limit-low",
)
def low(
    service_processes: Processes,
    process_limits: Limits,
    connections: Held,
    declared: HostEntry,
    limits: HostLimits,
) -> object:
    short = _short(declared, service_processes, process_limits, connections, limits)
    return [one for one in short if one.limit < LOW]


@symptom(
    "host.open-file-limit-low",
    severity="major",
    signals=["claudebox:process-management/nofile-limit-applied"],
)
def test_services_may_open_enough_files(
    service_processes: Processes,
    process_limits: Limits,
    unit_limits: Units,
    declared: HostEntry,
) -> None:
    """A process may open fewer files than it will need under load."""
    found = file_limits(declared, service_processes, process_limits, unit_limits)
    assert offenders(found, lambda one: one.is_too_low) == ()


@test_services_may_open_enough_files.cause(
    "its unit gives it no more",
    remedy="Set LimitNOFILE= in the unit (systemctl edit UNIT; one number sets both limits), then "
    "systemctl restart UNIT. limits.conf does not hold for units.",
)
def by_its_unit(
    service_processes: Processes,
    process_limits: Limits,
    unit_limits: Units,
    declared: HostEntry,
) -> object:
    found = file_limits(declared, service_processes, process_limits, unit_limits)
    return [one for one in found if one.is_too_low and one.is_low_by_its_unit]


@test_services_may_open_enough_files.cause(
    "its unit gives it enough, and it runs with what was before",
    remedy="systemctl restart UNIT; where that does not help, the program lowers its limit itself.",
)
def not_restarted(
    service_processes: Processes,
    process_limits: Limits,
    unit_limits: Units,
    declared: HostEntry,
) -> object:
    found = file_limits(declared, service_processes, process_limits, unit_limits)
    return [one for one in found if one.is_too_low and one.has_unit and not one.is_low_by_its_unit]


@test_services_may_open_enough_files.cause(
    "what started it (a login, cron, pm2) gives it no more",
    remedy="Set nofile, soft and hard, in /etc/security/limits.conf for what a login starts, "
    "LimitNOFILE= for what a unit starts; then restart what starts it, and the process.",
    because="host.login-limits-wrong",
)
def by_its_login(
    service_processes: Processes,
    process_limits: Limits,
    unit_limits: Units,
    declared: HostEntry,
) -> object:
    found = file_limits(declared, service_processes, process_limits, unit_limits)
    return [one for one in found if one.is_too_low and not one.has_unit]


@test_services_may_open_enough_files.cause(
    "the soft limit alone is low",
    remedy="One number in LimitNOFILE= sets both; a program may also raise its soft limit itself.",
)
def soft_alone(
    service_processes: Processes,
    process_limits: Limits,
    unit_limits: Units,
    declared: HostEntry,
) -> object:
    found = file_limits(declared, service_processes, process_limits, unit_limits)
    return [one for one in found if one.is_low_in_soft_alone]


@symptom(
    "host.service-tasks-short",
    severity="major",
    signals=["claudebox:process-management/process-limit-headroom"],
)
def test_services_can_start_more_processes(
    service_processes: Processes,
    process_limits: Limits,
    unit_limits: Units,
    limits: HostLimits,
) -> None:
    """A service that reaches its limit can start no process and no thread any more."""
    uses = task_use(service_processes, process_limits, unit_limits)
    assert worst(uses, "used_fraction") < limits.tasks_used


@test_services_can_start_more_processes.cause(
    "its unit may have no more (TasksMax=)",
    remedy="systemd-cgls -u UNIT shows what it has started: end what should not be there, or raise "
    "TasksMax= in the unit.",
)
def unit_full(
    service_processes: Processes,
    process_limits: Limits,
    unit_limits: Units,
    limits: HostLimits,
) -> object:
    uses = task_use(service_processes, process_limits, unit_limits)
    return [one for one in uses if one.is_unit and one.used_fraction >= limits.tasks_used]


@test_services_can_start_more_processes.cause(
    "its account may have no more (ulimit -u)",
    remedy="ps -L -u USER shows what runs under the account: end what should not, or raise LimitNPROC= "
    "in the unit, nproc in limits.conf for what a login starts.",
)
def account_full(
    service_processes: Processes,
    process_limits: Limits,
    unit_limits: Units,
    limits: HostLimits,
) -> object:
    uses = task_use(service_processes, process_limits, unit_limits)
    return [one for one in uses if not one.is_unit and one.used_fraction >= limits.tasks_used]


@symptom(
    "host.login-limits-wrong",
    severity="major",
    signals=["claudebox:process-management/nofile-limit-configured"],
)
def test_logins_have_their_limits(
    login_limits: tuple[LoginLimit, ...], declared: HostEntry
) -> None:
    """What a login starts may open fewer files, or start fewer processes, than it should."""
    assert offenders(judged_logins(declared, login_limits), lambda one: one.is_wrong) == ()


@test_logins_have_their_limits.cause(
    "no line sets it for all accounts",
    remedy="Add `* soft ITEM N` and `* hard ITEM N` to /etc/security/limits.conf; it holds from the "
    "next login on.",
)
def no_line(login_limits: tuple[LoginLimit, ...], declared: HostEntry) -> object:
    return [one for one in judged_logins(declared, login_limits) if one.is_missing]


@test_logins_have_their_limits.cause(
    "the last line for all accounts sets it lower",
    remedy="Raise it there; files of limits.d are read after limits.conf, in the order of their names.",
)
def set_lower(login_limits: tuple[LoginLimit, ...], declared: HostEntry) -> object:
    return [one for one in judged_logins(declared, login_limits) if one.is_too_low]


@test_logins_have_their_limits.cause(
    "another line contradicts it",
    remedy="Take that line away, or raise it; one for an account or group goes before that for all.",
)
def contradicted(login_limits: tuple[LoginLimit, ...], declared: HostEntry) -> object:
    return [one for one in judged_logins(declared, login_limits) if one.contradicting]
