"""`sickbay grants`: what an inventory's targets need, and nothing that it does not ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from sickbay import cli
from sickbay.grants import sudoers
from sickbay.targets.host.script import AS_READER

INVENTORY = """\
hosts:
  web: {user: deploy, units: [nginx], files: {/etc/web.conf: {rights: "640"}}}
  here: {connection: local}
postgres:
  main: {dsn: "postgresql://h/x"}
redis:
  cache: {url: "redis://h"}
clusters:
  shop: {certificates: [shop/api-tls]}
aws:
  account: {region: eu-central-1}
endpoints:
  page: {url: "https://h/", runs_on: shop}
"""


@pytest.fixture
def path(tmp_path: Path) -> str:
    """An inventory with every kind."""
    file = tmp_path / "prod.yaml"
    file.write_text(INVENTORY)
    return str(file)


def _printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert cli.main(["grants", *arguments]) == 0
    return capsys.readouterr().out


def test_grants_name_what_each_kind_of_target_needs(
    path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the words of the place that they are written in."""
    out = _printed(capsys, path)
    for expected in (
        "usermod -aG adm,systemd-journal deploy",
        f"deploy ALL=(root) NOPASSWD: /usr/bin/{AS_READER} sh -s *".replace("all,", "all\\,"),
        "GRANT pg_monitor TO ROLE;",
        "ACL SETUSER USER on ~* -@all +",
        'apiGroups: ["metrics.k8s.io"], resources: [nodes], verbs: [list]',
        "rule of a Role in shop",
        "resourceNames: [api-tls], verbs: [get]",
        "cloudformation:DescribeStacks",
        "a login is enough",
    ):
        assert expected in out
    assert "page" not in out


def test_grants_of_a_host_are_for_what_is_declared(
    path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What nobody asks for needs no right; a host that is not logged in to needs none at all."""
    out = _printed(capsys, path, "--limit=web")
    assert "found_files" in out
    assert "backups" not in out
    assert "main" not in out
    assert "sudoers" not in _printed(capsys, path, "--limit=here")


def test_grants_for_a_severity_are_fewer(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As with pytest -m critical."""
    everything, critical = _printed(capsys, path), _printed(capsys, path, "--severity=critical")
    assert len(critical) < len(everything)


def test_grants_of_an_unknown_inventory_are_wrong_usage(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One line, as with --hosts."""
    assert cli.main(["grants", "prdo"]) == cli.USAGE
    assert "there is no inventory named 'prdo'" in capsys.readouterr().err


@pytest.mark.parametrize("everything", [True, False])
def test_sudoers_line_escapes_what_sudo_takes_apart(everything: bool) -> None:
    """A comma would begin another command (sudoers(5))."""
    line = sudoers("me", everything=everything)
    command = line.partition("NOPASSWD: ")[2]
    assert "," not in command.replace("\\,", "")
    assert command.endswith("sh -s *")
