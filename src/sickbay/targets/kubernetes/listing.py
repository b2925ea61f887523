"""How a fact of a cluster is asked for: all objects of one kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Generic, TypeVar

import msgspec

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Listing:
    """A LIST of one resource. The raw answer is a list of pages, each the JSON text of one.

    ``group`` is the API group and version (``v1``, ``apps/v1``); ``resource`` the plural name.
    Several facts may come from the same listing: it is asked for once.
    """

    kind: ClassVar = "kubernetes"

    group: str
    resource: str
    namespaced: bool = True
    after: tuple[str, ...] = ()

    def paths(self, namespaces: Iterable[str]) -> list[str]:
        """The URL paths that hold all objects, in the named namespaces or in all."""
        base = f"/api/{self.group}" if "/" not in self.group else f"/apis/{self.group}"
        names = list(namespaces) if self.namespaced else []
        if names:
            return [f"{base}/namespaces/{name}/{self.resource}" for name in names]
        return [f"{base}/{self.resource}"]

    @property
    def grant(self) -> str:
        """The rule that a role needs to see this."""
        group = self.group.rpartition("/")[0]
        return (
            f'allow it with a ClusterRole rule {{apiGroups: ["{group}"], '
            f"resources: [{self.resource}], verbs: [list]}}; the built-in role view has most of them"
        )


class Wire(msgspec.Struct, rename="camel"):
    """A piece of an API object as it comes: fields in camel case, absent ones with their default."""


class Meta(Wire):
    name: str
    namespace: str = ""
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    generation: int = 0
    owner_references: list[Owner] = []


class Owner(Wire):
    kind: str
    name: str


class ConditionWire(Wire):
    """A condition (API conventions: type, status True/False/Unknown, reason, message)."""

    type: str
    status: str
    reason: str | None = ""
    message: str | None = ""
    last_transition_time: datetime | None = None


class Page(Wire, Generic[T]):
    items: list[T]


def items(pages: Iterable[bytes], decoder: msgspec.json.Decoder[Page[T]]) -> Iterator[T]:
    """The objects of all pages."""
    for page in pages:
        yield from decoder.decode(page).items


def full_name(meta: Meta) -> str:
    """``namespace/name``, as kubectl writes it."""
    return f"{meta.namespace}/{meta.name}" if meta.namespace else meta.name
