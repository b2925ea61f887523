"""Amounts as Kubernetes writes them: ``100m``, ``64Mi``, ``2``, ``1e3``."""

from __future__ import annotations

import math
import re
from functools import lru_cache

_SCALE = {
    "": 1.0, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15,
    "E": 1e18, "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50,
    "Ei": 2.0**60,
}  # fmt: skip
_FORM = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)([numkMGTPE]i?|Ki|)")


@lru_cache(4096)
def quantity(text: str) -> float:
    """A quantity as a number of its unit: cores, bytes, objects. ValueError where it is none.

    Source: Kubernetes API reference, resource.Quantity.
    """
    found = _FORM.fullmatch(text)
    scale = _SCALE.get(found[2]) if found else None
    if found is None or scale is None:
        raise ValueError(f"not a quantity: {text[:40]!r}")
    number = float(found[1]) * scale
    if not math.isfinite(number):  # would make any share of it, or of what holds it, senseless
        raise ValueError(f"a quantity beyond all measure: {text[:40]!r}")
    return number
