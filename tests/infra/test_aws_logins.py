"""AWS credentials of the accounts that deploy: valid for a while, whole, and from one source."""

from __future__ import annotations

from datetime import datetime

from sickbay.inventory.host import HostEntry, HostLimits
from sickbay.judge import least, offenders
from sickbay.symptoms import symptom
from sickbay.targets.host.facts.aws_logins import (
    AwsCredentials,
    Incomplete,
    must_be_seen,
    must_tell_their_end,
    must_tell_their_keys,
    named,
    overridden,
    sessions,
    sets,
)

Found = tuple[AwsCredentials, ...]


@symptom(
    "host.aws-credentials-expired",
    severity="major",
    signals=["claude-projects-api:signature-mismatch/credentials-not-expired"],
    explained_by=["host.clock-off"],
)
def test_aws_logins_stay_valid_for_a_while(
    aws_logins: Found, declared: HostEntry, limits: HostLimits, now: datetime
) -> None:
    """AWS refuses a deployment whose session has ended, or ends while it is under way."""
    must_be_seen(aws_logins)
    pairs = named(declared, aws_logins)
    ends = sessions(pairs, now.timestamp())
    if not ends:
        must_tell_their_end(pairs)
    assert least(ends, "left_seconds") > limits.aws_login_left
    must_tell_their_end(pairs)


@test_aws_logins_stay_valid_for_a_while.cause(
    "the session has ended",
    remedy="Log in anew (aws sso login --profile NAME, or the role's second factor), or fetch fresh "
    "temporary keys with their session token; then deploy again.",
)
def ended(aws_logins: Found, declared: HostEntry, now: datetime) -> object:
    found = sessions(named(declared, aws_logins), now.timestamp())
    return [one for one in found if one.left_seconds <= 0]


@test_aws_logins_stay_valid_for_a_while.cause(
    "the session ends soon",
    remedy="Renew it before the deployment starts, or let sessions last longer (DurationSeconds, the "
    "role's maximum session duration).",
)
def ends_soon(aws_logins: Found, declared: HostEntry, limits: HostLimits, now: datetime) -> object:
    found = sessions(named(declared, aws_logins), now.timestamp())
    return [one for one in found if 0 < one.left_seconds <= limits.aws_login_left]


@symptom(
    "host.aws-credentials-incomplete",
    severity="major",
    signals=["claude-projects-api:signature-mismatch/credential-set-complete"],
)
def test_aws_logins_are_whole(aws_logins: Found, declared: HostEntry) -> None:
    """AWS refuses what is signed with half of a pair, or with a temporary key without its token."""
    must_be_seen(aws_logins)
    found = sets(named(declared, aws_logins))
    assert offenders(found, lambda one: one.lacks != "") == ()


def _lacking(aws_logins: Found, declared: HostEntry, *what: str) -> list[Incomplete]:
    return [one for one in sets(named(declared, aws_logins)) if one.lacks in what]


@test_aws_logins_are_whole.cause(
    "a temporary key stands without its session token",
    remedy="Set all three of them from one answer (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, "
    "AWS_SESSION_TOKEN): aws configure export-credentials --format env prints them.",
)
def no_token(aws_logins: Found, declared: HostEntry) -> object:
    return _lacking(aws_logins, declared, "session token")


@test_aws_logins_are_whole.cause(
    "a key's id stands without its secret, or a secret without an id",
    remedy="Enter the right pair with aws configure; an id and a secret from two places do not fit.",
)
def half_a_pair(aws_logins: Found, declared: HostEntry) -> object:
    return _lacking(aws_logins, declared, "key id", "secret")


@test_aws_logins_are_whole.cause(
    "nothing gives the account credentials for the profile",
    remedy="aws configure --profile NAME (or aws configure sso) as that account; compare account and "
    "profile with the inventory.",
)
def nothing(aws_logins: Found, declared: HostEntry) -> object:
    return _lacking(aws_logins, declared, "everything", "account")


@test_aws_logins_are_whole.cause(
    "nobody has logged in for the profile",
    remedy="aws sso login --profile NAME as that account (or any command with the role, and its second "
    "factor).",
)
def no_session(aws_logins: Found, declared: HostEntry) -> object:
    return _lacking(aws_logins, declared, "session")


@symptom(
    "host.aws-credentials-disagree",
    severity="major",
    signals=["claude-projects-api:signature-mismatch/credential-sources-agree"],
)
def test_aws_logins_come_from_one_source(aws_logins: Found, declared: HostEntry) -> None:
    """Variables go before the profile: what is signed is signed with another key than is thought."""
    must_be_seen(aws_logins)
    pairs = named(declared, aws_logins)
    known = [one for one in overridden(pairs) if one.key != "computed"]
    assert offenders(known, lambda one: one.differs) == ()
    must_tell_their_keys(pairs)


@test_aws_logins_come_from_one_source.cause(
    "a file sets AWS_ACCESS_KEY_ID to another key than the profile's",
    remedy="Take the AWS_ variables out of that file (unset them in shells that are open), or write the "
    "fresh key there, too; aws configure list then shows where each part comes from.",
)
def stale_variable(aws_logins: Found, declared: HostEntry) -> object:
    return [one for one in overridden(named(declared, aws_logins)) if one.differs]
