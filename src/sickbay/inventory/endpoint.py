"""Endpoints: anything that answers HTTP or HTTPS."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from sickbay.inventory.base import Entry, Part, Secret
from sickbay.inventory.limits import Limits, limit
from sickbay.inventory.units import Duration


class EndpointLimits(Limits):
    response_time: Duration = limit("5 s", "from the first byte sent to the last received")


class Expectation(Part):
    """What a healthy answer looks like."""

    status: int = Field(200, description="HTTP status")
    json_values: dict[str, Any] = Field(
        {}, alias="json", description="dotted path in the JSON body to its value"
    )


class EndpointEntry(Entry):
    kind: ClassVar = "endpoint"

    url: Secret = Field(description="http:// or https:// address")
    headers: dict[str, Secret] = Field({}, description="request headers; values are kept secret")
    expect: Expectation = Expectation()
    limits: EndpointLimits = EndpointLimits()
