"""Loads customers from the store: many in one round trip, and each only once however many ask."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from sendwhen.chassis.metrics import Meter
from sendwhen.errors import Overloaded, SendwhenError
from services.profile.cache import NOWHERE, Known, NearCache, Ticket
from services.profile.ports import AsMessage, Moved, Records

BATCH_MAX: Final = 500
"""Customers read in one round trip."""

BATCHES_AT_ONCE_MAX: Final = 4
WAITING_MAX: Final = 5_000
"""Customers that wait for a round trip; more are refused with a retry delay."""


class _Load(NamedTuple):
    uid: str
    partition: int
    ticket: Ticket
    done: asyncio.Future[Known]


class Loader:
    """Reads from the store what the cache does not hold."""

    def __init__(
        self, *, records: Records, cache: NearCache, as_message: AsMessage, partitions: int, metrics: Meter
    ) -> None:
        self._records = records
        self._cache = cache
        self._as_message = as_message
        self._partitions = partitions
        self._metrics = metrics
        self._flights: dict[str, asyncio.Future[Known]] = {}
        self._waiting: deque[_Load] = deque()
        self._running: set[asyncio.Task[None]] = set()

    async def load(self, uid: str, partition: int) -> Known:
        """What the store knows of a customer; NOWHERE as ``partition`` asks all of them.

        Raises:
            Unavailable: The store cannot be reached.
            Overloaded: Too many wait already.
            Precondition: A later version of sendwhen wrote the record.
        """
        flight = self._flights.get(uid)
        if flight is None or not self._cache.is_loading(uid):
            if len(self._waiting) >= WAITING_MAX:
                raise Overloaded(f"{WAITING_MAX} customers wait for the store already.", retry_after_ms=100)
            flight = self._flights[uid] = asyncio.get_running_loop().create_future()
            self._waiting.append(_Load(uid, partition, self._cache.begin_load(uid), flight))
            if len(self._waiting) == 1:
                # Others may ask before this iteration of the loop is over; they share the round trip.
                asyncio.get_running_loop().call_soon(self._dispatch)
        # A caller that goes away must not take the load of the others with it.
        return await asyncio.shield(flight)

    def _dispatch(self) -> None:
        while self._waiting and len(self._running) < BATCHES_AT_ONCE_MAX:
            batch = [self._waiting.popleft() for _ in range(min(BATCH_MAX, len(self._waiting)))]
            task = asyncio.create_task(self._carry_out(batch))
            self._running.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._dispatch()

    async def _carry_out(self, batch: Sequence[_Load]) -> None:
        wanted: dict[int, list[str]] = {}
        for load in batch:
            places = range(self._partitions) if load.partition == NOWHERE else (load.partition,)
            for place in places:
                wanted.setdefault(place, []).append(load.uid)
        before_s = time.perf_counter()
        try:
            answers = await self._records.load(wanted)
        except Exception as error:  # noqa: BLE001  whatever it is, those who wait must hear of it
            for load in batch:
                self._settle(load, error)
            return
        self._metrics.observe("sendwhen_profile_load_duration_seconds", time.perf_counter() - before_s)
        found = {
            uid: (place, record)
            for place, uids in wanted.items()
            for uid, record in zip(uids, answers[place], strict=True)
            if record is not None
        }
        for load in batch:
            place, record = found.get(load.uid, (load.partition, None))
            try:
                known = self._known(place, record)
            except SendwhenError as error:
                self._settle(load, error)
            else:
                self._settle(load, known)

    def _known(self, place: int, record: bytes | None) -> Known:
        found = None if record is None else self._as_message(record, partition=place)
        if isinstance(found, Moved):
            return Known(partition=place, customer=None, moved=found)
        return Known(partition=place, customer=None if found is None else found.SerializeToString())

    def _settle(self, load: _Load, outcome: Known | Exception) -> None:
        if self._flights.get(load.uid) is load.done:
            del self._flights[load.uid]
        if isinstance(outcome, Known):
            evicted_before = self._cache.evicted
            self._cache.end_load(load.uid, load.ticket, outcome)
            if self._cache.evicted > evicted_before:
                self._metrics.count("sendwhen_profile_cache_evictions_total", self._cache.evicted - evicted_before)
            load.done.set_result(outcome)
        else:
            self._cache.end_load(load.uid, load.ticket, None)
            load.done.set_exception(outcome)
            # Everyone who asked may have gone; that is no error of the loop's.
            load.done.exception()
