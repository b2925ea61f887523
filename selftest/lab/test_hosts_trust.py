"""The suite on real hosts and databases: hands off, one login, no secrets, nothing green unseen."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.faults.hosts.disks import disk_full_ends_the_shop_and_the_proxy_has_nobody_to_ask
from lab.world import ROOT, World
from lab.worlds.hosts import Hosts

pytestmark = [
    pytest.mark.parametrize("world", ["hosts"], indirect=True),
    pytest.mark.xdist_group("hosts-trust"),
]
_TREE = (
    "find / /var/log /var/tmp /var/lib/shop /tmp /run -xdev "
    "\\( -path /proc -o -path /sys -o -path /run/host \\) -prune -o "
    "-printf '%p %y %s %m %U:%G %T@ %C@\\n' | sort -u"
)
_LOGINS = re.compile(
    r"/(var/log|run/log)(/journal(/.*)?|/wtmp|/lastlog|/btmp|/sudo\S*|/auth\.log|/nginx(/.*)?)?"
    r"|/run/(utmp|sudo(/.*)?|user(/.*)?|systemd(/.*)?|udev(/.*)?|chrony(/.*)?|mount(/.*)?|lock|dbus(/.*)?)?"
    r"|/var/lib/(postgresql|redis|chrony|fail2ban|systemd|private)(/.*)?|/var/log/postgresql(/.*)?|/var/log/redis(/.*)?"
    r"|/run/postgresql(/.*)?|/run/lab-zone-\w+(/.*)?|/run/motd\.dynamic|/tmp|/home/medic/\.cache(/.*)?|/run"
)
"""What a login itself, and servers at work on their own, leave: the login's records, their own data."""
_READS = re.compile(
    r"(SELECT|SHOW|WITH)\b(?!.*\bINTO\b)|BEGIN\b.*READ ONLY|COMMIT|ROLLBACK|"
    r"SET (SESSION|LOCAL)?\s*\w*(timeout|application_name|transaction\w*|CHARACTERISTICS.*READ ONLY)",
    re.IGNORECASE | re.DOTALL,
)
_REDIS_READS = frozenset(
    ("AUTH", "CLIENT", "HELLO", "INFO", "LLEN", "PING", "SELECT", "SLOWLOG", "XLEN", "ZCARD")
)
_EXISTING = """
def test_nginx_runs(host):
    assert host.service("nginx").is_running if host.backend.get_hostname() == "app1" else True

def test_host_has_a_name(host):
    assert host.file("/etc/hostname").content_string.strip() in ("app1", "db1")

def test_ssh_listens(host):
    assert host.socket("tcp://22").is_listening
"""


def _hosts(world: World) -> Hosts:
    hosts = world.parts["hosts"]
    assert isinstance(hosts, Hosts)
    return hosts


def _changes(before: str, after: str) -> list[str]:
    paths = {line.split(" ")[0] for line in set(before.splitlines()) ^ set(after.splitlines())}
    return sorted(path for path in paths if not _LOGINS.fullmatch(path))


def test_run_on_hosts_leaves_no_file_changed(world: World) -> None:
    """Neither content nor times of any file change, but for what every login and server writes."""
    hosts = _hosts(world)
    before = [machine.run(_TREE) for machine in (hosts.app1, hosts.db1)]
    assert world.diagnose().exit_code == pytest.ExitCode.OK
    after = [machine.run(_TREE) for machine in (hosts.app1, hosts.db1)]
    assert [_changes(*pair) for pair in zip(before, after, strict=True)] == [[], []]
    assert len(before[0].splitlines()) > 5000


def test_run_on_postgres_sends_only_reads(world: World) -> None:
    """The server's own log of statements knows nothing else from us."""
    log = "/var/log/postgresql/postgresql-15-main.log"
    size = _hosts(world).db1.run(f"stat -c %s {log}").strip()
    assert world.diagnose().exit_code == pytest.ExitCode.OK
    lines = _hosts(world).db1.run(f"tail -c +{int(size) + 1} {log}")
    said = re.split(r"^sickbay@shop LOG:\s+", lines, flags=re.MULTILINE)[1:]
    statements = [re.sub(r"^(statement|execute \S+): ", "", one).strip() for one in said]
    statements = [one for one in statements if not one.startswith("connection")]
    assert len(statements) > 5
    assert [one for one in statements if not _READS.match(one)] == []


