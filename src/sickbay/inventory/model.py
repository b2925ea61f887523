"""The inventory as a whole: what runs where, how it hangs together, what is tolerated until when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from fnmatch import fnmatchcase

from pydantic import Field

from sickbay.inventory.aws import AwsEntry, AwsLimits
from sickbay.inventory.base import Entry, Part
from sickbay.inventory.dns import DnsEntry
from sickbay.inventory.endpoint import EndpointEntry, EndpointLimits
from sickbay.inventory.host import HostEntry, HostLimits
from sickbay.inventory.kubernetes import KubernetesEntry, KubernetesLimits
from sickbay.inventory.postgres import PostgresEntry, PostgresLimits
from sickbay.inventory.redis import RedisEntry, RedisLimits


class SharedLimits(
    HostLimits, PostgresLimits, RedisLimits, EndpointLimits, KubernetesLimits, AwsLimits
):
    """Limits for every target of the inventory; a limit's name is the same everywhere."""


class Waiver(Part):
    """A finding that is known and tolerated until a day."""

    symptom: str = Field(description="symptom id, or a pattern such as host.*")
    target: str = Field(description="target name, or a pattern such as db*")
    reason: str = Field(description="why it is tolerated", min_length=1)
    owner: str = Field(description="who answers for it", min_length=1)
    until: date = Field(description="the last day on which it holds")

    def matches(self, symptom: str, target: str) -> bool:
        return fnmatchcase(symptom, self.symptom) and self.matches_target(target)

    def matches_target(self, target: str) -> bool:
        return fnmatchcase(target, self.target)


class Document(Part):
    """An inventory file as it is written."""

    limits: SharedLimits = Field(SharedLimits(), description="limits for every target")
    hosts: dict[str, HostEntry] = Field({}, description="Linux machines")
    postgres: dict[str, PostgresEntry] = Field({}, description="PostgreSQL servers")
    redis: dict[str, RedisEntry] = Field({}, description="Redis servers")
    endpoints: dict[str, EndpointEntry] = Field({}, description="HTTP and HTTPS addresses")
    dns: dict[str, DnsEntry] = Field(
        {}, description="resolvers, and the names that they have to know"
    )
    clusters: dict[str, KubernetesEntry] = Field({}, description="Kubernetes clusters")
    aws: dict[str, AwsEntry] = Field({}, description="AWS accounts, one region each")
    waivers: tuple[Waiver, ...] = Field((), description="known findings, tolerated until a day")

    def entries(self) -> Iterator[tuple[str, str, Entry]]:
        """(section, name, entry) of every target, in the order of the sections."""
        for section in SECTIONS:
            for name, entry in getattr(self, section).items():
                yield section, name, entry


SECTIONS = ("hosts", "postgres", "redis", "endpoints", "dns", "clusters", "aws")
