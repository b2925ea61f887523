"""Amounts as Kubernetes writes them."""

from __future__ import annotations

import time

import pytest

from sickbay.targets.kubernetes.quantity import quantity


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0), ("2", 2), ("100m", 0.1), ("1.5", 1.5), (".5", 0.5), ("2.", 2), ("1e3", 1000),
        ("1E3", 1000), ("1E", 1e18), ("64Mi", 64 * 2**20), ("16Gi", 2**34), ("1Ki", 1024),
        ("12k", 12_000), ("250u", 250e-6), ("7n", 7e-9), ("-1", -1), ("+3", 3),
    ],
)  # fmt: skip
def test_quantity_in_any_scale_is_a_number(text: str, value: float) -> None:
    """Decimal and binary suffixes, and exponents."""
    assert quantity(text) == pytest.approx(value)


@pytest.mark.parametrize(
    "text",
    ["", " ", "many", "1 Gi", "1Gib", "1gi", "1mi", "1ni", "e3", ".", "NaN", "inf", "0x10", "1_000",
     "1\n", "--1", "1e999", "9" * 400],
)  # fmt: skip
def test_quantity_that_is_none_is_refused(text: str) -> None:
    """And so is one beyond all measure, against which any use would be as nothing."""
    with pytest.raises(ValueError, match="quantity"):
        quantity(text)


def test_quantity_of_great_length_is_refused_at_once() -> None:
    """A server that means harm must not keep us busy; nor is the whole of it quoted."""
    started = time.monotonic()
    with pytest.raises(ValueError, match="not a quantity") as refused:
        quantity("1" * 100_000 + "x")
    assert time.monotonic() - started < 1
    assert len(str(refused.value)) < 100
