"""The fact: a typed, frozen record of something observed, how it is asked for, and a pure parser.

    @fact("filesystems", Command("df -PkT"))
    class Filesystem(Record):
        mount: str
        ...
        @classmethod
        def parse(cls, out: str) -> tuple[Filesystem, ...]: ...

The name is what health tests ask for as a fixture. What ``parse`` gets is the raw answer to the
request; what it returns is the fact. It raises ValueError on an answer that it cannot read.
"""

from __future__ import annotations

import importlib
import pkgutil
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, ClassVar, Protocol, TypeVar

import msgspec


@typing.dataclass_transform(frozen_default=True, kw_only_default=True)
class _RecordType(msgspec.StructMeta):
    """Makes every subclass of Record frozen and keyword-only without saying so each time."""

    def __new__(
        mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **config: Any
    ) -> Any:
        config = {"frozen": True, "kw_only": True, **config}
        return super().__new__(mcls, name, bases, namespace, **config)


class Record(msgspec.Struct, metaclass=_RecordType, omit_defaults=True):
    """A frozen record. Evidence in a report names a record by its first field."""

    @property
    def label(self) -> str:
        return str(getattr(self, self.__struct_fields__[0]))


class Request(Protocol):
    """How a fact is asked for; each kind of target has its own."""

    kind: ClassVar[str]

    @property
    def after(self) -> tuple[str, ...]:
        """Names of the facts that have to be known before this one can be asked for."""


@dataclass(frozen=True, slots=True)
class FactSpec:
    """A fact's name, its request, the type that its parser returns, and the parser."""

    name: str
    request: Request
    shape: Any
    parse: Callable[[Any], Any]
    doc: str

    @property
    def kind(self) -> str:
        return self.request.kind


C = TypeVar("C", bound=type[Any])


def fact(name: str, request: Request) -> Callable[[C], C]:
    """Make a record class the fact ``name``. Its ``parse`` classmethod needs a return annotation."""

    def mark(cls: C) -> C:
        cls.__fact__ = (name, request)
        return cls

    return mark


def facts_in(package: ModuleType) -> Iterator[FactSpec]:
    """Every fact that the modules of a package define, in the order of their names."""
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        for cls in list(vars(module).values()):
            if getattr(cls, "__module__", None) == module.__name__ and "__fact__" in vars(cls):
                name, request = cls.__fact__
                shape = typing.get_type_hints(cls.parse)["return"]
                yield FactSpec(name, request, shape, cls.parse, (cls.__doc__ or "").strip())
