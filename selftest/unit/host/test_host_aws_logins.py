"""AWS credentials of accounts: found without their secrets, and judged by what is known of them."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from selftest.unit.host.test_host_parsers import recorded, sectioned, told, value
from sickbay.errors import Denied, Unsupported
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.facts import aws_logins
from sickbay.targets.host.facts.aws_logins import (
    AwsCredentials,
    must_be_seen,
    must_tell_their_end,
    must_tell_their_keys,
    named,
    overridden,
    sessions,
    sets,
)

NOW = 1_800_000_000.0
LASTING, TEMPORARY = "AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE"
LASTING_TOLD, OTHER_TOLD, TEMPORARY_TOLD = "AKIA 4711", "AKIA 4712", "ASIA 4713"
CANARY = "canary/Secret+4711"
LOGIN = hashlib.sha1(b"ops", usedforsecurity=False).hexdigest()
EXPIRED, VALID = "2026-01-01T00:00:00Z", "2099-01-01T00:00:00Z"


def read(text: str, *, profile: str = "default") -> AwsCredentials:
    """What is made of the files of one account."""
    found = told("aws_logins", sectioned(**{"0": f"there shop {profile}\n{text}", "end": ""}))
    assert found.gap is None, found.gap
    (one,) = found.value
    assert isinstance(one, AwsCredentials)
    return one


def credentials(*lines: str, name: str = "default") -> str:
    return "\n".join(("credentials /home/shop/.aws/credentials", f"[{name}]", *lines, "cache"))


def config(*lines: str, cache: tuple[str, ...] = ()) -> str:
    return "\n".join(("config /home/shop/.aws/config", *lines, "cache", *cache))


def variables(*lines: str) -> str:
    return "\n".join(("cache", "variables /home/shop/.profile", *lines))


def pair(one: AwsCredentials) -> list[tuple[str, AwsCredentials]]:
    return [("deploy", one)]


def lacks(one: AwsCredentials) -> list[str]:
    return [row.lacks for row in sets(pair(one)) if row.lacks]


KEYS = (f"id={LASTING_TOLD}", "secret=set")
SESSION = (f"id={TEMPORARY_TOLD}", "secret=set", "token=set")


def test_aws_logins_debian_hold_a_session_and_keys() -> None:
    """Of the key only its kind and a digest."""
    role, keys = value("aws_logins.debian")
    assert (role.account, role.profile, role.way) == ("medic", "deploy", "session")
    assert role.profile_keys.expires == 4070908800
    assert (keys.way, keys.profile_keys.key[:5]) == ("keys", "AKIA ")
    assert keys.profile_keys.has_secret
    assert keys.variables == ()
    assert "FRESH" not in msgspec.json.encode([role, keys]).decode()


def test_aws_logins_that_break_off_are_unreadable() -> None:
    """What comes last goes before all else."""
    whole = recorded("aws_logins.debian")
    assert told("aws_logins", whole[: whole.index("==sickbay== end")]).gap is not None
    assert told("aws_logins", sectioned(**{"0": "there shop default", "end": ""})).gap is not None  # fmt: skip


# ---------------------------------------------------------------------- the script


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An account's home, and a getent that knows of it alone."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "getent").write_text(
        f'#!/bin/sh\n[ "$2" = shop ] && echo "shop:x:1:1::{tmp_path}/home:/bin/sh"\n'
    )
    (tools / "getent").chmod(0o755)
    (tmp_path / "home/.aws/sso/cache").mkdir(parents=True)
    (tmp_path / "home/.aws/cli/cache").mkdir(parents=True)
    return tmp_path / "home"


def printed(home: Path, **wanted: Any) -> str:
    entry = HostEntry(aws_logins={"x": {"account": "shop", **wanted}})
    script = aws_logins._script(entry, {})
    assert script is not None
    done = subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, check=True, errors="replace",
        env={"PATH": f"{home.parent}/bin:/usr/bin:/bin", "LC_ALL": "C"},
    )  # fmt: skip
    return done.stdout + done.stderr


def test_aws_script_prints_no_secret_however_it_is_written(home: Path) -> None:
    """Misplaced, quoted, doubled, commented out, broken over lines, in JSON, or beside what it belongs to."""
    (home / ".aws/credentials").write_bytes(
        f"{CANARY}\n[default] {CANARY}\naws_access_key_id = {LASTING} {CANARY}\n"
        f"aws_secret_access_key={CANARY}\n\taws_session_token =  {CANARY}\r\n"
        f"aws_secret_access_key {CANARY}\n#aws_secret_access_key = {CANARY}\n"
        f"aws_access_key_id = {CANARY}\nexpiration = {CANARY}\nsource_profile = {CANARY}\n"
        f"credential_process = get {CANARY}\nsso_session={CANARY}\n[{CANARY}\n{CANARY}]\n".encode()
        + b"\xff\x00" + CANARY.encode() + b"\n"
    )  # fmt: skip
    (home / ".aws/config").write_text(f"[profile x]\nsso_start_url = {CANARY}\nunknown = {CANARY}\n")  # fmt: skip
    (home / ".profile").write_text(
        f"export AWS_ACCESS_KEY_ID={LASTING} AWS_SECRET_ACCESS_KEY={CANARY}; AWS_SESSION_TOKEN='{CANARY}'\n"
        f'AWS_ACCESS_KEY_ID={CANARY}\nAWS_SECRET_ACCESS_KEY="\n{CANARY}"\n# AWS_SESSION_TOKEN={CANARY}\n'
        f"AWS_CREDENTIAL_EXPIRATION={CANARY}\nPASSWORD={CANARY}\nAWS_PROFILE={CANARY}\n"
    )
    (home / ".pam_environment").write_text(f"AWS_SECRET_ACCESS_KEY DEFAULT={CANARY}\n")
    for place in ("sso", "cli"):
        (home / f".aws/{place}/cache/1.json").write_text(
            f'{{"accessToken": "{CANARY}", "refreshToken": "{CANARY}", "expiresAt": "{VALID}",\n'
            f'"Credentials": {{"SecretAccessKey": "{CANARY}", "Expiration": "{CANARY}"}}}}'
        )
    out = printed(home)
    assert "anary" not in out
    assert "Secret+" not in out
    assert LASTING[4:] not in out
    assert out.count("secret=set") == 3
    assert out.count("token=set") == 2


def test_aws_script_and_parser_understand_each_other(home: Path) -> None:
    """Keys from a file, others from a login, one of an environment file."""
    (home / ".aws/credentials").write_text(
        f"[other]\naws_access_key_id={TEMPORARY}\n[ci]\n  aws_access_key_id = {LASTING}\r\n"
        "  aws_secret_access_key = x\n"
    )
    (home / ".pam_environment").write_text(f"AWS_ACCESS_KEY_ID DEFAULT={TEMPORARY}\n")
    (home / ".bashrc").write_text(
        f"#AWS_ACCESS_KEY_ID={LASTING}\nexport AWS_ACCESS_KEY_ID='{TEMPORARY}' AWS_SECRET_ACCESS_KEY=x "
        f'AWS_SESSION_TOKEN=y; export AWS_CREDENTIAL_EXPIRATION="{VALID}"\n'
    )
    (home / "deploy.env").write_text('AWS_ACCESS_KEY_ID=""\nAWS_SECRET_ACCESS_KEY=\n')
    (home / ".bash_login").write_text("export AWS_ACCESS_KEY_ID=$(pass aws/id)\n")
    out = printed(home, profile="ci", environment=[str(home / "deploy.env")])
    (one,) = told("aws_logins", out).value
    assert one.way == "keys"
    assert one.profile_keys.source == f"{home}/.aws/credentials [ci]"
    assert one.profile_keys.lacks == ""
    found = {keys.source.rpartition("/")[2]: keys for keys in one.variables}
    assert set(found) == {".pam_environment", ".bashrc", ".bash_login"}
    assert found[".pam_environment"].lacks == "secret"
    assert (found[".bashrc"].lacks, found[".bashrc"].expires) == ("", 4070908800)
    assert found[".bashrc"].key == found[".pam_environment"].key != one.profile_keys.key
    assert found[".bash_login"].key == "computed"


def test_aws_script_finds_the_login_by_its_name(home: Path) -> None:
    """The CLI names the file by a digest of the session; others in the cache are of no account."""
    (home / ".aws/config").write_text(
        '[sso-session ops]\nsso_start_url = https://x.awsapps.com/start\n[profile "ci"]\nsso_session = ops\n'
    )
    (home / f".aws/sso/cache/{LOGIN}.json").write_text(f'{{"expiresAt":"{EXPIRED}"}}')
    (home / ".aws/sso/cache/botocore-client-id.json").write_text(f'{{"expiresAt": "{VALID}"}}')
    (one,) = told("aws_logins", printed(home, profile="ci")).value
    assert one.way == "session"
    assert one.profile_keys.expires == 1767225600


def test_aws_account_that_is_not_there_has_nothing(home: Path) -> None:
    """That is a finding."""
    (one,) = told("aws_logins", printed(home, account="nobody-of-ours")).value
    assert not one.exists
    assert lacks(one) == ["account"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_aws_files_that_may_not_be_read_are_hidden(home: Path) -> None:
    """Who may not look has not found that nothing is there."""
    (home / ".aws").chmod(0)
    (one,) = told("aws_logins", printed(home)).value
    (home / ".aws").chmod(0o700)
    assert f"{home}/.aws/credentials" in one.hidden


def test_aws_hidden_files_are_denied() -> None:
    """Whatever else is known."""
    one = read("hidden /home/shop/.aws/credentials\ncache")
    with pytest.raises(Denied, match="credentials may not be read"):
        must_be_seen([one])
    must_be_seen([read(credentials(*KEYS))])


# ---------------------------------------------------------------------- how profiles come by them


@pytest.mark.parametrize(
    ("text", "way", "expires"),
    [
        (credentials(*KEYS), "keys", None),
        (credentials(*SESSION, f"expires={VALID}"), "keys", 4070908800),
        (credentials(*SESSION, "expires=2099-01-01 00:00:00"), "keys", 4070908800),
        (config("[default]", "process=set"), "process", None),
        (config("[default]", "login=set"), "login", None),
        (config("[default]", "role=set", "process=set"), "process", None),
        (config("[default]", "sso_session=ops", cache=(f'/h/.aws/sso/cache/{LOGIN}.json:"expiresAt": "2026-01-01T00:00:00UTC"',)), "session", 1767225600),
        (config("[default]", "sso_session=ops", cache=(
            f'/h/.aws/sso/cache/{LOGIN}.json:"refreshToken"', f'/h/.aws/sso/cache/{LOGIN}.json:"expiresAt": "{EXPIRED}"',
            f'/h/.aws/sso/cache/{LOGIN}.json:"registrationExpiresAt": "{VALID}"')), "session", 4070908800),
        (config("[default]", "sso_session=ops"), "session", None),
        (config("[default]", "role=set", "mfa=set", "source_profile=a", cache=(
            f'/h/.aws/cli/cache/1.json:"Expiration": "{EXPIRED}"', f'/h/.aws/cli/cache/2.json:"Expiration": "{VALID}"')), "session", 4070908800),
        (config("[default]", "role=set", "source_profile=a", "[profile a]", "process=set"), "process", None),
        (config("[default]", "role=set", "source_profile=default", *KEYS), "keys", None),
        (config("[default]", "role=set", "source_profile=gone"), "", None),
        ("cache", "", None),
    ],
)  # fmt: skip
def test_aws_profile_is_followed_to_its_keys(text: str, way: str, expires: float | None) -> None:
    """A role to its source; a login to its cache; of cached roles the longest."""
    one = read(text)
    assert one.way == way
    assert (one.profile_keys.expires if one.profile_keys else None) == expires


def test_aws_profiles_that_lead_in_a_circle_are_unreadable() -> None:
    """Two roles, each of the other."""
    text = config("[default]", "role=set", "source_profile=a", "[profile a]", "role=set", "source_profile=default")  # fmt: skip
    assert told("aws_logins", sectioned(**{"0": f"there shop default\n{text}", "end": ""})).gap is not None  # fmt: skip


# ---------------------------------------------------------------------- verdicts


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        (credentials(*KEYS), []),
        (credentials(*SESSION), []),
        (credentials(f"id={LASTING_TOLD}"), ["secret"]),
        (credentials("secret=set"), ["key id"]),
        (credentials("id=odd", "secret=set"), ["key id"]),
        (credentials(f"id={TEMPORARY_TOLD}", "secret=set"), ["session token"]),
        (variables(*KEYS), []),
        (variables("id=computed", "secret=set"), []),
        (variables(f"id={TEMPORARY_TOLD}", "secret=set"), ["session token"]),
        (variables("secret=set"), ["key id", "everything"]),
        (variables("token=set"), ["everything"]),
        (credentials(*KEYS, name="other"), ["everything"]),
        (config("[default]", "process=set"), []),
        (config("[default]", "sso_session=ops"), ["session"]),
        ("cache", ["everything"]),
    ],
)  # fmt: skip
def test_aws_sets_that_are_not_whole_say_what_they_lack(text: str, missing: list[str]) -> None:
    """Half a pair is worth nothing, and a temporary key without its token no more."""
    assert lacks(read(text)) == missing


def test_aws_sessions_in_use_are_those_of_variables_first() -> None:
    """A profile that nobody uses may have ended."""
    ended = "\n".join(credentials(*SESSION, f"expires={EXPIRED}").splitlines())
    (row,) = sessions(pair(read(ended)), NOW)
    assert row.left_seconds == 1767225600 - NOW
    both = f"{ended}\nvariables /home/shop/.profile\n" + "\n".join(KEYS)
    assert sessions(pair(read(both)), NOW) == []


def test_aws_temporary_keys_without_an_end_are_not_taken_for_valid() -> None:
    """Nobody wrote down when; keys that last need no end."""
    for text in (credentials(*SESSION), variables(*SESSION), config("[default]", "login=set")):
        with pytest.raises(Unsupported, match="nothing says when"):
            must_tell_their_end(pair(read(text)))
    for text in (credentials(*KEYS), config("[default]", "process=set"), "cache"):
        must_tell_their_end(pair(read(text)))


@pytest.mark.parametrize(
    ("profile", "given", "differs"),
    [
        (credentials(*KEYS), KEYS, [False]),
        (credentials(*KEYS), (f"id={OTHER_TOLD}", "secret=set"), [True]),
        (credentials(*KEYS), (), []),
        (credentials(*KEYS), ("secret=set",), []),
        (config("[default]", "sso_session=ops"), KEYS, [True]),
        (config("[default]", "process=set"), KEYS, [True]),
        ("cache", KEYS, [False]),
    ],
)
def test_aws_variables_override_the_profile_with_another_key(
    profile: str, given: tuple[str, ...], differs: list[bool]
) -> None:
    """The same key twice does no harm."""
    text = "\n".join((profile, "variables /home/shop/.profile", *given))
    assert [row.differs for row in overridden(pair(read(text)))] == differs


def test_aws_key_that_only_a_shell_knows_is_not_taken_for_the_same() -> None:
    """It may be another one."""
    with pytest.raises(Unsupported, match="computed"):
        must_tell_their_keys(pair(read(variables("id=computed", "secret=set"))))
    must_tell_their_keys(pair(read(variables(*KEYS))))


def test_aws_logins_are_named_as_declared() -> None:
    """In the inventory's order."""
    entry = HostEntry(aws_logins={"a": {"account": "x"}, "b": {"account": "y"}})
    found = (read("cache"), read(credentials(*KEYS)))
    assert [(name, one.way) for name, one in named(entry, found)] == [("a", ""), ("b", "keys")]


@pytest.mark.parametrize(
    "broken",
    [{"account": "$(x)"}, {"account": "-x"}, {"profile": "a\nb"}, {"profile": "-x"}, {"environment": ["x"]}, {"profile": "$x"}],
)  # fmt: skip
def test_aws_declaration_that_cannot_be_is_refused(broken: dict[str, Any]) -> None:
    """Words that a shell would take for something else are no names."""
    with pytest.raises(ValidationError):
        HostEntry(aws_logins={"x": {"account": "shop", **broken}})
