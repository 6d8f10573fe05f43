"""The hop to the log: whatever waits goes in one append, the next one when that has been answered.

No linger: an event that finds the lane idle goes at once, and the more come while an append is under way, the larger
the next. One append at a time keeps the order of a customer's events, and of a partition's refusals.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import structlog

from sendwhen.errors import Overloaded, SendwhenError, TooLate, Unavailable
from services.ingest.ports import EventLog, LogEvent, Outcome, Refused

log = structlog.get_logger()

APPEND_EVENTS_MAX: Final = 2_500
APPEND_BYTES_MAX: Final = 1_000_000
RETRYABLE: Final = (Overloaded, Unavailable, TooLate)


@dataclass(slots=True, kw_only=True)
class Order:
    """What a batch or stream must remember: partitions of which an event was refused, so that later ones are too."""

    refused: dict[int, SendwhenError] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Submission:
    """Events of one call on their way: their outcomes, and who waits for the last of them."""

    outcomes: list[Outcome | None]
    left: int
    done: asyncio.Future[None]
    order: Order | None

    def settle(self, index: int, outcome: Outcome) -> None:
        """Note what became of one event; wakes the caller after the last."""
        self.outcomes[index] = outcome
        self.left -= 1
        if not self.left and not self.done.done():
            self.done.set_result(None)


class Waiting(NamedTuple):
    """One event in the queue."""

    submission: Submission
    place: int
    partition: int
    event: LogEvent


class Lane:
    """Appends what is put into it, in order.

    Attributes:
        events: How many wait or are under way. size_bytes: of their payloads.
    """

    def __init__(self, event_log: EventLog) -> None:
        self._log = event_log
        self._queue: deque[Waiting] = deque()
        self._task: asyncio.Task[None] | None = None
        self.events = 0
        self.size_bytes = 0

    def put(self, waiting: Waiting) -> None:
        """Queue an event; its submission is settled later."""
        self._queue.append(waiting)
        self.events += 1
        self.size_bytes += len(waiting.event.payload)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._drain())

    async def _drain(self) -> None:
        try:
            while self._queue:
                taken = self._take()
                if taken:
                    await self._append(taken)
        finally:
            self._task = None

    def _take(self) -> list[Waiting]:
        taken: list[Waiting] = []
        size_bytes = 0
        while self._queue and len(taken) < APPEND_EVENTS_MAX:
            waiting = self._queue[0]
            size_bytes += len(waiting.event.payload)
            if taken and size_bytes > APPEND_BYTES_MAX:
                break
            self._queue.popleft()
            order = waiting.submission.order
            if order is not None and order.refused and waiting.partition in order.refused:
                self._gone([waiting])
                waiting.submission.settle(waiting.place, Refused(error=order.refused[waiting.partition]))
            else:
                taken.append(waiting)
        return taken

    async def _append(self, taken: list[Waiting]) -> None:
        try:
            outcomes = await self._log.append([waiting.event for waiting in taken])
        except SendwhenError as error:
            outcomes = [Refused(error=error)] * len(taken)
        except Exception:
            # A lane that dies would hold its callers for ever; they are told, the log has the cause.
            log.exception("append.failed")
            outcomes = [Refused(error=Unavailable("The event could not be logged.", remedy="Try again."))] * len(taken)
        self._gone(taken)
        for waiting, outcome in zip(taken, outcomes, strict=True):
            submission = waiting.submission
            if submission.order is not None and type(outcome) is Refused and isinstance(outcome.error, RETRYABLE):
                submission.order.refused.setdefault(waiting.partition, outcome.error)
            submission.settle(waiting.place, outcome)

    def _gone(self, settled: list[Waiting]) -> None:
        self.events -= len(settled)
        self.size_bytes -= sum([len(waiting.event.payload) for waiting in settled])
