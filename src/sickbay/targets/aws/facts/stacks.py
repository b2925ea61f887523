"""CloudFormation stacks: their status, since when, and which of their resources failed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sickbay.facts import Record, fact
from sickbay.targets.aws.calls import Asked, Calls, chosen
from sickbay.targets.aws.failures import absent
from sickbay.targets.aws.wire import Wire, brief, read, utc

STACK = "AWS::CloudFormation::Stack"
_SETTLED = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"})
_MOST_EVENTS = 300
"""Events of one stack that are read back at most."""
# The stack itself and cancelled neighbours fail because something else did.
_ONLY_FOLLOWS = ("cancelled", "the following resource(s) failed")


class _Event(Wire):
    logical_resource_id: str = ""
    resource_type: str = ""
    resource_status: str = ""
    resource_status_reason: str | None = None
    timestamp: datetime | None = None


class _Stack(Wire):
    stack_name: str
    stack_status: str
    creation_time: datetime
    stack_status_reason: str | None = None
    last_updated_time: datetime | None = None
    deletion_time: datetime | None = None
    parent_id: str | None = None
    events: list[_Event] = []


def _fetch(asked: Asked) -> Any:
    def with_events(stack: dict[str, Any]) -> dict[str, Any]:
        if stack.get("StackStatus") in _SETTLED:
            return stack
        events: list[dict[str, Any]] = []
        try:
            for page in asked.pages(
                "cloudformation",
                "describe_stack_events",
                StackName=stack.get("StackId") or stack["StackName"],
            ):
                events += page.get("StackEvents") or ()
                if len(events) >= _MOST_EVENTS:
                    break
        except asked.client("cloudformation").exceptions.ClientError as error:
            if not absent(error):
                raise
        return {**stack, "Events": events[:_MOST_EVENTS]}

    stacks = [
        # Outputs and parameters may hold what is nobody's business.
        {key: value for key, value in each.items() if key not in {"Outputs", "Parameters"}}
        for each in asked.all("cloudformation", "describe_stacks", "Stacks")
        if chosen(each["StackName"], asked.entry.stacks)
    ]
    return asked.each(stacks, with_events)


STACKS = Calls(
    "cloudformation",
    _fetch,
    ("cloudformation:DescribeStacks", "cloudformation:DescribeStackEvents"),
)


@fact("stacks", STACKS)
class Stack(Record):
    """A stack (CloudFormation API, DescribeStacks). ``since`` is when it came into its status."""

    name: str
    status: str
    since: datetime
    reason: str

    @property
    def failed(self) -> bool:
        """Whether the last operation failed and left the stack where people have to see to it."""
        return self.status.endswith("_FAILED") or self.status == "ROLLBACK_COMPLETE"

    @property
    def in_progress(self) -> bool:
        """Whether an operation is under way."""
        return self.status.endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"

    @classmethod
    def parse(cls, raw: Any) -> tuple[Stack, ...]:
        rows = []
        for one in read(raw, list[_Stack]):
            own = [
                utc(event.timestamp)
                for event in one.events
                if event.timestamp
                and event.resource_type == STACK
                and event.logical_resource_id == one.stack_name
                and event.resource_status == one.stack_status
            ]
            changed = one.deletion_time or one.last_updated_time or one.creation_time
            rows.append(
                cls(
                    name=one.stack_name,
                    status=one.stack_status,
                    since=max(own, default=utc(changed)),
                    reason=brief(one.stack_status_reason),
                )
            )
        return tuple(rows)


@fact("stack_failures", STACKS)
class StackFailure(Record):
    """A resource that made a stack's last operation fail (DescribeStackEvents), the first one first.

    What was only cancelled because another resource failed is left out.
    """

    resource: str
    type: str
    status: str
    reason: str
    at: datetime
    stack: str

    @classmethod
    def parse(cls, raw: Any) -> tuple[StackFailure, ...]:
        rows = []
        for one in read(raw, list[_Stack]):
            for event in one.events:
                reason = brief(event.resource_status_reason)
                if (
                    event.timestamp
                    and event.resource_status.endswith("_FAILED")
                    and event.resource_type != STACK
                    and not any(word in reason.lower() for word in _ONLY_FOLLOWS)
                ):
                    rows.append(
                        cls(
                            stack=one.stack_name,
                            resource=event.logical_resource_id,
                            type=event.resource_type,
                            status=event.resource_status,
                            reason=reason,
                            at=utc(event.timestamp),
                        )
                    )
        return tuple(sorted(rows, key=lambda row: (row.stack, row.at)))
