"""app1's checkout has lost its history, or was changed in place."""

from __future__ import annotations

from collections.abc import Iterator

from lab.fault import fault
from lab.machines import Machine
from lab.worlds.hosts_checkouts import PLACE

_SIGNAL = "claude-projects-api:escalation/history-readable"


@fault(
    "host.checkout-history-unreadable",
    on="app1",
    cause="there is no repository: it was copied or unpacked without .git, or is elsewhere",
    proves=[_SIGNAL],
)
def checkout_was_copied_without_its_repository(app1: Machine) -> Iterator[None]:
    """Only the files were brought here."""
    app1.run(f"mv {PLACE}/.git /root/git")
    yield
    app1.run(f"mv /root/git {PLACE}/.git")


@fault(
    "host.checkout-history-unreadable",
    on="app1",
    cause="git cannot read the repository: it is damaged, or empty",
    proves=[_SIGNAL],
)
def objects_of_the_repository_are_lost(app1: Machine) -> Iterator[None]:
    """The disk was full while they were written."""
    app1.run(f"mv {PLACE}/.git/objects /root/objects; mkdir {PLACE}/.git/objects")
    yield
    app1.run(f"rmdir {PLACE}/.git/objects; mv /root/objects {PLACE}/.git/objects")


@fault(
    "host.checkout-history-unreadable",
    on="app1",
    cause="it was cloned without its history",
    proves=[_SIGNAL],
)
def checkout_is_a_shallow_clone(app1: Machine) -> Iterator[None]:
    """As a CI job clones it: the last commit alone."""
    app1.run(
        f"mv {PLACE} {PLACE}.whole; install -d -o shop -g shop {PLACE}\n"
        f"su -s /bin/sh shop -c 'git clone -q --depth 1 file://{PLACE}.whole {PLACE}'"
    )
    yield
    app1.run(f"rm -rf {PLACE}; mv {PLACE}.whole {PLACE}")


@fault(
    "host.checkout-changed",
    on="app1",
    cause="files were changed in place and not committed",
    proves=[_SIGNAL],
)
def source_was_changed_in_place(app1: Machine) -> Iterator[None]:
    """Somebody corrected it on the machine."""
    app1.run(f"cp -p {PLACE}/src/version /root/version; echo 7 >{PLACE}/src/version")
    yield
    app1.run(f"mv /root/version {PLACE}/src/version")


@fault(
    "host.checkout-changed",
    on="app1",
    cause="files were added that git does not know of",
    proves=[_SIGNAL],
)
def source_was_added_in_place(app1: Machine) -> Iterator[None]:
    """A file was tried out, and left."""
    app1.run(f"touch {PLACE}/src/tried")
    yield
    app1.run(f"rm {PLACE}/src/tried")


@fault("host.checkout-changed", on="app1", cause="what has to be clean is not there")
def source_was_deleted(app1: Machine) -> Iterator[None]:
    """The folder is gone from the checkout."""
    app1.run(f"mv {PLACE}/src /root/src")
    yield
    app1.run(f"mv /root/src {PLACE}/src")
