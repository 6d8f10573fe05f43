"""Connections to the store (Valkey or Redis), set so that nothing is retried behind our back.

redis-py retries ten times by default, and a blocked read survives the server's death unseen. Our callers must see every
lost connection: a shard then drops its memory, a ledger step then counts as unknown.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from redis import Redis
from redis.asyncio import ConnectionPool
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import MaxConnectionsError
from redis.exceptions import TimeoutError as StoreTimeoutError
from redis.retry import Retry

from sendwhen.chassis.store_links import StoreLinks

CONNECTIONS_MAX: Final = 64
"""Of one event loop to one store, for redis-py's client and for our calls each; who asks for a further one waits for
its turn, at most as long as for an answer."""


class WaitingPool(ConnectionPool):
    """A pool in which who finds no connection free waits, in turn.

    redis-py's own pool refuses instead, and calls that a lost connection: whoever asks about each of 256 partitions at
    once would never be answered. Its waiting pool takes a lock and sets a timer for each request; here only who waits
    pays.

    Attributes:
        links: To the same store, for ``store_calls``.
    """

    def __init__(self, *, wait_s: float, max_connections: int = CONNECTIONS_MAX, **more: Any) -> None:
        super().__init__(max_connections=max_connections, **more)
        self.links = StoreLinks(self._unopened, links_max=max_connections, timeout_s=wait_s)
        self._wait_s = wait_s
        self._queue: deque[asyncio.Future[None]] = deque()

    async def get_connection(self, *arguments: Any, **more: Any) -> Any:
        """A connection that is open.

        Raises:
            redis.TimeoutError: None was given back in time.
        """
        try:
            return await super().get_connection(*arguments, **more)  # type: ignore[no-untyped-call]  # untyped there
        except MaxConnectionsError:
            return await self._waited(*arguments, **more)

    def _unopened(self) -> Any:
        return self.connection_class(**self.connection_kwargs)

    async def disconnect(self, inuse_connections: bool = True) -> None:
        """Close all connections."""
        await self.links.close()
        await super().disconnect(inuse_connections)

    async def release(self, connection: Any) -> None:
        """Give a connection back; the first of those who wait tries again."""
        await super().release(connection)
        self._wake()

    async def _waited(self, *arguments: Any, **more: Any) -> Any:
        try:
            async with asyncio.timeout(self._wait_s):
                place = self._queue.append
                while True:
                    await self._turn(place)
                    try:
                        return await super().get_connection(*arguments, **more)  # type: ignore[no-untyped-call]  # as above
                    except MaxConnectionsError:
                        # Somebody who had not waited was quicker.
                        place = self._queue.appendleft
        except TimeoutError:
            raise StoreTimeoutError(f"No connection was free for {self._wait_s:g} s.") from None

    async def _turn(self, place: Callable[[asyncio.Future[None]], None]) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        place(turn)
        try:
            await turn
        except asyncio.CancelledError:
            # Whose turn it was and who is gone leaves it to the next.
            if turn.done() and not turn.cancelled():
                self._wake()
            raise

    def _wake(self) -> None:
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return


def open_store(url: str, *, timeout_s: float = 5.0) -> Redis:
    """A synchronous client, without retries; ``url`` as "unix:///path?password=…" or "redis://:password@host:port/0"."""
    return Redis.from_url(
        url, retry=Retry(NoBackoff(), 0), socket_timeout=timeout_s, socket_connect_timeout=timeout_s, protocol=2
    )


def open_async_store(url: str, *, timeout_s: float = 5.0, connections_max: int = CONNECTIONS_MAX) -> AsyncRedis:
    """The same for an event loop, with so many connections at most."""
    pool = WaitingPool.from_url(
        url,
        wait_s=timeout_s,
        retry=AsyncRetry(NoBackoff(), 0),
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        max_connections=connections_max,
        protocol=2,
    )
    return AsyncRedis.from_pool(pool)
