"""The AWS credentials of app1's medic have ended, are not whole, or come from two sources."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager

from lab.fault import fault
from lab.machines import Machine
from lab.worlds.hosts_aws import CACHE, HOME, SECRET, SESSION_KEY, STALE_KEY, session

_PROFILE = f"{HOME}/.profile"


def _write_session(app1: Machine, text: str) -> None:
    app1.run(f"cat >{CACHE} <<'END'\n{text}\nEND")


@contextmanager
def _exported(app1: Machine, *variables: str) -> Iterator[None]:
    """Let the account's login set variables."""
    app1.run(f"cp -p {_PROFILE} /root/profile; echo 'export {' '.join(variables)}' >>{_PROFILE}")
    yield
    app1.run(f"mv /root/profile {_PROFILE}")


@fault(
    "host.aws-credentials-expired",
    on="app1",
    cause="the session has ended",
    proves=["claude-projects-api:signature-mismatch/credentials-not-expired"],
)
def session_has_ended(app1: Machine) -> Iterator[None]:
    """The role's session ended an hour ago."""
    _write_session(app1, session(dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)))
    yield
    _write_session(app1, session())


@fault("host.aws-credentials-expired", on="app1", cause="the session ends soon")
def session_ends_soon(app1: Machine) -> Iterator[None]:
    """It has five minutes left, and a deployment takes longer."""
    _write_session(app1, session(dt.datetime.now(dt.UTC) + dt.timedelta(minutes=5)))
    yield
    _write_session(app1, session())


@fault(
    "host.aws-credentials-incomplete",
    on="app1",
    cause="a temporary key stands without its session token",
    also=["host.aws-credentials-disagree@app1"],
    proves=["claude-projects-api:signature-mismatch/credential-set-complete"],
)
def temporary_key_was_set_without_its_token(app1: Machine) -> Iterator[None]:
    """Two of three variables were copied into the login."""
    with _exported(app1, f"AWS_ACCESS_KEY_ID={SESSION_KEY}", f"AWS_SECRET_ACCESS_KEY={SECRET}"):
        yield


@fault(
    "host.aws-credentials-incomplete",
    on="app1",
    cause="a key's id stands without its secret, or a secret without an id",
    proves=["claude-projects-api:signature-mismatch/credential-set-complete"],
)
def secret_was_lost(app1: Machine) -> Iterator[None]:
    """The credentials file was cleaned of secrets, and deployed so."""
    file = f"{HOME}/.aws/credentials"
    app1.run(f"cp -p {file} /root/credentials; sed -i /secret/d {file}")
    yield
    app1.run(f"mv /root/credentials {file}")


@fault(
    "host.aws-credentials-incomplete",
    on="app1",
    cause="nothing gives the account credentials for the profile",
)
def account_was_never_configured(app1: Machine) -> Iterator[None]:
    """The machine was made anew, and nobody ran aws configure."""
    app1.run(f"mv {HOME}/.aws /root/aws")
    yield
    app1.run(f"mv /root/aws {HOME}/.aws")


@fault("host.aws-credentials-incomplete", on="app1", cause="nobody has logged in for the profile")
def nobody_has_logged_in(app1: Machine) -> Iterator[None]:
    """The role wants a second factor, and nobody has given it yet."""
    app1.run(f"mv {CACHE} /root/session")
    yield
    app1.run(f"mv /root/session {CACHE}")


@fault(
    "host.aws-credentials-disagree",
    on="app1",
    cause="a file sets AWS_ACCESS_KEY_ID to another key than the profile's",
    proves=["claude-projects-api:signature-mismatch/credential-sources-agree"],
)
def stale_key_is_exported(app1: Machine) -> Iterator[None]:
    """The credentials file was renewed, and the login still sets last year's key."""
    with _exported(app1, f"AWS_ACCESS_KEY_ID={STALE_KEY}", f"AWS_SECRET_ACCESS_KEY={SECRET}"):
        yield
