"""The programs of declared units: whether they fit this machine."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any, Literal

from sickbay.errors import NotApplicable
from sickbay.facts import Record, fact
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.command import Command

MACHINES = {
    "x86_64": 62, "aarch64": 183, "i686": 3, "i386": 3, "armv7l": 40, "riscv64": 243, "ppc64le": 21,
    "s390x": 22,
}  # fmt: skip
"""What uname(1) calls a machine, and its number in the head of an ELF file (elf(5), e_machine)."""

_MAGIC, _HEAD, _BIG_ENDIAN = b"\x7fELF", 20, 2
"""The first bytes, how many there are up to e_machine, and EI_DATA's word for the byte order."""

# The loader lists the libraries of a program without running it; ldd(1) may run it. The names of an
# ELF file's sections stand at its end.
_LOOK = """
binary() {
  echo "binary $1"
  [ -e "$1" ] || { echo missing; return; }
  [ -r "$1" ] || { echo "$1: Permission denied" >&2; exit 1; }
  echo "head $(head -c 20 "$1" | od -An -v -t x1 | tr -d ' \\n')"
  tail -c 65536 "$1" | grep -q -a -F .debug_info && echo debug
  for loader in /lib64/ld-linux-*.so.* /lib/ld-linux-*.so.*; do
    [ -x "$loader" ] || continue
    LD_TRACE_LOADED_OBJECTS=1 "$loader" "$1" 2>/dev/null </dev/null | grep 'not found'
    break
  done
  echo looked
}
echo "machine $(uname -m)"
"""


def _script(entry: HostEntry, _: Mapping[str, Any]) -> str | None:
    paths = dict.fromkeys(unit.binary for unit in entry.units.values() if unit.binary)
    if not paths:
        return None
    return _LOOK + "\n".join(f"binary {shlex.quote(path)}" for path in paths) + "\nexit 0"


@fact(
    "binaries",
    Command(_script, root=True, grant="let the user read the program, or set sudo: true"),
)
class Binary(Record):
    """The program of a declared unit (elf(5), ld.so(8)).

    ``machine`` is the number that its head names, ``host_machine`` that of this host (None: a kind of
    machine that we do not know). ``lacks`` are shared libraries that are not found.
    """

    path: str
    there: bool
    elf: bool = False
    machine: int | None = None
    host_machine: int | None = None
    lacks: tuple[str, ...] = ()
    has_debug_sections: bool = False

    @property
    def is_foreign(self) -> bool:
        """It was built for another kind of machine, or is no program at all."""
        known = self.host_machine is not None
        return self.there and (not self.elf or (known and self.machine != self.host_machine))

    @property
    def is_unfit(self) -> bool:
        return not self.there or self.is_foreign or bool(self.lacks) or self.has_debug_sections

    @classmethod
    def parse(cls, out: str) -> tuple[Binary, ...]:
        """Parse the machine's name, then a block for each program."""
        if not out:
            raise NotApplicable("the inventory names no binary of a unit")
        head, *blocks = out.split("\nbinary ")
        word, name = head.split()
        if word != "machine" or not blocks:
            raise ValueError("the answer tells of no program")
        machine = MACHINES.get(name)
        return tuple(cls._from(block.splitlines(), machine) for block in blocks)

    @classmethod
    def _from(cls, lines: list[str], machine: int | None) -> Binary:
        path, *said = lines
        if said == ["missing"]:
            return cls(path=path, there=False)
        if said[-1] != "looked":
            raise ValueError(f"the look at {path} breaks off")
        data = bytes.fromhex(said[0].removeprefix("head ").strip())
        elf = data.startswith(_MAGIC) and len(data) == _HEAD
        order: Literal["big", "little"] = "big" if elf and data[5] == _BIG_ENDIAN else "little"
        return cls(
            path=path,
            there=True,
            elf=elf,
            machine=int.from_bytes(data[18:20], "big" if order == "big" else "little")
            if elf
            else None,
            host_machine=machine,
            lacks=tuple(line.split()[0] for line in said if "not found" in line),
            has_debug_sections="debug" in said,
        )
