"""Declared settings files can be read, say what they should, and are accepted by who reads them."""

from __future__ import annotations

from sickbay.errors import Denied, TimedOut, Unreadable, Unsupported
from sickbay.inventory.host import HostEntry
from sickbay.judge import offenders
from sickbay.symptoms import symptom
from sickbay.targets.host.facts.declared_files import GRANT
from sickbay.targets.host.facts.settings import (
    SettingsCheck,
    SettingsFile,
    misplaced_settings,
    wrong_settings,
)


def _must_be_read(files: tuple[SettingsFile, ...]) -> None:
    """Raise where one of the files is hidden, or too large to be read."""
    for one in files:
        if one.state == "hidden":
            raise Denied(f"{one.path} may not be read by this user", GRANT)
        if one.state == "large":
            raise Unreadable(f"{one.path} is too large for a settings file")


@symptom(
    "host.settings-broken",
    severity="critical",
    signals=["ai-orchestrator-hub:config-invalid/toml-parses"],
)
def test_settings_files_can_be_read(settings_files: tuple[SettingsFile, ...]) -> None:
    """A service does not start with settings that it cannot read."""
    assert offenders(settings_files, lambda one: bool(one.error) or one.state == "missing") == ()
    _must_be_read(settings_files)


@test_settings_files_can_be_read.cause(
    "it is not there",
    remedy="Bring it back from the deployment or a backup (host.file-missing says more, where declared).",
)
def not_there(settings_files: tuple[SettingsFile, ...]) -> object:
    return [one for one in settings_files if one.state == "missing"]


@test_settings_files_can_be_read.cause(
    "a key or table stands there twice",
    remedy="Remove the second one; what was appended at the end of the file fell into its last table.",
)
def twice(settings_files: tuple[SettingsFile, ...]) -> object:
    return [one for one in settings_files if "overwrite" in one.error or "twice" in one.error]


@test_settings_files_can_be_read.cause(
    "its syntax is wrong",
    remedy="Correct the line that is named; check again before you restart the service.",
)
def wrong_syntax(settings_files: tuple[SettingsFile, ...]) -> object:
    return [one for one in settings_files if one.error]


@symptom(
    "host.setting-wrong",
    severity="critical",
    signals=["ai-orchestrator-hub:port-conflict/port-setting"],
)
def test_settings_are_as_they_have_to_be(
    settings_files: tuple[SettingsFile, ...], declared: HostEntry
) -> None:
    """A service with other settings is not found where its clients look for it, or does other work."""
    assert offenders(wrong_settings(declared, settings_files), lambda _: True) == ()
    _must_be_read(settings_files)


@test_settings_are_as_they_have_to_be.cause(
    "the key is not there, and the program's default applies",
    remedy="Set it in its table, restart the service, and let the deployment do so from now on.",
)
def no_key(settings_files: tuple[SettingsFile, ...], declared: HostEntry) -> object:
    return [one for one in wrong_settings(declared, settings_files) if one.found is None]


@test_settings_are_as_they_have_to_be.cause(
    "it was changed on this side only",
    remedy="Put the same value into the settings, the proxy, the firewall and the checks (and this "
    "inventory), then restart the service.",
)
def changed(settings_files: tuple[SettingsFile, ...], declared: HostEntry) -> object:
    return [one for one in wrong_settings(declared, settings_files) if one.found is not None]


@symptom(
    "host.setting-unadvised",
    severity="minor",
    signals=[
        "ai-orchestrator-hub:memory-tuning/memory-limit",
        "ai-orchestrator-hub:memory-tuning/memory-warning",
        "ai-orchestrator-hub:memory-tuning/max-agents",
        "ai-orchestrator-hub:cpu-tuning/workers-match-cores",
        "ai-orchestrator-hub:cpu-tuning/cpu-cores-setting",
        "ai-orchestrator-hub:cpu-tuning/cpu-warning",
        "ai-orchestrator-hub:cpu-tuning/gpu-offload",
    ],
)
def test_settings_are_as_advised(
    settings_files: tuple[SettingsFile, ...], declared: HostEntry
) -> None:
    """Limits and pools that do not fit the host make a shortage likely, or leave it half used."""
    assert offenders(wrong_settings(declared, settings_files, advised=True), lambda _: True) == ()
    _must_be_read(settings_files)


@test_settings_are_as_advised.cause(
    "the key is not there, and the program's default applies",
    remedy="Add the key with the advised value, and restart the service.",
)
def never_set(settings_files: tuple[SettingsFile, ...], declared: HostEntry) -> object:
    wrong = wrong_settings(declared, settings_files, advised=True)
    return [one for one in wrong if one.found is None]


@test_settings_are_as_advised.cause(
    "it does not fit this host, or what was advised",
    remedy="Set the advised value (cores and memory_mb are what the host has now), and restart the "
    "service.",
)
def does_not_fit(settings_files: tuple[SettingsFile, ...], declared: HostEntry) -> object:
    wrong = wrong_settings(declared, settings_files, advised=True)
    return [one for one in wrong if one.found is not None]


@symptom(
    "host.setting-misplaced",
    severity="critical",
    signals=["ai-orchestrator-hub:config-invalid/port-key-placed"],
)
def test_settings_stand_in_their_tables(
    settings_files: tuple[SettingsFile, ...], declared: HostEntry
) -> None:
    """A key in another table is not read, or changes something else."""
    assert offenders(misplaced_settings(declared, settings_files), lambda _: True) == ()
    _must_be_read(settings_files)


@test_settings_stand_in_their_tables.cause(
    "it was appended at the end of the file, and fell into its last table",
    remedy="Set the key inside its own table, remove the stray one, and restart the service.",
)
def appended(settings_files: tuple[SettingsFile, ...], declared: HostEntry) -> object:
    return misplaced_settings(declared, settings_files)


@symptom(
    "host.settings-refused",
    severity="critical",
    signals=["ai-orchestrator-hub:config-invalid/config-check"],
    explained_by=["host.settings-broken"],
)
def test_settings_are_accepted_by_their_program(
    settings_checks: tuple[SettingsCheck, ...],
) -> None:
    """The program's own check says that it would not start with these settings."""
    assert offenders(settings_checks, lambda one: one.outcome in {"refused", "no-account"}) == ()
    for one in settings_checks:
        if one.outcome == "endless":
            raise TimedOut(
                f"the check of {one.path} did not end within 5 s, and was ended",
                "see whether this version of the program knows the option, or starts a second server",
            )
        if one.outcome == "not-run":
            raise Unsupported(
                f"the check of {one.path} could not be run: {one.said}",
                "correct the command, or the directory, in the inventory",
            )


@test_settings_are_accepted_by_their_program.cause(
    "a value is not what the program takes",
    remedy="Correct what it complains of, run the check again, then restart the service.",
)
def not_taken(settings_checks: tuple[SettingsCheck, ...]) -> object:
    return [one for one in settings_checks if one.outcome == "refused"]


@test_settings_are_accepted_by_their_program.cause(
    "there is no such account",
    remedy="Create it as the package or deployment does (systemd-sysusers, adduser --system).",
)
def no_account(settings_checks: tuple[SettingsCheck, ...]) -> object:
    return [one for one in settings_checks if one.outcome == "no-account"]
