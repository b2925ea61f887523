"""Regular expressions in an inventory."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"expected a regular expression, not {text!r}: {error}") from None
    return text


Pattern = Annotated[str, AfterValidator(_pattern)]
"""A regular expression in Python's syntax that can be compiled."""
