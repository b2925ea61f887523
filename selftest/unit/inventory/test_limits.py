"""Limits: every one has a unit and a meaning of its own; quantities are read as people write them."""

from __future__ import annotations

import pickle

import pytest

from sickbay.inventory.limits import Limit, resolve
from sickbay.inventory.model import SECTIONS, SharedLimits
from sickbay.inventory.schema import known_limits, limits_of
from sickbay.inventory.units import (
    parse_duration,
    parse_fraction,
    parse_rate,
    parse_size,
    show,
)

LIMITS = list(known_limits())


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_limit_has_unit_meaning_and_a_default_that_reads_back(limit: object) -> None:
    """What the report and the editor show; the unit comes from the annotation."""
    kind = limits_of(limit.section)  # type: ignore[attr-defined]
    name = limit.name  # type: ignore[attr-defined]
    assert kind.unit_of(name)
    assert len(limit.meaning) > 5  # type: ignore[attr-defined]
    again = kind.model_validate({name: limit.default})  # type: ignore[attr-defined]
    assert getattr(again, name) == pytest.approx(getattr(kind(), name))


def test_limit_names_are_unique_over_all_kinds() -> None:
    """The shared section could not tell two of one name apart."""
    names = [limit.name for limit in LIMITS]
    assert sorted(set(names)) == sorted(names)
    assert set(SharedLimits.model_fields) == set(names)


def test_limits_of_every_section_are_part_of_the_shared_ones() -> None:
    """A new kind must not be forgotten."""
    assert all(issubclass(SharedLimits, limits_of(section)) for section in SECTIONS)


def test_resolve_prefers_own_then_shared_then_default() -> None:
    """Each value says where it came from."""
    kind = limits_of("hosts")
    (name, *_) = kind.model_fields
    said, other = kind.model_validate({name: 0.5}), SharedLimits.model_validate({name: 0.6})

    def told(own: object, shared: object) -> tuple[float, str]:
        limit = getattr(resolve(own, shared, lambda _: "own:1", lambda _: "shared:2"), name)  # type: ignore[type-var]
        return float(limit), limit.source

    assert told(said, other) == (0.5, "own:1")
    assert told(kind(), other) == (0.6, "shared:2")
    assert told(kind(), SharedLimits())[1] == "default"


def test_limit_survives_pickling() -> None:
    """Workers of pytest-xdist hand limits on."""
    limit = pickle.loads(pickle.dumps(Limit(0.5, name="x", unit="fraction", source="f:1")))
    assert (limit, limit.name, limit.unit, limit.source) == (0.5, "x", "fraction", "f:1")
    assert str(limit) == "50 %"


@pytest.mark.parametrize(
    ("parse", "written", "value"),
    [
        (parse_fraction, "85 %", 0.85),
        (parse_fraction, "85%", 0.85),
        (parse_fraction, 0.85, 0.85),
        (parse_fraction, "150 %", 1.5),
        (parse_duration, "90 s", 90),
        (parse_duration, "5min", 300),
        (parse_duration, "250 ms", 0.25),
        (parse_duration, "30 d", 2_592_000),
        (parse_duration, 7, 7),
        (parse_size, "10 GiB", 10 * 2**30),
        (parse_size, "500M", 500 * 2**20),
        (parse_size, "5 MB", 5_000_000),
        (parse_rate, "5 /s", 5),
        (parse_rate, "30 /min", 0.5),
    ],
)
def test_quantity_as_people_write_it_is_read(parse: object, written: object, value: float) -> None:
    """With or without a space, plain numbers in the base unit."""
    assert parse(written) == pytest.approx(value)  # type: ignore[operator]


@pytest.mark.parametrize("parse", [parse_fraction, parse_duration, parse_size, parse_rate])
@pytest.mark.parametrize("written", ["", "many", "5 parsecs", "-1", "1e400 x", None, True, [1], {}])
def test_quantity_that_is_none_is_refused_with_an_example(parse: object, written: object) -> None:
    """The message shows how it is written."""
    with pytest.raises(ValueError, match=r"expected a .* such as"):
        parse(written)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.8512, "fraction", "85.12 %"),
        (0, "seconds", "0 s"),
        (0.25, "seconds", "250 ms"),
        (90, "seconds", "90 s"),
        (2_592_000, "seconds", "30 d"),
        (-86400, "seconds", "-1 d"),
        (10 * 2**30, "bytes", "10 GiB"),
        (5, "per_second", "5 /s"),
        (3, "count", "3"),
    ],
)
def test_show_value_in_the_unit_people_expect(value: float, unit: str, shown: str) -> None:
    """As reports print it."""
    assert show(value, unit) == shown  # type: ignore[arg-type]
