"""Routes events to their partitions and appends them, whatever waits in one step.

At most one entry for each partition is on its way, so events keep their order; calls that come meanwhile wait and go
together. What goes wrong is told for each event: after a refusal, later events of the same call and partition are
refused too, so that a retry keeps order.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from sendwhen.chassis.clock import Clock
from sendwhen.chassis.metrics import Meter
from sendwhen.errors import Overloaded, SendwhenError, Unavailable
from sendwhen.wire.entry import event_entry
from services.trigger.front_ports import StoreWatch
from services.trigger.log_port import Append, Appended, Lagging, Log
from services.trigger.ports import StoreLost

log = structlog.get_logger()

ENTRY_EVENTS_MAX: Final = 500
ENTRY_BYTES_MAX: Final = 100_000
QUEUED_EVENTS_MAX: Final = 50_000
"""Events that wait for the store; beyond, calls are refused as overload."""
QUEUED_BYTES_MAX: Final = 128 * 1024 * 1024
"""The same of their bytes: large events fill the memory long before they are many."""
QUEUE_FULL_RETRY_MS: Final = 250
LAG_RETRY_MS: Final = 1_000
SKEW_MS_MAX: Final = 1_000
ALARM_EVERY_S: Final = 30.0

Outcome = Appended | SendwhenError


@dataclass(slots=True, eq=False)
class _Call:
    outcomes: list[Outcome | None]
    left: int
    done: asyncio.Future[None]
    refused: dict[int, SendwhenError] = field(default_factory=dict)

    def settle(self, chunk: _Chunk, outcome: Outcome) -> None:
        if not isinstance(outcome, Appended):
            self.refused[chunk.partition] = outcome
        for index in chunk.indices:
            self.outcomes[index] = outcome
        self.left -= len(chunk.indices)
        if not self.left and not self.done.done():
            self.done.set_result(None)


@dataclass(slots=True, eq=False)
class _Chunk:
    """Events of one call and one partition, no more than one entry holds."""

    call: _Call
    partition: int
    received_at_us: int
    indices: list[int] = field(default_factory=list)
    payloads: list[bytes] = field(default_factory=list)
    size_bytes: int = 0
    last_at_ms: int = 0


class Appender:
    """Appends events to the log.

    Attributes:
        partitions: Of the installation.
        queued_events: How many events wait for the store. queued_bytes: their size.
        skew_ms: The front's clock minus the log's time, at the last append.
    """

    def __init__(
        self,
        event_log: Log,
        clock: Clock,
        watch: StoreWatch,
        meter: Meter,
        *,
        partitions: int,
        event_clock: bool,
        queued_bytes_max: int = QUEUED_BYTES_MAX,
    ) -> None:
        self._log = event_log
        self._clock = clock
        self._watch = watch
        self._meter = meter
        self._event_clock = event_clock
        self._waiting: dict[int, deque[_Chunk]] = {}
        self.queued_events = 0
        self.queued_bytes = 0
        self._queued_bytes_max = queued_bytes_max
        self._task: asyncio.Task[None] | None = None
        # Whoever's call it is that starts the loop, what it logs is ours.
        self._context = contextvars.copy_context()
        self._alarmed_at_s = float("-inf")
        self.skew_ms = 0
        self.partitions = partitions

    async def append(
        self, events: Sequence[bytes], routing_hashes: Sequence[int], occurred_at_ms: Sequence[int]
    ) -> Sequence[Outcome]:
        """Append; answers for each event, when it is at the log's durability level or refused."""
        if not events:
            return ()
        size_bytes = sum(map(len, events))
        refusal = self._refusal(len(events), size_bytes)
        if refusal is not None:
            return [refusal] * len(events)
        call = _Call([None] * len(events), len(events), asyncio.get_running_loop().create_future())
        for chunk in self._chunks(call, events, routing_hashes, occurred_at_ms):
            self._waiting.setdefault(chunk.partition, deque()).append(chunk)
        self.queued_events += len(events)
        self.queued_bytes += size_bytes
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._drain(), context=self._context)
        await call.done
        return [outcome for outcome in call.outcomes if outcome is not None]

    def _refusal(self, events: int, size_bytes: int) -> SendwhenError | None:
        state = self._watch.state()
        if state.refusing:
            self._meter.count("sendwhen_appends_refused_total", reason=state.reason)
            return Overloaded(state.refusing, retry_after_ms=state.retry_after_ms)
        if self.queued_events + events > QUEUED_EVENTS_MAX or self.queued_bytes + size_bytes > self._queued_bytes_max:
            self._meter.count("sendwhen_appends_refused_total", reason="store")
            return Overloaded("Too many events wait for the store.", retry_after_ms=QUEUE_FULL_RETRY_MS)
        return None

    def _chunks(
        self, call: _Call, events: Sequence[bytes], routing_hashes: Sequence[int], occurred_at_ms: Sequence[int]
    ) -> Sequence[_Chunk]:
        chunks: list[_Chunk] = []
        open_chunks: dict[int, _Chunk] = {}
        received_at_us = self._clock.now_us()
        for index, (payload, routing_hash) in enumerate(zip(events, routing_hashes, strict=True)):
            partition = routing_hash % self.partitions
            chunk = open_chunks.get(partition)
            if (
                chunk is None
                or len(chunk.payloads) >= ENTRY_EVENTS_MAX
                or chunk.size_bytes + len(payload) > ENTRY_BYTES_MAX
            ):
                chunk = open_chunks[partition] = _Chunk(call, partition, received_at_us)
                chunks.append(chunk)
            chunk.indices.append(index)
            chunk.payloads.append(payload)
            chunk.size_bytes += len(payload)
            if self._event_clock:
                chunk.last_at_ms = occurred_at_ms[index]
        return chunks

    async def _drain(self) -> None:
        try:
            while self._waiting:
                entries = [entry for entry in map(self._take, list(self._waiting)) if entry]
                if entries:
                    await self._append(entries)
        finally:
            self._task = None

    def _take(self, partition: int) -> list[_Chunk]:
        queue, events, size_bytes = self._waiting[partition], 0, 0
        taken: list[_Chunk] = []
        while queue:
            chunk = queue[0]
            refusal = chunk.call.refused.get(partition)
            if refusal is None:
                events += len(chunk.payloads)
                size_bytes += chunk.size_bytes
                if taken and (events > ENTRY_EVENTS_MAX or size_bytes > ENTRY_BYTES_MAX):
                    break
                taken.append(chunk)
            queue.popleft()
            self.queued_events -= len(chunk.payloads)
            self.queued_bytes -= chunk.size_bytes
            if refusal is not None:
                chunk.call.settle(chunk, refusal)
        if not queue:
            del self._waiting[partition]
        return taken

    async def _append(self, entries: Sequence[list[_Chunk]]) -> None:
        now_ms, started_s = self._clock.now_ms(), self._clock.monotonic_s()
        appends = [self._entry(chunks, now_ms) for chunks in entries]
        try:
            outcomes: Sequence[Appended | Lagging | SendwhenError] = await self._log.append(appends)
        except StoreLost as error:
            lost = Unavailable(
                f"{error.problem} Whether the events are kept is not known.", remedy="Retry with the same ids."
            )
            outcomes = [lost] * len(entries)
            self._meter.count("sendwhen_appends_refused_total", len(entries), reason="store")
        except Exception:
            # A loop that dies would hold its callers for ever; they are told, the log has the cause.
            log.exception("append.failed")
            outcomes = [Unavailable("The events could not be appended.", remedy="Retry with the same ids.")] * len(
                entries
            )
        self._meter.observe("sendwhen_append_duration_seconds", self._clock.monotonic_s() - started_s)
        for chunks, append, outcome in zip(entries, appends, outcomes, strict=True):
            self._settle(chunks, append, outcome)

    def _entry(self, chunks: Sequence[_Chunk], now_ms: int) -> Append:
        payloads = chunks[0].payloads if len(chunks) == 1 else [p for chunk in chunks for p in chunk.payloads]
        return Append(
            partition=chunks[0].partition,
            body=event_entry(payloads, chunks[0].received_at_us),
            events=len(payloads),
            at_ms=chunks[-1].last_at_ms if self._event_clock else now_ms,
        )

    def _settle(self, chunks: Sequence[_Chunk], append: Append, outcome: Appended | Lagging | SendwhenError) -> None:
        if isinstance(outcome, Appended):
            self._meter.count("sendwhen_appended_events_total", append.events)
            self._meter.observe("sendwhen_entry_events", append.events)
            self._check_skew(append, outcome)
        elif isinstance(outcome, Lagging):
            self._meter.count("sendwhen_appends_refused_total", reason="lag")
            outcome = Overloaded(
                f"Partition {outcome.partition} is {outcome.lag_events} events behind.", retry_after_ms=LAG_RETRY_MS
            )
        for chunk in chunks:
            chunk.call.settle(chunk, outcome)

    def _check_skew(self, append: Append, appended: Appended) -> None:
        # Log time follows the slower of the two clocks and never goes back: where it is far from ours, one is wrong.
        if self._event_clock:
            return
        self.skew_ms = skew_ms = append.at_ms - appended.at_ms
        if abs(skew_ms) <= SKEW_MS_MAX:
            return
        now_s = self._clock.monotonic_s()
        if now_s - self._alarmed_at_s >= ALARM_EVERY_S:
            self._alarmed_at_s = now_s
            log.warning("clock.differed", front_minus_log_ms=skew_ms, partition=append.partition)
