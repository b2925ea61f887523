"""The published JSON Schema of diagnosis.json: ``python -m sickbay.reports.schema [FILE]``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec

from sickbay.diagnosis import FORMAT, Diagnosis

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """The schema as plain data. Further keys may come; a change of meaning raises ``schema_version``."""
    return {
        "$schema": _DIALECT,
        "title": f"Sickbay's diagnosis.json, format {FORMAT}",
        **msgspec.json.schema(Diagnosis),
    }


def text() -> str:
    """The schema as it is published."""
    return msgspec.json.format(msgspec.json.encode(schema()), indent=1).decode() + "\n"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text(), encoding="utf-8")
    else:
        sys.stdout.write(text())
