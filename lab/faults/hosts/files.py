"""app1's declared files, tools and kernel settings are not what they should be."""

from __future__ import annotations

from collections.abc import Iterator

from lab.fault import fault
from lab.machines import Machine
from lab.worlds.hosts import Hosts
from lab.worlds.hosts_files import DATA, MAINTENANCE

SETTINGS, SCRIPT, BACKUP = (
    "/etc/shop/settings.toml",
    "/usr/local/bin/shop-recover",
    "/var/backups/shop-1.dump",
)


@fault(
    "host.file-missing",
    on="app1",
    cause="the directory is there, and the file is not in it",
    proves=[
        "claudebox:slots-disappear/recovery-tools-present",
        "claudebox:backups/backup-script-present",
        "claudebox:support-channels/logs-collectable",
        "claudebox:maintenance-job/maintenance-script-present",
        "claudebox:performance-monitoring/monitor-script-present",
        "claudebox:health-check-script/health-script-present",
        "claudebox:debug-mode-left-on/debug-script-present",
        "neurallog:diagnostic-tooling-missing/runbook-scripts-usable",
        "sergas:support-material-missing/helper-scripts-present",
    ],
)
def script_was_deleted(app1: Machine) -> Iterator[None]:
    """The script for recovery is gone."""
    app1.run(f"mv {SCRIPT} /root/kept")
    yield
    app1.run(f"mv /root/kept {SCRIPT}")


@fault(
    "host.file-missing",
    on="app1",
    cause="its whole directory is missing",
    proves=["sergas:support-material-missing/runbooks-present"],
    also=["host.settings-broken@app1", "host.settings-refused@app1", "host.ssh-login-fails@app1"],
)
def directory_was_deleted(app1: Machine) -> Iterator[None]:
    """The settings are gone with their directory."""
    app1.run("mv /etc/shop /root/shop")
    yield
    app1.run("mv /root/shop /etc/shop")


@fault("host.file-missing", on="app1", cause="it is a link to something that is not there")
def link_leads_nowhere(app1: Machine) -> Iterator[None]:
    """The script was moved, and a link to its old place was left."""
    app1.run(f"mv {SCRIPT} /root/kept; ln -s /opt/old/recover {SCRIPT}")
    yield
    app1.run(f"rm {SCRIPT}; mv /root/kept {SCRIPT}")


@fault(
    "host.file-too-open",
    on="app1",
    cause="its rights are wider than declared",
    proves=[
        "ai-orchestrator-hub:unauthorized-access/settings-private",
        "claudebox:slots-wont-start/ssh-key-mode",
        "claudebox:ssl-certificate-issues/private-key-protected",
        "claudebox:support-escalation/env-file-private",
    ],
)
def settings_are_readable_by_all(app1: Machine) -> Iterator[None]:
    """Everybody may read the settings."""
    app1.run(f"chmod 644 {SETTINGS}")
    yield
    app1.run(f"chmod 640 {SETTINGS}")


@fault("host.file-too-open", on="app1", cause="everybody may write to it")
def settings_are_writable_by_all(app1: Machine) -> Iterator[None]:
    """Everybody may change the settings."""
    app1.run(f"chmod 666 {SETTINGS}")
    yield
    app1.run(f"chmod 640 {SETTINGS}")


@fault(
    "host.file-wrong-owner",
    on="app1",
    cause="it was made by root, as by a deployment or a restore",
    also=["host.file-no-access@app1"],
)
def settings_belong_to_root(app1: Machine) -> Iterator[None]:
    """A deployment left the settings to root."""
    app1.run(f"chown root: {SETTINGS}")
    yield
    app1.run(f"chown shop: {SETTINGS}")


@fault(
    "host.file-not-executable",
    on="app1",
    cause="it lost the right on its way here",
    proves=["claudebox:backups/backup-script-present"],
)
def script_cannot_be_executed(app1: Machine) -> Iterator[None]:
    """The script was copied without its rights."""
    app1.run(f"chmod 644 {SCRIPT}")
    yield
    app1.run(f"chmod 755 {SCRIPT}")


