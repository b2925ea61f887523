"""The declared queues, and commands that were slow."""

from __future__ import annotations

from sickbay.errors import NotApplicable
from sickbay.facts import Record, fact
from sickbay.inventory.redis import RedisEntry
from sickbay.targets.redis.ask import Ask, Replies, Words

_LENGTHS = ("LLEN", "XLEN", "ZCARD")
"""A queue is a list, a stream or a sorted set; two of the three commands answer WRONGTYPE."""
_SLOWLOG = ("SLOWLOG", "GET", "128")
_SHOWN = 80
"""Characters of a slow command that are kept."""


def _queue_commands(entry: RedisEntry) -> tuple[Words, ...]:
    return tuple((command, key) for key in entry.queues for command in _LENGTHS)


@fact("redis_queues", Ask(_queue_commands, accept=("WRONGTYPE",)))
class RedisQueue(Record):
    """A declared queue and how many entries wait in it."""

    name: str
    length: int

    @classmethod
    def parse(cls, replies: Replies) -> tuple[RedisQueue, ...]:
        """Parse the replies; a key that does not exist is an empty queue."""
        if not replies:
            raise NotApplicable("the inventory declares no queues of this server")
        lengths: dict[str, int] = {}
        for (_, key), reply in replies.items():
            lengths[key] = max(lengths.get(key, 0), int(reply or 0))
        return tuple(cls(name=key, length=length) for key, length in lengths.items())


@fact("slow_commands", Ask((_SLOWLOG,)))
class SlowCommand(Record):
    """An entry of the slow log (SLOWLOG GET): when (seconds since 1970), how long (seconds).

    Of the command its name and first argument are kept; the others may hold data.
    """

    command: str
    at: int
    seconds: float

    @classmethod
    def parse(cls, replies: Replies) -> tuple[SlowCommand, ...]:
        """Parse the reply: number, time, microseconds, and words of each slow command."""
        return tuple(
            cls(
                command=" ".join(str(word) for word in words[:2])[:_SHOWN],
                at=int(at),
                seconds=int(took) / 1e6,
            )
            for _, at, took, words, *_ in replies[_SLOWLOG]
        )
