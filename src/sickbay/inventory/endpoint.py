"""Endpoints: anything that answers HTTP or HTTPS."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, JsonValue

from sickbay.inventory.base import Entry, Part, Secret
from sickbay.inventory.limits import Limits, limit
from sickbay.inventory.patterns import Pattern
from sickbay.inventory.units import Duration

Status = Annotated[int, Field(ge=100, le=599)]


class EndpointLimits(Limits):
    response_time: Duration = limit("5 s", "from asking to the last byte of the answer")
    certificate_left: Duration = limit("30 d", "validity that a certificate has left")
    redirects: Annotated[int, "count"] = limit(3, "redirects on the way to the answer")


class Expectation(Part):
    """What a healthy answer looks like."""

    status: Status | tuple[Status, ...] = Field(
        200, description="HTTP status, or several that are fine"
    )
    json_values: dict[str, JsonValue] = Field(
        {},
        alias="json",
        description="dotted path in the JSON body to the value it must have, or to a bound of its number",
        examples=[{"status": "healthy", "data.result.0.value.1": "<= 0.6"}],
    )
    headers: dict[str, Pattern] = Field(
        {}, description="header name to a regular expression that its value must match"
    )
    body: Pattern | None = Field(None, description="regular expression that the body must match")

    @property
    def statuses(self) -> tuple[int, ...]:
        """The statuses that are fine."""
        return self.status if isinstance(self.status, tuple) else (self.status,)


class EndpointEntry(Entry):
    kind: ClassVar = "endpoint"

    url: Secret = Field(description="http:// or https:// address")
    method: Literal["GET", "HEAD"] = Field("GET", description="GET, or HEAD to spare the body")
    headers: dict[str, Secret] = Field({}, description="request headers; values are kept secret")
    follow_redirects: bool = Field(False, description="judge the answer that redirects lead to")
    ca_file: str | None = Field(
        None, description="PEM file of authorities to trust; else certifi's"
    )
    expect: Expectation = Expectation()
    limits: EndpointLimits = EndpointLimits()
