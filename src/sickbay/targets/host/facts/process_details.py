"""What only their owner or root sees of the declared services' main processes."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from sickbay.errors import NotApplicable
from sickbay.facts import Record, fact
from sickbay.inventory.declared.services import Service
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.command import Command
from sickbay.targets.host.facts.service_processes import ServiceProcess
from sickbay.targets.host.facts.units import unit_name

MOST = 50
"""Main processes that are looked at."""
_NEWEST_OF = 1000
"""Files of a directory of settings that are looked at."""

# Values of variables stay on the host: they are compared there.
_LOOK = f"""
detail() {{
  p=/proc/$1; echo "pid $1"
  [ -d "$p" ] || {{ echo gone; return; }}
  exe=$(readlink "$p/exe") || {{ [ -d "$p" ] || {{ echo gone; return; }}; echo "$p: Permission denied" >&2; exit 1; }}
  echo "exe $exe"; cwd=$(readlink "$p/cwd"); echo "cwd $cwd"
  case $exe in *' (deleted)') ;; *)
    [ "$(stat -L -c %d:%i "$p/exe" 2>/dev/null)" = "$(stat -L -c %d:%i "$exe" 2>/dev/null)" ] || echo replaced ;;
  esac
}}
setting() {{
  path=$1; case $path in /*) ;; *) path=$cwd/$path ;; esac
  if [ -d "$path" ]; then
    newest=; path=$(find -L "$path" -type f 2>/dev/null | head -n {_NEWEST_OF} | while IFS= read -r f; do
      if [ -z "$newest" ] || [ "$f" -nt "$newest" ]; then newest=$f; echo "$f"; fi; done | tail -n 1)
  fi
  if [ -e "$path" ]; then stat -L -c "setting %Y $path" "$path"; else echo "unset $1"; fi
}}
variable() {{
  said=$(tr '\\0' '\\n' <"$p/environ" | grep -m 1 "^$1=")
  case $said in
    '') echo "variable missing $1" ;;
    "$1=") echo "variable empty $1" ;;
    *) if [ $# = 1 ] || [ "$said" = "$1=$2" ]; then echo "variable right $1"; else echo "variable other $1"; fi ;;
  esac
}}
date +'now %s'
"""


def _script(entry: HostEntry, facts: Mapping[str, Any]) -> str | None:
    wanted: dict[str, Service] = {unit_name(name): unit for name, unit in entry.units.items()}
    wanted |= entry.processes
    asked = [
        (one, wanted[one.service])
        for one in facts["service_processes"]
        if one.main and _is_asked(wanted[one.service])
    ]
    if not asked:
        return None
    return _LOOK + "\n".join(_calls(*one) for one in asked[:MOST]) + "\nexit 0"


def _is_asked(service: Service) -> bool:
    """Whether the inventory says anything of it that only root can see."""
    return bool(service.settings or service.environment or getattr(service, "binary", None))


def _calls(process: ServiceProcess, service: Service) -> str:
    lines = [f"detail {process.pid}"]
    lines += [f"setting {shlex.quote(path)}" for path in service.settings]
    for name, value in service.environment.items():
        lines.append(f"variable {name}" + ("" if value is None else f" {shlex.quote(str(value))}"))
    return "\n".join(lines)


def _states(_: HostEntry, facts: Mapping[str, Any]) -> str | None:
    mains = [one.pid for one in facts["service_processes"] if one.main][:MOST]
    if not mains:
        return None
    files = " ".join(f"/proc/{pid}/status" for pid in mains)
    return f"grep -E '^(Pid|State|TracerPid):' /dev/null {files} 2>/dev/null; echo end"


@fact("process_states", Command(_states, after=("service_processes",)))
class ProcessState(Record):
    """The main process of a declared service, a moment after ``service_processes`` (proc_pid_status(5)).

    ``state`` is a letter as there; ``tracer`` the pid of the process that traces it, or 0.
    """

    pid: int
    state: str
    tracer: int

    @classmethod
    def parse(cls, out: str) -> tuple[ProcessState, ...]:
        """Parse ``/proc/PID/status:Field:<tab>value`` lines; one that has just ended is left out."""
        if not out:
            raise NotApplicable("the declared services have no processes")
        *lines, end = out.splitlines()
        if end != "end":
            raise ValueError("the answer breaks off")
        said: dict[str, dict[str, str]] = {}
        for line in lines:
            file, field, value = line.split(":", 2)
            said.setdefault(file, {})[field] = value.strip()
        return tuple(
            cls(pid=int(one["Pid"]), state=one["State"][0], tracer=int(one["TracerPid"]))
            for one in said.values()
        )


@fact(
    "process_details",
    Command(
        _script,
        root=True,
        everything=True,
        grant="set sudo: true for this host: only root sees what the processes of others run",
        after=("service_processes",),
    ),
)
class ProcessDetails(Record):
    """The main process of a declared service, as /proc shows it to root (proc(5)).

    ``program`` is the file that it runs; ``replaced`` says that another lies there now. ``settings`` are
    the declared files with their time of change (seconds since 1970), ``missing_settings`` those that
    do not exist. ``variables`` maps each declared variable to ``right``, ``other``, ``empty`` or
    ``missing``. ``seen`` is the host's time.
    """

    pid: int
    program: str
    replaced: bool
    directory: str
    seen: int
    settings: dict[str, int] = {}
    missing_settings: tuple[str, ...] = ()
    variables: dict[str, str] = {}

    @classmethod
    def parse(cls, out: str) -> tuple[ProcessDetails, ...]:
        """Parse the blocks, each begun by its pid; of a process that has just ended there is none."""
        if not out:
            raise NotApplicable("no running service has settings, environment or binary declared")
        head, *blocks = out.split("\npid ")
        seen = int(head.removeprefix("now "))
        found = (cls._from(block.splitlines(), seen) for block in blocks)
        return tuple(one for one in found if one is not None)

    @classmethod
    def _from(cls, lines: list[str], seen: int) -> ProcessDetails | None:
        said: dict[str, str] = {}
        settings: dict[str, int] = {}
        unset: list[str] = []
        variables: dict[str, str] = {}
        for line in lines[1:]:
            name, _, value = line.partition(" ")
            if name == "setting":
                changed, _, path = value.partition(" ")
                settings[path] = int(changed)
            elif name == "unset":
                unset.append(value)
            elif name == "variable":
                state, _, variable = value.partition(" ")
                variables[variable] = state
            else:
                said[name] = value
        if "gone" in said:
            return None
        return cls(
            pid=int(lines[0]),
            program=said["exe"].removesuffix(" (deleted)"),
            replaced="replaced" in said or said["exe"].endswith(" (deleted)"),
            directory=said["cwd"],
            seen=seen,
            settings=settings,
            missing_settings=tuple(unset),
            variables=variables,
        )
