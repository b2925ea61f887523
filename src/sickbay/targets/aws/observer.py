"""Observe an account: concurrent read-only calls through boto3."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.config import Config

from sickbay.errors import Denied, Unreadable
from sickbay.facts import FactSpec
from sickbay.inventory.aws import AwsEntry
from sickbay.targets.aws.calls import AT_ONCE, Asked, Calls
from sickbay.targets.aws.failures import told
from sickbay.targets.probe import Probe
from sickbay.targets.threads import in_thread

_READS = ("Describe", "Get", "List", "Filter")
_LOGINS = frozenset(
    {"AssumeRole", "AssumeRoleWithWebIdentity", "AssumeRoleWithSAML", "CreateToken"}
)
"""What a login itself may need beside reading; it changes nothing in the account."""
_CONNECT_SECONDS = 3.0
_ATTEMPTS = 3
_SESSION_SECONDS = 900
"""The shortest life that STS gives to an assumed role."""


async def observe(probe: Probe) -> None:
    """Have every wanted fact; calls that are denied hide only the facts that need them."""
    entry = probe.target.entry
    assert isinstance(entry, AwsEntry)
    until = time.monotonic() + probe.deadline
    now = datetime.now(UTC)
    try:
        account = await in_thread(_log_in, entry, probe.deadline)
        await in_thread(account.identify)
    except Exception as error:  # noqa: BLE001 (every failure is told apart there)
        raise told(error) from None
    probe.reached()
    wanted = [spec for spec in probe.wanted if isinstance(spec.request, Calls)]
    requests: dict[Calls, list[FactSpec]] = {}
    for spec in wanted:
        requests.setdefault(spec.request, []).append(spec)  # type: ignore[arg-type]
    done = {spec.name: asyncio.Event() for spec in wanted}

    async def have(calls: Calls, specs: list[FactSpec]) -> None:
        try:
            for earlier in calls.after:
                if earlier in done:
                    await done[earlier].wait()
            known = {name: probe.fact(name) for name in calls.after}
            await _have(probe, calls, specs, Asked(account.client, entry, now, known, until))
        finally:
            for spec in specs:
                done[spec.name].set()

    await asyncio.gather(*(have(calls, specs) for calls, specs in requests.items()))


async def _have(probe: Probe, calls: Calls, specs: list[FactSpec], asked: Asked) -> None:
    for earlier in calls.after:
        observation = probe.observations.get(earlier)
        if observation is None or observation.value is None:
            for spec in specs:
                _follow(probe, spec, earlier)
            return
    try:
        raw = await in_thread(calls.fetch, asked)
    except Exception as error:  # noqa: BLE001 (every failure is told apart there)
        missing = told(error, calls)
        for spec in specs:
            probe.miss(spec, missing)
        return
    for spec in specs:
        probe.answer(spec, raw)


def _follow(probe: Probe, spec: FactSpec, earlier: str) -> None:
    """A fact that builds on one that was not had is not had for the same reason."""
    observation = probe.observations.get(earlier)
    if observation is not None and (observation.gap or observation.absent):
        probe.observations[spec.name] = observation
    else:
        probe.miss(spec, Unreadable(f"it builds on {earlier}, which was not observed"))


class _Account:
    """The clients of one login. Each is made when first asked for, and refuses to change anything."""

    def __init__(self, session: Any, entry: AwsEntry, deadline: float) -> None:
        self._session = session
        self._entry = entry
        self._deadline = deadline
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()
        session.events.register("before-parameter-build", _read_only)

    def client(self, service: str) -> Any:
        """The client of a service. Making one is not thread-safe, using it is."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._session.client(
                    service, endpoint_url=self._entry.endpoint_url, config=self._config(service)
                )
            return self._clients[service]

    def identify(self) -> None:
        """Ask who we are: needs no permission, and shows that the credentials are accepted."""
        answer = self.client("sts").get_caller_identity()
        if "Account" not in answer:
            raise Unreadable(
                "the answer to GetCallerIdentity names no account",
                "correct endpoint_url; look for a proxy or a login page in between",
                failure="garbage",
            )

    def _config(self, service: str) -> Any:
        # Getting in is asked for twice at most and must leave time to say that nobody answers.
        getting_in = service == "sts"
        return Config(
            connect_timeout=min(_CONNECT_SECONDS, self._deadline / 4),
            read_timeout=self._deadline / (4 if getting_in else 2),
            retries={"mode": "standard", "total_max_attempts": 2 if getting_in else _ATTEMPTS},
            max_pool_connections=2 * AT_ONCE,
            user_agent_extra="sickbay",
        )


def _log_in(entry: AwsEntry, deadline: float) -> _Account:
    session = boto3.Session(profile_name=entry.profile, region_name=entry.region)
    if session.region_name is None:
        raise Denied(
            "no region: neither the inventory nor the profile names one",
            "set region in the inventory",
            failure="no-region",
        )
    account = _Account(session, entry, deadline)
    if entry.role_arn is None:
        return account
    granted = account.client("sts").assume_role(
        RoleArn=entry.role_arn, RoleSessionName="sickbay", DurationSeconds=_SESSION_SECONDS
    )["Credentials"]
    assumed = boto3.Session(
        aws_access_key_id=granted["AccessKeyId"],
        aws_secret_access_key=granted["SecretAccessKey"],
        aws_session_token=granted["SessionToken"],
        region_name=session.region_name,
    )
    return _Account(assumed, entry, deadline)


def _read_only(model: Any, **_: Any) -> None:
    """Called by botocore before every request: whatever is not a read does not leave the machine."""
    if not model.name.startswith(_READS) and model.name not in _LOGINS:
        raise PermissionError(f"{model.name} is not a read-only operation")
