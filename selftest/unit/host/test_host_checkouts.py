"""Checkouts of git: looked at without running, writing or fetching anything, and judged."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from selftest.unit.host.test_host_parsers import recorded, sectioned, told, value
from sickbay.errors import Denied, NotApplicable
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.facts import checkouts
from sickbay.targets.host.facts.checkouts import (
    Checkout,
    JudgedCheckout,
    judged_checkouts,
    must_be_seen,
    readable,
)

LOG = "a8cb862\n605f578\nb33e877\n6ec5297\n4fe9b47\nended 0"


def answer(text: str) -> Any:
    return told("checkouts", sectioned(**{"0": text, "end": ""}))


def read(status: str, *, head: str = "whole", log: str = LOG) -> Checkout:
    found = answer(f"{head}\nlog\n{log}\nstatus\n{status}")
    assert found.gap is None, found.gap
    (one,) = found.value
    assert isinstance(one, Checkout)
    return one


def test_checkouts_debian_are_one_clean_one_bare_of_git_and_one_gone() -> None:
    """In the inventory's order."""
    clean, none, missing = value("checkouts.debian")
    assert (clean.state, clean.commits, clean.changed, clean.failure) == ("whole", 5, (), "")
    assert (none.state, missing.state) == ("none", "missing")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "whole",
        "whole\nlog",
        f"whole\nlog\n{LOG}\nstatus",
        "whole\nlog\na8cb862",
        f"whole\nlog\n{LOG}\nstatus\n M src/x",
        "whole\nlog\nnonsense\nended 0\nstatus\nended 0",
        f"whole\nlog\n{LOG}\nstatus\nnonsense\nended 0",
        f"whole\nlog\n{LOG}\nstatus\nended x",
        "elsewhere",
    ],
)
def test_checkouts_that_make_no_sense_or_break_off_are_unreadable(text: str) -> None:
    """A status that breaks off is not a clean one."""
    assert answer(text).gap is not None


def test_checkouts_that_break_off_are_unreadable() -> None:
    """The last one may be the one that was changed."""
    whole = recorded("checkouts.debian")
    assert told("checkouts", whole[: whole.index("==sickbay== end")]).gap is not None


def test_checkouts_with_many_changes_are_cut_and_not_lost() -> None:
    """Where head ended it, git's own end is not told."""
    assert len(read("\n".join(f" M src/{n}" for n in range(20))).changed) == 20
    assert read(" M x\n?? y\nended 0").changed == (" M x", "?? y")


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("fatal: detected dubious ownership in repository at '/x'\nended 128", "unsupported"),
        ("fatal: unsafe repository ('/x' is owned by someone else)\nended 128", "unsupported"),
        ("error: open('.git/objects/a'): Permission denied\nended 128", "denied"),
        ("ended 124", "timed_out"),
        ("ended 137", "timed_out"),
    ],
)
def test_checkouts_that_could_not_be_looked_at_are_no_finding(said: str, reason: str) -> None:
    """That says something of us, and nothing of them."""
    gap = answer(f"whole\nlog\n{said}\nstatus\nended 0").gap
    assert gap is not None
    assert gap.reason == reason


def judged(one: Checkout, **wanted: Any) -> JudgedCheckout:
    (found,) = judged_checkouts(HostEntry(checkouts={"/srv/shop": wanted}), (one,))
    return found


def test_checkouts_that_git_cannot_read_have_no_history() -> None:
    """And nothing can be said of what is changed in them."""
    damaged = read("fatal: bad object HEAD\nended 128", log="fatal: bad object HEAD\nended 128")
    assert damaged.failure == "fatal: bad object HEAD"
    corrupt = read("error: bad signature\nfatal: index file corrupt\nended 128")
    assert corrupt.failure == "error: bad signature fatal: index file corrupt"
    for one in (damaged, corrupt, Checkout(number=0, state="none")):
        assert not judged(one).has_history
        with pytest.raises(NotApplicable):
            readable([judged(one)])


def test_checkouts_hidden_are_denied() -> None:
    """Whoever may not look has found nothing."""
    hidden = [judged(Checkout(number=0, state="hidden"))]
    for ask in (must_be_seen, readable):
        with pytest.raises(Denied, match="/srv/shop may not be searched"):
            ask(hidden)


@pytest.mark.parametrize(("wanted", "enough"), [(4, True), (5, True), (6, False)])
def test_checkouts_have_as_many_commits_as_wanted(wanted: int, enough: bool) -> None:
    """A shallow clone has one."""
    assert judged(read("ended 0", head="shallow"), commits=wanted).has_history == enough


