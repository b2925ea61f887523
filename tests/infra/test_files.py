"""Declared files are there, belong to whom they should, and are written as often as they should."""

from __future__ import annotations

from datetime import datetime

from sickbay.errors import Denied, Unsupported
from sickbay.inventory.host import HostEntry
from sickbay.judge import offenders
from sickbay.symptoms import symptom
from sickbay.targets.host.facts.declared_files import (
    GRANT,
    FoundFile,
    JudgedFile,
    judged_files,
    must_be_seen,
)
from sickbay.targets.host.facts.file_access import FileAccess, FileText, ForeignFile


def _judged(
    declared: HostEntry, found: tuple[FoundFile, ...], now: datetime
) -> tuple[JudgedFile, ...]:
    return judged_files(declared, found, now.timestamp())


@symptom(
    "host.file-missing",
    severity="major",
    signals=[
        "claudebox:slots-disappear/recovery-tools-present",
        "claudebox:backups/backup-script-present",
        "claudebox:support-channels/logs-collectable",
        "claudebox:maintenance-job/maintenance-script-present",
        "claudebox:performance-monitoring/monitor-script-present",
        "claudebox:health-check-script/health-script-present",
        "claudebox:debug-mode-left-on/debug-script-present",
        "neurallog:diagnostic-tooling-missing/runbook-scripts-usable",
        "sergas:support-material-missing/helper-scripts-present",
        "sergas:support-material-missing/runbooks-present",
    ],
)
def test_declared_files_are_there(
    found_files: tuple[FoundFile, ...], declared: HostEntry, now: datetime
) -> None:
    """Something that is needed in operation, or in an emergency, is not where it should be."""
    files = _judged(declared, found_files, now)
    assert offenders(files, lambda one: one.state in {"missing", "dangling"}) == ()
    must_be_seen(files)


@test_declared_files_are_there.cause(
    "it is a link to something that is not there",
    remedy="readlink PATH shows where it leads: bring that back, or correct the link (ln -sfn).",
)
def dangling(found_files: tuple[FoundFile, ...]) -> object:
    return [one for one in found_files if one.state == "dangling"]


@test_declared_files_are_there.cause(
    "its whole directory is missing",
    remedy="Install what brings it, or mount the file system that holds it; compare the path in the "
    "inventory.",
)
def no_directory(found_files: tuple[FoundFile, ...], declared: HostEntry, now: datetime) -> object:
    return [one for one in _judged(declared, found_files, now) if one.lacks_its_directory]


@test_declared_files_are_there.cause(
    "the directory is there, and the file is not in it",
    remedy="Bring it back from the deployment or a backup; see in the deployment's log why it is gone.",
)
def not_in_directory(
    found_files: tuple[FoundFile, ...], declared: HostEntry, now: datetime
) -> object:
    return [
        one
        for one in _judged(declared, found_files, now)
        if one.state == "missing" and not one.lacks_its_directory
    ]


@symptom(
    "host.file-too-open",
    severity="major",
    signals=[
        "ai-orchestrator-hub:unauthorized-access/settings-private",
        "claudebox:slots-wont-start/ssh-key-mode",
        "claudebox:ssl-certificate-issues/private-key-protected",
        "claudebox:support-escalation/env-file-private",
    ],
)
def test_files_give_no_more_rights_than_they_may(
    found_files: tuple[FoundFile, ...], declared: HostEntry, now: datetime
) -> None:
    """Whoever has an account on the host may read, or change, what is not meant for all."""
    files = _judged(declared, found_files, now)
    assert offenders(files, lambda one: one.excess != "") == ()
    must_be_seen(one for one in files if one.wanted["rights"])


@test_files_give_no_more_rights_than_they_may.cause(
    "everybody may write to it",
    remedy="chmod o-w PATH at once, then see whether it was changed (compare with the deployment).",
)
def writable_by_all(
    found_files: tuple[FoundFile, ...], declared: HostEntry, now: datetime
) -> object:
    return [one for one in _judged(declared, found_files, now) if int(one.excess or "0", 8) & 0o002]


@test_files_give_no_more_rights_than_they_may.cause(
    "its rights are wider than declared",
    remedy="chmod it to the declared rights; where it holds secrets that others could read, renew them.",
)
def wider(found_files: tuple[FoundFile, ...], declared: HostEntry, now: datetime) -> object:
    return [one for one in _judged(declared, found_files, now) if one.excess]


@symptom("host.file-wrong-owner", severity="major")
def test_files_belong_to_whom_they_should(
    found_files: tuple[FoundFile, ...], declared: HostEntry, now: datetime
) -> None:
    """A service cannot use what belongs to another account; another account can change it."""
    files = _judged(declared, found_files, now)
    assert offenders(files, lambda one: one.belongs_elsewhere) == ()
    must_be_seen(one for one in files if one.wanted["owner"] or one.wanted["group"])


