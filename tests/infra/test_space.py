"""Folders stay within their size, no file is unexpectedly large, and nothing is left behind."""

from __future__ import annotations

from sickbay.inventory.host import HostEntry, HostLimits
from sickbay.judge import offenders, worst
from sickbay.symptoms import symptom
from sickbay.targets.host.facts.space import (
    Folder,
    LargeFile,
    Leftover,
    TreeFolder,
    judged_folders,
)


@symptom(
    "host.folder-too-large",
    severity="major",
    signals=[
        "claudebox:disk-space/temp-files-bounded",
        "sergas:host-resources-tight/log-volume",
    ],
)
def test_folders_stay_small(folders: tuple[Folder, ...], declared: HostEntry) -> None:
    """A folder has outgrown what it may take, and will fill its disk."""
    assert offenders(judged_folders(declared, folders), lambda one: one.too_large) == ()


@test_folders_stay_small.cause(
    "it holds files that should long be gone",
    remedy="See whether systemd-tmpfiles-clean.timer (or the job that tidies up) runs; remove old "
    "files, sparing sockets and what is in use (lsof +D FOLDER).",
)
def old_files(folders: tuple[Folder, ...], declared: HostEntry) -> object:
    return [one for one in judged_folders(declared, folders) if one.too_large and one.too_old]


@test_folders_stay_small.cause(
    "more is written there than is taken away",
    remedy="du -xh FOLDER | sort -h | tail shows what; rotate or vacuum logs "
    "(journalctl --vacuum-size=), and see what writes so much.",
)
def grows(folders: tuple[Folder, ...], declared: HostEntry) -> object:
    return [one for one in judged_folders(declared, folders) if one.too_large and not one.too_old]


@symptom(
    "host.folder-stale",
    severity="minor",
    signals=["claudebox:disk-space/temp-files-bounded"],
)
def test_folders_hold_nothing_old(folders: tuple[Folder, ...], declared: HostEntry) -> None:
    """What is temporary was not taken away."""
    assert offenders(judged_folders(declared, folders), lambda one: bool(one.too_old)) == ()


@test_folders_hold_nothing_old.cause(
    "nothing tidies up there",
    remedy="systemctl enable --now systemd-tmpfiles-clean.timer, with an age in tmpfiles.d(5).",
)
def nothing_tidies_up(folders: tuple[Folder, ...], declared: HostEntry) -> object:
    return [one for one in judged_folders(declared, folders) if one.too_old]


@symptom(
    "host.directory-outgrown",
    severity="major",
    signals=["claudebox:disk-space/top-level-sizes"],
)
def test_no_directory_takes_most_of_the_space(
    tree_folders: tuple[TreeFolder, ...], limits: HostLimits
) -> None:
    """One directory takes more than its share of the file system."""
    assert worst(tree_folders, "share") <= limits.directory_share


@test_no_directory_takes_most_of_the_space.cause(
    "what is in it has grown",
    remedy="du -xh DIRECTORY | sort -h | tail shows what; remove it, or give it a volume of its own.",
)
def has_grown(tree_folders: tuple[TreeFolder, ...], limits: HostLimits) -> object:
    return [one for one in tree_folders if one.share > limits.directory_share]


DUMPS = (".heapsnapshot", ".hprof", ".core", ".dmp")
ARCHIVES = (".tar", ".gz", ".tgz", ".zip", ".xz", ".zst", ".bz2", ".sql", ".dump", ".bak", ".iso")


@symptom(
    "host.large-file",
    severity="major",
    signals=["claudebox:disk-space/no-unexpected-large-files"],
)
def test_no_file_is_unexpectedly_large(large_files: tuple[LargeFile, ...]) -> None:
    """A file takes much space where nobody expects it."""
    assert offenders(large_files, lambda _: True) == ()


@test_no_file_is_unexpectedly_large.cause(
    "it is a dump of a program's memory",
    remedy="Move it to where it is looked at, or remove it; see what was asked for it, or crashed.",
)
def dump(large_files: tuple[LargeFile, ...]) -> object:
    return [
        one
        for one in large_files
        if one.path.endswith(DUMPS) or one.path.rpartition("/")[2].startswith("core")
    ]


@test_no_file_is_unexpectedly_large.cause(
    "it is an archive or a copy that was forgotten",
    remedy="Move it to the backups, or remove it once its owner (ls -l) agrees.",
)
def forgotten(large_files: tuple[LargeFile, ...]) -> object:
    return [one for one in large_files if one.path.endswith(ARCHIVES)]


@test_no_file_is_unexpectedly_large.cause(
    "something writes into it and nobody rotates it",
    remedy="fuser FILE shows what writes there: rotate or bound it; where it is right, allow it in the "
    "inventory.",
)
def is_written(large_files: tuple[LargeFile, ...]) -> object:
    known = (*DUMPS, *ARCHIVES)
    return [one for one in large_files if not one.path.endswith(known)]


@symptom(
    "host.leftover",
    severity="major",
    signals=["claudebox:memory-leaks/no-heapdump-leftovers"],
)
def test_nothing_is_left_behind(leftovers: tuple[Leftover, ...], declared: HostEntry) -> None:
    """What was written for one occasion still lies there: it takes space, and may hold secrets."""
    late = offenders(leftovers, lambda one: one.age_seconds > declared.leftovers[one.pattern])
    assert late == ()


@test_nothing_is_left_behind.cause(
    "nobody took it away after it was looked at",
    remedy="Take it to where it is looked at, then remove it: a heap dump holds whatever the program "
    "knew.",
)
def not_taken_away(leftovers: tuple[Leftover, ...], declared: HostEntry) -> object:
    return [one for one in leftovers if one.age_seconds > declared.leftovers[one.pattern]]
