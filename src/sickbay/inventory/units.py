"""Quantities as people write them: ``85 %``, ``5 min``, ``10 GiB``; and back again for reports."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, WithJsonSchema

Unit = Literal["fraction", "seconds", "bytes", "count", "per_second", "ratio"]

_DURATIONS = {
    "ms": 0.001, "s": 1.0, "sec": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0,
    "day": 86400.0, "days": 86400.0, "w": 604800.0, "week": 604800.0, "weeks": 604800.0,
}  # fmt: skip
_SIZES = {
    "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
    "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40,
    "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
}  # fmt: skip
_QUANTITY = re.compile(r"^\s*(-?\d+(?:\.\d+)?)\s*([A-Za-z%/]*)\s*$")


def parse_fraction(value: object) -> float:
    """``"85 %"`` or ``0.85`` as 0.85."""
    number, unit = _split(value, "a share such as 85 % or 0.85")
    if unit not in {"", "%"} or number < 0:
        raise ValueError(f"expected a share such as 85 % or 0.85, not {value!r}")
    if unit == "" and number > 1:
        raise ValueError(f"expected a share such as {number:g} % (or 0.85), not {value!r}")
    return number / 100 if unit == "%" else number


def parse_duration(value: object) -> float:
    """``"5 min"``, ``"90 s"``, ``"30 d"`` or plain seconds, as seconds."""
    return _scaled(value, _DURATIONS, "a duration such as 90 s, 5 min, 2 h or 30 d")


def parse_size(value: object) -> float:
    """``"10 GiB"``, ``"500M"`` (binary), ``"5 MB"`` (decimal) or plain bytes, as bytes."""
    return _scaled(value, _SIZES, "a size such as 500 MiB, 10 GiB or 5 GB")


def parse_rate(value: object) -> float:
    """``"5 /s"``, ``"10 /min"`` or a plain number per second, as a number per second."""
    number, unit = _split(value, "a rate such as 5 /s or 10 /min")
    per = {"": 1.0, "/s": 1.0, "/min": 60.0, "/h": 3600.0}.get(unit)
    if per is None or number < 0:
        raise ValueError(f"expected a rate such as 5 /s or 10 /min, not {value!r}")
    return number / per


def _scaled(value: object, scale: dict[str, Any], expected: str) -> float:
    number, unit = _split(value, expected)
    factor = scale.get(unit.lower()) if unit else 1
    if factor is None or number < 0:
        raise ValueError(f"expected {expected}, not {value!r}")
    return float(number * factor)


def _split(value: object, expected: str) -> tuple[float, str]:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"expected {expected}, not {value!r}")  # noqa: TRY004 (pydantic's contract)
    matched = _QUANTITY.match(str(value))
    if matched is None:
        raise ValueError(f"expected {expected}, not {value!r}")
    return float(matched[1]), matched[2]


def _quantity(unit: Unit, parse: Callable[[object], float], examples: list[str]) -> tuple[Any, ...]:
    schema = {"anyOf": [{"type": "number"}, {"type": "string"}], "examples": examples}
    return (BeforeValidator(parse), WithJsonSchema(schema), unit)


Fraction = Annotated[float, *_quantity("fraction", parse_fraction, ["85 %"])]
Duration = Annotated[float, *_quantity("seconds", parse_duration, ["90 s", "5 min", "30 d"])]
Size = Annotated[float, *_quantity("bytes", parse_size, ["500 MiB", "10 GiB"])]
Rate = Annotated[float, *_quantity("per_second", parse_rate, ["5 /s", "10 /min"])]
Count = Annotated[int, "count"]
Ratio = Annotated[float, "ratio"]
"""A plain factor, such as load per core."""


def show(value: float, unit: Unit | None) -> str:
    """A value in the unit that people expect to read it in."""
    if unit == "fraction":
        return f"{_short(value * 100)} %"
    if unit == "seconds":
        return _show_duration(value)
    if unit == "bytes":
        return _show_size(value)
    if unit == "per_second":
        return f"{_short(value)} /s"
    return _short(value)


def _short(value: float) -> str:
    text = f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004 (digits)
    return text if float(text) == value else f"{value:.4g}"


def _show_duration(seconds: float) -> str:
    sign, seconds = ("-" if seconds < 0 else ""), abs(seconds)
    for name, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length or (seconds >= length and seconds % length == 0):
            return f"{sign}{_short(round(seconds / length, 1))} {name}"
    if 0 < seconds < 1:
        return f"{sign}{_short(seconds * 1000)} ms"
    return f"{sign}{_short(round(seconds, 2))} s"


def _show_size(size: float) -> str:
    for name, length in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if abs(size) >= length:
            return (
                f"{size / length:.3g} {name}"
                if abs(size) < 1000 * length
                else f"{size / length:.0f} {name}"
            )
    return f"{size:.0f} B"
