"""The gRPC face of ingest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, TypeAlias

import grpc

from sendwhen.chassis.grpc_status import code_of
from sendwhen.errors import Invalid, Overloaded, SendwhenError, Violation
from sendwhen.v1 import event_pb2, ingest_service_pb2_grpc
from sendwhen.v1 import ingest_service_pb2 as pb
from services.ingest.intake import Intake, batch_complaint
from services.ingest.lane import Order
from services.ingest.metering import Metering
from services.ingest.ports import LogPosition, Outcome, Refused

SERVICE: Final = "sendwhen.v1.Ingest"
SOURCE: Final = "grpc"
STREAM_BATCHES_MAX: Final = 16
"""Batches of one stream on their way; beyond, the server stops reading and HTTP/2's flow control slows the writer."""
WAIT_MAX_S: Final = 30.0

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class IngestServicer(ingest_service_pb2_grpc.IngestServicer):
    """Track, TrackBatch, TrackStream."""

    def __init__(self, intake: Intake, metering: Metering) -> None:
        self._intake = intake
        self._metering = metering

    async def Track(self, request: pb.TrackRequest, context: Context) -> pb.TrackResponse:  # noqa: N802  the proto's name
        """Take one event."""
        event = request.event
        traceparent = "" if event.traceparent else _traceparent_of(context)
        started_s = self._metering.now_s()
        try:
            position = await self._intake.track(event, source=SOURCE, traceparent=traceparent)
        except SendwhenError as error:
            self._metering.event(SOURCE, error)
            self._metering.called("Track", started_s, error)
            raise
        self._metering.event(SOURCE)
        self._metering.called("Track", started_s)
        if request.wait_until == pb.WAIT_UNTIL_APPLIED:
            await self._intake.wait_applied([position], deadline_s=_remaining_s(context))
        return pb.TrackResponse(position=pb.LogPosition(partition=position.partition, seq=position.seq))

    async def TrackBatch(  # noqa: N802  the proto's name
        self, request: pb.TrackBatchRequest, context: Context
    ) -> pb.TrackBatchResponse:
        """Take several events, each answered by itself."""
        _check_batch(request, "events")
        outcomes = await self._take("TrackBatch", request.events, _traceparent_of(context), None)
        if request.wait_until == pb.WAIT_UNTIL_APPLIED:
            positions = [outcome for outcome in outcomes if isinstance(outcome, LogPosition)]
            await self._intake.wait_applied(positions, deadline_s=_remaining_s(context))
        return pb.TrackBatchResponse(results=_results_of(outcomes))

    async def TrackStream(  # noqa: N802  the proto's name
        self, request_iterator: AsyncIterator[pb.TrackStreamRequest], context: Context
    ) -> AsyncIterator[pb.TrackStreamResponse]:
        """Take batches as long as they come; answers in order."""
        order, traceparent = Order(), _traceparent_of(context)
        window = asyncio.Semaphore(STREAM_BATCHES_MAX)
        answers: asyncio.Queue[asyncio.Task[pb.TrackStreamResponse] | None] = asyncio.Queue()

        async def read() -> None:
            try:
                async for request in request_iterator:
                    await window.acquire()
                    # Batches that wait for it side by side could overtake each other.
                    await self._intake.locate()
                    answers.put_nowait(asyncio.create_task(self._answer(request, order, traceparent)))
            finally:
                answers.put_nowait(None)

        reading = asyncio.create_task(read())
        answering: asyncio.Task[pb.TrackStreamResponse] | None = None
        try:
            while answering := await answers.get():
                yield await answering
                window.release()
            await reading
        finally:
            # Only who waits for answers ends here; what has been queued for the log goes on to it.
            reading.cancel()
            left = [answering] if answering else []
            while not answers.empty():
                left += filter(None, [answers.get_nowait()])
            for task in left:
                task.cancel()
            await asyncio.gather(reading, *left, return_exceptions=True)

    async def _answer(self, request: pb.TrackStreamRequest, order: Order, traceparent: str) -> pb.TrackStreamResponse:
        _check_batch(request, "events")
        outcomes = await self._take("TrackStream", request.events, traceparent, order)
        return pb.TrackStreamResponse(batch_number=request.batch_number, results=_results_of(outcomes))

    async def _take(
        self, method: str, events: Sequence[event_pb2.Event], traceparent: str, order: Order | None
    ) -> list[Outcome]:
        started_s = self._metering.now_s()
        try:
            outcomes = await self._intake.track_many(events, source=SOURCE, traceparent=traceparent, order=order)
        except SendwhenError as error:
            self._metering.called(method, started_s, error)
            raise
        self._metering.events(SOURCE, outcomes)
        self._metering.called(method, started_s)
        return outcomes


def _check_batch(request: pb.TrackBatchRequest | pb.TrackStreamRequest, field: str) -> None:
    complaint = batch_complaint(len(request.events), request.ByteSize())
    if complaint:
        raise Invalid.of([Violation(field=field, description=complaint)])


def _traceparent_of(context: Context) -> str:
    for name, value in context.invocation_metadata() or ():
        if name == "traceparent":
            return value if isinstance(value, str) else ""
    return ""


def _remaining_s(context: Context) -> float:
    remaining_s = context.time_remaining()
    return WAIT_MAX_S if remaining_s is None else max(0.001, min(WAIT_MAX_S, remaining_s))


def _results_of(outcomes: Sequence[Outcome]) -> list[pb.EventResult]:
    # Events of one partition share a position, and a message is dearer than a look into a dict.
    made: dict[int, pb.EventResult] = {}
    results = []
    for outcome in outcomes:
        result = made.get(id(outcome))
        if result is None:
            result = made[id(outcome)] = _result_of(outcome)
        results.append(result)
    return results


def _result_of(outcome: Outcome) -> pb.EventResult:
    if isinstance(outcome, Refused):
        return pb.EventResult(error=_event_error(outcome.error))
    return pb.EventResult(position=pb.LogPosition(partition=outcome.partition, seq=outcome.seq))


def _event_error(error: SendwhenError) -> pb.EventError:
    violations = error.violations if isinstance(error, Invalid) else ()
    return pb.EventError(
        code=code_of(error),
        message=str(error),
        violations=[pb.FieldViolation(field=v.field, description=v.description) for v in violations],
        retry_after_ms=error.retry_after_ms if isinstance(error, Overloaded) else 0,
    )
