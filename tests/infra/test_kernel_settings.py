"""The kernel is set as it should be, and will be after the next start."""

from __future__ import annotations

from sickbay.inventory.host import HostEntry
from sickbay.judge import offenders
from sickbay.symptoms import symptom
from sickbay.targets.host.facts.kernel_settings import KernelSetting, judged_settings


@symptom(
    "host.kernel-setting-wrong",
    severity="minor",
    signals=[
        "ai-orchestrator-hub:memory-tuning/swappiness",
        "ai-orchestrator-hub:memory-tuning/overcommit",
        "claudebox:slow-response-times/swappiness",
        "claudebox:slow-response-times/somaxconn",
    ],
)
def test_kernel_settings_are_as_declared(
    kernel_settings: tuple[KernelSetting, ...], declared: HostEntry
) -> None:
    """The kernel runs with another value than what was measured to be good."""
    assert offenders(judged_settings(declared, kernel_settings), lambda one: one.differs) == ()


@test_kernel_settings_are_as_declared.cause(
    "its file says so, but was not applied",
    remedy="sysctl --system applies all files; see systemctl status systemd-sysctl.",
)
def not_applied(kernel_settings: tuple[KernelSetting, ...], declared: HostEntry) -> object:
    judged = judged_settings(declared, kernel_settings)
    return [one for one in judged if one.differs and not one.is_not_kept]


@test_kernel_settings_are_as_declared.cause(
    "no file sets it, or one sets it otherwise",
    remedy="Write NAME = VALUE into a file of /etc/sysctl.d, then sysctl --system.",
)
def not_set(kernel_settings: tuple[KernelSetting, ...], declared: HostEntry) -> object:
    judged = judged_settings(declared, kernel_settings)
    return [one for one in judged if one.differs and one.is_not_kept]


@symptom(
    "host.kernel-setting-not-kept",
    severity="minor",
    explained_by=["host.kernel-setting-wrong"],
)
def test_kernel_settings_outlive_a_restart(
    kernel_settings: tuple[KernelSetting, ...], declared: HostEntry
) -> None:
    """The next start of the machine brings back another value."""
    assert offenders(judged_settings(declared, kernel_settings), lambda one: one.is_not_kept) == ()


@test_kernel_settings_outlive_a_restart.cause(
    "another file has the last word",
    remedy="Files of /etc/sysctl.d are read in the order of their names, /etc/sysctl.conf last: give "
    "yours a later name, or correct the other.",
)
def other_file(kernel_settings: tuple[KernelSetting, ...], declared: HostEntry) -> object:
    judged = judged_settings(declared, kernel_settings)
    return [one for one in judged if one.is_not_kept and one.kept is not None]


@test_kernel_settings_outlive_a_restart.cause(
    "it was set by hand only",
    remedy="Write NAME = VALUE into a file of /etc/sysctl.d.",
)
def by_hand(kernel_settings: tuple[KernelSetting, ...], declared: HostEntry) -> object:
    judged = judged_settings(declared, kernel_settings)
    return [one for one in judged if one.is_not_kept and one.kept is None]