@test_files_belong_to_whom_they_should.cause(
    "it was made by root, as by a deployment or a restore",
    remedy="chown OWNER:GROUP PATH (-R below a directory), and let the deployment do so from now on.",
)
def made_by_root(found_files: tuple[FoundFile, ...], declared: HostEntry, now: datetime) -> object:
    return [
        one
        for one in _judged(declared, found_files, now)
        if one.belongs_elsewhere and one.owner == "root"
    ]


@symptom(
    "host.file-not-executable",
    severity="major",
    signals=["claudebox:backups/backup-script-present"],
)
def test_scripts_can_be_executed(
    found_files: tuple[FoundFile, ...], declared: HostEntry, now: datetime
) -> None:
    """A script that cannot be executed is of no help when it is needed."""
    files = _judged(declared, found_files, now)
    assert offenders(files, lambda one: one.cannot_be_executed) == ()
    must_be_seen(one for one in files if one.wanted["executable"])


@test_scripts_can_be_executed.cause("it lost the right on its way here", remedy="chmod +x PATH.")
def no_right(found_files: tuple[FoundFile, ...], declared: HostEntry, now: datetime) -> object:
    return [one for one in _judged(declared, found_files, now) if one.cannot_be_executed]


@symptom(
    "host.file-stale",
    severity="major",
    signals=[
        "ai-orchestrator-hub:data-recovery/backup-fresh",
        "ai-orchestrator-hub:maintenance-overdue/restore-test",
        "ai-orchestrator-hub:maintenance-overdue/package-lists-fresh",
        "claudebox:maintenance-job/package-lists-fresh",
        "claudebox:performance-monitoring/metrics-log-fresh",
        "neurallog:database-data-loss-risk/full-backup-fresh",
        "neurallog:tenant-data-at-risk/tenant-backup-fresh",
    ],
    explained_by=["host.disk-filling", "host.filesystem-read-only"],
)
def test_files_are_written_in_time(
    found_files: tuple[FoundFile, ...], declared: HostEntry, now: datetime
) -> None:
    """What writes this file (a backup, a report, a log) has not done so for too long."""
    files = _judged(declared, found_files, now)
    assert offenders(files, lambda one: one.is_stale) == ()
    must_be_seen(one for one in files if one.wanted["max_age"])


@test_files_are_written_in_time.cause(
    "the job that writes it does not run, or fails",
    remedy="systemctl list-timers and the crontab say when it should run, its log or journal how it "
    "ended; run it by hand.",
)
def job_stands_still(
    found_files: tuple[FoundFile, ...], declared: HostEntry, now: datetime
) -> object:
    return [one for one in _judged(declared, found_files, now) if one.is_stale]


@symptom(
    "host.file-too-small",
    severity="major",
    signals=[
        "sergas:support-material-missing/operations-manual-present",
        "claudebox:support-channels/logs-collectable",
    ],
    explained_by=["host.disk-filling"],
)
def test_files_have_content(
    found_files: tuple[FoundFile, ...], declared: HostEntry, now: datetime
) -> None:
    """A file that is (nearly) empty was not written to its end: as a backup it is worth nothing."""
    files = _judged(declared, found_files, now)
    assert offenders(files, lambda one: one.is_too_small) == ()
    must_be_seen(one for one in files if one.wanted["min_size"])


@test_files_have_content.cause(
    "there is nothing in it at all",
    remedy="Run the job that writes it by hand and read what it says; look for a full disk at that time.",
)
def empty(found_files: tuple[FoundFile, ...], declared: HostEntry, now: datetime) -> object:
    small = [one for one in _judged(declared, found_files, now) if one.is_too_small]
    return [one for one in small if one.size == 0]


@symptom(
    "host.file-no-access",
    severity="critical",
    signals=[
        "ai-orchestrator-hub:wrong-permissions/binary-executable",
        "ai-orchestrator-hub:wrong-permissions/data-writable",
        "ai-orchestrator-hub:wrong-permissions/settings-readable",
    ],
    explained_by=["host.filesystem-read-only"],
)
def test_accounts_can_use_their_files(file_access: tuple[FileAccess, ...]) -> None:
    """A service ends with "Permission denied" when it cannot read, write or execute what it needs."""
    assert offenders(file_access, lambda one: one.is_wrong) == ()
    for one in file_access:
        if one.state == "hidden":
            raise Denied(f"{one.path} cannot be told: {one.at} may not be searched", GRANT)
        if one.state == "listed":
            raise Unsupported(
                f"an access control list of {one.at} decides what {one.account} may do",
                f"see getfacl {one.at}; give the right by owner, group or mode",
            )


def _with_state(access: tuple[FileAccess, ...], state: str) -> list[FileAccess]:
    return [one for one in access if one.state == state]


