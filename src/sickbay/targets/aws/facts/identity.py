"""Who the credentials say we are."""

from __future__ import annotations

from typing import Any

from sickbay.facts import Record, fact
from sickbay.targets.aws.calls import Asked, Calls
from sickbay.targets.aws.wire import Wire, read


class _Answer(Wire):
    arn: str
    account: str


def _fetch(asked: Asked) -> Any:
    return asked.client("sts").get_caller_identity()


@fact("aws_identity", Calls("sts", _fetch, ("sts:GetCallerIdentity",)))
class Identity(Record):
    """The user or role whose credentials are used (STS API, GetCallerIdentity)."""

    arn: str
    account: str

    @classmethod
    def parse(cls, raw: Any) -> Identity:
        answer = read(raw, _Answer)
        return cls(arn=answer.arn, account=answer.account)
