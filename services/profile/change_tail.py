"""Keeps the near-cache true: follows every partition's changes, and forgets a partition whenever one may be missing.

Every commit of every shard wakes who follows. While nobody asks for customers that is work for nothing, so after a
while without questions everything is forgotten and nothing followed, until somebody asks again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import structlog

from sendwhen.chassis.metrics import Meter
from services.profile.cache import NearCache
from services.profile.ports import Change, Changes, ChangesLost, Head

log = structlog.get_logger()

RETRY_S: Final = 0.2
IDLE_S: Final = 30.0
"""Nobody asked for a customer for so long: the next who asks is answered from the store."""


class ChangeTail:
    """Follows the changes and knows how far every partition has been seen."""

    def __init__(self, *, changes: Changes, cache: NearCache, metrics: Meter, idle_s: float = IDLE_S) -> None:
        self._idle_s = idle_s
        self._changes = changes
        self._cache = cache
        self._metrics = metrics
        self._numbers: dict[int, int] = {}
        self._positions: dict[int, int] = {}
        self._moved = asyncio.Event()
        self._connected_before = False

    def position(self, partition: int) -> int:
        """Everything committed up to this sequence shows in the cache; 0 while changes are not followed."""
        return self._positions.get(partition, 0)

    def reached(self, partition: int, head: Head) -> bool:
        """Whether what is answered from now on has seen all of ``head``.

        Commits without changed customers leave no change, so its position counts as seen with its last change.
        """
        if not self._numbers:
            # Nothing is kept, every answer comes from the store, and that is at ``head`` or beyond.
            return True
        if self._numbers[partition] < head.changes:
            return False
        self._positions[partition] = max(self._positions[partition], head.position)
        return True

    async def moved(self, *, within_s: float) -> None:
        """Return when a change was seen, or after ``within_s``."""
        try:
            async with asyncio.timeout(within_s):
                await self._moved.wait()
        except TimeoutError:
            return

    async def run(self) -> None:
        """Follow whenever somebody asks, for ever; a lost connection is made anew, with everything forgotten."""
        while True:
            await self._cache.wanted()
            try:
                await self._follow()
            except ChangesLost as lost:
                log.warning("changes.lost", problem=str(lost))
                self._metrics.count("sendwhen_store_reconnects_total")
                self._cache.want()
            else:
                # Nothing was missed, so there is nothing to count when it goes on.
                self._connected_before = False
                continue
            finally:
                self._stop()
            await asyncio.sleep(RETRY_S)

    async def _follow(self) -> None:
        """Until nobody has asked for a customer for a while."""
        self._start(await self._changes.connect())
        clock = asyncio.get_running_loop().time
        asked, asked_at_s = self._cache.asked, clock()
        while True:
            for change in await self._changes.read(self._numbers):
                self._see(change)
            self._show()
            if asked != self._cache.asked:
                asked, asked_at_s = self._cache.asked, clock()
            elif clock() - asked_at_s >= self._idle_s:
                return

    def _show(self) -> None:
        self._metrics.set("sendwhen_profile_cache_bytes", self._cache.bytes_held)
        self._metrics.set("sendwhen_profile_cache_entries", len(self._cache))

    def _start(self, heads: Mapping[int, Head]) -> None:
        if self._connected_before:
            self._metrics.count("sendwhen_profile_cache_clears_total", reason="reconnect")
        self._connected_before = True
        self._numbers = {partition: head.changes for partition, head in heads.items()}
        self._positions = {partition: head.position for partition, head in heads.items()}
        self._cache.open()
        self._announce()

    def _stop(self) -> None:
        self._cache.close()
        self._numbers = {}
        self._positions = {}
        self._show()

    def _see(self, change: Change) -> None:
        expected = self._numbers[change.partition] + 1
        if change.number == expected:
            self._cache.changed(change.uids)
            self._positions[change.partition] = max(self._positions[change.partition], change.position)
        else:
            reason = "gap" if change.number > expected else "rollback"
            log.warning("changes.missed", partition=change.partition, reason=reason, number=change.number)
            self._metrics.count("sendwhen_profile_cache_clears_total", reason=reason)
            self._cache.clear(change.partition)
            self._positions[change.partition] = change.position
        self._numbers[change.partition] = change.number
        self._announce()

    def _announce(self) -> None:
        # Wakes whoever waits now; the next to wait waits for the next change.
        self._moved.set()
        self._moved = asyncio.Event()
