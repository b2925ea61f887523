"""What ``--hosts`` and ``--limit`` mean: inventories by name or path, single hosts, and a choice of targets."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from sickbay.errors import UsageError
from sickbay.inventory.host import HostEntry, HostLimits
from sickbay.inventory.limits import resolve
from sickbay.inventory.load import load
from sickbay.inventory.targets import Inventory, Target

LOCAL = "local"


def inventory_for(spec: str | None, folders: Sequence[Path]) -> Inventory:
    """The inventory that ``--hosts=SPEC`` names; without SPEC this machine.

    SPEC is a comma-separated mixture of inventory names (looked for in ``folders``), paths of
    inventory files, ``local``, and testinfra host specs such as ``ssh://user@host:port``.
    """
    parts = [part.strip() for part in (spec or LOCAL).split(",") if part.strip()]
    found = [_one(part, folders) for part in parts]
    return found[0] if len(found) == 1 else _joined(found)


def host_target(spec: str) -> Target:
    """One host from a testinfra host spec."""
    entry = HostEntry(connection=spec)
    nothing_said = HostLimits()
    limits = resolve(nothing_said, nothing_said, lambda _: "default", lambda _: "default")
    return Target(spec.partition("://")[2] or spec, entry, limits)


def narrowed(inventory: Inventory, expression: str) -> Inventory:
    """The inventory with only those targets chosen whose name, tag or kind matches.

    ``expression`` is a comma-separated list of names, tags, kinds or globs; ``!`` in front takes
    targets away again. Raises UsageError for a word that matches nothing.
    """
    words = [word.strip() for word in expression.split(",") if word.strip()]
    wanted = [word for word in words if not word.startswith("!")]
    chosen = set[str]() if wanted else set(inventory.targets)
    for word in words:
        matching = {t.name for t in inventory.targets.values() if _matches(word.lstrip("!"), t)}
        if not matching:
            known = {
                *inventory.targets,
                *(tag for t in inventory.targets.values() for tag in t.entry.tags),
            }
            raise UsageError(
                f"--limit: {word.lstrip('!')!r} matches no target{_near(word.lstrip('!'), known)} "
                f"(targets: {', '.join(sorted(inventory.targets))})"
            )
        chosen = chosen - matching if word.startswith("!") else chosen | matching
    return replace(inventory, chosen=frozenset(chosen))


def _matches(word: str, target: Target) -> bool:
    return any(fnmatchcase(name, word) for name in (target.name, target.kind, *target.entry.tags))


def _one(part: str, folders: Sequence[Path]) -> Inventory:
    if part == LOCAL or "://" in part:
        target = host_target(part)
        return Inventory(name=part, targets={target.name: target})
    direct = Path(part)
    if direct.suffix in {".yaml", ".yml"} or direct.is_file():
        return load(direct)
    for folder in folders:
        for suffix in (".yaml", ".yml"):
            if (path := folder / f"{part}{suffix}").is_file():
                return load(path)
    known = sorted({path.stem for folder in folders for path in folder.glob("*.y*ml")} | {LOCAL})
    raise UsageError(
        f"--hosts: there is no inventory named {part!r}{_near(part, known)} "
        f"(looked in {', '.join(str(folder) for folder in folders)}; found {', '.join(known)}). "
        f"A path to a file, or a host such as ssh://{part}, does as well."
    )


def _joined(parts: Iterable[Inventory]) -> Inventory:
    parts = list(parts)
    targets: dict[str, Target] = {}
    for inventory in parts:
        for name, target in inventory.targets.items():
            if name in targets and target.kind != "inventory":
                raise UsageError(
                    f"--hosts: two inventories have a target named {name!r}; names are unique"
                )
            targets[name] = target
    return Inventory(
        name=",".join(inventory.name for inventory in parts),
        targets=targets,
        waivers=tuple(waiver for inventory in parts for waiver in inventory.waivers),
        waiver_sources=tuple(source for inventory in parts for source in inventory.waiver_sources),
        warnings=tuple(warning for inventory in parts for warning in inventory.warnings),
        secrets=tuple(secret for inventory in parts for secret in inventory.secrets),
    ).with_own_target()


def _near(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
