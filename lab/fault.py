"""The fault: break something real, let the suite look, mend it; and say what must be found.

    @fault("host.disk-filling", on="app1", cause="the journal has outgrown its share",
           proves=["sergas:disk-full/root-usage"])
    def journal_fills_the_disk(app1: Machine) -> Iterator[None]:
        app1.run("...")
        yield
        app1.run("...")

The parameters are parts of the world that the fault is set in (``world.parts``).
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

Breaker = Callable[..., Iterator[None]]


@dataclass(frozen=True)
class Fault:
    """A way to break a world, and what the suite has to say about it.

    ``also`` names further findings (``symptom@target``) that the same break rightly brings about
    and that are not explained by the first. ``how`` says how true the fault is: ``real``, or what
    stands in for the real thing and why.
    """

    name: str
    world: str
    symptom: str
    on: str
    cause: str | None
    proves: tuple[str, ...]
    also: tuple[str, ...]
    how: str
    doc: str
    breaker: Breaker

    @property
    def recording(self) -> str:
        """The name under which its snapshot is kept."""
        return f"{self.world}-{self.name}"

    @contextmanager
    def applied(self, parts: Mapping[str, Any]) -> Iterator[None]:
        """The world, broken for as long as the block lasts."""
        wanted = inspect.signature(self.breaker).parameters
        yield from self.breaker(**{name: parts[name] for name in wanted})


def fault(
    symptom: str,
    *,
    on: str,
    cause: str | None = None,
    proves: tuple[str, ...] | list[str] = (),
    also: tuple[str, ...] | list[str] = (),
    how: str = "real",
) -> Callable[[Breaker], Fault]:
    """Make a generator function the proof that a symptom is seen on a target."""

    def mark(breaker: Breaker) -> Fault:
        return Fault(
            name=breaker.__name__.replace("_", "-"),
            world=breaker.__module__.split(".")[2],
            symptom=symptom,
            on=on,
            cause=cause,
            proves=tuple(proves),
            also=tuple(also),
            how=how,
            doc=inspect.getdoc(breaker) or "",
            breaker=breaker,
        )

    return mark


WORLDS = ("hosts", "cluster", "aws")


def faults_of(world: str) -> list[Fault]:
    """The faults of a world: of its module, or of the modules of its package."""
    place = importlib.import_module(f"lab.faults.{world}")
    inside = pkgutil.iter_modules(getattr(place, "__path__", ()), f"{place.__name__}.")
    modules = [place, *(importlib.import_module(found.name) for found in inside)]
    return [
        fault for module in modules for fault in vars(module).values() if isinstance(fault, Fault)
    ]


def all_faults() -> list[Fault]:
    """The faults of every world."""
    return [fault for world in WORLDS for fault in faults_of(world)]


def disagreements(expected: Fault, diagnosis: Mapping[str, Any]) -> list[str]:
    """What a diagnosis (as its JSON) says otherwise than the fault demands; empty when it is right."""
    findings = {(f["symptom"], f["target"]): f for f in diagnosis["findings"]}
    wanted = (expected.symptom, expected.on)
    wrong = []
    found = findings.get(wanted)
    if found is None:
        wrong.append(f"{expected.symptom} on {expected.on} was not found; found {sorted(findings)}")
    elif expected.cause is not None:
        confirmed = [c["text"] for c in found.get("causes", []) if c["status"] == "confirmed"]
        if expected.cause not in confirmed:
            wrong.append(f"the cause {expected.cause!r} is not confirmed, only {confirmed}")
    allowed = {wanted, *(tuple(item.split("@")) for item in expected.also)}
    for key, finding in findings.items():
        if key not in allowed and not _leads_to(finding, findings, allowed):
            wrong.append(
                f"{key[0]} on {key[1]} is not explained by the fault: {finding['message']}"
            )
    return wrong + [
        f"{unseen['symptom']} on {unseen['target']} was not evaluated: {unseen['detail']}"
        for unseen in diagnosis["not_evaluated"]
        if not unseen.get("explained_by")
    ]


def _leads_to(
    finding: Mapping[str, Any],
    findings: Mapping[tuple[str, str], Mapping[str, Any]],
    allowed: set[tuple[str, ...]],
) -> bool:
    """Whether what explains a finding goes back to one that was expected."""
    seen: set[tuple[str, str]] = set()
    waiting = [(ref["symptom"], ref["target"]) for ref in finding.get("explained_by", [])]
    while waiting:
        key = waiting.pop()
        if key in allowed:
            return True
        if key not in seen and key in findings:
            seen.add(key)
            waiting += [(r["symptom"], r["target"]) for r in findings[key].get("explained_by", [])]
    return False
