"""What cannot be seen is never healthy, says why, and costs its deadline once."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from selftest.servers import Behaviour, garbage, hang_up, nobody, served, silent

HEALTH_TESTS = Path(__file__).resolve().parents[2] / "tests"
DEADLINE = 5
KINDS = ("host", "postgres", "redis", "endpoint", "dns", "kubernetes", "aws")

INVENTORY = """
hosts:
  host: {{address: 127.0.0.1, port: {port}, user: nobody, deadline: {deadline} s}}
postgres:
  postgres: {{dsn: "postgresql://nobody@127.0.0.1:{port}/x", deadline: {deadline} s}}
redis:
  redis: {{url: "redis://127.0.0.1:{port}/0", deadline: {deadline} s}}
endpoints:
  endpoint: {{url: "https://127.0.0.1:{port}/", deadline: {deadline} s}}
dns:
  dns: {{resolver: "127.0.0.1:{port}", deadline: {deadline} s}}
clusters:
  kubernetes: {{kubeconfig: kubeconfig, deadline: {deadline} s}}
aws:
  aws: {{region: eu-west-1, endpoint_url: "http://127.0.0.1:{port}", deadline: {deadline} s}}
"""
KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: x
contexts: [{{name: x, context: {{cluster: x, user: x}}}}]
clusters: [{{name: x, cluster: {{server: "https://127.0.0.1:{port}"}}}}]
users: [{{name: x, user: {{token: nothing}}}}]
"""


@pytest.mark.parametrize(
    "behaviour",
    [None, silent, garbage, hang_up],
    ids=["refused", "silent", "garbage", "broken-off"],
)
def test_targets_that_cannot_be_seen_are_findings_and_none_passes(
    pytester: pytest.Pytester,
    behaviour: Behaviour | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """For every kind: one finding that it cannot be reached, all else skipped pointing at it."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    with nobody() if behaviour is None else served(behaviour) as port:
        values = {"port": port, "deadline": DEADLINE}
        pytester.makefile(".yaml", bad=INVENTORY.format(**values))
        (pytester.path / "kubeconfig").write_text(KUBECONFIG.format(**values))
        started = time.monotonic()
        result = pytester.runpytest_subprocess(str(HEALTH_TESTS), "--hosts=bad.yaml", "-q")
        took = time.monotonic() - started
    diagnosis = json.loads((pytester.path / "reports/latest/diagnosis.json").read_text())
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    # That its address takes connections is all that can be seen of such an endpoint, and is so.
    assert {one["symptom"] for one in diagnosis["healthy"]} <= {"endpoint.address-dead"}
    found = {(f["symptom"], f["target"]) for f in diagnosis["findings"]}
    assert found == {(f"{kind}.unreachable", kind) for kind in KINDS}
    for finding in diagnosis["findings"]:
        assert "answered" not in finding["message"].split(" is not ")[0]
        assert [c["text"] for c in finding["causes"] if c["status"] == "confirmed"], finding[
            "symptom"
        ]
    assert [n for n in diagnosis["not_evaluated"] if not n["explained_by"]] == []
    snapshot = json.loads((pytester.path / "reports/latest/snapshot.json").read_text())
    for name, target in snapshot["targets"].items():
        contact = target["state"]["contact"]
        assert contact["detail"], name
        assert contact["remedy"], (name, contact)
        assert target["state"].get("seconds", 0) < DEADLINE + 1, name
    assert took < DEADLINE + 15
    assert "Traceback" not in result.stdout.str()


def test_silent_target_costs_its_deadline_once_and_delays_no_other(
    pytester: pytest.Pytester,
) -> None:
    """Whatever is asked of it, by however many tests; the others are looked at meanwhile."""
    with served(silent) as deaf, nobody() as closed:
        pytester.makefile(
            ".yaml",
            one=f"hosts:\n  deaf: {{address: 127.0.0.1, port: {deaf}, user: nobody, deadline: 4 s}}\n"
            f'redis:\n  closed: {{url: "redis://127.0.0.1:{closed}/0", deadline: 4 s}}\n',
        )
        result = pytester.runpytest_subprocess(str(HEALTH_TESTS), "--hosts=one.yaml", "-q")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    snapshot = json.loads((pytester.path / "reports/latest/snapshot.json").read_text())
    seconds = {
        name: one["state"]["seconds"] for name, one in snapshot["targets"].items() if one["state"]
    }
    assert 2 < seconds["deaf"] < 5
    assert seconds["closed"] < 2
    took = json.loads((pytester.path / "reports/latest/diagnosis.json").read_text())["run"]
    assert took["duration_s"] < 4 + 3
