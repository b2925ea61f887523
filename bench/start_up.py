"""Start-up: pytest -m critical --hosts=local, whole process, against an empty pytest run.

python bench/start_up.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median

from common import Cost, pytest_cost

ROUNDS = 7


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "test_empty.py").write_text("def test_it():\n    pass\n")
        (home / "pytest.ini").write_text("[pytest]\n")
        ours: list[Cost] = []
        floor: list[Cost] = []
        for _ in range(ROUNDS):
            floor.append(pytest_cost("-q", "-p", "no:sickbay", cwd=home))
            ours.append(
                pytest_cost(
                    "-q", "-m", "critical", "--hosts=local", f"--reports-dir={home}/reports"
                )
            )
    print(f"an empty pytest run, median:              {median(c.wall for c in floor):.2f} s")
    print(
        f"pytest -m critical --hosts=local, median: {median(c.wall for c in ours):.2f} s (budget 2 s)"
    )


if __name__ == "__main__":
    main()
