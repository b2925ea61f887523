"""Kernel settings that the inventory declares: now, and after the next start."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from sickbay.errors import NotApplicable
from sickbay.facts import Record, fact
from sickbay.inventory.bounds import fulfils
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.command import Command
from sickbay.targets.host.sections import mark, sections

_FOLDERS = ("/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d")
"""In the order in which one hides files of the same name in the next (sysctl.d(5))."""


def _script(entry: HostEntry, _: Mapping[str, Any]) -> str | None:
    if not entry.sysctl:
        return None
    names = " ".join(shlex.quote(_key(name)) for name in entry.sysctl)
    return f"""
{mark("now")}
for n in {names}; do
  p=/proc/sys/$(echo "$n" | tr . /); [ ! -e "$p" ] || echo "$n = $(cat "$p" | tr '\t' ' ')"
done
for f in {" ".join(f"{folder}/*.conf" for folder in _FOLDERS)} /etc/sysctl.conf; do
  [ ! -r "$f" ] || {{ echo "==sickbay== $f"; cat "$f"; echo; }}
done
exit 0
"""


def _key(name: str) -> str:
    return name.replace("/", ".")


@fact("kernel_settings", Command(_script))
class KernelSetting(Record):
    """A kernel setting (sysctl(8)): its value now, and the one that files give it at the next start
    (sysctl.d(5), sysctl.conf(5)). None where there is no such setting, or no file that sets it.
    """

    name: str
    now: str | None = None
    kept: str | None = None
    file: str = ""
    """The file whose value holds."""

    @classmethod
    def parse(cls, out: str) -> tuple[KernelSetting, ...]:
        """Parse the values now, and the files."""
        if not out:
            raise NotApplicable("the inventory declares no kernel settings for this host")
        parts = sections(out)
        now = dict(_assignments(parts.pop("now")))
        kept: dict[str, tuple[str, str]] = {}
        for file in _in_order(parts):
            kept |= {name: (value, file) for name, value in _assignments(parts[file])}
        return tuple(
            cls(
                name=n,
                now=now.get(n),
                kept=kept.get(n, (None, ""))[0],
                file=kept.get(n, ("", ""))[1],
            )
            for n in sorted({*now, *kept})
        )


def _in_order(files: Mapping[str, str]) -> list[str]:
    """The files that count, in the order in which they are read; the last word holds."""
    by_name: dict[str, str] = {}
    for file in files:  # the folders come in the order in which they hide each other
        if file != "/etc/sysctl.conf":
            by_name.setdefault(file.rpartition("/")[2], file)
    last = [file for file in files if file == "/etc/sysctl.conf"]
    return [by_name[name] for name in sorted(by_name)] + last


def _assignments(text: str) -> list[tuple[str, str]]:
    rows = []
    for line in text.splitlines():
        found = re.fullmatch(r"\s*-?\s*([\w./*-]+)\s*=\s*(.*?)\s*", line)
        if found and not line.lstrip().startswith(("#", ";")):
            rows.append((_key(found[1]), " ".join(found[2].split())))
    return rows


class JudgedSetting(Record):
    """A declared kernel setting beside the value that the inventory wants."""

    name: str
    wanted: str
    now: str | None
    kept: str | None
    file: str

    @property
    def differs(self) -> bool:
        return not fulfils(self.now, self.wanted)

    @property
    def is_not_kept(self) -> bool:
        """Some file sets it otherwise, or none sets it."""
        return not fulfils(self.kept, self.wanted)


def judged_settings(
    entry: HostEntry, settings: tuple[KernelSetting, ...]
) -> tuple[JudgedSetting, ...]:
    """The declared settings with what was found of each."""
    known = {one.name: one for one in settings}
    judged = []
    for declared, wanted in entry.sysctl.items():
        one = known.get(_key(declared), KernelSetting(name=declared))
        judged.append(
            JudgedSetting(
                name=declared, wanted=str(wanted), now=one.now, kept=one.kept, file=one.file
            )
        )
    return tuple(judged)
