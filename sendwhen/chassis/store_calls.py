"""Several commands in one write and their raw replies, on a connection of an asynchronous client.

The client's own pipeline packs in Python and looks at every command twice; for a handful of commands that takes twice
the processor time of this, which is in every append and every step of the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import hiredis
from redis.asyncio import Redis
from redis.exceptions import ResponseError

Command = Sequence[str | bytes | int]


async def call_store(client: Redis, commands: Iterable[Command]) -> list[Any]:
    """Send commands together; their replies as bytes, numbers and lists, a ResponseError where one was refused.

    Raises:
        redis.ConnectionError, redis.TimeoutError, OSError: Which commands were carried out is unknown.
    """
    pack: Any = hiredis.pack_command  # its stub takes tuples of one value for all there are
    packed = [pack(tuple(command)) for command in commands]
    # Any: redis-py leaves its pools and connections untyped.
    pool: Any = client.connection_pool
    connection = await pool.get_connection()
    try:
        await connection.send_packed_command(b"".join(packed), check_health=False)
        replies: list[Any] = []
        for _ in packed:
            try:
                replies.append(await connection.read_response(disable_decoding=True))
            except ResponseError as error:
                replies.append(error)
    except BaseException:
        # Whatever it was, a cancellation too: replies that were not read must never be taken for the next ones'.
        await connection.disconnect(nowait=True)
        raise
    finally:
        await pool.release(connection)
    return replies


async def transact(client: Redis, commands: Sequence[Command]) -> list[Any]:
    """The same as one transaction, which the store carries out, and syncs, as a whole.

    Raises:
        redis.ConnectionError, redis.TimeoutError, OSError: Whether it was carried out is unknown.
        redis.ResponseError: It was not.
    """
    *queued, replies = await call_store(client, [("MULTI",), *commands, ("EXEC",)])
    if isinstance(replies, ResponseError):
        refused = [reply for reply in queued if isinstance(reply, ResponseError)]
        raise refused[0] if refused else replies
    found: list[Any] = replies
    return found
