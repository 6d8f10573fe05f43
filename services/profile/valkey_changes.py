"""The change streams, followed over one connection that is never mended silently.

The client library would make a lost connection anew between two reads and nobody would know that changes may have been
missed. So this holds a connection of its own and talks to it directly: a loss is always an exception here.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.exceptions import RedisError

from services.profile.ports import Change, Changes, ChangesLost, Head
from services.profile.valkey_records import head_command, head_of

BLOCK_MS: Final = 1_000
ANSWER_WITHIN_S: Final = 2.0
"""A store that is silent for so long beyond that is lost."""
CHANGES_MAX: Final = 1_000
"""Changes of one partition in one read; the rest comes with the next."""


class ValkeyChanges(Changes):
    """Reads the streams ``sw:{pN}:chg`` of all partitions with one blocking read.

    One node holds all partitions: a cluster refuses a read over several slots.
    """

    def __init__(self, *, pool: ConnectionPool, partitions: int) -> None:
        self._pool = pool
        self._partitions = range(partitions)
        self._keys = {f"sw:{{p{partition}}}:chg".encode(): partition for partition in self._partitions}
        self._connection: AbstractConnection | None = None

    async def connect(self) -> Mapping[int, Head]:
        """Begin anew: where every partition stands."""
        await self.close()
        try:
            connection: AbstractConnection = self._pool.make_connection()  # type: ignore[no-untyped-call]  # untyped there
            self._connection = connection
            await connection.connect()  # type: ignore[no-untyped-call]  # untyped there
            for partition in self._partitions:
                await connection.send_command(*head_command(partition))
            answers = [await connection.read_response() for _ in self._partitions]
        except (RedisError, OSError) as error:
            await self.close()
            raise _lost(error) from error
        return {partition: head_of(answer) for partition, answer in zip(self._partitions, answers, strict=True)}

    async def read(self, after: Mapping[int, int]) -> Sequence[Change]:
        """Changes behind these numbers; waits about a second."""
        connection = self._connection
        if connection is None or not connection.is_connected:
            raise ChangesLost("The connection to the store is gone.")
        ids = [f"{after[partition]}-0" for partition in self._partitions]
        try:
            await connection.send_command(
                "XREAD", "COUNT", CHANGES_MAX, "BLOCK", BLOCK_MS, "STREAMS", *self._keys, *ids
            )
            async with asyncio.timeout(BLOCK_MS / 1_000 + ANSWER_WITHIN_S):
                # Given the limit itself, the library would answer that there is nothing, and leave the reply to the
                # next request: from then on every change would come one request late.
                answer = await connection.read_response(timeout=math.inf)
        except (RedisError, OSError) as error:
            await self.close()
            raise _lost(error) from error
        return [_change(self._keys[key], entry) for key, entries in answer or () for entry in entries]

    async def close(self) -> None:
        """Close the connection. Idempotent."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect(nowait=True)


def _change(partition: int, entry: Any) -> Change:
    entry_id, pairs = entry
    fields = dict(zip(pairs[::2], pairs[1::2], strict=True))
    return Change(
        partition=partition,
        number=int(entry_id.partition(b"-")[0]),
        position=int(fields[b"p"]),
        uids=tuple(fields[b"u"].decode().split(",")) if fields[b"u"] else (),
    )


def _lost(error: Exception) -> ChangesLost:
    return ChangesLost(f"The store does not answer ({type(error).__name__}).")
