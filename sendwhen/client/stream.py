"""Many events over one stream: in order, with bounded memory, and sent again where they did not get through."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

import grpc

from sendwhen.chassis.grpc_channel import bearer
from sendwhen.chassis.grpc_status import error_of
from sendwhen.client.events import Event, Result, is_retryable, message_of, result_of
from sendwhen.errors import Invalid, SendwhenError, Unavailable, Violation
from sendwhen.v1 import event_pb2
from sendwhen.v1 import ingest_service_pb2 as pb

if TYPE_CHECKING:
    from sendwhen.v1.ingest_service_pb2_grpc import IngestAsyncStub

BATCH_EVENTS_MAX: Final = 2_500
BATCH_BYTES_MAX: Final = 500 * 1024

_Call: TypeAlias = "grpc.aio.StreamStreamCall[pb.TrackStreamRequest, pb.TrackStreamResponse]"
Backoff = Callable[[int, SendwhenError], float]


class _Batch:
    """Events of one ``send``: which are not answered for good, and who waits for them."""

    def __init__(self, messages: Sequence[event_pb2.Event], done: asyncio.Future[Sequence[Result]]) -> None:
        self.messages = messages
        self.results: list[Result | None] = [None] * len(messages)
        self.left = list(range(len(messages)))
        self.done = done

    def settle(self, answer: pb.TrackStreamResponse) -> SendwhenError | None:
        """Take the answers in; the first refusal that is worth another try."""
        for index, result in zip(self.left, answer.results, strict=True):
            self.results[index] = result_of(result)
        self.left = [index for index in self.left if is_retryable(self.results[index])]
        if not self.left:
            if not self.done.done():
                self.done.set_result([result for result in self.results if result is not None])
            return None
        refusal = self.results[self.left[0]]
        return refusal if isinstance(refusal, SendwhenError) else None


class EventStream:
    """Use it as ``async with client.stream() as stream``; leaving it waits until every event is taken or refused.

    Attributes:
        broke: A call broke off. What was on its way then was sent again, and may be in the log twice (applied once).
    """

    def __init__(
        self,
        stub: IngestAsyncStub,
        *,
        write_key: str,
        batches_in_flight: int,
        away_s_max: float,
        backoff: Backoff,
    ) -> None:
        self.broke = False
        self._stub = stub
        self._write_key = write_key
        self._away_s_max = away_s_max
        self._backoff = backoff
        self._window = asyncio.Semaphore(batches_in_flight)
        self._pending: deque[_Batch] = deque()
        self._changed = asyncio.Event()
        self._closed = False
        self._broken: SendwhenError | None = None
        self._settled = 0
        self._pump: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin."""
        self._pump = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, failure: object, *_: object) -> None:
        """Wait for what was sent; after an exception in the block, give up instead."""
        assert self._pump is not None
        if failure is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)
            self._fail(Unavailable("The stream was left before its events were taken.", remedy="Send them again."))
            return
        self._closed = True
        self._changed.set()
        await self._pump
        if self._broken:
            raise self._broken

    async def send(self, events: Sequence[Event]) -> asyncio.Future[Sequence[Result]]:
        """Hand over up to 2,500 events (500 KB); waits while too many batches are on their way.

        Returns:
            Where one result for each event will be, in order; need not be awaited.

        Raises:
            Invalid: The batch is too large.
            Unavailable, Overloaded, TooLate: The stream has been given up.
        """
        return await self.send_messages([message_of(event) for event in events])

    async def send_messages(self, messages: Sequence[event_pb2.Event]) -> asyncio.Future[Sequence[Result]]:
        """As ``send``, for who has the events as they travel."""
        if len(messages) > BATCH_EVENTS_MAX or sum(m.ByteSize() + 4 for m in messages) > BATCH_BYTES_MAX - 16:
            description = f"Give at most {BATCH_EVENTS_MAX} events and {BATCH_BYTES_MAX} bytes at a time."
            raise Invalid.of([Violation(field="events", description=description)])
        done: asyncio.Future[Sequence[Result]] = asyncio.get_running_loop().create_future()
        # One who does not look at the results is told of a failure when leaving the stream.
        done.add_done_callback(lambda future: future.cancelled() or future.exception())
        if not messages:
            done.set_result([])
            return done
        await self._window.acquire()
        if self._broken:
            self._window.release()
            raise self._broken
        self._pending.append(_Batch(messages, done))
        self._changed.set()
        return done

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        attempt, away_since_s = 0, 0.0
        while True:
            settled = self._settled
            error: SendwhenError | None
            try:
                error = await self._one_call()
            except grpc.aio.AioRpcError as failure:
                error = error_of(failure)
                self.broke = True
            if error is None:
                return
            if self._settled > settled or not attempt:
                # Counted from the first failure in a row: a stream that had nothing to send was not away.
                attempt, away_since_s = 0, loop.time()
            attempt += 1
            delay_s = self._backoff(attempt, error)
            if not is_retryable(error) or loop.time() + delay_s - away_since_s > self._away_s_max:
                self._fail(error)
                return
            await asyncio.sleep(delay_s)

    async def _one_call(self) -> SendwhenError | None:
        """Send what is pending over a new call; None when all is done, else why another call is needed."""
        while not self._pending and not self._closed:
            self._changed.clear()
            await self._changed.wait()
        if not self._pending:
            return None
        call: _Call = self._stub.TrackStream(metadata=bearer(self._write_key))
        sent: deque[_Batch] = deque()
        refusal: list[SendwhenError] = []
        writing = asyncio.create_task(self._write(call, sent, refusal))
        try:
            return await self._read(call, sent, refusal)
        finally:
            writing.cancel()
            call.cancel()
            await asyncio.gather(writing, return_exceptions=True)

    async def _write(self, call: _Call, sent: deque[_Batch], refusal: Sequence[SendwhenError]) -> None:
        number = 0
        while not refusal:
            if len(sent) < len(self._pending):
                batch = self._pending[len(sent)]
                sent.append(batch)
                number += 1
                messages = [batch.messages[index] for index in batch.left]
                await call.write(pb.TrackStreamRequest(batch_number=number, events=messages))
            elif self._closed:
                await call.done_writing()
                return
            else:
                self._changed.clear()
                await self._changed.wait()

    async def _read(self, call: _Call, sent: deque[_Batch], refusal: list[SendwhenError]) -> SendwhenError | None:
        while True:
            answer: Any = await call.read()
            if not isinstance(answer, pb.TrackStreamResponse):
                await call.code()  # the status of a call that failed has been raised by read()
                return Unavailable("The stream ended early.") if self._pending else None
            again = sent[0].settle(answer)
            batch = sent.popleft()
            if again is None:
                # Behind a refusal the order of what is pending is not that of what was sent.
                self._pending.remove(batch)
                self._settled += 1
                self._window.release()
                if self._closed and not self._pending:
                    return None
            else:
                refusal.append(again)
            if refusal and not sent:
                return refusal[0]

    def _fail(self, error: SendwhenError) -> None:
        self._broken = error
        for batch in self._pending:
            if not batch.done.done():
                batch.done.set_exception(error)
            self._window.release()
        self._pending.clear()
