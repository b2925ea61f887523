"""What --hosts and --limit mean, testinfra's host specs and options included."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sickbay.errors import UsageError
from sickbay.inventory.host import HostEntry
from sickbay.inventory.hostspec import HostOptions
from sickbay.inventory.select import Selector, narrowed
from sickbay.inventory.targets import Inventory

PROD = """\
hosts:
  app1: {tags: [web]}
  db1: {tags: [data], user: own, sudo: false}
  db2: {tags: [data]}
endpoints:
  api: {url: "https://api.example.com", runs_on: app1}
waivers:
  - {symptom: host.x, target: db1, reason: r, owner: o, until: 2099-01-01}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one inventory, as the current folder."""
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "inventories"
    home.mkdir()
    (home / "prod.yaml").write_text(PROD)
    return home


def chosen(spec: str | None, folder: Path | None = None, **options: object) -> Inventory:
    folders = [folder] if folder else []
    return Selector(folders, HostOptions(**options)).inventory(spec)  # type: ignore[arg-type]


def only_host(inventory: Inventory) -> tuple[str, dict[str, object]]:
    """The name of the one target and the keys that its entry was given."""
    (target,) = inventory.targets.values()
    return target.name, target.entry.model_dump(exclude_unset=True)


@pytest.mark.parametrize("spec", [None, "local", "local://"])
def test_hosts_local_needs_no_file(spec: str | None) -> None:
    """This machine is always there."""
    assert only_host(chosen(spec)) == ("local", {"connection": "local"})


def test_hosts_local_may_be_refined_by_a_file(folder: Path) -> None:
    """For what has to run on this machine."""
    (folder / "local.yaml").write_text("hosts: {local: {connection: local, units: [cron]}}\n")
    for spec in (None, "local"):
        assert only_host(chosen(spec, folder))[1]["units"] == {"cron": {}}


def test_hosts_unasked_foreign_local_file_is_left_out_with_a_warning(folder: Path) -> None:
    """A project whose inventories/local.yaml is Ansible's can still run its own tests."""
    (folder / "local.yaml").write_text("all: {hosts: {localhost: {}}}\n")
    inventory = chosen(None, folder)
    assert only_host(inventory)[0] == "local"
    assert "looks like an Ansible inventory" in inventory.warnings[0]
    with pytest.raises(UsageError, match="Ansible"):
        chosen("local", folder)


def test_hosts_inventory_by_name_and_by_path(folder: Path) -> None:
    """By name from the folders, by path from where one stands."""
    for spec in ("prod", "inventories/prod.yaml", str(folder / "prod.yaml")):
        assert set(chosen(spec, folder).targets) == {"app1", "db1", "db2", "api", "waivers"}


def test_hosts_unknown_name_tells_the_nearest_and_where_was_looked(folder: Path) -> None:
    """A typo is told with what there is."""
    with pytest.raises(UsageError) as caught:
        chosen("prd", folder)
    said = str(caught.value)
    assert "there is no inventory named 'prd'; did you mean 'prod'?" in said
    assert f"looked in {folder}; found local, prod" in said


@pytest.mark.parametrize(
    ("spec", "name", "keys"),
    [
        ("ssh://web", "web", {"connection": "ssh", "address": "web"}),
        (
            "ssh://me@web:2222",
            "web:2222",
            {"connection": "ssh", "address": "web", "port": 2222, "user": "me"},
        ),
        (
            "paramiko://me@[fe80::1]:22?sudo=true&ssh_identity_file=/k",
            "fe80::1",
            {
                "connection": "ssh",
                "address": "fe80::1",
                "port": 22,
                "user": "me",
                "identity_file": "/k",
                "sudo": True,
            },
        ),
        ("docker://root@web", "web", {"connection": "docker://root@web"}),
        ("podman://web", "web", {"connection": "podman://web"}),
        (
            "kubectl://pod?namespace=shop&container=c",
            "pod",
            {"connection": "kubectl://pod?namespace=shop&container=c"},
        ),
        ("chroot:///srv/root", "/srv/root", {"connection": "chroot:///srv/root"}),
    ],
)
def test_hosts_testinfra_spec_becomes_a_host(spec: str, name: str, keys: dict[str, object]) -> None:
    """SSH in any of its spellings is an ordinary entry; everything else stays a spec."""
    assert only_host(chosen(spec)) == (name, keys)


def test_hosts_spec_with_a_password_shows_it_nowhere() -> None:
    """It is kept for the login and known to the redaction."""
    inventory = chosen("paramiko://me:canary-1@web")
    target = inventory.targets["web"]
    assert isinstance(target.entry, HostEntry)
    assert target.entry.connection == "paramiko://me:canary-1@web"
    assert "canary" not in repr(inventory) + repr(target.entry) + inventory.name
    assert any("canary-1" in secret for secret in inventory.secrets)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("sssh://web", "unknown connection 'sssh'; did you mean 'ssh'?"),
        ("ssh://", "names no host"),
        ("ssh://web:port", "port"),
        ("docker://", "names no host"),
        (",", "name an inventory"),
        ("nothere.yaml", "cannot be read"),
        ("a/b", "cannot be read"),
    ],
)
def test_hosts_unusable_spec_says_why(spec: str, expected: str, folder: Path) -> None:
    """In one line, without a traceback."""
    with pytest.raises(UsageError) as caught:
        chosen(spec, folder)
    assert expected in str(caught.value)


