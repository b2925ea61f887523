"""What INFO tells: memory, clients, persistence, replication, keys."""

from __future__ import annotations

from typing import Any

from sickbay.errors import NotApplicable
from sickbay.facts import Record, fact
from sickbay.targets.redis.ask import Ask, Replies

_INFO = ("INFO", "everything")


def _info(replies: Replies) -> dict[str, Any]:
    info = replies[_INFO]
    if not isinstance(info, dict) or "redis_version" not in info:
        raise ValueError("the answer to INFO has no redis_version")
    return info


@fact("redis_memory", Ask((_INFO,)))
class RedisMemory(Record):
    """Memory in bytes (INFO memory). ``limit`` is maxmemory, 0 where none is set; ``taken`` is what
    the system has given the process (used_memory_rss); ``evicted`` counts keys since the start.
    """

    used: int
    limit: int
    taken: int
    policy: str
    evicted: int

    @property
    def label(self) -> str:
        return "memory"

    @property
    def used_fraction(self) -> float:
        """Used of what may be used; 0 where there is no limit."""
        return self.used / self.limit if self.limit else 0.0

    @property
    def fragmentation(self) -> float:
        """Memory taken from the system for each byte in use."""
        return self.taken / self.used if self.used else 1.0

    @classmethod
    def parse(cls, replies: Replies) -> RedisMemory:
        """Parse the reply to INFO."""
        info = _info(replies)
        return cls(
            used=int(info["used_memory"]),
            limit=int(info["maxmemory"]),
            taken=int(info["used_memory_rss"]),
            policy=info["maxmemory_policy"],
            evicted=int(info["evicted_keys"]),
        )


@fact("redis_keyspaces", Ask((_INFO,)))
class RedisKeyspace(Record):
    """A database of the server (INFO keyspace): keys, and those of them that expire."""

    name: str
    keys: int
    expiring: int

    @property
    def unexpiring_share(self) -> float:
        """Keys without expiry of all keys."""
        return 1 - self.expiring / self.keys if self.keys else 0.0

    @classmethod
    def parse(cls, replies: Replies) -> tuple[RedisKeyspace, ...]:
        """Parse the reply to INFO; a server without keys has no keyspace."""
        return tuple(
            cls(name=name, keys=int(space["keys"]), expiring=int(space["expires"]))
            for name, space in _info(replies).items()
            if name.startswith("db") and isinstance(space, dict) and "keys" in space
        )


@fact("redis_clients", Ask((_INFO,)))
class RedisClients(Record):
    """Clients (INFO clients, stats). ``refused`` counts since the start, for want of room."""

    connected: int
    most: int
    blocked: int
    refused: int

    @property
    def label(self) -> str:
        return "clients"

    @property
    def used_fraction(self) -> float:
        """Connected clients of maxclients."""
        return self.connected / self.most if self.most else 0.0

    @classmethod
    def parse(cls, replies: Replies) -> RedisClients:
        """Parse the reply to INFO."""
        info = _info(replies)
        return cls(
            connected=int(info["connected_clients"]),
            most=int(info.get("maxclients", 0)),
            blocked=int(info["blocked_clients"]),
            refused=int(info["rejected_connections"]),
        )


@fact("redis_persistence", Ask((_INFO,)))
class RedisPersistence(Record):
    """How saving goes (INFO persistence): ``ok`` or the status of the last attempt."""

    snapshot: str
    append_only: str
    append_only_on: bool

    @property
    def label(self) -> str:
        return "persistence"

    @classmethod
    def parse(cls, replies: Replies) -> RedisPersistence:
        """Parse the reply to INFO."""
        info = _info(replies)
        return cls(
            snapshot=info["rdb_last_bgsave_status"],
            append_only=info.get("aof_last_write_status", "ok"),
            append_only_on=bool(int(info["aof_enabled"])),
        )


@fact("redis_link", Ask((_INFO,)))
class RedisLink(Record):
    """A replica's link to its master (INFO replication). ``seconds`` is how long it has been down."""

    master: str
    status: str
    seconds: int = 0

    @classmethod
    def parse(cls, replies: Replies) -> RedisLink:
        """Parse the reply to INFO; a master has no such link."""
        info = _info(replies)
        if info["role"] == "master":
            raise NotApplicable("this server is a master")
        return cls(
            master=f"{info['master_host']}:{info['master_port']}",
            status=info["master_link_status"],
            seconds=int(info.get("master_link_down_since_seconds", 0)),
        )