def test_run_on_redis_sends_only_reads(world: World) -> None:
    """MONITOR sees no command from us that changes anything."""
    hosts = _hosts(world)
    cli = f"redis-cli --no-auth-warning -a {hosts.passwords['redis']}"
    hosts.db1.run(
        f"systemd-run -q --collect --unit=monitor sh -c '{cli} monitor >/run/monitor'; sleep 0.3"
    )
    try:
        assert world.diagnose().exit_code == pytest.ExitCode.OK
    finally:
        seen = hosts.db1.run("systemctl stop monitor; cat /run/monitor; rm /run/monitor")
    ours = [line for line in seen.splitlines() if "192.0.2.1:" in line]
    words = {match[1].upper() for line in ours if (match := re.search(r'\] "(\w+)"', line))}
    assert "INFO" in words
    assert words - _REDIS_READS == set()


def test_existing_testinfra_module_beside_ours_shares_one_login(
    world: World, tmp_path: Path
) -> None:
    """Unchanged tests of testinfra run against the inventory; sshd counts one login per host in all."""
    (tmp_path / "test_existing.py").write_text(_EXISTING)
    hosts = _hosts(world)
    count = "journalctl -u ssh -o cat | grep -c '^Accepted publickey for medic' || :"
    before = [int(machine.run(count)) for machine in (hosts.app1, hosts.db1)]
    outcome = world.diagnose("tests", str(tmp_path / "test_existing.py"))
    after = [int(machine.run(count)) for machine in (hosts.app1, hosts.db1)]
    assert outcome.exit_code == pytest.ExitCode.OK, outcome.output
    assert outcome.diagnosis["summary"]["findings"] == 0
    assert [now - then for then, now in zip(before, after, strict=True)] == [1, 1], outcome.output


def test_run_on_several_workers_logs_in_once_and_leaves_one_diagnosis(world: World) -> None:
    """With -n 3 one worker looks and all judge."""
    hosts = _hosts(world)
    count = "journalctl -u ssh -o cat | grep -c '^Accepted publickey for medic' || :"
    before = int(hosts.app1.run(count))
    outcome = world.diagnose("-n", "3", "tests")
    assert int(hosts.app1.run(count)) - before == 1
    assert outcome.exit_code == pytest.ExitCode.OK, outcome.output
    alone = world.diagnose()
    assert outcome.diagnosis["summary"] == alone.diagnosis["summary"]


@contextmanager
def _processes() -> Iterator[set[str]]:
    """The command lines and environments' names of all processes that are seen meanwhile."""
    seen: set[str] = set()
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            done = subprocess.run(
                ["ps", "-eww", "-o", "args="], capture_output=True, text=True, check=False
            )
            seen.update(done.stdout.splitlines())
            time.sleep(0.05)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def test_secrets_on_every_way_appear_nowhere(world: World) -> None:
    """Not from DSN and URL, headers, environments of processes, log lines or pages: in no report,
    no output and no command line.
    """
    hosts = _hosts(world)
    canaries = {
        "a log line": "c4n4ry-of-a-log-line",
        "a URL in a log line": "c4n4ry-of-a-url",
        "an environment": "c4n4ry-of-an-environment",
        "a header": "c4n4ry-of-a-header",
    }
    secrets = {**canaries, **{f"the password of {k}": v for k, v in hosts.passwords.items()}}
    settings = (
        "[Service]\nEnvironment=API_TOKEN=c4n4ry-of-an-environment\nExecStart=\n"
        'ExecStart=/bin/sh -c "echo password=c4n4ry-of-a-log-line postgresql://app:c4n4ry-of-a-url@db/x; exit 3"\n'
    )
    inventory = world.inventory.with_name("leaks.yaml")
    inventory.write_text(
        world.inventory.read_text().replace(
            "    url: https://app1.lab/page\n",
            '    url: https://app1.lab/page\n    headers: {Authorization: "Bearer ${CANARY}"}\n',
        )
    )
    leaky = World(
        world.name,
        inventory,
        world.parts,
        {**world.environ, "CANARY": "c4n4ry-of-a-header"},
        world.prefix,
    )
    hosts.unit(hosts.app1, "shop-app", settings)
    hosts.site(page='return 500 "you sent $http_authorization";')
    try:
        with _processes() as seen:
            outcome = leaky.diagnose("-v", "--showlocals")
    finally:
        hosts.unit(hosts.app1, "shop-app")
        hosts.site()
    assert outcome.exit_code == pytest.ExitCode.TESTS_FAILED
    assert "you sent" in json.dumps(outcome.diagnosis)
    places = {
        **outcome.files,
        "the output": outcome.output.encode(),
        "a command line": "\n".join(seen).encode(),
    }
    leaks = [
        (what, place)
        for what, secret in secrets.items()
        for place, content in places.items()
        if secret.encode() in content
    ]
    assert leaks == []


