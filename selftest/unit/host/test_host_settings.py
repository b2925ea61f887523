"""Settings files: formats, what is kept of them, what is wanted of them, and programs' own checks."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from selftest.unit.host.test_host_parsers import recorded, sectioned, told, value
from sickbay.errors import NotApplicable
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.facts import settings
from sickbay.targets.host.facts.settings import SettingsCheck, SettingsFile, wrong_settings


def _run(script: str | None) -> str:
    assert script is not None
    return subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout


def _read(path: Path, text: str, **declared: Any) -> SettingsFile:
    path.write_text(text)
    entry = HostEntry(settings={str(path): declared})
    (one,) = SettingsFile.parse(_run(settings._script(entry, {})))
    return one


TEXTS = {
    "toml": '[server]\nport = 8000\ntags = ["a", "b"]\nlive = true\ntoken = "canary"\n',
    "yaml": "server:\n  port: 8000\n  tags: [a, b]\n  live: true\n  token: canary\n",
    "json": '{"server": {"port": 8000, "tags": ["a", "b"], "live": true, "token": "canary"}}',
    "ini": "[server]\nport = 8000\ntags.1 = b\nlive = true\ntoken = canary\n",
    "env": "# server\nserver.port=8000\nexport server.tags.1='b'\nserver.live=true\nserver.token=canary",
}


@pytest.mark.parametrize("format_", TEXTS)
def test_settings_of_every_format_give_the_declared_keys(tmp_path: Path, format_: str) -> None:
    """Of a secret only that it is set, and of all else nothing."""
    keys = {"server.port": 8000, "server.tags.1": "b", "server.live": True, "server.none": 1}
    one = _read(
        tmp_path / "x", TEXTS[format_], format=format_, keys={**keys, "server.token": "set"}
    )
    assert one.error == ""
    assert one.values == {
        "server.port": "8000", "server.tags.1": "b", "server.live": "true", "server.token": "set",
    }  # fmt: skip
    assert one.cores == os.cpu_count()


@pytest.mark.parametrize(
    ("format_", "text", "error"),
    [
        ("toml", '[a]\nsecret = "canary\n', "at line 2"),
        ("toml", "[a]\n[a]\n", "twice"),
        ("toml", "x = 1\nx = 2\n", "overwrite"),
        ("yaml", "a: [canary\nb: }", "at line 2"),
        ("yaml", "a: \x07", "not YAML"),
        ("yaml", "a: !!python/object:os.system canary", "at line 1"),
        ("json", '{"a": canary}', "at line 1"),
        ("json", "[" * 100_000, "not JSON"),
        ("ini", "canary\n[a]\n", "at line 1"),
        ("ini", "[a]\n = canary\n", "at line 2"),
        ("env", "A=1\ncanary\n", "at line 2"),
        ("env", "A='canary\n", "at line 1"),
    ],
)
def test_settings_that_are_malformed_say_where_and_quote_nothing(
    tmp_path: Path, format_: str, text: str, error: str
) -> None:
    """What stands in the line may be a secret."""
    one = _read(tmp_path / "x", text, format=format_, keys={"a": 1})
    assert error in one.error
    assert "canary" not in one.error
    assert one.values == {}


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n"])
@pytest.mark.parametrize("format_", ["toml", "yaml", "ini", "env"])
def test_settings_that_are_empty_have_no_keys(tmp_path: Path, format_: str, text: str) -> None:
    """That is no error of the file, and a wanted key is found missing."""
    one = _read(tmp_path / "x", text, format=format_, keys={"a": 1})
    assert (one.error, one.values) == ("", {})
    entry = HostEntry(settings={one.path: {"keys": {"a": 1}}})
    assert [wrong.found for wrong in wrong_settings(entry, (one,))] == [None]


def test_settings_that_are_missing_hidden_or_large_are_told_apart(tmp_path: Path) -> None:
    """None of them reads as well."""
    (tmp_path / "large.toml").write_text("#" * (settings.LARGEST + 1))
    (tmp_path / "folder.toml").mkdir()
    names = ["large.toml", "folder.toml", "missing.toml"]
    entry = HostEntry(settings={str(tmp_path / name): {} for name in names})
    found = SettingsFile.parse(_run(settings._script(entry, {})))
    assert [one.state for one in found] == ["large", "hidden", "missing"]


def test_settings_keys_outside_their_tables_are_strays(tmp_path: Path) -> None:
    """At the top level, and in lists of tables too."""
    text = "port = 1\n[server]\nport = 2\n[[peers]]\nport = 3\n[last]\nport = 4\n"
    one = _read(tmp_path / "x.toml", text, only_in={"port": ["server", "peers"]})
    assert one.strays == ("port", "last.port")
    top = _read(tmp_path / "x.toml", "port = 1\n[server]\n", only_in={"port": [""]})
    assert top.strays == ()


def _wrong(wanted: Any, found: str | None) -> bool:
    one = SettingsFile(
        path="/x", state="read", values={} if found is None else {"k": found},
        cores=4, memory_mb=2000,
    )  # fmt: skip
    entry = HostEntry(settings={"/x": {"advised": {"k": wanted}}})
    with pytest.raises(NotApplicable):
        wrong_settings(entry, (one,))
    return wrong_settings(entry, (one,), advised=True) != ()


@pytest.mark.parametrize(
    ("wanted", "found", "wrong"),
    [
        (8000, "8000", False),
        (8000, "8001", True),
        (True, "true", False),
        (True, "false", True),
        ("cores", "4", False),
        ("cores", "5", True),
        ("encores", "encores", False),
        ("<= 75", "75.0", False),
        ("<= 75", "75.1", True),
        ("<= 75", "four", True),
        (["<= 2048", "<= memory_mb"], "2000", False),
        (["<= 2048", "<= memory_mb"], "2001", True),
        ("<= 75", None, True),
    ],
)
def test_settings_are_held_against_values_bounds_and_the_host(
    wanted: Any, found: str | None, wrong: bool
) -> None:
    """Up to the border, and a word of the host stands alone."""
    assert _wrong(wanted, found) is wrong


def test_settings_debian_are_as_the_lab_wants_them() -> None:
    """A recorded answer; its token is not kept."""
    (one,) = value("settings_files.debian")
    assert one.values["server.port"] == "8000"
    assert "canary" in recorded("settings_files.debian")
    assert "canary" not in repr(one)


# ---------------------------------------------------------------------- checks


def _check(command: str, **more: Any) -> SettingsCheck:
    entry = HostEntry(settings={"/x.toml": {"check": {"command": command, **more}}})
    (one,) = SettingsCheck.parse(_run(settings._checks(entry, {})))
    return one


@pytest.mark.parametrize(
    ("command", "outcome", "said"),
    [
        ("true", "accepted", ""),
        ("echo 'a b'; echo c >&2; exit 3", "refused", "a b c"),
        ("no-such-program", "not-run", "sh: 1: no-such-program: not found"),
        ("printf '\\r\\n==sickbay== end\\n'; exit 1", "refused", "==sickbay== end"),
        ("kill -9 $$", "endless", ""),
    ],
)
def test_settings_check_ends_as_its_program_says(command: str, outcome: str, said: str) -> None:
    """In one line, whatever it prints."""
    one = _check(command)
    assert (one.outcome, one.said.removeprefix("Killed").strip()) == (outcome, said)


def test_settings_check_runs_in_its_directory(tmp_path: Path) -> None:
    """Which has to be there."""
    assert _check("pwd; false", directory=str(tmp_path)).said == str(tmp_path)
    assert _check("true", directory="/no/such").outcome == "refused"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can run a check as another account")
def test_settings_check_runs_as_its_account() -> None:
    """And says where there is none of the name."""
    assert _check("id -un; false", account="nobody").said == "nobody"
    assert _check("true", account="no-such-account").outcome == "no-account"


@pytest.mark.parametrize("raw", ["garbage", sectioned(asked="{}", host="4\nMemTotal: 1 kB")])
def test_settings_that_break_off_are_unreadable(raw: str) -> None:
    """Never read as nothing wrong."""
    for name in ("settings_files", "settings_checks"):
        gap = told(name, raw).gap
        assert gap is not None
        assert gap.reason == "unreadable"
