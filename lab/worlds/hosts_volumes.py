"""app1's declared mounts and swap: a spool in memory, and a swap file that a view shows as on."""

from __future__ import annotations

from pathlib import Path

SPOOL = "/srv/spool"
SWAP_FILE = "/swapfile"
SIZE = 1_000_004 * 1024
SWAPS = f"Filename\tType\tSize\tUsed\tPriority\n{SWAP_FILE}\tfile\t1000000\t0\t-2"
"""A container cannot switch swap on, and shows that of the machine that it runs on."""


def prepare(root: Path) -> None:
    """Lay them out; systemd mounts the spool at boot."""
    (root / SPOOL[1:]).mkdir()
    file = root / SWAP_FILE[1:]
    with file.open("wb") as swap:
        swap.truncate(SIZE)
    file.chmod(0o600)
    with (root / "etc/fstab").open("a") as table:
        table.write(f"spool {SPOOL} tmpfs size=1m 0 0\n{SWAP_FILE} none swap sw 0 0\n")
