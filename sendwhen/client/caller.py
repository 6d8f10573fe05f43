"""Calls of ingest with deadlines and bounded retries that send the same event ids."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Self, TypeVar
from uuid import uuid4

import grpc

from sendwhen.chassis.grpc_channel import open_channel
from sendwhen.chassis.grpc_status import error_of
from sendwhen.client.events import Event, Position, Properties, Result, is_retryable, message_of, result_of
from sendwhen.client.stream import EventStream
from sendwhen.errors import Overloaded, SendwhenError
from sendwhen.v1 import ingest_service_pb2 as pb
from sendwhen.v1.ingest_service_pb2_grpc import IngestStub

T = TypeVar("T")

BACKOFF_FIRST_S: Final = 0.1
BACKOFF_LONGEST_S: Final = 5.0
"""Between attempts, doubled each time; a server that says when to come back is waited for as it says, up to this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How long to try. Whichever ends first.

    Attributes:
        attempts: Calls in all. seconds: From the first call on.
    """

    attempts: int = 5
    seconds: float = 30.0


def connect(target: str, *, write_key: str, deadline_s: float = 10.0, retries: Retries | None = None) -> Client:
    """A client of the ingest at ``target`` ("host:port"). Nothing is sent before the first event."""
    return Client(target, write_key=write_key, deadline_s=deadline_s, retries=retries or Retries())


class Client:
    """Hands events to ingest. Use it as ``async with``, or ``close()`` it; one serves any number of tasks."""

    def __init__(self, target: str, *, write_key: str, deadline_s: float, retries: Retries) -> None:
        self._channel = open_channel(target, key=write_key, deadline_s=deadline_s)
        self._stub = IngestStub(self._channel)
        self._write_key = write_key
        self._deadline_s = deadline_s
        self._retries = retries

    async def __aenter__(self) -> Self:
        """Nothing to open."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        await self.close()

    async def close(self) -> None:
        """Give the connection back."""
        await self._channel.close()

    async def track(
        self,
        name: str,
        *,
        user_id: str = "",
        anonymous_id: str = "",
        email: str = "",
        properties: Properties | None = None,
        attributes: Properties | None = None,
        occurred_at_ms: int = 0,
        event_id: str = "",
        traceparent: str = "",
        previous_id: str = "",
        wait_applied: bool = False,
    ) -> Position:
        """Hand over one event; returns when it is on disk, or with ``wait_applied`` when the shard has committed it.

        Raises:
            Invalid: Names what is wrong with the event and what to send.
            Overloaded, Unavailable, TooLate: It did not get through in the time and attempts allowed.
        """
        event = Event(
            name=name,
            user_id=user_id,
            anonymous_id=anonymous_id,
            email=email,
            properties=properties or {},
            attributes=attributes or {},
            occurred_at_ms=occurred_at_ms,
            event_id=event_id or str(uuid4()),
            traceparent=traceparent,
            previous_id=previous_id,
        )
        request = pb.TrackRequest(event=message_of(event), wait_until=_wait(wait_applied))
        answer = await self._until_taken(lambda: self._stub.Track(request, timeout=self._deadline_s))
        return Position(partition=answer.position.partition, seq=answer.position.seq)

    async def track_batch(self, events: Sequence[Event], *, wait_applied: bool = False) -> Sequence[Result]:
        """Hand over up to 2,500 events (500 KB); one result for each, in order. Refused ones are tried again, in order.

        Raises:
            Invalid: The batch is too large, or an event's properties are no JSON.
            Overloaded, Unavailable, TooLate: The whole call did not get through.
        """
        messages = [message_of(event) for event in events]
        results: list[Result | None] = [None] * len(events)
        left = list(range(len(events)))

        async def attempt() -> None:
            request = pb.TrackBatchRequest(events=[messages[i] for i in left], wait_until=_wait(wait_applied))
            answer = await self._stub.TrackBatch(request, timeout=self._deadline_s)
            for index, result in zip(list(left), answer.results, strict=True):
                results[index] = result_of(result)
            left[:] = [index for index in left if is_retryable(results[index])]
            for index in left:
                refusal = results[index]
                assert isinstance(refusal, SendwhenError)
                raise refusal

        if events:
            try:
                await self._until_taken(attempt)
            except SendwhenError as error:
                if any(result is None for result in results):
                    raise error
        return [result for result in results if result is not None]

    def stream(self, *, batches_in_flight: int = 16) -> EventStream:
        """A stream for many events, as ``async with``: writers wait while too much is on its way."""
        return EventStream(
            self._stub,
            write_key=self._write_key,
            batches_in_flight=batches_in_flight,
            away_s_max=self._retries.seconds,
            backoff=backoff_s,
        )

    async def _until_taken(self, call: Callable[[], Awaitable[T]]) -> T:
        loop = asyncio.get_running_loop()
        until_s = loop.time() + self._retries.seconds
        attempt = 0
        while True:
            attempt += 1
            try:
                return await call()
            except grpc.aio.AioRpcError as failure:
                error = error_of(failure)
            except SendwhenError as refusal:
                error = refusal
            delay_s = backoff_s(attempt, error)
            last = attempt >= self._retries.attempts or loop.time() + delay_s > until_s
            if last or not is_retryable(error):
                raise error
            await asyncio.sleep(delay_s)


def backoff_s(attempt: int, error: SendwhenError) -> float:
    """How long to wait after the ``attempt``-th failure; with chance, so that clients do not come back all at once."""
    if isinstance(error, Overloaded):
        return min(BACKOFF_LONGEST_S, error.retry_after_ms / 1_000) * random.uniform(1.0, 1.2)  # noqa: S311  no secret
    return min(BACKOFF_LONGEST_S, BACKOFF_FIRST_S * 2.0 ** (attempt - 1)) * random.uniform(0.5, 1.0)  # noqa: S311


def _wait(applied: bool) -> pb.WaitUntil:
    return pb.WAIT_UNTIL_APPLIED if applied else pb.WAIT_UNTIL_LOGGED
