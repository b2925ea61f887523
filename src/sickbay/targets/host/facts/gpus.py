"""NVIDIA's GPUs: what their own tool tells of the cards, the driver, and who uses them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from sickbay.errors import Denied, NotApplicable, Unsupported
from sickbay.facts import Record, fact
from sickbay.inventory.declared.gpu import DeclaredGpu
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.cgroups import unit_of
from sickbay.targets.host.command import Command
from sickbay.targets.host.facts.units import unit_name
from sickbay.targets.host.sections import mark, sections

_SECONDS = 4
_MOST = 64
"""Lines that are kept of each answer: cards, or processes."""
_LONGEST = 300
_MIB = 2**20
_GRANT = (
    "set sudo: true for this host, or add the user to the group of /dev/nvidia* and to the one that "
    "/proc's mount option gid names"
)
# What a card that works does not tell; whatever else stands in brackets, such as [GPU is lost], is an error.
_LOST = re.compile(r"\[(?!(?:N/A|Not Supported|Insufficient Permissions)\])[^\]\n]*\]")
_CARDS = "--query-gpu=name,memory.used,memory.total,driver_version --format=csv,noheader,nounits"
_PROCESSES = "--query-compute-apps=pid,used_memory --format=csv,noheader,nounits"

# A driver that hangs lets its tool hang, too: once is enough. It complains on its standard output.
_ASK = f"""
ask() {{
  if command -v timeout >/dev/null 2>&1; then said=$(timeout {_SECONDS} nvidia-smi "$@" 2>&1)
  else said=$(nvidia-smi "$@" 2>&1); fi
  ended=$?; echo $ended
  said=$(printf '%s\\n' "$said" | head -n {_MOST} | cut -c 1-{_LONGEST}); printf '%s\\n' "$said"
  [ $ended = 0 ] || {{ {mark("end")}; exit 0; }}
}}
{mark("tool")}; command -v nvidia-smi || {{ {mark("end")}; exit 0; }}
{mark("head")}; ask
{mark("cards")}; ask {_CARDS}
{mark("processes")}; ask {_PROCESSES}
files=$(printf '%s\\n' "$said" | while IFS=', ' read -r pid _; do
  case $pid in '' | *[!0-9]*) ;; *) echo "/proc/$pid/cgroup" ;; esac
done)
{mark("groups")}; [ -r /proc/1/cgroup ] || echo hidden
grep -HE '^(0:|[0-9]+:name=systemd):' $files /dev/null 2>/dev/null
{mark("end")}
"""


def _script(entry: HostEntry, _: Mapping[str, Any]) -> str | None:
    return _ASK if entry.gpu is not None and entry.gpu.count else None


class Gpu(Record):
    """A card. Memory in bytes; None where the driver does not tell."""

    card: str
    driver: str
    used: int | None
    total: int | None

    @property
    def used_fraction(self) -> float | None:
        return None if self.used is None or not self.total else self.used / self.total


class GpuProcess(Record):
    """A process that computes on a card. ``used`` in bytes; ``unit`` is its unit's full name, empty
    where it belongs to none or has ended.
    """

    pid: int
    used: int | None
    unit: str


@fact("gpus", Command(_script, root=True, grant=_GRANT, timeout=3 * _SECONDS + 1))
class Gpus(Record):
    """What nvidia-smi(1) tells. ``failure`` is what it says where it does not work.

    ``cuda`` is the newest version that the driver supports; empty where it has no library of CUDA.
    ``processes`` is None where the driver does not tell of them.
    """

    tool: str
    installed: bool
    failure: str = ""
    cuda: str = ""
    cards: tuple[Gpu, ...] = ()
    processes: tuple[GpuProcess, ...] | None = ()
    hides_processes: bool = False
    """Whose processes they are cannot be told."""

    @classmethod
    def parse(cls, out: str) -> Gpus:
        """Parse the tool's path, its head, the tables of cards and processes, the control groups."""
        if not out:
            raise NotApplicable("the inventory declares no GPU for this host")
        parts = sections(out)
        if "end" not in parts:
            raise ValueError("the answer breaks off before its end")
        tool = parts["tool"]
        if not tool:
            return cls(tool="nvidia-smi", installed=False)
        if not tool.startswith("/"):
            raise ValueError(f"{tool[:80]!r} is not the path of nvidia-smi")
        asked = [name for name in ("head", "cards", "processes") if name in parts]
        answers = [_answer(parts[name]) for name in asked]
        if any("no devices were found" in said.lower() for _, said in answers):
            return cls(tool=tool, installed=True)
        if failure := _failure(answers):
            return cls(tool=tool, installed=True, failure=failure)
        (_, head), (_, table), (_, processes) = answers
        if "Driver Version:" not in head:
            raise ValueError("nvidia-smi tells of no driver")
        cuda = re.search(r"CUDA Version: +([0-9]{1,3}\.[0-9]{1,3})\b", head)
        return cls(
            tool=tool,
            installed=True,
            cuda=cuda[1] if cuda else "",
            cards=tuple(_card(line, number) for number, line in enumerate(table.splitlines())),
            processes=_processes(processes, parts["groups"]),
            hides_processes="hidden" in parts["groups"].splitlines(),
        )


def _answer(text: str) -> tuple[int, str]:
    ended, _, said = text.partition("\n")
    return int(ended), said.strip()


