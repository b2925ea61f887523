"""What ``--hosts`` and ``--limit`` mean: inventories by name or path, single hosts, and a choice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path

import sickbay
from sickbay.errors import UsageError
from sickbay.inventory.hostspec import HostOptions, host_targets
from sickbay.inventory.load import load
from sickbay.inventory.model import SECTIONS, Document
from sickbay.inventory.source import InventoryError
from sickbay.inventory.targets import OWN_NAME, Inventory, Target
from sickbay.inventory.wording import near, near_or_all

LOCAL = "local"
_PACKAGE = Path(sickbay.__file__).parent
SHIPPED_INVENTORIES = (_PACKAGE / "inventories", _PACKAGE.parent.parent / "inventories")
"""Where the shipped ones lie: in an installed package, or in a checkout."""
_SUFFIXES = (".yaml", ".yml")


def inventory_folders(*places: Path) -> list[Path]:
    """Where inventories are looked for by name: beside each of these places, then the shipped ones."""
    candidates = (*(place / "inventories" for place in places), *SHIPPED_INVENTORIES)
    return list(dict.fromkeys(folder for folder in candidates if folder.is_dir()))


@dataclass(frozen=True)
class Selector:
    """Where inventories are looked for by name, and what testinfra's options say about hosts."""

    folders: Sequence[Path]
    options: HostOptions = field(default_factory=HostOptions)

    def inventory(self, spec: str | None) -> Inventory:
        """The inventory that ``--hosts=SPEC`` names; without SPEC this machine.

        SPEC is a comma-separated mixture of inventory names, paths of inventory files, ``local``,
        and testinfra host specs such as ``ssh://user@host:port``. With ``--connection`` a bare name
        is a host over that connection, as testinfra has it. Raises UsageError.
        """
        if spec is None:
            return self._unasked()
        parts = [part.strip() for part in spec.split(",") if part.strip()]
        if not parts:
            raise UsageError("--hosts: name an inventory, a path, local, or a host")
        return _joined(self._one(part) for part in dict.fromkeys(parts))

    def hosts(self, specs: Iterable[str | None]) -> list[Target]:
        """The hosts of a test module that names its own (``testinfra_hosts``)."""
        found = [t for spec in specs for t in host_targets(spec or "local://", self.options)]
        return list({target.name: target for target in found}.values())

    def _unasked(self) -> Inventory:
        """This machine. An inventories/local.yaml refines it, but must not break who never asked."""
        if self.options.connection == "ansible":
            return _of_hosts("ansible://all", self.options)
        if self.options.connection not in {None, LOCAL}:
            raise UsageError(f"--connection={self.options.connection} needs hosts: --hosts=NAME")
        try:
            return self._one(LOCAL)
        except InventoryError as error:
            inventory = _of_hosts("local://", self.options)
            left_out = f"{error.problems[0]} (the file is left out; --hosts=local shows all)"
            return replace(inventory, warnings=(left_out,))

    def _one(self, part: str) -> Inventory:
        if "://" in part:
            return _of_hosts(part, self.options)
        direct = Path(part).expanduser()
        over = self.options.connection
        if direct.suffix in _SUFFIXES or direct.is_file() or ("/" in part and over is None):
            return self._refined(load(direct))
        if over is not None and part != LOCAL:
            return _of_hosts(part, self.options)
        for folder in self.folders:
            for suffix in _SUFFIXES:
                if (path := folder / f"{part}{suffix}").is_file():
                    return self._refined(load(path))
        if part == LOCAL:
            return _of_hosts("local://", self.options)
        raise self._unknown(part)

    def _refined(self, inventory: Inventory) -> Inventory:
        """testinfra's options speak for the hosts that do not say otherwise."""
        targets = {
            name: replace(target, entry=self.options.applied(target.entry))
            for name, target in inventory.targets.items()
        }
        return replace(inventory, targets=targets)

    def _unknown(self, part: str) -> UsageError:
        paths = [path for folder in self.folders for path in sorted(folder.glob("*.y*ml"))]
        known = sorted({path.stem for path in paths} | {LOCAL})
        looked = ", ".join(str(folder) for folder in self.folders) or "no folder named inventories"
        return UsageError(
            f"--hosts: there is no inventory named {part!r}{near(part, known)} "
            f"(looked in {looked}; found {', '.join(known)}). "
            f"A path to a file, or a host such as ssh://{part}, does as well."
        )


def narrowed(inventory: Inventory, expression: str) -> Inventory:
    """The inventory with only those targets chosen whose name, tag or kind matches.

    ``expression`` is a comma-separated list of names, tags, kinds, sections or globs; ``!`` in
    front takes targets away again. Raises UsageError for a word that matches nothing, and when
    nothing is left.
    """
    words = [word.strip() for word in expression.split(",") if word.strip().lstrip("!")]
    if not words:
        raise UsageError("--limit: name targets, tags, kinds or globs, such as --limit='db*,!db2'")
    wanted = [word for word in words if not word.startswith("!")]
    chosen = set[str]() if wanted else set(inventory.targets)
    for word in words:
        bare = word.lstrip("!").strip()
        matching = {t.name for t in inventory.targets.values() if _matches(bare, t)}
        if not matching:
            known = {name for target in inventory.targets.values() for name in _names(target)}
            raise UsageError(
                f"--limit: {bare!r} matches no name, tag or kind{near_or_all(bare, known)}"
            )
        chosen = chosen - matching if word.startswith("!") else chosen | matching
    if not chosen:
        raise UsageError(f"--limit: {expression!r} leaves no target")
    return replace(inventory, chosen=frozenset(chosen))


def _matches(word: str, target: Target) -> bool:
    return any(fnmatchcase(name, word) for name in _names(target))


def _names(target: Target) -> tuple[str, ...]:
    """What a target can be chosen by: its name, kind, section and tags."""
    return (target.name, target.kind, *_SECTION_OF.get(target.kind, ()), *target.entry.tags)


def _section_kinds() -> dict[str, tuple[str, ...]]:
    kinds: dict[str, tuple[str, ...]] = {}
    for section in SECTIONS:
        annotation = Document.model_fields[section].annotation
        kinds[annotation.__args__[1].kind] = (section,)  # type: ignore[union-attr]
    return kinds


_SECTION_OF = _section_kinds()


def _of_hosts(spec: str, options: HostOptions) -> Inventory:
    targets = host_targets(spec, options)
    return Inventory(
        name=",".join(target.name for target in targets),
        targets={target.name: target for target in targets},
        secrets=tuple(secret for target in targets for secret in target.entry.secrets()),
    )


def _joined(parts: Iterable[Inventory]) -> Inventory:
    parts = list(parts)
    if len(parts) == 1:
        return parts[0]
    targets: dict[str, Target] = {}
    home: dict[str, str] = {}
    for inventory in parts:
        for name, target in inventory.targets.items():
            if name in targets and name != OWN_NAME:
                raise UsageError(
                    f"--hosts: {home[name]} and {inventory.name} both have a target named {name!r}; "
                    "a target's name is unique"
                )
            targets[name], home[name] = target, inventory.name
    return Inventory(
        name=",".join(inventory.name for inventory in parts),
        targets=targets,
        waivers=tuple(waiver for inventory in parts for waiver in inventory.waivers),
        waiver_sources=tuple(source for inventory in parts for source in inventory.waiver_sources),
        warnings=tuple(warning for inventory in parts for warning in inventory.warnings),
        mentions=tuple(mention for inventory in parts for mention in inventory.mentions),
        secrets=tuple(secret for inventory in parts for secret in inventory.secrets),
    ).with_own_target()
