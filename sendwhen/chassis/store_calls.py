"""Several commands in one write and their raw replies, beside an asynchronous client of the same store.

The client's own pipeline packs in Python, looks at every command twice and takes a connection through a lock and a
task; this is in every append and every step of the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import hiredis
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from sendwhen.chassis.store_links import StoreLinks

Command = Sequence[str | bytes | int]
_PACK: Any = hiredis.pack_command  # its stub takes tuples of one value for all there are


async def call_store(client: Redis, commands: Iterable[Command]) -> list[Any]:
    """Send commands together; their replies as bytes, numbers and lists, a ResponseError where one was refused.

    Raises:
        redis.ConnectionError, redis.TimeoutError, OSError: Which commands were carried out is unknown.
    """
    packed = [_PACK(tuple(command)) for command in commands]
    # Any: redis-py leaves its pools untyped. Clients of ``open_async_store`` have this one.
    pool: Any = client.connection_pool
    links: StoreLinks = pool.links
    return await links.call(b"".join(packed), len(packed))


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
