"""Takes events in: validates, normalises, hands them to the log in micro-batches, answers for each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final

from sendwhen.chassis.clock import Clock
from sendwhen.errors import Invalid, Overloaded, SendwhenError, Violation
from sendwhen.v1 import event_pb2
from services.ingest.lane import Lane, Order, Submission, Waiting
from services.ingest.ports import EventLog, LogEvent, LogPosition, Outcome, Refused
from services.ingest.validation import normalised

BATCH_EVENTS_MAX: Final = 2_500
BATCH_BYTES_MAX: Final = 500 * 1024
QUEUED_EVENTS_MAX: Final = 20_000
"""Events that wait for the log or are under way to it; beyond, new ones are refused as overload."""
QUEUED_BYTES_MAX: Final = 64 * 1024 * 1024
"""The same of their bytes: large events fill the memory long before they are many."""
RETRY_AFTER_MS: Final = 250
LANES: Final = 1
"""Appends under way at a time. A second doubles the calls of a calm hour, and trigger appends one after the other."""


class Intake:
    """The one way in, whatever the protocol."""

    def __init__(
        self,
        event_log: EventLog,
        clock: Clock,
        *,
        event_clock: bool,
        lanes: int = LANES,
        queued_events_max: int = QUEUED_EVENTS_MAX,
        queued_bytes_max: int = QUEUED_BYTES_MAX,
    ) -> None:
        self._log = event_log
        self._clock = clock
        self._event_clock = event_clock
        self._lanes = [Lane(event_log) for _ in range(lanes)]
        self._queued_events_max = queued_events_max
        self._queued_bytes_max = queued_bytes_max
        self._partitions = 0
        self._asking: asyncio.Task[int] | None = None

    async def track(self, event: event_pb2.Event, *, source: str, traceparent: str = "") -> LogPosition:
        """Take one event.

        Raises:
            Invalid: Names every wrong field and what to send.
            Overloaded, Unavailable, TooLate: Retry with the same event id.
        """
        ready = self._normalised(event, source, traceparent, self._clock.now_us())
        if isinstance(ready, list):
            raise Invalid.of(ready)
        [outcome] = await self._log_events([ready], order=None)
        if isinstance(outcome, Refused):
            raise outcome.error
        return outcome

    async def track_many(
        self,
        events: Sequence[event_pb2.Event],
        *,
        source: str,
        traceparent: str = "",
        order: Order | None = None,
    ) -> list[Outcome]:
        """Take several events, each by itself; ``order`` is shared by the batches of a stream.

        Raises:
            Unavailable, TooLate: Trigger could not be asked at all.
        """
        now_us = self._clock.now_us()
        ready = [self._normalised(event, source, traceparent, now_us) for event in events]
        good = [event for event in ready if not isinstance(event, list)]
        taken = iter(await self._log_events(good, order=order or Order()))
        return [Refused(error=Invalid.of(event)) if isinstance(event, list) else next(taken) for event in ready]

    async def locate(self) -> None:
        """Know how many partitions there are, so that what follows enters the lanes at once, in the order of calls.

        Raises:
            Unavailable, TooLate: Trigger could not be asked.
        """
        if not self._partitions:
            await self._ask_partitions()

    async def wait_applied(self, positions: Iterable[LogPosition], *, deadline_s: float) -> None:
        """Answer when the shards have committed all of these."""
        highest: dict[int, int] = {}
        for position in positions:
            highest[position.partition] = max(position.seq, highest.get(position.partition, 0))
        if highest:
            await self._log.wait_applied(
                [LogPosition(partition=partition, seq=seq) for partition, seq in highest.items()],
                deadline_s=deadline_s,
            )

    def _normalised(
        self, event: event_pb2.Event, source: str, traceparent: str, now_us: int
    ) -> LogEvent | list[Violation]:
        return normalised(event, now_us=now_us, source=source, traceparent=traceparent, event_clock=self._event_clock)

    async def _log_events(self, events: Sequence[LogEvent], *, order: Order | None) -> list[Outcome]:
        if not events:
            return []
        partitions = self._partitions or await self._ask_partitions()
        if not self._has_room(events):
            return self._overloaded(events, partitions, order)
        done = asyncio.get_running_loop().create_future()
        submission = Submission([None] * len(events), len(events), done, order)
        lanes, lanes_count = self._lanes, len(self._lanes)
        for index, event in enumerate(events):
            partition = event.routing_hash % partitions
            # A partition has one lane, so that its refusals keep the order too.
            lanes[partition % lanes_count].put(Waiting(submission, index, partition, event))
        await done
        return [outcome for outcome in submission.outcomes if outcome is not None]

    def _has_room(self, events: Sequence[LogEvent]) -> bool:
        size_bytes = sum([len(event.payload) for event in events])
        return (
            sum([lane.events for lane in self._lanes]) + len(events) <= self._queued_events_max
            and sum([lane.size_bytes for lane in self._lanes]) + size_bytes <= self._queued_bytes_max
        )

    def _overloaded(self, events: Sequence[LogEvent], partitions: int, order: Order | None) -> list[Outcome]:
        error: SendwhenError = Overloaded("Too many events wait for the log.", retry_after_ms=RETRY_AFTER_MS)
        if order is not None:
            for event in events:
                order.refused.setdefault(event.routing_hash % partitions, error)
        return [Refused(error=error)] * len(events)

    async def _ask_partitions(self) -> int:
        # One question for all who wait; asked again only when it failed.
        if self._asking is None:
            self._asking = asyncio.get_running_loop().create_task(self._log.partitions())
        asking = self._asking
        try:
            self._partitions = await asyncio.shield(asking)
        finally:
            if asking.done() and self._asking is asking:
                self._asking = None
        return self._partitions


def batch_complaint(events_count: int, size_bytes: int) -> str:
    """Why a batch is refused as a whole; "" where it is not."""
    if events_count > BATCH_EVENTS_MAX:
        return f"Send at most {BATCH_EVENTS_MAX} events in a batch; these are {events_count}."
    if size_bytes > BATCH_BYTES_MAX:
        return f"Send at most {BATCH_BYTES_MAX} bytes in a batch; these are {size_bytes}."
    return ""
