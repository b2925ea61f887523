"""app1's checkout of the shop, which belongs to the account that deploys."""

from __future__ import annotations

from pathlib import Path

from lab.shell import run

PLACE = "/srv/checkout"
COMMITS = 6


def prepare(root: Path) -> None:
    """A repository with some commits, and nothing that is not committed."""
    run("chroot", str(root), "install", "-d", "-o", "shop", PLACE)
    run(
        "chroot", str(root), "su", "-s", "/bin/sh", "shop", "-c",
        f"cd {PLACE} && git init -q . && git config user.name shop && git config user.email shop@app1.lab && mkdir src\n"
        f'for n in $(seq {COMMITS}); do echo $n >src/version; git add src; git commit -qm "Release $n"; done',
    )  # fmt: skip
