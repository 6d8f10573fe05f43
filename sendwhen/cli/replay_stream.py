"""Sends the lines of a file over the client's stream and keeps the tally: the engine of `sendwhen replay`."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Final

from sendwhen.cli.targets import Targets
from sendwhen.client import Retries, connect
from sendwhen.client.events import Result
from sendwhen.client.stream import EventStream
from sendwhen.errors import Invalid, SendwhenError
from sendwhen.v1.event_pb2 import Event

AWAY_S_MAX: Final = 60.0
"""So long ingest may be away before the replay gives up (and can be resumed)."""
ARREARS_S_MAX: Final = 1.0
"""So much of a stall is made up for faster than the given rate: not all of it, which could be a flood."""
REASONS_MAX: Final = 10


@dataclass(slots=True)
class Batch:
    """Consecutive lines of the file.

    Attributes:
        lines: How many.
        events: Those that are events.
        numbers: Their lines, where they come from a file.
        wrong: Why the others are none.
    """

    lines: int = 0
    events: list[Event] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Tally:
    """What became of the file's lines, from its beginning, as far as it is settled without a gap.

    Attributes:
        lines: How many are settled.
        reasons: Why events were refused: the first few, each with how often.
        places: The line of the first event that was refused for it.
    """

    lines: int = 0
    accepted: int = 0
    refused: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    places: dict[str, int] = field(default_factory=dict)

    def settle(self, batch: Batch, results: Sequence[Result]) -> None:
        """Count the next batch: all its lines at once, so that lines and outcomes are never apart when noted."""
        for reason in batch.wrong:
            self._refuse(reason)
        for result, number in zip(results, batch.numbers or repeat(0), strict=False):
            if isinstance(result, SendwhenError):
                reason = _reason(result)
                self._refuse(reason)
                if number and reason in self.reasons:
                    self.places.setdefault(reason, number)
            else:
                self.accepted += 1
        self.lines += batch.lines

    @property
    def reason_lines(self) -> list[str]:
        """The reasons that are known, each with how often, and how many others there were."""
        others = self.refused - self.reasons.total()
        known = [
            f"              {times:>10,} x {reason}"
            + (f" (first in line {self.places[reason]:,})" if reason in self.places else "")
            for reason, times in self.reasons.items()
        ]
        return known + ([f"              {others:>10,} x other reasons"] if others else [])

    def _refuse(self, reason: str) -> None:
        self.refused += 1
        if reason in self.reasons or len(self.reasons) < REASONS_MAX:
            self.reasons[reason] += 1


class Pace:
    """When to send the next events for so many a second."""

    def __init__(self, rate_per_s: float, now_s: float) -> None:
        self._rate_per_s = rate_per_s
        self._due_s = now_s

    def wait_s(self, events: int, now_s: float) -> float:
        """How long to wait before so many are sent, which they are taken to be then."""
        due_s = max(self._due_s, now_s - ARREARS_S_MAX)
        self._due_s = due_s + events / self._rate_per_s
        return max(0.0, due_s - now_s)


async def send(
    batches: Iterator[Batch], tally: Tally, targets: Targets, *, progress: Callable[[], None], rate_per_s: float | None
) -> bool:
    """Send all batches in order; returns when each event was taken or refused.

    However it ends, the tally holds what is settled.

    Returns:
        Whether a stream broke: what was on its way then may have been taken twice.

    Raises:
        Unavailable, Overloaded, TooLate: Ingest was away for too long.
        SendwhenError: The whole stream was refused, such as for a wrong key.
    """
    patience = Retries(seconds=AWAY_S_MAX)
    waiting: deque[tuple[Batch, asyncio.Future[Sequence[Result]]]] = deque()

    def settle() -> None:
        while waiting and _is_settled(waiting[0][1]):
            batch, results = waiting.popleft()
            tally.settle(batch, results.result())
        progress()

    try:
        async with (
            connect(targets.ingest, write_key=targets.write_key, retries=patience) as client,
            client.stream() as stream,
        ):
            await _feed(stream, batches, waiting, settle, rate_per_s)
            return stream.broke
    finally:
        settle()


async def _feed(
    stream: EventStream,
    batches: Iterator[Batch],
    waiting: deque[tuple[Batch, asyncio.Future[Sequence[Result]]]],
    settle: Callable[[], None],
    rate_per_s: float | None,
) -> None:
    loop = asyncio.get_running_loop()
    pace = Pace(rate_per_s, loop.time()) if rate_per_s else None
    for batch in batches:
        if pace is not None:
            await asyncio.sleep(pace.wait_s(len(batch.events), loop.time()))
        waiting.append((batch, await stream.send_messages(batch.events)))
        settle()
    while waiting:
        # Not awaited itself: a future that is awaited is cancelled with its waiter, and what it holds would be lost.
        await asyncio.wait([waiting[0][1]])
        waiting[0][1].result()
        settle()


def _is_settled(results: asyncio.Future[Sequence[Result]]) -> bool:
    return results.done() and not results.cancelled() and results.exception() is None


def _reason(refusal: SendwhenError) -> str:
    violations = refusal.violations if isinstance(refusal, Invalid) else ()
    return "; ".join(f"{wrong.field}: {wrong.description}" for wrong in violations) or refusal.problem
