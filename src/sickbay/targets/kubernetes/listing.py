"""How a fact of a cluster is asked for: all objects of one kind, or one document of the server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar, Generic, TypeVar

import msgspec

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Listing:
    """A LIST of one resource. The raw answer is a list of pages, each the JSON text of one.

    ``group`` is the API group and version (``v1``, ``apps/v1``); ``resource`` the plural name;
    ``namespace`` the one namespace in which it is looked for, whatever the inventory says;
    ``fields`` a field selector; ``optional`` is what a cluster lacks that does not serve it, where many
    do without. Several facts may come from the same listing: it is asked for once.
    """

    kind: ClassVar = "kubernetes"

    group: str
    resource: str
    namespaced: bool = True
    namespace: str = ""
    fields: str = ""
    optional: str = ""
    after: tuple[str, ...] = ()

    def paths(self, namespaces: Iterable[str]) -> list[str]:
        """The URL paths that hold all objects, in the named namespaces or in all."""
        base = f"/api/{self.group}" if "/" not in self.group else f"/apis/{self.group}"
        names = [self.namespace] if self.namespace else list(namespaces) if self.namespaced else []
        if names:
            return [f"{base}/namespaces/{name}/{self.resource}" for name in names]
        return [f"{base}/{self.resource}"]

    @property
    def grant(self) -> str:
        """What lets a user see this."""
        rule = list_rule(self.api_group, [self.resource])
        return f"allow it with a ClusterRole rule {rule}; the built-in role view has most of them"

    @property
    def api_group(self) -> str:
        """The API group without its version; empty for the core group."""
        return self.group.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class Document:
    """What the API server says of itself at a path of its own. The raw answer is its text."""

    kind: ClassVar = "kubernetes"

    path: str
    after: tuple[str, ...] = ()

    @property
    def grant(self) -> str:
        """What lets a user see this."""
        return (
            f"allow it with a ClusterRole rule {path_rule([self.url])}; "
            "the built-in role system:public-info-viewer has it"
        )

    @property
    def url(self) -> str:
        """The path without its query."""
        return self.path.partition("?")[0]


@dataclass(frozen=True, slots=True)
class Secrets:
    """The certificates in the Secrets that the inventory names. The raw answer is a list of Held."""

    kind: ClassVar = "kubernetes"

    after: tuple[str, ...] = ()

    @staticmethod
    def grant(name: str) -> str:
        """What lets a user see one of them."""
        return f"allow it with a Role rule {secret_rule(name)}"


Request = Listing | Document | Secrets
"""Every form in which a fact of a cluster is asked for."""


def list_rule(group: str, resources: Iterable[str]) -> str:
    """The RBAC rule that lets a role list resources of an API group."""
    return f'{{apiGroups: ["{group}"], resources: [{", ".join(resources)}], verbs: [list]}}'


def path_rule(urls: Iterable[str]) -> str:
    """The RBAC rule that lets a role see what the server says of itself at these paths."""
    return f"{{nonResourceURLs: [{', '.join(urls)}], verbs: [get]}}"


def secret_rule(name: str) -> str:
    """The RBAC rule that lets a role see this one Secret."""
    return f'{{apiGroups: [""], resources: [secrets], resourceNames: [{name}], verbs: [get]}}'


@dataclass(frozen=True, slots=True)
class Held:
    """What a Secret holds under tls.crt, in base64. Nothing else of it is ever kept."""

    place: str
    there: bool
    certificate: str = ""


VERSION = Document("/version")
READINESS = Document("/readyz?verbose")


class Wire(msgspec.Struct, rename="camel"):
    """A piece of an API object as it comes: fields in camel case, absent ones with their default.

    The API's conventions make null and absent the same, and servers written in Go write null for an
    empty list: whatever may be absent may be None here. What an object cannot be without (its name,
    a list's items) has no default, so that an answer without it is unreadable and not an empty one.
    """


Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""A time as the API writes it; one without a zone could not be compared with now."""


class Owner(Wire):
    kind: str
    name: str


class Meta(Wire):
    name: str
    creation_timestamp: Moment
    """Set by the server on whatever is stored: without it nothing would ever wait too long."""
    namespace: str | None = ""
    deletion_timestamp: Moment | None = None
    generation: int | None = 0
    owner_references: list[Owner] | None = None
    labels: dict[str, str] | None = None

    @property
    def full_name(self) -> str:
        """``namespace/name``, as kubectl writes it."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    @property
    def owner(self) -> str:
        """``Kind/name`` of what made the object; empty where nothing did."""
        first = self.owner_references[0] if self.owner_references else None
        return f"{first.kind}/{first.name}" if first else ""


class ConditionWire(Wire):
    """A condition (API conventions: type, status True/False/Unknown, reason, message)."""

    type: str
    status: str
    reason: str | None = ""
    message: str | None = ""
    last_transition_time: Moment | None = None

    @property
    def told(self) -> str:
        """The message, or at least the reason."""
        return self.message or self.reason or ""


def condition(conditions: Iterable[ConditionWire] | None, kind: str) -> ConditionWire | None:
    """The condition of that type, where the object has it."""
    return next((each for each in conditions or () if each.type == kind), None)


class Page(Wire, Generic[T]):
    items: list[T]


def items(pages: Iterable[bytes], decoder: msgspec.json.Decoder[Page[T]]) -> Iterator[T]:
    """The objects of all pages."""
    for page in pages:
        yield from decoder.decode(page).items
