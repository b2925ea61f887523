"""The worlds of the lab: running systems with an inventory, each opened by its name."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.world import World


def opened(name: str) -> AbstractContextManager[World]:
    """The world of that name, running for as long as the block lasts.

    A world's module is imported when it is wanted: what one needs (root, Go, an extra) must not
    keep the others from running.
    """
    if name == "cluster":
        from lab.worlds import cluster  # noqa: PLC0415

        return cluster.opened()
    if name == "hosts":
        from lab.worlds import hosts  # noqa: PLC0415

        return hosts.opened()
    if name == "aws":
        from lab.worlds import aws  # noqa: PLC0415

        return aws.opened()
    raise LookupError(f"there is no world {name!r}")