@fault(
    "host.file-stale",
    on="app1",
    cause="the job that writes it does not run, or fails",
    proves=[
        "ai-orchestrator-hub:data-recovery/backup-fresh",
        "ai-orchestrator-hub:maintenance-overdue/restore-test",
        "ai-orchestrator-hub:maintenance-overdue/package-lists-fresh",
        "claudebox:maintenance-job/package-lists-fresh",
        "claudebox:performance-monitoring/metrics-log-fresh",
        "neurallog:database-data-loss-risk/full-backup-fresh",
        "neurallog:tenant-data-at-risk/tenant-backup-fresh",
    ],
)
def newest_backup_is_old(app1: Machine) -> Iterator[None]:
    """The newest backup is two days old."""
    app1.run(f"touch -d '2 days ago' {BACKUP}")
    yield
    app1.run(f"touch {BACKUP}")


@fault(
    "host.file-too-small",
    on="app1",
    cause="there is nothing in it at all",
    proves=[
        "sergas:support-material-missing/operations-manual-present",
        "claudebox:support-channels/logs-collectable",
    ],
)
def newest_backup_is_empty(app1: Machine) -> Iterator[None]:
    """The last backup was begun, and not written."""
    app1.run("touch /var/backups/shop-2.dump")
    yield
    app1.run("rm /var/backups/shop-2.dump")


@fault(
    "host.tool-missing",
    on="app1",
    cause="it was never installed here, or was removed",
    proves=[
        "claude-projects-api:escalation/tools-installed",
        "claudebox:performance-monitoring/monitor-tools-present",
        "claudebox:health-check-script/health-tools-present",
        "neurallog:diagnostic-tooling-missing/operator-commands-present",
        "sergas:component-down/diagnostic-tools",
    ],
)
def tool_was_removed(app1: Machine) -> Iterator[None]:
    """Somebody removed logger."""
    app1.run("mv /usr/bin/logger /root/logger")
    yield
    app1.run("mv /root/logger /usr/bin/logger")


@fault(
    "host.kernel-setting-wrong",
    on="app1",
    cause="its file says so, but was not applied",
    proves=[
        "ai-orchestrator-hub:memory-tuning/swappiness",
        "ai-orchestrator-hub:memory-tuning/overcommit",
        "claudebox:slow-response-times/swappiness",
        "claudebox:slow-response-times/somaxconn",
    ],
    how="shown to the machine in /proc, as its kernel is shared",
)
def kernel_setting_was_not_applied(hosts: Hosts) -> Iterator[None]:
    """The kernel has its default, although the file is there."""
    hosts.view(hosts.app1, {"sys/vm/swappiness": "60"})
    yield
    hosts.view(hosts.app1)


@fault(
    "host.kernel-setting-wrong",
    on="app1",
    cause="no file sets it, or one sets it otherwise",
    how="shown to the machine in /proc, as its kernel is shared",
)
def kernel_setting_was_forgotten(hosts: Hosts) -> Iterator[None]:
    """The machine was made anew, and nobody thought of it."""
    hosts.app1.run("mv /etc/sysctl.d/60-shop.conf /root")
    hosts.view(hosts.app1, {"sys/vm/swappiness": "60"})
    yield
    hosts.app1.run("mv /root/60-shop.conf /etc/sysctl.d")
    hosts.view(hosts.app1)


@fault("host.kernel-setting-not-kept", on="app1", cause="it was set by hand only")
def kernel_setting_is_in_no_file(app1: Machine) -> Iterator[None]:
    """It holds until the next start."""
    app1.run("mv /etc/sysctl.d/60-shop.conf /root")
    yield
    app1.run("mv /root/60-shop.conf /etc/sysctl.d")


@fault("host.kernel-setting-not-kept", on="app1", cause="another file has the last word")
def another_file_has_the_last_word(app1: Machine) -> Iterator[None]:
    """A package's file with a later name sets another value."""
    app1.run("echo 'vm.swappiness=60' >/etc/sysctl.d/90-package.conf")
    yield
    app1.run("rm /etc/sysctl.d/90-package.conf")


@fault(
    "host.file-no-access",
    on="app1",
    cause="files were put in place by another account",
    also=["host.file-wrong-owner@app1"],
    proves=["ai-orchestrator-hub:wrong-permissions/settings-readable"],
)
def settings_are_roots_alone(app1: Machine) -> Iterator[None]:
    """The settings were copied by root, for root."""
    app1.run(f"chown root:root {SETTINGS}; chmod 600 {SETTINGS}")
    yield
    app1.run(f"chown shop:shop {SETTINGS}; chmod 640 {SETTINGS}")


