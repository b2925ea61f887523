"""The rights that a run needs on each target of an inventory, and no more. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sickbay.inventory.host import HostEntry
from sickbay.inventory.kubernetes import KubernetesEntry
from sickbay.inventory.redis import RedisEntry
from sickbay.inventory.targets import Inventory, Target
from sickbay.run import Check, RunState
from sickbay.symptoms import Symptom
from sickbay.targets.aws.calls import Calls
from sickbay.targets.host.command import Command
from sickbay.targets.host.script import AS_READER
from sickbay.targets.kinds import known_facts
from sickbay.targets.kubernetes.listing import (
    READINESS,
    VERSION,
    Document,
    Listing,
    Secrets,
    list_rule,
    path_rule,
    secret_rule,
)
from sickbay.targets.postgres.query import Query
from sickbay.targets.redis.ask import Ask

GROUPS = "adm,systemd-journal"


@dataclass(frozen=True, slots=True)
class Grant:
    """Something to give to the user of a run: how it is written where it belongs, and what for."""

    what: str
    text: str
    why: str


def grants(inventory: Inventory, symptoms: Iterable[Symptom]) -> dict[Target, tuple[Grant, ...]]:
    """What to give on each target, for these symptoms; nothing where a login is all that it takes."""
    run = RunState(inventory, deadline=0.0, options={})
    targets = [
        one
        for one in inventory.targets.values()
        if inventory.chosen is None or one.name in inventory.chosen
    ]
    run.select(
        Check(target, frozenset(symptom.needs), symptom)
        for symptom in symptoms
        for target in targets
        if target.kind == symptom.kind
    )
    plan = run.plan()
    return {
        target: tuple(_OF[target.kind](target, _requests(plan.get(target.name, ()))))
        for target in targets
        if target.kind in _OF
    }


def _requests(names: Iterable[str]) -> dict[str, Any]:
    """The request of each fact."""
    return {name: known_facts()[name].request for name in sorted(names)}


# ---------------------------------------------------------------------- hosts


def sudoers(user: str, *, everything: bool) -> str:
    """The line for sudo that lets a user run our scripts as root, or as one who reads all files."""
    command = "/usr/bin/sh -s *" if everything else f"/usr/bin/{AS_READER} sh -s *"
    escaped = re.sub("([,:=])", r"\\\1", command)
    return f"{user} ALL=(root) NOPASSWD: {escaped}"


def _host(target: Target, requests: Mapping[str, Any]) -> Iterator[Grant]:
    entry = target.entry
    assert isinstance(entry, HostEntry)
    if entry.connection == "local" or "://" in entry.connection:
        return
    asked = {name: one for name, one in requests.items() if _is_asked(entry, one)}
    journal = [name for name, one in asked.items() if one.tool == "journalctl"]
    reading = [name for name, one in asked.items() if one.root and not one.everything]
    root = [name for name, one in asked.items() if one.root and one.everything]
    user = entry.user or "USER"
    if journal:
        yield Grant("groups", f"usermod -aG {GROUPS} {user}", _names(journal))
    if reading:
        line = sudoers(user, everything=False)
        yield Grant(
            "sudoers, with sudo: read", line, f"reads all files, writes none: {_names(reading)}"
        )
    if root:
        line = sudoers(user, everything=True)
        yield Grant("sudoers, with sudo: true", line, f"this is root; only for {_names(root)}")


def _is_asked(entry: HostEntry, request: Any) -> bool:
    """Whether there is anything to ask this host; what builds on other facts may be."""
    if not isinstance(request, Command):
        return False
    if isinstance(request.script, str) or request.after:
        return True
    return request.script(entry, {}) is not None


# ---------------------------------------------------------------------- services


def _postgres(_: Target, requests: Mapping[str, Any]) -> Iterator[Grant]:
    wanted: dict[str, list[str]] = {}
    for name, one in requests.items():
        if isinstance(one, Query):
            wanted.setdefault(one.grant, []).append(name)
    for grant, names in wanted.items():
        yield Grant("SQL", f"{grant} TO ROLE;", _names(names))


def _redis(target: Target, requests: Mapping[str, Any]) -> Iterator[Grant]:
    entry = target.entry
    assert isinstance(entry, RedisEntry)
    asks = [one for one in requests.values() if isinstance(one, Ask)]
    words = {command[0].lower() for one in asks for command in one.words(entry)}
    if words:
        allowed = " ".join(f"+{word}" for word in sorted(words | {"ping", "select"}))
        yield Grant("ACL", f"ACL SETUSER USER on ~* -@all {allowed}", _names(requests))


def _kubernetes(target: Target, requests: Mapping[str, Any]) -> Iterator[Grant]:
    entry = target.entry
    assert isinstance(entry, KubernetesEntry)
    groups: dict[str, set[str]] = {}
    paths = {VERSION.url, READINESS.url}
    for one in requests.values():
        if isinstance(one, Listing):
            groups.setdefault(one.api_group, set()).add(one.resource)
        elif isinstance(one, Document):
            paths.add(one.url)
    for group, resources in sorted(groups.items()):
        yield Grant("rule of a ClusterRole", list_rule(group, sorted(resources)), "")
    yield Grant("rule of a ClusterRole", path_rule(sorted(paths)), "")
    if any(isinstance(one, Secrets) for one in requests.values()):
        for place in entry.certificates:
            namespace, _, name = place.partition("/")
            yield Grant(f"rule of a Role in {namespace}", secret_rule(name), "issued_certificates")


def _aws(_: Target, requests: Mapping[str, Any]) -> Iterator[Grant]:
    calls = [one for one in requests.values() if isinstance(one, Calls)]
    for action in sorted({action for one in calls for action in one.actions}):
        yield Grant("IAM action", action, "")


def _names(names: Iterable[str]) -> str:
    return ", ".join(names)


_OF: dict[str, Callable[[Target, Mapping[str, Any]], Iterator[Grant]]] = {
    "host": _host,
    "postgres": _postgres,
    "redis": _redis,
    "kubernetes": _kubernetes,
    "aws": _aws,
}
