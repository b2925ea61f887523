"""The options as a user meets them: what pytest prints, its exit code, and that nothing was contacted."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

USAGE = pytest.ExitCode.USAGE_ERROR
HEALTH = '''
"""A team's own health tests."""
from sickbay.judge import worst
from sickbay.symptoms import symptom


@symptom("host.disk-filling", severity="critical", layer="infra")
def test_room(filesystems, limits):
    """Writes fail once a file system is full."""
    assert worst(filesystems, "used_fraction") < limits.disk_used


@symptom("host.unreachable", severity="critical", layer="infra")
def test_answers(contact):
    """Nothing can be seen of a host that does not answer."""
    assert contact.outcome == "answered"

'''
OF_WAIVERS = Path(__file__).parents[2] / "tests" / "infra" / "test_inventory.py"
WAIVER = "{symptom: %s, target: %s, reason: booked, owner: ops, until: %s}"


@pytest.fixture
def site(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with health tests and a folder for inventories."""
    pytester.makepyfile(test_health=HEALTH)
    pytester.mkdir("inventories")
    (pytester.mkdir("infra") / OF_WAIVERS.name).write_bytes(OF_WAIVERS.read_bytes())
    return pytester


def inventory(site: pytest.Pytester, text: str, name: str = "prod") -> None:
    (site.path / "inventories" / f"{name}.yaml").write_text(text)


def said(result: pytest.RunResult) -> str:
    return "\n".join([*result.outlines, *result.errlines])


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A port on loopback that notices whoever comes."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        yield server


def test_help_teaches_the_options_in_one_group(site: pytest.Pytester) -> None:
    """With examples, beside testinfra's own --hosts."""
    result = site.runpytest("--help")
    group = said(result).partition("sickbay: infrastructure health")[2].partition("\n\n")[0]
    for part in ("--hosts=NAME", "local", "ssh://user@host:22", "--limit='db*,!db2'", "--deadline=90s",
                 "--active", "--replay=reports/latest/snapshot.json", "--reports-dir", "--history"):  # fmt: skip
        assert part in group


def test_inventory_with_errors_is_told_whole_and_contacts_nothing(
    site: pytest.Pytester, listener: socket.socket
) -> None:
    """Exit code 4, one line each, no traceback."""
    inventory(
        site,
        f"""\
hosts:
  app1: {{adress: 127.0.0.1, port: {listener.getsockname()[1]}}}
  app2: {{address: "${{NOT_SET_A}}", runs_on: ap1}}
redis:
  cache: {{url: {{command: touch ran}}, port: "${{NOT_SET_B}}"}}
""",
    )
    result = site.runpytest("--hosts=prod")
    assert result.ret == USAGE
    told = said(result)
    for line in (
        "inventories/prod.yaml:2: hosts.app1.adress: unknown key; did you mean 'address'?",
        "inventories/prod.yaml:3: hosts.app2.runs_on: 'ap1' is no target of this inventory",
        "inventories/prod.yaml:3: the variable NOT_SET_A is not set",
        "inventories/prod.yaml:5: redis.cache.port: unknown key",
        "inventories/prod.yaml:5: the variable NOT_SET_B is not set",
    ):
        assert line in told
    assert "Traceback" not in told
    assert "INTERNALERROR" not in told
    assert not list(site.path.rglob("ran"))
    with pytest.raises(TimeoutError):
        listener.accept()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--hosts=prd"], "there is no inventory named 'prd'; did you mean 'prod'?"),
        (["--hosts=none.yaml"], "none.yaml:1: cannot be read"),
        (["--hosts=sssh://x"], "unknown connection 'sssh'; did you mean 'ssh'?"),
        (["--hosts=inventories/prod.yaml", "--limit=ap1"], "did you mean 'app1'?"),
        (["--limit=!local"], "leaves no target"),
        (["--deadline=soon"], "--deadline: expected a duration such as"),
        (["--deadline=0"], "--deadline: has to be more than nothing"),
        (["--replay=none.json"], "--replay: there is no snapshot at"),
        (["--replay=test_health.py"], "not a snapshot that can be replayed"),
        (["--replay=x.json", "--hosts=prod"], "--replay brings its own inventory"),
        (["--reports-dir=test_health.py"], "--reports-dir: test_health.py is not a directory"),
        (["--history=none"], "--history: there is no directory none"),
        (["--connection=ssh"], "--connection=ssh needs hosts"),
    ],
)
def test_unusable_option_is_wrong_usage(
    site: pytest.Pytester, options: list[str], expected: str
) -> None:
    """Exit code 4 and one line that says what to do."""
    inventory(site, "hosts: {app1: {connection: local}}\n")
    result = site.runpytest(*options)
    assert result.ret == USAGE
    assert expected in said(result)
    assert "Traceback" not in said(result)


def test_no_hosts_is_this_machine(site: pytest.Pytester) -> None:
    """And --hosts=local is the same, without any file."""
    for options in ([], ["--hosts=local"]):
        result = site.runpytest(*options, "--collect-only", "-q")
        assert result.ret == 0
        assert "test_health.py::test_room[local]" in said(result)


def test_foreign_local_inventory_does_not_disturb_other_tests(site: pytest.Pytester) -> None:
    """Someone's Ansible file of that name is none of our business until asked for."""
    inventory(site, "all: {hosts: {x: {}}}\n", "local")
    site.makepyfile(test_health="def test_other(): pass")
    assert site.runpytest().ret == 0
    assert site.runpytest("--hosts=local").ret == USAGE


def test_limit_and_mixture_choose_targets(site: pytest.Pytester) -> None:
    """Names, tags and ! over an inventory and single hosts."""
    inventory(site, "hosts: {app1: {tags: [web]}, db1: {}, db2: {}}\n")
    result = site.runpytest(
        "--hosts=prod,docker://box,local", "--limit=web,db*,box,!db2", "--co", "-q", "-k", "room"
    )
    collected = re.findall(r"test_room\[(.*)\]", said(result))
    assert sorted(collected) == ["app1", "box", "db1"]


def test_connection_makes_bare_names_hosts(site: pytest.Pytester) -> None:
    """testinfra's --connection keeps its meaning."""
    result = site.runpytest("--hosts=one,two", "--connection=docker", "--co", "-q", "-k", "room")
    assert re.findall(r"test_room\[(.*)\]", said(result)) == ["one", "two"]


def test_testinfra_hosts_of_a_module_are_used(site: pytest.Pytester) -> None:
    """Where --hosts is not given; an unusable one is wrong usage, not a crash."""
    site.makepyfile(test_theirs="testinfra_hosts = ['docker://box']\ndef test_it(host): pass\n")
    result = site.runpytest("test_theirs.py", "--co", "-q")
    assert "test_theirs.py::test_it[box]" in said(result)
    site.makepyfile(test_theirs="testinfra_hosts = ['dokcer://box']\ndef test_it(host): pass\n")
    result = site.runpytest("test_theirs.py", "--co", "-q")
    assert result.ret != 0
    assert "did you mean 'docker'?" in said(result)
    assert "INTERNALERROR" not in said(result)


def test_markers_select_and_strict_markers_hold(site: pytest.Pytester) -> None:
    """Severities and layers, alone and together."""
    for expression, number in [
        ("critical", 2),
        ("minor", 0),
        ("critical and aws", 0),
        ("infra", 2),
    ]:
        result = site.runpytest("--strict-markers", "--co", "-q", "-m", expression)
        assert len(re.findall(r"::test_\w+\[local\]", said(result))) == number


def test_waivers_active_expired_and_idle(site: pytest.Pytester) -> None:
    """Tolerated while it holds, a finding afterwards, and told where it speaks of nothing."""
    waivers = [
        WAIVER % ("host.disk-filling", "here", "2099-01-01"),
        WAIVER % ("host.other", "here", "2001-01-01"),
        WAIVER % ("host.disk-filling", "hre", "2099-01-01"),
    ]
    inventory(
        site,
        "limits: {disk_used: 0.001 %}\nhosts: {here: {connection: local}}\nwaivers:\n"
        + "".join(f"  - {waiver}\n" for waiver in waivers),
    )
    result = site.runpytest("--hosts=prod")
    result.assert_outcomes(passed=1, failed=1, xfailed=1)
    told = said(result)
    assert "inventories/prod.yaml:6: this waiver matches no target" in told
    assert "did you mean 'here'?" in told
    diagnosis = json.loads((site.path / "reports/latest/diagnosis.json").read_text())
    assert diagnosis["summary"]["waived"] == 1
    (expired,) = [f for f in diagnosis["findings"] if f["symptom"] == "inventory.waiver-expired"]
    assert expired["target"] == "waivers"
    assert len(expired["evidence"]) == 1


def test_replay_gives_the_same_findings_from_file_or_folder(site: pytest.Pytester) -> None:
    """Contacting nothing; the inventory comes with the snapshot."""
    inventory(site, "limits: {disk_used: 0.001 %}\nhosts: {here: {connection: local}}\n")
    site.runpytest("--hosts=prod").assert_outcomes(failed=1, passed=1)
    (site.path / "inventories/prod.yaml").unlink()
    for given in ("reports/latest/snapshot.json", "reports/latest"):
        site.runpytest(f"--replay={given}", "--reports-dir=other").assert_outcomes(
            failed=1, passed=1
        )


def test_secrets_are_shown_nowhere(site: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in collection, nor in a traceback with its locals, nor in any file of the reports."""
    monkeypatch.setenv("MY_DSN", "postgresql://app:canary-11111@127.0.0.1:1/x")
    monkeypatch.setenv("MY_TOKEN", "canary-22222")
    inventory(
        site,
        """\
hosts:
  here: {connection: local, tags: ["${MY_TOKEN}"]}
postgres:
  main: {dsn: "${MY_DSN}", runs_on: here}
redis:
  cache: {url: "redis://:canary-33333@127.0.0.1:1"}
endpoints:
  api: {url: "http://127.0.0.1:1", headers: {Authorization: Bearer canary-44444}}
""",
    )
    site.makepyfile(
        test_boom="""
from sickbay.symptoms import symptom

@symptom("postgres.boom", severity="minor", layer="services")
def test_postgres(target, declared, limits):
    "Breaks."
    raise RuntimeError("boom")

@symptom("endpoint.boom", severity="minor", layer="services")
def test_endpoint(target, declared, limits):
    "Breaks."
    secret = declared.headers
    raise RuntimeError("boom")
"""
    )
    for options in (["--collect-only"], ["-l", "-vv"], ["--tb=long", "-l", "-rA", "-n", "2"]):
        result = site.runpytest("--hosts=prod", "--limit=!cache", *options)
        assert "canary" not in said(result)
    assert "a secret stands in the file" in said(result)
    files = [path for path in Path(site.path / "reports").rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert b"canary" not in path.read_bytes(), path