def test_role_without_rights_hides_nothing_behind_green(world: World) -> None:
    """What a plain role may not see is not evaluated, and says what to grant."""
    hosts = _hosts(world)
    blind = World(
        world.name,
        world.inventory,
        world.parts,
        {**world.environ, "LAB_DSN": hosts.dsn("blind")},
        world.prefix,
    )
    outcome = blind.diagnose("--limit", "main")
    unseen = {one["symptom"]: one for one in outcome.diagnosis["not_evaluated"]}
    assert outcome.exit_code == pytest.ExitCode.TESTS_FAILED
    assert {one["reason"] for one in unseen.values()} == {"denied"}
    assert "postgres.idle-sessions" in unseen
    assert all("pg_monitor" in one["remedy"] for one in unseen.values()), unseen
    assert "GRANT pg_monitor" in outcome.output


def test_missing_tool_hides_only_what_needs_it(world: World) -> None:
    """Without df nothing is said of file systems, and all else is."""
    hosts = _hosts(world)
    hosts.db1.run("mv /usr/bin/df /root/df")
    try:
        outcome = world.diagnose("--limit", "db1")
    finally:
        hosts.db1.run("mv /root/df /usr/bin/df")
    unseen = {one["symptom"]: one["reason"] for one in outcome.diagnosis["not_evaluated"]}
    assert set(unseen) == {"host.disk-filling", "host.inodes-short", "host.filesystem-read-only"}
    assert set(unseen.values()) == {"unsupported"}
    assert outcome.diagnosis["summary"]["healthy"] > 5


def test_chain_of_three_is_told_as_one_story(world: World, tmp_path: Path) -> None:
    """Disk full on the host, so the unit failed, so the endpoint says 502: one root, and a replay agrees."""
    with disk_full_ends_the_shop_and_the_proxy_has_nobody_to_ask.applied(world.parts):
        outcome = world.diagnose()
    (root,) = outcome.diagnosis["roots"]
    assert (root["symptom"], root["target"]) == ("host.disk-filling", "app1")
    told = [(one["symptom"], one["target"]) for one in root["explains"]]
    chain = [("host.unit-failed", "app1"), ("endpoint.server-error", "shop")]
    assert [one for one in told if one in chain] == chain
    shown = outcome.output
    assert shown.index("host.disk-filling on app1") < shown.index("host.unit-failed on app1")
    assert shown.index("host.unit-failed on app1") < shown.index("endpoint.server-error on shop")

    snapshot = tmp_path / "snapshot.json"
    snapshot.write_bytes(outcome.snapshot)
    # Outside of the lab's network, where nothing of it can be contacted.
    replayed = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests",
            f"--replay={snapshot}", f"--reports-dir={tmp_path / 'reports'}",
        ],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert replayed.returncode == pytest.ExitCode.TESTS_FAILED, replayed.stdout
    again = json.loads((tmp_path / "reports/latest/diagnosis.json").read_text())
    for part in ("roots", "findings", "not_evaluated", "summary"):
        assert again[part] == outcome.diagnosis[part], part
