"""Calls of many coroutines, sent to the store together.

A durable write costs one fsync for everything that arrives with it, so what is asked while a round trip is under way
waits for the next one and goes out as one pipeline. An idle sender does not wait at all. Nothing is retried here: where
the connection broke, every call of that round trip is unknown.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from sendwhen.chassis.store_calls import Command, call_store
from services.sender.ledger_port import LedgerLost

_FLIGHTS_MAX = 2
_CALLS_MAX = 256

Call = tuple[Command, "asyncio.Future[Any]"]


class ValkeyPipeline:
    """Sends commands to one store, several at a time.

    Attributes:
        library: Source of the store functions; loaded by ``start`` and again where the store has forgotten them.
    """

    def __init__(self, store: Redis, *, library: str) -> None:
        self._store = store
        self._library = library
        self._waiting: deque[Call] = deque()
        self._flights: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Load the library. Raises LedgerLost."""
        try:
            await self._store.function_load(self._library, replace=True)
        except (RedisError, OSError) as error:
            raise LedgerLost(
                "The ledger's store cannot be reached or refuses its functions.",
                remedy="Is it running, and are address and password right? It must be Valkey 7.2 or Redis 7 or newer.",
            ) from error

    async def call(self, *command: str | bytes | int) -> Any:
        """One command's answer.

        Raises:
            LedgerLost: Its outcome is unknown.
        """
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((command, answer))
        self._depart()
        return await answer

    async def call_all(self, commands: Sequence[Command]) -> list[Any]:
        """The answers of several commands, which are sent together. Raises LedgerLost where one is unknown."""
        loop = asyncio.get_running_loop()
        answers = [loop.create_future() for _ in commands]
        self._waiting.extend((tuple(command), answer) for command, answer in zip(commands, answers, strict=True))
        self._depart()
        return list(await asyncio.gather(*answers))

    async def close(self) -> None:
        """Let what is under way end."""
        while self._flights:
            await asyncio.gather(*self._flights, return_exceptions=True)

    def _depart(self) -> None:
        if self._waiting and len(self._flights) < _FLIGHTS_MAX:
            flight = asyncio.get_running_loop().create_task(self._fly())
            self._flights.add(flight)
            flight.add_done_callback(self._landed)

    def _landed(self, flight: asyncio.Task[None]) -> None:
        self._flights.discard(flight)
        self._depart()

    async def _fly(self) -> None:
        calls = [self._waiting.popleft() for _ in range(min(len(self._waiting), _CALLS_MAX))]
        if not calls:
            return
        try:
            await self._carry(calls)
        finally:
            # Whatever went wrong in here: nobody may wait for an answer that will never come.
            for _, future in calls:
                if not future.done():
                    future.set_exception(
                        LedgerLost("The step was not finished.", remedy="It is repeated or found later.")
                    )

    async def _carry(self, calls: Sequence[Call]) -> None:
        try:
            answers = await call_store(self._store, [command for command, _ in calls])
        except (RedisError, OSError) as error:
            answers = [_lost("The ledger's store went away during a step.", error)] * len(calls)
        for (_, future), answer in zip(calls, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, LedgerLost):
                future.set_exception(answer)
            elif isinstance(answer, Exception):
                future.set_exception(await self._refused(answer))
            else:
                future.set_result(answer)

    async def _refused(self, error: Exception) -> LedgerLost:
        if isinstance(error, ResponseError) and "unction not found" in str(error):
            # An emptied or replaced store; what was asked has not happened, and the caller asks again.
            try:
                await self.start()
            except LedgerLost as lost:
                return lost
        return _lost("The ledger's store refused a step.", error)


def _lost(problem: str, cause: Exception) -> LedgerLost:
    lost = LedgerLost(problem, remedy="The step is repeated, or found later. The store's log has more.")
    lost.__cause__ = cause
    return lost
