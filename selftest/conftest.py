"""Options of Sickbay's own tests."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--record",
        action="store_true",
        help="keep the snapshots of the detection matrix for the fast tests (lab/recordings)",
    )