def _failure(answers: Iterable[tuple[int, str]]) -> str:
    """What is said of the first call that failed, or of a card that is lost; empty where all is well."""
    for ended, said in answers:
        if ended and "insufficient permissions" in said.lower():
            raise Denied(f"nvidia-smi: {_short(said)}", _GRANT)
        if ended:
            return _short(said) or f"exit status {ended}"
        if lost := _LOST.search(said):
            return lost[0]
    return ""


def _short(text: str) -> str:
    return " ".join(text.split())[:_LONGEST]


def _card(line: str, number: int) -> Gpu:
    name, used, total, driver = (part.strip() for part in line.rsplit(",", 3))
    return Gpu(card=f"{number} {name}", driver=driver, used=_bytes(used), total=_bytes(total))


def _bytes(mebibytes: str) -> int | None:
    if mebibytes.startswith("["):
        return None
    return _number(mebibytes) * _MIB


def _number(text: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", text):
        raise ValueError(f"{text[:80]!r} is no number")
    return int(text)


def _processes(table: str, groups: str) -> tuple[GpuProcess, ...] | None:
    rows = [line.split(",", 1) for line in table.splitlines()]
    if any(row[0].startswith("[") for row in rows):
        return None
    units: dict[int, str] = {}
    for line in groups.splitlines():
        file, _, group = line.partition(":")
        if group and (unit := unit_of(group)):
            units[int(file.split("/")[2])] = unit
    return tuple(
        GpuProcess(pid=_number(pid), used=_bytes(used.strip()), unit=units.get(int(pid), ""))
        for pid, used in rows
    )


# ---------------------------------------------------------------------- beside what is declared


class CardCount(Record):
    """How many cards nvidia-smi shows, and how many it has to."""

    tool: str
    installed: bool
    visible: int
    wanted: int
    said: str


def declared_gpu(entry: HostEntry) -> DeclaredGpu:
    """What the inventory says; NotApplicable where it declares no GPU."""
    if entry.gpu is None or not entry.gpu.count:
        raise NotApplicable("the inventory declares no GPU for this host")
    return entry.gpu


def card_count(entry: HostEntry, gpus: Gpus) -> CardCount:
    """The number of cards beside that wanted."""
    return CardCount(
        tool=gpus.tool,
        installed=gpus.installed,
        visible=len(gpus.cards),
        wanted=declared_gpu(entry).count,
        said=gpus.failure,
    )


def visible_cards(gpus: Gpus) -> tuple[Gpu, ...]:
    """The cards; NotApplicable where none can be seen, which is a finding of its own."""
    if not gpus.cards:
        raise NotApplicable("no GPU can be seen (host.gpu-not-visible)")
    return gpus.cards


class UnitOnGpu(Record):
    """The declared unit's processes on the cards together, and those of others. Memory in bytes."""

    unit: str
    processes: int
    held: int
    may_hold: int | None
    cards_have: int
    others: tuple[str, ...]
    """Units of the other processes, or their ids."""

    @property
    def holds_too_much(self) -> bool:
        return self.may_hold is not None and self.held > self.may_hold

    @property
    def does_not_fit(self) -> bool:
        return self.may_hold is not None and 0 < self.cards_have < self.may_hold


def unit_on_gpu(entry: HostEntry, gpus: Gpus) -> UnitOnGpu:
    """Who computes on the cards; NotApplicable where the inventory does not say who has to."""
    wanted = declared_gpu(entry)
    if wanted.used_by is None:
        raise NotApplicable("the inventory does not say which unit has to use the GPU")
    cards = visible_cards(gpus)
    if gpus.processes is None:
        raise Unsupported("the driver does not tell which processes use the GPU")
    if gpus.processes and gpus.hides_processes:
        raise Denied("/proc hides whose processes use the GPU", _GRANT)
    name = unit_name(wanted.used_by)
    own = [one for one in gpus.processes if one.unit == name]
    others = (one.unit or f"process {one.pid}" for one in gpus.processes if one.unit != name)
    return UnitOnGpu(
        unit=name,
        processes=len({one.pid for one in own}),
        held=sum(one.used or 0 for one in own),
        may_hold=None if wanted.memory is None else int(wanted.memory),
        cards_have=sum(one.total or 0 for one in cards),
        others=tuple(dict.fromkeys(others)),
    )


def must_tell_memory(entry: HostEntry, gpus: Gpus) -> None:
    """Raise Unsupported where the driver does not tell what memory there is, or who holds it."""
    if any(one.used is None or not one.total for one in visible_cards(gpus)):
        raise Unsupported("the driver does not tell how much memory the card has, and has left")
    wanted = declared_gpu(entry)
    name = unit_name(wanted.used_by or "")
    held = [one.used for one in gpus.processes or () if one.unit == name]
    if wanted.memory is not None and None in held:
        raise Unsupported("the driver does not tell how much memory a process holds")


class DriverCuda(Record):
    """The version of CUDA that the driver supports, and the one that it has to."""

    driver: str
    supports: str
    wanted: str

    @property
    def is_too_old(self) -> bool:
        return _numbers(self.supports) < _numbers(self.wanted)


def driver_cuda(entry: HostEntry, gpus: Gpus) -> DriverCuda:
    """What the driver supports; NotApplicable where the inventory names no version."""
    wanted = declared_gpu(entry)
    if wanted.cuda is None:
        raise NotApplicable("the inventory names no version of CUDA that has to be supported")
    driver = visible_cards(gpus)[0].driver
    return DriverCuda(driver=driver, supports=gpus.cuda, wanted=wanted.cuda)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part)
