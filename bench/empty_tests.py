"""The test phase of real health tests against the same number of empty pytest tests.

    python bench/empty_tests.py INVENTORY

Observes the inventory once, then replays that snapshot.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from statistics import median

from common import pytest_cost, seconds_in_summary

ROUNDS = 5


def main() -> None:
    inventory = sys.argv[1] if len(sys.argv) > 1 else "local"
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        pytest_cost("-q", f"--hosts={inventory}", f"--reports-dir={home}/seen")
        snapshot = (home / "seen/latest/snapshot.json").rename(home / "snapshot.json")
        summary = json.loads((home / "seen/latest/diagnosis.json").read_text())["summary"]
        tests = sum(summary[k] for k in ("evaluated", "not_applicable", "not_evaluated"))
        (home / "pytest.ini").write_text("[pytest]\n")
        (home / "test_empty.py").write_text(
            f"import pytest\n@pytest.mark.parametrize('n', range({tests}))\ndef test_it(n):\n    pass\n"
        )
        quiet = ("-q", "--no-header", "-p", "no:cacheprovider")
        ratios = []
        for _ in range(ROUNDS):
            floor = pytest_cost(*quiet, "test_empty.py", "-p", "no:sickbay", cwd=home)
            ours = pytest_cost(*quiet, f"--replay={snapshot}", f"--reports-dir={home}/again")
            ratios.append(seconds_in_summary(ours.output) / seconds_in_summary(floor.output))
            print(f"{tests} empty tests  {floor}\n{tests} health tests {ours}")
    print(f"ratio of pytest's own figures, median of {ROUNDS}: {median(ratios):.2f}")


if __name__ == "__main__":
    main()
