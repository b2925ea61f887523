"""The health test: an assertion on facts, with the causes that can lie behind it.

    @symptom("host.disk-filling", severity="critical", signals=["sergas:disk-full/root-usage"])
    def test_filesystems_have_room(filesystems, limits):
        \"\"\"Writes fail with "No space left on device" once a file system is full.\"\"\"
        assert worst(filesystems, "used_fraction") < limits.disk_used

    @test_filesystems_have_room.cause("the journal has outgrown its share", remedy="...")
    def journal(journal_usage, limits): ...

A test's and a cause's parameters are names of facts, or one of ``target``, ``declared`` (the
target's inventory entry), ``limits``, ``contact`` and ``now`` (the moment of the snapshot).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, cast

import pytest

Severity = Literal["critical", "major", "minor"]
SEVERITIES: tuple[Severity, ...] = ("critical", "major", "minor")
LAYERS = ("infra", "services", "aws", "k8s")


@dataclass(frozen=True)
class Cause:
    """A documented explanation of a symptom.

    ``weigh`` is a function of facts, like a test: it returns evidence (records), or nothing. Facts
    of another kind of target are those of each related target in turn. ``because`` names symptoms
    of this or a related target: where one shows and the evidence holds, it explains this one.
    """

    id: str
    text: str
    remedy: str
    weigh: Callable[..., Any]
    needs: tuple[str, ...]
    because: tuple[str, ...] = ()


@dataclass(eq=False)
class Symptom:
    """What is known about a health test. Its kind of target is the first word of its id."""

    id: str
    severity: Severity
    layer: str
    signals: tuple[str, ...]
    title: str
    doc: str
    function: Callable[..., None]
    needs: tuple[str, ...]
    explained_by: tuple[str, ...] = ()
    active: bool = False
    causes: list[Cause] = field(default_factory=list)

    @property
    def kind(self) -> str:
        return self.id.partition(".")[0]


class HealthTest(Protocol):
    """A test function marked by ``symptom``."""

    symptom: Symptom

    def __call__(self, *facts: Any, **named: Any) -> None: ...

    def cause(
        self, text: str, *, remedy: str, because: str | tuple[str, ...] = ()
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]: ...


def symptom(
    id: str,  # noqa: A002 (the word everyone uses)
    *,
    severity: Severity,
    signals: tuple[str, ...] | list[str] = (),
    explained_by: tuple[str, ...] | list[str] = (),
    layer: str | None = None,
    active: bool = False,
) -> Callable[[Callable[..., None]], HealthTest]:
    """Make a test function the health test of a symptom.

    ``signals`` are the catalogue's references that it decides. ``explained_by`` names symptoms
    that, where they show on this or a related target, explain this one without further evidence.
    ``layer`` is the test's folder unless given. ``active`` marks a probe with a possible side
    effect, which runs only with --active.
    """

    def mark(function: Callable[..., None]) -> HealthTest:
        doc = inspect.getdoc(function) or ""
        known = Symptom(
            id=id,
            severity=severity,
            layer=layer or _layer_of(function),
            signals=tuple(signals),
            title=doc.partition("\n")[0],
            doc=doc,
            function=function,
            needs=_parameters(function),
            explained_by=tuple(explained_by),
            active=active,
        )
        test = cast("HealthTest", function)
        test.symptom = known

        def cause(
            text: str, *, remedy: str, because: str | tuple[str, ...] = ()
        ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
            def add(weigh: Callable[..., Any]) -> Callable[..., Any]:
                links = (because,) if isinstance(because, str) else because
                name = weigh.__name__.replace("_", "-")
                known.causes.append(Cause(name, text, remedy, weigh, _parameters(weigh), links))
                return weigh

            return add

        test.cause = cause  # type: ignore[method-assign]
        for name in (severity, known.layer, *(["active"] if active else [])):
            test = getattr(pytest.mark, name)(test)
        return test

    return mark


def symptom_of(function: object) -> Symptom | None:
    """The symptom that a test function decides, if it is a health test of ours."""
    found = getattr(function, "symptom", None)
    return found if isinstance(found, Symptom) else None


def _parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    return tuple(inspect.signature(function).parameters)


def _layer_of(function: Callable[..., None]) -> str:
    folder = Path(function.__code__.co_filename).parent.name
    if folder not in LAYERS:
        raise TypeError(
            f"{function.__name__}: a health test outside of the folders {', '.join(LAYERS)} "
            "has to say its layer: @symptom(..., layer=...)"
        )
    return folder