@fault(
    "host.file-no-access",
    on="app1",
    cause="its rights are too narrow",
    proves=["ai-orchestrator-hub:wrong-permissions/binary-executable"],
)
def program_is_not_executable(app1: Machine) -> Iterator[None]:
    """The program was copied without its rights."""
    app1.run("chown shop: /opt/shop/tool; chmod 644 /opt/shop/tool")
    yield
    app1.run("chown root: /opt/shop/tool; chmod 755 /opt/shop/tool")


@fault(
    "host.file-no-access",
    on="app1",
    cause="its file system is mounted read-only or noexec",
    proves=["ai-orchestrator-hub:wrong-permissions/binary-executable"],
)
def program_lies_on_a_noexec_mount(app1: Machine) -> Iterator[None]:
    """The program's rights are fine, and its mount forbids to execute anything."""
    app1.run(
        "mount --bind /opt/shop/tool /opt/shop/tool; mount -o remount,bind,noexec /opt/shop/tool"
    )
    yield
    app1.run("umount /opt/shop/tool")


@fault(
    "host.file-no-access",
    on="app1",
    cause="its file system is mounted read-only or noexec",
    also=["host.filesystem-read-only@app1"],
    proves=["ai-orchestrator-hub:wrong-permissions/data-writable"],
)
def data_are_mounted_read_only(app1: Machine) -> Iterator[None]:
    """The data can be read, and not written."""
    app1.run("mount -o remount,ro /var/lib/shop")
    yield
    app1.run("mount -o remount,rw /var/lib/shop")


@fault(
    "host.file-no-access",
    on="app1",
    cause="a directory above it may not be searched by the account",
    proves=["ai-orchestrator-hub:wrong-permissions/settings-readable"],
    also=["host.settings-refused@app1", "host.ssh-login-fails@app1"],
)
def folder_of_the_settings_is_shut(app1: Machine) -> Iterator[None]:
    """The file is readable, its folder is not to be entered."""
    app1.run("chmod 700 /etc/shop")
    yield
    app1.run("chmod 755 /etc/shop")


@fault(
    "host.tree-wrong-owner",
    on="app1",
    cause="root put them there, as with a copy or a restore",
    proves=[
        "ai-orchestrator-hub:wrong-permissions/app-owner",
        "ai-orchestrator-hub:wrong-permissions/data-owner",
    ],
)
def data_were_restored_by_root(app1: Machine) -> Iterator[None]:
    """One folder of the data is root's since it was restored."""
    app1.run(f"chown -R root:root {DATA}/orders")
    yield
    app1.run(f"chown -R shop:shop {DATA}/orders")


@fault(
    "host.tree-wrong-owner",
    on="app1",
    cause="another account than root put them there",
    proves=["ai-orchestrator-hub:wrong-permissions/data-owner"],
)
def web_server_wrote_among_the_data(app1: Machine) -> Iterator[None]:
    """A file of www-data's lies there."""
    app1.run(f"touch {DATA}/upload; chown www-data: {DATA}/upload")
    yield
    app1.run(f"rm {DATA}/upload")


@fault(
    "host.file-lacks-text",
    on="app1",
    cause="somebody took it out, or another version was installed",
    proves=["claudebox:backups/backup-script-present"],
)
def maintenance_no_longer_calls_the_backup(app1: Machine) -> Iterator[None]:
    """The line was commented out, for a test."""
    app1.run(f"cp -p {MAINTENANCE} /root/kept; sed -i 's/^.*shop-backup/: later/' {MAINTENANCE}")
    yield
    app1.run(f"mv /root/kept {MAINTENANCE}")


@fault(
    "host.file-holds-text",
    on="app1",
    cause="it was installed as an example, and never filled in",
    proves=["claudebox:health-check-script/health-script-password"],
)
def script_holds_a_placeholder(app1: Machine) -> Iterator[None]:
    """As the guide prints it."""
    app1.run(
        f"cp -p {MAINTENANCE} /root/script; echo 'redis-cli -a your_password ping' >>{MAINTENANCE}"
    )
    yield
    app1.run(f"cp -p /root/script {MAINTENANCE}")
