"""Keep what is slow to make (a Debian tree, compiled servers) between runs, outside the checkout."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path


class Unavailable(RuntimeError):
    """A part of the lab cannot be had on this machine; the message says what is missing."""


def cache_root() -> Path:
    """The lab's cache: ``$SICKBAY_LAB_CACHE``, else ``sickbay-lab`` in the user's cache directory."""
    if chosen := os.environ.get("SICKBAY_LAB_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sickbay-lab"


def cached(
    name: str, recipe: str, build: Callable[[Path], None], works: Callable[[Path], bool]
) -> Path:
    """The directory that ``build`` fills, made once per ``recipe`` and made again when it is broken.

    ``recipe`` is all that the content depends on (versions, package lists, source text). ``build``
    fills an empty directory; only a complete one is kept. ``works`` is a quick test of a kept
    directory: where it says no, the directory is thrown away and built anew. Two processes that ask
    at once build once.
    """
    root = cache_root()
    root.mkdir(parents=True, exist_ok=True)
    kept = root / f"{name}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if kept.is_dir() and works(kept):
            return kept
        for stale in root.glob(f"{name}-*"):
            shutil.rmtree(stale, ignore_errors=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=root))
        fresh.chmod(0o755)
        try:
            build(fresh)
            if not works(fresh):
                raise RuntimeError(f"the lab built {name} but it does not work: see {root}")
            fresh.rename(kept)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return kept
