"""1,000 replayed targets with 60 checks each, against as many empty parametrised tests.

python bench/replayed_targets.py [TARGETS]
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from common import pytest_cost, seconds_in_summary

CHECKS = 60
ILL_EVERY = 50
"""One target in so many has a full disk, so that findings cost what they cost."""

HEALTH_TEST = '''
@symptom("host.bench-{n}", severity="critical", layer="infra")
def test_check_{n}(filesystems, limits):
    """File systems have room."""
    assert worst(filesystems, "used_fraction") < limits.disk_used
'''
EMPTY_TEST = """
@pytest.mark.parametrize("target", range({targets}))
def test_check_{n}(target):
    pass
"""


def main() -> None:
    targets = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "pytest.ini").write_text("[pytest]\n")
        (home / "test_ours.py").write_text(
            "from sickbay.judge import worst\nfrom sickbay.symptoms import symptom\n"
            + "".join(HEALTH_TEST.format(n=n) for n in range(CHECKS))
        )
        (home / "test_empty.py").write_text(
            "import pytest\n"
            + "".join(EMPTY_TEST.format(n=n, targets=targets) for n in range(CHECKS))
        )
        _snapshot(home, targets)
        quiet = ("-q", "--no-header", "-p", "no:cacheprovider")
        floor = pytest_cost(*quiet, "test_empty.py", "-p", "no:sickbay", cwd=home)
        ours = pytest_cost(*quiet, "test_ours.py", "--replay=snapshot.json", cwd=home)
    ratio = seconds_in_summary(ours.output) / seconds_in_summary(floor.output)
    print(f"{targets} targets, {CHECKS} checks each")
    print(f"empty tests  {floor}")
    print(f"health tests {ours}")
    print(
        f"ratio of pytest's own figures {ratio:.2f} (budget 1.5), peak {ours.peak:.0f} MiB (budget 1024)"
    )


def _snapshot(home: Path, targets: int) -> None:
    """A snapshot of many hosts, some of them ill, as a run would have left it."""
    (home / "inventory.yaml").write_text("hosts:\n  seed: {connection: local}\n")
    pytest_cost("-q", "test_ours.py", "--hosts=inventory.yaml", "--reports-dir=seed", cwd=home)
    saved = json.loads((home / "seed/latest/snapshot.json").read_text())
    seed = saved["targets"].pop("seed")
    state = seed["state"]
    for number in range(targets):
        used = 95 if number % ILL_EVERY == 0 else 40
        rows = [
            {
                **state["facts"]["filesystems"]["value"][0],
                "mount": f"/data{disk}",
                "size": 100,
                "used": used,
                "available": 100 - used,
            }
            for disk in range(5)
        ]
        facts = {"filesystems": {"value": rows}}
        saved["targets"][f"host{number:04}"] = {**seed, "state": {**state, "facts": facts}}
    (home / "snapshot.json").write_text(json.dumps(saved))


if __name__ == "__main__":
    main()
