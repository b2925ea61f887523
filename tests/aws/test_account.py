"""The account answers, lets us in, and is the one that is meant."""

from __future__ import annotations

from sickbay.errors import NotApplicable
from sickbay.inventory.aws import AwsEntry
from sickbay.judge import offenders
from sickbay.symptoms import symptom
from sickbay.targets.aws.facts.identity import Identity
from sickbay.targets.probe import Contact


@symptom(
    "aws.unreachable",
    severity="critical",
    explained_by=["host.unreachable"],
)
def test_account_answers(contact: Contact) -> None:
    """Nobody can see, deploy or repair anything in an account that does not let them in."""
    assert contact.outcome == "answered"


@test_account_answers.cause(
    "the credentials have expired",
    remedy="Log in again (aws sso login), or export fresh temporary credentials with their token.",
)
def expired(contact: Contact) -> object:
    return contact if "have expired" in contact.detail else None


@test_account_answers.cause(
    "the credentials are not accepted",
    remedy="Enter key id and secret as a pair with aws configure; see that the key is still active.",
)
def not_accepted(contact: Contact) -> object:
    return contact if "are not accepted" in contact.detail else None


@test_account_answers.cause(
    "there are no usable credentials or settings",
    remedy="Set profile in the inventory, or AWS_PROFILE, to one that exists and can log in.",
)
def no_credentials(contact: Contact) -> object:
    words = ("no usable credentials", "configuration cannot be used", "no region")
    return contact if any(word in contact.detail for word in words) else None


@test_account_answers.cause(
    "this machine's clock is off",
    remedy="Set the time service right: AWS refuses requests signed more than 5 minutes off.",
    because="host.clock-unsynchronised",
)
def clock(contact: Contact) -> object:
    return contact if "the clocks disagree" in contact.detail else None


@test_account_answers.cause(
    "the role may not be assumed",
    remedy="Let the role trust these credentials, and allow them sts:AssumeRole on it.",
)
def role(contact: Contact) -> object:
    return contact if "may not assume" in contact.detail else None


@test_account_answers.cause(
    "nothing listens at the endpoint",
    remedy="Correct endpoint_url in the inventory, or start what should listen there.",
)
def refused(contact: Contact) -> object:
    return contact if contact.failure == "refused" else None


@test_account_answers.cause(
    "the endpoint's name is unknown",
    remedy="Correct region or endpoint_url in the inventory; look at name resolution.",
)
def name_unknown(contact: Contact) -> object:
    return contact if contact.failure == "name-unknown" else None


@test_account_answers.cause(
    "the network to the endpoint is cut off",
    remedy="Look at the way out: proxy, firewall, VPC endpoints, VPN.",
)
def cut_off(contact: Contact) -> object:
    return contact if contact.failure in {"silent", "no-route", "tls-failed"} else None


@test_account_answers.cause(
    "what answers there is not AWS",
    remedy="Correct endpoint_url; look for a proxy or a login page in between.",
)
def not_aws(contact: Contact) -> object:
    return contact if contact.failure in {"garbage", "broken-off"} else None


@symptom(
    "aws.account-unexpected",
    severity="critical",
    signals=["claude-projects-api:iam-access-denied/caller-identity-expected"],
)
def test_account_is_the_declared_one(aws_identity: Identity, declared: AwsEntry) -> None:
    """With the credentials of another account everything looks healthy, or missing, that is not."""
    if declared.account is None:
        raise NotApplicable("the inventory does not say which account it should be")
    assert offenders([aws_identity], lambda who: who.account != declared.account) == ()


@test_account_is_the_declared_one.cause(
    "the call crosses accounts",
    remedy="Use credentials of the right account, or assume a role there (role_arn).",
)
def crosses_accounts(aws_identity: Identity) -> object:
    return aws_identity
