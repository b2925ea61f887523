"""One target's observation under way: what is wanted, what has come in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol

import msgspec

from sickbay.errors import Missing, NotApplicable, Unreadable
from sickbay.facts import FactSpec, Record
from sickbay.inventory.targets import Target
from sickbay.redact import Redactor

_QUOTED = 200
"""How much of an unreadable answer is quoted in the report, in characters."""


class Gap(Record):
    """Why a fact could not be had (see sickbay.errors.Missing)."""

    reason: str
    detail: str
    remedy: str = ""


class Observation(Record):
    """A fact, or why not. Exactly one of the three is set."""

    value: Any = None
    gap: Gap | None = None
    absent: str | None = None
    """The target does not have such a thing, and why we say so."""


class Contact(Record):
    """Whether a target answered at all, as the one who asked saw it.

    ``outcome`` is ``answered`` or the reason of the failure (``unreachable``, ``denied``, ...);
    ``failure`` a short name of what happened that causes can be told by, such as ``refused``,
    ``no-route``, ``name-unknown``, ``silent``, ``broken-off``, ``garbage``, ``login-refused``,
    ``host-key-unknown`` or ``host-key-changed``. ``seconds`` is how long it took to know.
    """

    outcome: str
    failure: str = ""
    detail: str = ""
    remedy: str = ""
    seconds: float = 0.0


class Connection(Protocol):
    """Something left open after an observation."""

    async def close(self) -> None: ...


class Probe:
    """Collects one target's facts. The observer asks; this parses, redacts and keeps.

    An observer goes through ``wanted``, asks, and hands each raw answer to ``answer`` (or the
    failure to ``miss``). It calls ``reached`` once the target has let it in. Whatever it raises
    afterwards becomes the reason of all facts that are still open.
    """

    def __init__(
        self,
        target: Target,
        wanted: Iterable[FactSpec],
        redactor: Redactor,
        *,
        deadline: float,
        connections: dict[str, Connection],
    ) -> None:
        self.target = target
        self.wanted = tuple(wanted)
        self.deadline = deadline
        """Seconds that the whole observation may take."""
        self.connections = connections
        """What an observer leaves open under the target's name; the run closes it at its end."""
        self.contact: Contact | None = None
        self.observations: dict[str, Observation] = {}
        self._redactor = redactor

    def reached(self) -> None:
        """The target answered and let us in."""
        self.contact = Contact(outcome="answered")

    def answer(self, spec: FactSpec, raw: Any) -> None:
        """Keep the fact that the raw answer holds; text is freed of secrets before it is parsed."""
        try:
            clean = self._redactor.text(raw) if isinstance(raw, str) else raw
            value = self._clean(spec.parse(clean), spec.shape)
        except Missing as missing:
            self.miss(spec, missing)
        except NotApplicable as reason:
            self.absent(spec, reason)
        except Exception as error:  # noqa: BLE001 (a parser that fails on an odd answer must not end the run)
            quoted = self._redactor.text(raw if isinstance(raw, str) else repr(raw))[:_QUOTED]
            self.miss(
                spec,
                Unreadable(f"{type(error).__name__}: {error}; the answer began with {quoted!r}"),
            )
        else:
            self.observations[spec.name] = Observation(value=value)

    def miss(self, spec: FactSpec, missing: Missing) -> None:
        """The fact could not be had."""
        self.observations[spec.name] = Observation(gap=self.gap(missing))

    def absent(self, spec: FactSpec, reason: NotApplicable) -> None:
        """The target does not have such a thing."""
        self.observations[spec.name] = Observation(absent=self._redactor.text(str(reason)))

    def gap(self, missing: Missing) -> Gap:
        """The failure as a record, without secrets."""
        return Gap(
            reason=missing.reason,
            detail=self._redactor.text(missing.detail),
            remedy=self._redactor.text(missing.remedy),
        )

    def fact(self, name: str) -> Any:
        """A fact that has already come in, for requests that build on it; None when it was not had."""
        observation = self.observations.get(name)
        return observation.value if observation else None

    def open(self) -> tuple[FactSpec, ...]:
        """The facts that neither came in nor were missed yet."""
        return tuple(spec for spec in self.wanted if spec.name not in self.observations)

    def _clean(self, value: Any, shape: Any) -> Any:
        """A fact without secrets; only the records that may hold one are taken apart for it."""
        if isinstance(value, tuple):
            return tuple(self._clean(row, type(row)) for row in value)
        if self._redactor.leaves_alone(msgspec.json.encode(value).decode()):
            return value
        return msgspec.convert(self._redactor.data(msgspec.to_builtins(value)), shape)


Observer = Callable[[Probe], Awaitable[None]]
