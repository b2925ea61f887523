"""Declared checkouts of git tell their history, and are as they were committed."""

from __future__ import annotations

from sickbay.inventory.host import HostEntry
from sickbay.judge import offenders
from sickbay.symptoms import symptom
from sickbay.targets.host.facts.checkouts import (
    Checkout,
    JudgedCheckout,
    judged_checkouts,
    must_be_seen,
    readable,
)

Checkouts = tuple[Checkout, ...]


@symptom(
    "host.checkout-history-unreadable",
    severity="minor",
    signals=["claude-projects-api:escalation/history-readable"],
)
def test_checkouts_tell_their_history(checkouts: Checkouts, declared: HostEntry) -> None:
    """What was changed last, and what is deployed, cannot be told to who is asked for help."""
    judged = judged_checkouts(declared, checkouts)
    seen = [one for one in judged if one.state != "hidden"]
    assert offenders(seen, lambda one: not one.has_history) == ()
    must_be_seen(judged)


def _without(checkouts: Checkouts, declared: HostEntry, *states: str) -> list[JudgedCheckout]:
    judged = judged_checkouts(declared, checkouts)
    return [one for one in judged if not one.has_history and one.state in states]


@test_checkouts_tell_their_history.cause(
    "there is no repository: it was copied or unpacked without .git, or is elsewhere",
    remedy="git clone it anew beside it and compare; correct the path in the inventory.",
)
def no_repository(checkouts: Checkouts, declared: HostEntry) -> object:
    return _without(checkouts, declared, "none", "missing")


@test_checkouts_tell_their_history.cause(
    "git cannot read the repository: it is damaged, or empty",
    remedy="git fsck names what is damaged: clone it anew, and bring over what is not pushed.",
)
def damaged(checkouts: Checkouts, declared: HostEntry) -> object:
    return [one for one in _without(checkouts, declared, "whole", "shallow") if one.failure]


@test_checkouts_tell_their_history.cause(
    "it was cloned without its history",
    remedy="git fetch --unshallow brings it; clone without --depth (in CI: fetch-depth: 0).",
)
def shallow(checkouts: Checkouts, declared: HostEntry) -> object:
    return [one for one in _without(checkouts, declared, "shallow") if not one.failure]


@symptom(
    "host.checkout-changed",
    severity="minor",
    signals=["claude-projects-api:escalation/history-readable"],
)
def test_checkouts_are_as_committed(checkouts: Checkouts, declared: HostEntry) -> None:
    """What runs, or is deployed from here, is in no commit: nobody else can see or repeat it."""
    judged = readable(judged_checkouts(declared, checkouts))
    assert offenders(judged, lambda one: bool(one.changed or one.absent)) == ()


@test_checkouts_are_as_committed.cause(
    "files were changed in place and not committed",
    remedy="git diff shows what: commit it, or put it back (git restore PATH; git stash keeps it).",
)
def changed_in_place(checkouts: Checkouts, declared: HostEntry) -> object:
    judged = readable(judged_checkouts(declared, checkouts))
    return [one for one in judged if len(one.changed) > len(one.untracked)]


@test_checkouts_are_as_committed.cause(
    "files were added that git does not know of",
    remedy="git status names them: commit them, or name them in .gitignore where they are made anew.",
)
def added(checkouts: Checkouts, declared: HostEntry) -> object:
    return [one for one in readable(judged_checkouts(declared, checkouts)) if one.untracked]


@test_checkouts_are_as_committed.cause(
    "what has to be clean is not there",
    remedy="git restore PATH brings it back; compare the paths in the inventory with the repository.",
)
def not_there(checkouts: Checkouts, declared: HostEntry) -> object:
    return [one for one in readable(judged_checkouts(declared, checkouts)) if one.absent]