def test_checkouts_paths_that_are_not_there_are_told() -> None:
    """git says nothing of a path that it does not know."""
    assert read("ended 0", head="whole\nabsent src").absent == ("src",)


@pytest.mark.parametrize(
    "broken", [{"clean": ["/src"]}, {"clean": ["../x"]}, {"clean": ["-x"]}, {"clean": [""]}, {"commits": 0}]
)  # fmt: skip
def test_checkout_that_cannot_be_is_refused(broken: dict[str, Any]) -> None:
    """Paths lie inside of it, and are no options."""
    with pytest.raises(ValidationError):
        HostEntry(checkouts={"/srv/shop": broken})


# ---------------------------------------------------------------------- the script, on real ones


def git(place: Path, *command: str) -> None:
    subprocess.run(
        ["git", "-C", str(place), "-c", "user.name=x", "-c", "user.email=x@y", *command],
        check=True, capture_output=True,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_GLOBAL": "/dev/null"},
    )  # fmt: skip


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A checkout with six commits, in a folder with an odd name."""
    folder = tmp_path / "it's a $HOME"
    (folder / "src").mkdir(parents=True)
    git(folder, "init", "-q")
    for number in range(6):
        (folder / "src/version").write_text(f"{number}\n")
        git(folder, "add", ".")
        git(folder, "commit", "-q", "-m", f"Release {number}")
    return folder


def look(place: Path, **wanted: Any) -> Checkout:
    script = checkouts._script(HostEntry(checkouts={str(place): wanted}), {})
    assert script is not None
    done = subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, check=True,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C", "GIT_DIR": "/nowhere"},
    )  # fmt: skip
    (one,) = Checkout.parse(done.stdout)
    return one


def state(place: Path) -> dict[str, tuple[int, bytes]]:
    files = [path for path in sorted(place.rglob("*")) if path.is_file()]
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def test_checkout_script_tells_history_and_changes_and_writes_nothing(place: Path) -> None:
    """Not even the index, although a file was touched since git last looked."""
    assert look(place, commits=5) == Checkout(number=0, state="whole", commits=5)
    (place / "src/version").touch()
    (place / "src/new\nline").write_text("x")
    (place / "README").write_text("x")
    before = state(place)
    assert look(place, clean=["src"]).changed == ('?? "src/new\\nline"',)
    assert look(place, clean=["src", "gone"]).absent == ("gone",)
    assert look(place, clean=[]).changed == ()
    assert state(place) == before
    (place / "src/version").write_text("7\n")
    assert " M src/version" in look(place).changed


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("part", [".", ".git", ".git/objects"])
def test_checkout_script_tells_what_may_not_be_seen_from_what_is_not_there(
    place: Path, part: str
) -> None:
    """git takes a repository that it may not read for none."""
    (place / part).chmod(0)
    found = look(place)
    (place / part).chmod(0o700)
    assert found.state == "hidden"


def test_checkout_script_does_not_take_the_repository_above_for_it(place: Path) -> None:
    """A folder inside of another checkout is none itself."""
    assert look(place / "src").state == "none"
    assert look(place / "gone").state == "missing"


def test_checkout_script_runs_nothing_that_a_repository_names(place: Path) -> None:
    """Filters, monitors, hooks, signatures and pagers are programs of who wrote its settings."""
    ran = place.parent / "ran"
    program = place.parent / "program"
    program.write_text(f"#!/bin/sh\ntouch '{ran}'\ncat\n")
    program.chmod(0o755)
    (place / ".gitattributes").write_text("* filter=own diff=own\n")
    git(place, "add", ".gitattributes")
    git(place, "commit", "-q", "-m", "Attributes")
    for name in ("filter.own.clean", "filter.own.process", "core.fsmonitor", "gpg.program",
                 "core.pager", "diff.own.textconv", "diff.external", "filter.a b.clean"):  # fmt: skip
        git(place, "config", name, str(program))
    git(place, "config", "filter.own.required", "true")
    git(place, "config", "log.showSignature", "true")
    (place / ".git/hooks/post-index-change").write_text(program.read_text())
    (place / ".git/hooks/post-index-change").chmod(0o755)
    (place / "src/version").write_text("9\n")
    found = look(place, commits=5)
    assert not ran.exists()
    assert (found.failure, found.commits) == ("", 5)
    assert " M src/version" in found.changed


def test_checkout_script_sees_a_shallow_clone(place: Path, tmp_path: Path) -> None:
    """It has its last commit, and none before."""
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{place}", "clone")
    found = look(tmp_path / "clone")
    assert (found.state, found.commits) == ("shallow", 1)