def test_hosts_mixture_joins_all(folder: Path) -> None:
    """Inventories, local and hosts beside one another; the same part twice counts once."""
    inventory = chosen("prod,local,ssh://x,local", folder)
    assert set(inventory.targets) == {"app1", "db1", "db2", "api", "waivers", "local", "x"}
    assert len(inventory.waivers) == 1


def test_hosts_mixture_with_a_name_twice_says_where(folder: Path) -> None:
    """Names are unique over all that a run looks at."""
    with pytest.raises(UsageError, match="prod and db1 both have a target named 'db1'"):
        chosen("prod,ssh://db1", folder)


def test_hosts_with_connection_bare_names_are_hosts(folder: Path) -> None:
    """As testinfra has it; paths of inventories and local stay what they are."""
    inventory = chosen("prod,web,local,/srv/root", folder, connection="docker")
    connections = {t.name: t.entry.connection for t in inventory.targets.values()}  # type: ignore[attr-defined]
    assert connections == {
        "prod": "docker://prod",
        "web": "docker://web",
        "local": "local",
        "/srv/root": "docker:///srv/root",
    }
    assert "app1" in chosen("inventories/prod.yaml", folder, connection="docker").targets


def test_hosts_with_connection_and_no_names_says_what_is_missing() -> None:
    """--connection=ssh alone names nobody."""
    with pytest.raises(UsageError, match="--connection=ssh needs hosts"):
        chosen(None, connection="ssh")


def test_hosts_testinfra_options_hold_where_a_host_does_not_say_otherwise(folder: Path) -> None:
    """--sudo and --ssh-identity-file are defaults, for entries and specs alike."""
    inventory = chosen("prod,ssh://x", folder, sudo=True, ssh_identity_file="/k", ssh_config="/c")
    entries = {name: inventory.targets[name].entry for name in ("app1", "db1", "x")}
    assert [entry.sudo for entry in entries.values()] == [True, False, True]  # type: ignore[attr-defined]
    assert {entry.identity_file for entry in entries.values()} == {"/k"}  # type: ignore[attr-defined]
    assert {entry.ssh_config for entry in entries.values()} == {"/c"}  # type: ignore[attr-defined]


ANSIBLE = {
    "_meta": {
        "hostvars": {
            "web1": {"ansible_host": "10.0.0.1", "ansible_user": "me", "ansible_port": 2200},
            "web2": {"ansible_connection": "local"},
            "win": {"ansible_connection": "winrm"},
        }
    },
    "all": {"children": ["ungrouped", "web"]},
    "web": {"hosts": ["web1", "web2", "win"]},
}


@pytest.fixture
def ansible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An ``ansible-inventory`` on the path that answers as the real one does."""
    command = tmp_path / "bin" / "ansible-inventory"
    command.parent.mkdir()
    command.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(ANSIBLE)}\nEND\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}:/usr/bin:/bin")
    return str(tmp_path / "hosts.ini")


@pytest.mark.parametrize("spec", ["ansible://web", "ansible://all"])
def test_hosts_ansible_group_expands_to_its_hosts(spec: str, ansible: str) -> None:
    """Each by its own variables: SSH and local as ours, the rest through Ansible itself."""
    inventory = chosen(spec, ansible_inventory=ansible)
    given = {t.name: t.entry.model_dump(exclude_unset=True) for t in inventory.targets.values()}
    assert given["web1"] == {
        "connection": "ssh",
        "address": "10.0.0.1",
        "port": 2200,
        "user": "me",
    }
    assert given["web2"] == {"connection": "local"}
    assert str(given["win"]["connection"]).startswith("ansible://win?ansible_inventory=")


def test_hosts_ansible_without_ansible_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ansible is asked for its inventory; where it is not installed that is the error."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="ansible-inventory is not on the PATH"):
        chosen("ansible://web", ansible_inventory=str(tmp_path / "none.ini"))


# ---------------------------------------------------------------------- --limit


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("db1", {"db1"}),
        ("data", {"db1", "db2"}),
        ("host", {"app1", "db1", "db2"}),
        ("endpoints", {"api"}),
        ("db*", {"db1", "db2"}),
        ("db*,!db2", {"db1"}),
        ("!host,!waivers", {"api"}),
        (" web , api ", {"app1", "api"}),
        ("d[b]1", {"db1"}),
    ],
)
def test_limit_narrows_to_names_tags_kinds_and_globs(
    folder: Path, expression: str, expected: set[str]
) -> None:
    """And ! takes away."""
    assert narrowed(chosen("prod", folder), expression).chosen == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("dbb1", "'dbb1' matches no name, tag or kind; did you mean 'db"),
        ("nothing-like-it", "there are api, app1, data"),
        ("!nope", "'nope' matches no name"),
        ("db1,!db1", "leaves no target"),
        (",", "name targets, tags, kinds or globs"),
        ("!", "name targets, tags, kinds or globs"),
    ],
)
def test_limit_that_matches_nothing_is_wrong_usage(
    folder: Path, expression: str, expected: str
) -> None:
    """An empty run would look healthy."""
    with pytest.raises(UsageError) as caught:
        narrowed(chosen("prod", folder), expression)
    assert expected in str(caught.value)
