"""Declared checkouts: work trees of git, whose history can be read and that nobody has changed."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from sickbay.inventory.base import Part


def _inside(value: str) -> str:
    if not value.isprintable() or value.startswith(("/", "-")) or ".." in value.split("/"):
        raise ValueError(f"expected a path inside of the checkout such as src, not {value!r}")
    return value


class DeclaredCheckout(Part):
    """What a work tree of git has to be like."""

    commits: int = Field(
        1, description="commits that its log has to tell of, at least", ge=1, le=100
    )
    clean: tuple[Annotated[str, Field(min_length=1), AfterValidator(_inside)], ...] = Field(
        (".",),
        description="paths inside of it, below which there is nothing that is not committed",
        examples=[["src", "package.json"]],
    )
