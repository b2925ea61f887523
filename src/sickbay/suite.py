"""The health tests as a list: found in files, with what each looks at, decides and is proven by."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import yaml

import sickbay
from sickbay.errors import UsageError
from sickbay.inventory.targets import Inventory
from sickbay.inventory.wording import near
from sickbay.symptoms import Symptom, symptom_of

_PACKAGE = Path(sickbay.__file__).parent
_CHECKOUT = _PACKAGE.parent.parent


# ---------------------------------------------------------------------- symptoms


def shipped_tests() -> Path | None:
    """The folder of the health tests: in the wheel beside the code, in a checkout at its root."""
    return _first_folder(_PACKAGE / "tests", _CHECKOUT / "tests")


@dataclass(frozen=True)
class Found:
    """The symptoms in some files, in the order of their ids, and the files that cannot be read."""

    symptoms: tuple[Symptom, ...]
    broken: tuple[str, ...]
    """``file: what is wrong`` of each file that does not load."""


def find(paths: Iterable[Path]) -> Found:
    """Every symptom that the test files in these files and folders define.

    Files are loaded as Python modules; those that do not even hold the word are left alone.
    Raises UsageError for a path that is not there.
    """
    symptoms: dict[str, Symptom] = {}
    broken = []
    for file in dict.fromkeys(_test_files(paths)):
        try:
            module = _loaded(file)
        except Exception as error:  # noqa: BLE001 (a file of someone else's may fail in any way)
            broken.append(f"{file}: {type(error).__name__}: {error}")
            continue
        for value in list(vars(module).values()):
            if getattr(value, "__module__", None) == module.__name__ and (
                symptom := symptom_of(value)
            ):
                symptoms.setdefault(symptom.id, symptom)
    return Found(tuple(symptoms[name] for name in sorted(symptoms)), tuple(broken))


def _test_files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_file():
            yield path.resolve()
        elif path.is_dir():
            for pattern in ("test_*.py", "*_test.py"):
                for file in sorted(path.resolve().rglob(pattern)):
                    if b"symptom" in file.read_bytes():
                        yield file
        else:
            raise UsageError(f"there is no file or folder {path}")


def _loaded(file: Path) -> Any:
    """A test file as a module of its own, under a name that no other file has."""
    digest = hashlib.sha256(str(file).encode()).hexdigest()[:12]
    name = f"sickbay_suite_{digest}_{file.stem}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def limits_used(symptom: Symptom) -> tuple[str, ...]:
    """The names of the limits that a health test and its causes compare with, from their source."""
    functions: list[Callable[..., Any]] = [symptom.function, *(c.weigh for c in symptom.causes)]
    return tuple(dict.fromkeys(name for f in functions for name in _limits_in(f)))


def _limits_in(function: Callable[..., Any]) -> Iterator[str]:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))
    except (OSError, TypeError, SyntaxError):
        return
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "limits"
        ):
            yield node.attr


# ---------------------------------------------------------------------- proofs


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """A fault that was set, and the symptom that it was found by; ``how`` says on what (real, ...)."""

    fault: str
    symptom: str
    target: str = ""
    cause: str | None = None
    signals: tuple[str, ...] = ()
    how: str = ""


@cache
def proofs() -> tuple[Proof, ...]:
    """What the lab's detection matrix has proven; empty where it has not run."""
    path = _PACKAGE / "proofs.json"
    if not path.is_file():
        return ()
    try:
        return msgspec.json.decode(path.read_bytes(), type=tuple[Proof, ...])
    except (OSError, msgspec.MsgspecError) as error:
        raise UsageError(f"{path}: not a list of proofs: {error}") from None


# ---------------------------------------------------------------------- catalogue


@dataclass(frozen=True)
class Signal:
    """A signal of the catalogue: what a troubleshooting guide says is healthy."""

    ref: str
    system: str
    layer: str
    severity: str
    healthy: str
    observe: str


@cache
def catalogue() -> dict[str, Signal]:
    """Every signal that the guides document, by its reference ``system:symptom/signal``."""
    folder = _first_folder(_PACKAGE / "catalog", _CHECKOUT / "catalog")
    signals: dict[str, Signal] = {}
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for path in sorted(folder.glob("*.yaml")) if folder else ():
        guide = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506 (a safe one)
        for symptom in guide["symptoms"]:
            for name, signal in symptom["signals"].items():
                ref = f"{guide['system']}:{symptom['id']}/{name}"
                signals[ref] = Signal(
                    ref=ref,
                    system=guide["system"],
                    layer=signal.get("layer", symptom["layer"]),
                    severity=signal.get("severity", symptom["severity"]),
                    healthy=signal["healthy"],
                    observe=signal["observe"],
                )
    return signals


def _first_folder(*candidates: Path) -> Path | None:
    return next((folder for folder in candidates if folder.is_dir()), None)


# ---------------------------------------------------------------------- what an inventory speaks of


def idle_mentions(inventory: Inventory, collected: dict[str, str]) -> Iterator[str]:
    """``file:line: what`` of each waiver or not_applicable that speaks of nothing there is.

    ``collected`` is the kind of target of every symptom that pytest collected. A symptom that was
    merely not collected is none of our business; one that nobody knows is, and that can only be
    told when the whole suite was collected.
    """
    unmatched = []
    for mention in inventory.mentions:
        matched = {id_ for id_ in collected if fnmatchcase(id_, mention.symptom)}
        waiver = mention.waiver
        if not matched:
            unmatched.append(mention)
        elif waiver is not None:
            fitting = [t for t in inventory.targets.values() if waiver.matches_target(t.name)]
            kinds = {collected[id_] for id_ in matched}
            if fitting and not any(target.kind in kinds for target in fitting):
                yield (
                    f"{mention.where}: this waiver matches nothing: {waiver.symptom} is about "
                    f"{' and '.join(sorted(kinds))} targets, and {waiver.target} is {fitting[0].kind}"
                )
    folder = shipped_tests()
    if not unmatched or folder is None:
        return
    shipped = {symptom.id for symptom in find([folder]).symptoms}
    if not shipped or not shipped <= set(collected):
        return
    for mention in unmatched:
        what = "this waiver matches nothing" if mention.waiver else "this says nothing"
        yield f"{mention.where}: {what}: no symptom is called {mention.symptom!r}{near(mention.symptom, collected)}"
