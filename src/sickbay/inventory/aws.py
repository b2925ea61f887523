"""AWS accounts, one region each."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from sickbay.inventory.base import Entry
from sickbay.inventory.limits import Limits, limit
from sickbay.inventory.units import Fraction


class AwsLimits(Limits):
    function_errors: Fraction = limit("1 %", "failed invocations of a Lambda function")


class AwsEntry(Entry):
    kind: ClassVar = "aws"

    profile: str | None = Field(
        None, description="profile of the AWS configuration; else its default"
    )
    region: str | None = Field(None, description="region; else the profile's")
    endpoint_url: str | None = Field(
        None, description="other endpoint for every service, e.g. an emulator"
    )
    limits: AwsLimits = AwsLimits()
