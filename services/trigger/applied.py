"""Waits until shards have committed positions: one poll of the heads for all who wait, none when nobody does."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from sendwhen.errors import SendwhenError, TooLate
from services.trigger.log_port import Log

POLL_FIRST_S: Final = 0.002
POLL_LONGEST_S: Final = 0.050


class AppliedWatch:
    """Answers when positions are committed."""

    def __init__(self, event_log: Log) -> None:
        self._log = event_log
        self._waiters: dict[asyncio.Future[None], dict[int, int]] = {}
        self._task: asyncio.Task[None] | None = None
        self._delay_s = POLL_FIRST_S

    async def wait(self, positions: Mapping[int, int], *, within_s: float) -> None:
        """Return when each partition's shard has committed at least its sequence.

        Raises:
            TooLate: They have not within that time.
            StoreLost: The store cannot be asked.
        """
        if not positions:
            return
        try:
            async with asyncio.timeout(within_s):
                await self._wait(positions)
        except TimeoutError:
            raise TooLate(
                "The events are logged, but not all applied yet.", remedy="Look at the partitions' lag (status)."
            ) from None

    async def _wait(self, positions: Mapping[int, int]) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters[waiter] = dict(positions)
        self._delay_s = POLL_FIRST_S
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._poll())
        try:
            await waiter
        finally:
            self._waiters.pop(waiter, None)

    async def _poll(self) -> None:
        try:
            while self._waiters:
                await self._look()
                if self._waiters:
                    await asyncio.sleep(self._delay_s)
                    self._delay_s = min(self._delay_s * 1.5, POLL_LONGEST_S)
        finally:
            self._task = None

    async def _look(self) -> None:
        partitions = sorted({partition for wanted in self._waiters.values() for partition in wanted})
        try:
            heads = await self._log.heads(partitions)
        except SendwhenError as error:
            for waiter in list(self._waiters):
                if not waiter.done():
                    waiter.set_exception(error)
            self._waiters.clear()
            return
        reached = {partition: head.position for partition, head in zip(partitions, heads, strict=True)}
        for waiter, wanted in list(self._waiters.items()):
            # A waiter of a partition that was not asked came during the look; the next one finds it.
            if all(reached.get(partition, -1) >= seq for partition, seq in wanted.items()):
                if not waiter.done():
                    waiter.set_result(None)
                self._waiters.pop(waiter, None)
