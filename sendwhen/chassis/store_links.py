"""Connections of an event loop to the store with nothing between transport and parser.

redis-py opens them (address, TLS, password, database, names) and hands their transports over: a call through its
connections takes 50 us of processor time, a task and two timers; through these 15. A connection carries one call at a
time, so a reply can only be that call's, and one whose call was given up is closed: what comes late reaches nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from redis.exceptions import ConnectionError as StoreConnectionError
from redis.exceptions import TimeoutError as StoreTimeoutError

from sendwhen.chassis.store_replies import Replies


class _Link(asyncio.Protocol):
    """Takes the place of the protocol of an open connection of redis-py's.

    What is written is bounded by its only call; a store that does not read it is lost like one that does not answer.
    """

    def __init__(self, connection: Any, *, timeout_s: float) -> None:
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._timeout_s = timeout_s
        self._timer: asyncio.TimerHandle | None = None
        self._heard_s = 0.0
        self._replies = Replies()
        self._found: list[Any] = []
        self._wanted = 0
        self._answer: asyncio.Future[list[Any]] | None = None
        self._is_lost = False
        # Public ways to have it there are none.
        self._transport: Any = connection._writer.transport
        self._transport.set_protocol(self)

    @property
    def is_open(self) -> bool:
        return not self._is_lost and not self._transport.is_closing()

    async def call(self, packed: bytes, count: int) -> list[Any]:
        self._answer = self._loop.create_future()
        self._wanted = count
        self._heard_s = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_later(self._timeout_s, self._look)
        self._transport.write(packed)
        try:
            return await self._answer
        except BaseException:
            # A cancellation too: replies that were not read must never be taken for the next ones'.
            await self.close()
            raise
        finally:
            self._answer = None

    async def close(self) -> None:
        self._is_lost = True
        if self._timer is not None:
            self._timer.cancel()
        await self._connection.disconnect(nowait=True)

    def data_received(self, data: bytes) -> None:
        self._heard_s = self._loop.time()
        try:
            self._found += self._replies.of(data, len(data))
        except StoreConnectionError as error:
            self._lose(error)
            return
        if self._answer is None or len(self._found) > self._wanted:
            self._lose(StoreConnectionError("The store sent what nobody asked for."))
        elif len(self._found) == self._wanted and not self._answer.done():
            found, self._found = self._found, []
            self._answer.set_result(found)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lose(StoreConnectionError(f"The store closed the connection: {exc}"))

    def _look(self) -> None:
        """One timer for many calls: looks when the first would have waited too long, and then for the last."""
        self._timer = None
        if self._answer is None:
            return
        left_s = self._heard_s + self._timeout_s - self._loop.time()
        if left_s > 0:
            self._timer = self._loop.call_later(left_s, self._look)
        else:
            self._lose(StoreTimeoutError("The store does not answer."))

    def _lose(self, error: Exception) -> None:
        self._is_lost = True
        self._transport.abort()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)


class StoreLinks:
    """Connections that are opened when needed and kept; who finds none free waits in turn.

    Args:
        make: A connection of redis-py's, not open yet.
        links_max: So many at once.
        timeout_s: A store that sends nothing for so long is lost; who waits longer for a connection is told.
    """

    def __init__(self, make: Callable[[], Any], *, links_max: int, timeout_s: float) -> None:
        self._make = make
        self._timeout_s = timeout_s
        self._places = asyncio.Semaphore(links_max)
        self._idle: list[_Link] = []

    async def call(self, packed: bytes, count: int) -> list[Any]:
        """Send packed commands, nothing between them, and have their replies; errors among them.

        Raises:
            redis.ConnectionError, redis.TimeoutError: Which of them were carried out is unknown.
        """
        await self._take_place()
        try:
            link = await self._link()
            replies = await link.call(packed, count)
            self._idle.append(link)
        finally:
            self._places.release()
        return replies

    async def close(self) -> None:
        """Close those that nobody uses."""
        while self._idle:
            await self._idle.pop().close()

    async def _take_place(self) -> None:
        if not self._places.locked():
            await self._places.acquire()
            return
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._places.acquire()
        except TimeoutError:
            raise StoreTimeoutError(f"No connection was free for {self._timeout_s:g} s.") from None

    async def _link(self) -> _Link:
        while self._idle:
            link = self._idle.pop()
            if link.is_open:
                return link
            await link.close()
        connection = self._make()
        await connection.connect()
        return _Link(connection, timeout_s=self._timeout_s)
