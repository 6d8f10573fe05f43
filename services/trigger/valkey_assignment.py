"""Which shard owns which partitions: partition p belongs to shard ``p % shard_count``, under a generation.

Owners claim with the generation under which they were started; the store refuses one older than a partition has seen.
"""

from __future__ import annotations

from typing import Any

import msgspec
from redis.asyncio import Redis

from services.trigger import store_keys
from services.trigger.store_errors import store_errors
from services.trigger.store_library import store_library
from services.trigger.valkey_library import load_library


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """Who should own what.

    Attributes:
        generation: Grows with each change, from 1.
        shard_count: How many shards share the partitions.
    """

    generation: int
    shard_count: int

    def partitions_of(self, shard: int, *, partitions: int) -> tuple[int, ...]:
        """The partitions that shard number ``shard`` should own, of ``partitions`` in all."""
        return tuple(range(shard, partitions, self.shard_count))


async def assign_shards(client: Redis, *, shard_count: int) -> Assignment:
    """Make it so many shards. The same number as stored leaves the generation as it is; raises StoreLost."""
    if shard_count < 1:
        raise ValueError("there must be a shard")
    with store_errors():
        await load_library(client)
        reply: Any = await client.fcall(store_library().assign, 1, store_keys.ASSIGNMENT, str(shard_count))
    return Assignment(generation=reply[0], shard_count=reply[1])


async def read_assignment(client: Redis) -> Assignment | None:
    """As stored; None before the first; raises StoreLost."""
    with store_errors():
        reply: Any = await client.hmget(store_keys.ASSIGNMENT, ["generation", "shard_count"])
    if reply[0] is None:
        return None
    return Assignment(generation=int(reply[0]), shard_count=int(reply[1]))