@test_accounts_can_use_their_files.cause(
    "files were put in place by another account",
    remedy="chown ACCOUNT: PATH (-R below a directory), and let what put it there do so.",
)
def put_by_another(file_access: tuple[FileAccess, ...]) -> object:
    return [one for one in _with_state(file_access, "refused") if one.owner != one.account]


@test_accounts_can_use_their_files.cause(
    "its rights are too narrow",
    remedy="chmod u+x a program, u+r what is read, u+w what is written to (or g+, by its group).",
)
def too_narrow(file_access: tuple[FileAccess, ...]) -> object:
    return [one for one in _with_state(file_access, "refused") if one.owner == one.account]


@test_accounts_can_use_their_files.cause(
    "a directory above it may not be searched by the account",
    remedy="namei -l PATH shows the rights on the way: chmod g+x or o+x the directory.",
)
def shut(file_access: tuple[FileAccess, ...]) -> object:
    return _with_state(file_access, "shut")


@test_accounts_can_use_their_files.cause(
    "its file system is mounted read-only or noexec",
    remedy="findmnt -T PATH shows the options: mount -o remount,rw (or exec), and see /etc/fstab; "
    "where the kernel made it read-only look for disk errors first (journalctl -k -p err).",
)
def mounted(file_access: tuple[FileAccess, ...]) -> object:
    return _with_state(file_access, "mounted")


@test_accounts_can_use_their_files.cause(
    "there is no such account",
    remedy="Create it as the package or deployment does (systemd-sysusers, adduser --system).",
)
def no_account(file_access: tuple[FileAccess, ...]) -> object:
    return _with_state(file_access, "no-account")


@symptom(
    "host.tree-wrong-owner",
    severity="critical",
    signals=[
        "ai-orchestrator-hub:wrong-permissions/app-owner",
        "ai-orchestrator-hub:wrong-permissions/data-owner",
    ],
)
def test_trees_belong_to_whom_they_should(foreign_files: tuple[ForeignFile, ...]) -> None:
    """A service cannot change, and sometimes not read, what others have left among its files."""
    assert offenders(foreign_files, lambda one: one.state != "hidden") == ()
    for one in foreign_files:
        raise Denied(f"not all of {one.tree} can be seen: {one.path}", GRANT)


@test_trees_belong_to_whom_they_should.cause(
    "root put them there, as with a copy or a restore",
    remedy="chown -R OWNER:GROUP TREE, and let the deployment (or restore) do so from now on.",
)
def left_by_root(foreign_files: tuple[ForeignFile, ...]) -> object:
    return [one for one in foreign_files if one.owner == "root"]


@test_trees_belong_to_whom_they_should.cause(
    "another account than root put them there",
    remedy="See what runs under that account there; chown -R OWNER:GROUP TREE.",
)
def left_by_another(foreign_files: tuple[ForeignFile, ...]) -> object:
    return [one for one in foreign_files if one.owner not in {"root", ""}]


@test_trees_belong_to_whom_they_should.cause(
    "there is no such account or group",
    remedy="Create it as the package or deployment does (systemd-sysusers, adduser --system).",
)
def nobody_to_own(foreign_files: tuple[ForeignFile, ...]) -> object:
    return [one for one in foreign_files if one.state in {"no-account", "no-group"}]


@symptom(
    "host.file-lacks-text",
    severity="major",
    signals=["claudebox:backups/backup-script-present"],
)
def test_files_hold_what_they_should(file_texts: tuple[FileText, ...]) -> None:
    """A script or a setting no longer says what is relied upon, such as the call of a backup."""
    assert offenders(file_texts, lambda one: bool(one.lacks)) == ()
    _demand_readable(file_texts)


def _demand_readable(texts: tuple[FileText, ...]) -> None:
    for one in texts:
        if one.state == "hidden":
            raise Denied(f"{one.path} may not be read by this user", GRANT)


@test_files_hold_what_they_should.cause(
    "somebody took it out, or another version was installed",
    remedy="Compare the file with the deployment's (dpkg --verify, git diff) and put it back.",
)
def taken_out(file_texts: tuple[FileText, ...]) -> object:
    return [one for one in file_texts if one.lacks]


@symptom(
    "host.file-holds-text",
    severity="minor",
    signals=["claudebox:health-check-script/health-script-password"],
)
def test_files_do_not_hold_what_they_should_not(file_texts: tuple[FileText, ...]) -> None:
    """A script or a setting still says what it should not, such as a placeholder."""
    assert offenders(file_texts, lambda one: bool(one.holds)) == ()
    _demand_readable(file_texts)


@test_files_do_not_hold_what_they_should_not.cause(
    "it was installed as an example, and never filled in",
    remedy="Fill in what is meant (a login of the service's own, best from a file that others may not "
    "read), close the file to others, and run it once.",
)
def never_filled_in(file_texts: tuple[FileText, ...]) -> object:
    return [one for one in file_texts if one.holds]
