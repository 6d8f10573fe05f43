"""Sends many events over one TrackStream, in order, and again what was not taken: the engine of `sendwhen replay`."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import grpc

from sendwhen.chassis.grpc_channel import bearer, open_channel
from sendwhen.chassis.grpc_status import error_of
from sendwhen.cli.targets import Targets
from sendwhen.cli.terminal import is_unreachable, unreachable
from sendwhen.errors import Overloaded, TooLate, Unavailable
from sendwhen.v1.event_pb2 import Event
from sendwhen.v1.ingest_service_pb2 import TrackStreamRequest, TrackStreamResponse
from sendwhen.v1.ingest_service_pb2_grpc import IngestStub

if TYPE_CHECKING:
    from sendwhen.v1.ingest_service_pb2_grpc import IngestAsyncStub

IN_FLIGHT_BATCHES = 16
AWAY_S_MAX = 60.0
"""So long a service may be away before the replay gives up (and can be resumed)."""
RETRY_FIRST_S = 0.2
REASONS_MAX = 10
_Stream: TypeAlias = "grpc.aio.StreamStreamCall[TrackStreamRequest, TrackStreamResponse]"
_RETRYABLE = {
    grpc.StatusCode.RESOURCE_EXHAUSTED.value[0],
    grpc.StatusCode.UNAVAILABLE.value[0],
    grpc.StatusCode.DEADLINE_EXCEEDED.value[0],
}


@dataclass(slots=True)
class Batch:
    """Events of one request.

    Attributes:
        lines: How many lines of the file it stands for, refused ones included.
        open: Events not answered for good yet, in order.
    """

    lines: int
    open: list[Event]


@dataclass(slots=True)
class Tally:
    """What became of the events so far.

    Attributes:
        lines: Lines of the file dealt with for good, from its beginning.
        reasons: Why events were refused: the first few, each with how often.
    """

    lines: int = 0
    accepted: int = 0
    refused: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def refuse(self, reason: str) -> None:
        """Count a refused event."""
        self.refused += 1
        if reason in self.reasons or len(self.reasons) < REASONS_MAX:
            self.reasons[reason] += 1


class ReplayStream:
    """One replay: feeds batches, keeps the tally, opens a new stream where one broke or was refused for overload."""

    def __init__(
        self, targets: Targets, tally: Tally, *, progress: Callable[[], None], rate_per_s: float | None
    ) -> None:
        self._targets = targets
        self._tally = tally
        self._progress = progress
        self._rate_per_s = rate_per_s
        self._waiting: deque[Batch] = deque()
        self._sent_events = 0
        self._began_s = 0.0

    async def send(self, batches: Iterator[Batch]) -> None:
        """Send all batches; returns when each event was taken or refused.

        Raises:
            Unavailable: The service was away for too long.
            SendwhenError: The whole stream was refused, such as for a wrong key.
        """
        loop = asyncio.get_running_loop()
        self._began_s = loop.time()
        away_since_s: float | None = None
        async with open_channel(self._targets.ingest, key=self._targets.write_key) as channel:
            stub = IngestStub(channel)
            while True:
                before = self._tally.lines
                try:
                    if await self._one_stream(stub, batches):
                        return
                    pause_s = RETRY_FIRST_S
                except grpc.aio.AioRpcError as failure:
                    pause_s = self._pause_after(failure, away_since_s, loop.time())
                if self._tally.lines > before or away_since_s is None:
                    away_since_s = loop.time()
                await asyncio.sleep(pause_s)

    def _pause_after(self, failure: grpc.aio.AioRpcError, away_since_s: float | None, now_s: float) -> float:
        # A write into a call that the server has just ended fails as INTERNAL and hides why. The next stream tells.
        error = error_of(failure)
        if not isinstance(error, Unavailable | Overloaded | TooLate):
            raise error from failure
        if is_unreachable(failure) and away_since_s is None and not self._tally.accepted:
            raise unreachable("ingest", self._targets.ingest) from failure
        if away_since_s is not None and now_s - away_since_s > AWAY_S_MAX:
            raise error from failure
        return error.retry_after_ms / 1000 if isinstance(error, Overloaded) else RETRY_FIRST_S * 2

    async def _one_stream(self, stub: IngestAsyncStub, batches: Iterator[Batch]) -> bool:
        """True when all is done; False when something must be sent again over a new stream."""
        call: _Stream = stub.TrackStream(metadata=bearer(self._targets.write_key))
        again: deque[Batch] = deque(self._waiting)
        in_flight: deque[tuple[int, Batch]] = deque()
        number = 0
        refused = False
        exhausted = False
        while not exhausted or in_flight:
            while not refused and not exhausted and len(in_flight) < IN_FLIGHT_BATCHES:
                batch = again.popleft() if again else self._take(batches)
                if batch is None:
                    exhausted = True
                    await call.done_writing()
                elif batch.open:
                    await self._pace(len(batch.open))
                    number += 1
                    await call.write(TrackStreamRequest(batch_number=number, events=batch.open))
                    in_flight.append((number, batch))
            if not in_flight:
                break
            answer = await call.read()
            if not isinstance(answer, TrackStreamResponse):
                # The server ended the stream; its status says why, and raises where that is an error.
                await _raise_status(call)
                return False
            refused |= self._settle(answer, in_flight.popleft()[1])
            if refused and not in_flight:
                call.cancel()
                return False
        self._advance()
        return not self._waiting

    def _take(self, batches: Iterator[Batch]) -> Batch | None:
        batch = next(batches, None)
        if batch is not None:
            self._waiting.append(batch)
        return batch

    def _settle(self, answer: TrackStreamResponse, batch: Batch) -> bool:
        """Count a batch's results; True where some must be sent again."""
        left: list[Event] = []
        for event, result in zip(batch.open, answer.results, strict=True):
            if result.WhichOneof("outcome") == "position":
                self._tally.accepted += 1
            elif result.error.code in _RETRYABLE:
                left.append(event)
            else:
                fields = "; ".join(f"{wrong.field}: {wrong.description}" for wrong in result.error.violations)
                self._tally.refuse(fields or result.error.message)
        batch.open = left
        self._advance()
        return bool(left)

    def _advance(self) -> None:
        while self._waiting and not self._waiting[0].open:
            self._tally.lines += self._waiting.popleft().lines
        self._progress()

    async def _pace(self, events: int) -> None:
        if self._rate_per_s is not None:
            due_s = self._began_s + self._sent_events / self._rate_per_s
            await asyncio.sleep(max(0.0, due_s - asyncio.get_running_loop().time()))
        self._sent_events += events


async def _raise_status(call: _Stream) -> None:
    code = await call.code()
    if code is not grpc.StatusCode.OK:
        raise grpc.aio.AioRpcError(
            code, await call.initial_metadata(), await call.trailing_metadata(), details=await call.details()
        )
