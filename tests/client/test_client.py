from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from sendwhen.chassis.grpc_server import Access, GrpcServer
from sendwhen.client import Client, Event, Position, Retries, connect
from sendwhen.client.caller import BACKOFF_LONGEST_S, backoff_s
from sendwhen.errors import Invalid, Overloaded, SendwhenError, TooLate, Unauthenticated, Unavailable, Violation
from sendwhen.v1 import ingest_service_pb2 as pb
from sendwhen.v1 import ingest_service_pb2_grpc as rpc

pytestmark = pytest.mark.integration

OVERLOADED = pb.EventError(code=8, message="Behind.", retry_after_ms=10)
BAD = pb.EventError(code=3, message="Bad.", violations=[pb.FieldViolation(field="name", description="Send one.")])


class ScriptedIngest(rpc.IngestServicer):
    """Answers calls with the script's errors first; events in ``refuse`` are refused so many times."""

    def __init__(self) -> None:
        self.errors: list[SendwhenError] = []
        self.refuse: dict[str, int] = {}
        self.bad: set[str] = set()
        self.calls: list[list[str]] = []
        self.taken: list[str] = []
        self.break_stream_after = -1
        self.hold = asyncio.Event()
        self.hold.set()

    async def Track(self, request: pb.TrackRequest, context: object) -> pb.TrackResponse:
        self._call(request.event.event_id)
        return pb.TrackResponse(position=self._take(request.event.event_id).position)

    async def TrackBatch(self, request: pb.TrackBatchRequest, context: object) -> pb.TrackBatchResponse:
        self._call(*(event.event_id for event in request.events))
        return pb.TrackBatchResponse(results=[self._take(event.event_id) for event in request.events])

    async def TrackStream(
        self, request_iterator: AsyncIterator[pb.TrackStreamRequest], context: object
    ) -> AsyncIterator[pb.TrackStreamResponse]:
        refused = False
        async for request in request_iterator:
            self._call(*(event.event_id for event in request.events))
            await self.hold.wait()
            results = []
            for event in request.events:
                result = pb.EventResult(error=OVERLOADED) if refused else self._take(event.event_id)
                refused |= result.error.code == 8
                results.append(result)
            if self.break_stream_after == len(self.calls):
                raise Unavailable("Gone.")
            yield pb.TrackStreamResponse(batch_number=request.batch_number, results=results)

    def _call(self, *ids: str) -> None:
        self.calls.append(list(ids))
        if self.errors:
            raise self.errors.pop(0)

    def _take(self, event_id: str) -> pb.EventResult:
        if event_id in self.bad:
            return pb.EventResult(error=BAD)
        if self.refuse.get(event_id, 0):
            self.refuse[event_id] -= 1
            return pb.EventResult(error=OVERLOADED)
        self.taken.append(event_id)
        return pb.EventResult(position=pb.LogPosition(partition=1, seq=len(self.taken)))


class Serving:
    """That ingest on a socket, and a client of it."""

    def __init__(self, *, attempts: int = 5, seconds: float = 20.0, key: str = "key") -> None:
        self.ingest = ScriptedIngest()
        self._retries = Retries(attempts=attempts, seconds=seconds)
        self._key = key

    async def __aenter__(self) -> tuple[ScriptedIngest, Client]:
        self._server = GrpcServer(
            access=Access(default=["key"]),
            registers=[lambda server: rpc.add_IngestServicer_to_server(self.ingest, server)],
            services=["sendwhen.v1.Ingest"],
            listen="127.0.0.1:0",
        )
        await self._server.start()
        self._client = connect(
            f"127.0.0.1:{self._server.port}", write_key=self._key, deadline_s=5, retries=self._retries
        )
        return self.ingest, self._client

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()
        await self._server.drain(grace_s=0)


def some(count: int, start: int = 0) -> list[Event]:
    return [Event(name="n", user_id="u", event_id=str(start + n)) for n in range(count)]


async def test_an_event_gets_an_id_of_its_own_and_a_place() -> None:
    async with Serving() as (ingest, client):
        assert await client.track("n", user_id="u", properties={"a": 1}) == Position(partition=1, seq=1)
        await client.track("n", user_id="u")
        assert len({ids[0] for ids in ingest.calls}) == 2


@pytest.mark.parametrize("error", [Overloaded("Full.", retry_after_ms=5), Unavailable("Away."), TooLate("Late.")])
async def test_a_retry_sends_the_same_id(error: SendwhenError) -> None:
    async with Serving() as (ingest, client):
        ingest.errors = [error, error]
        await client.track("n", user_id="u")
        assert len(ingest.calls) == 3
        assert len({ids[0] for ids in ingest.calls}) == 1


async def test_attempts_and_time_are_bounded() -> None:
    async with Serving(attempts=2) as (ingest, client):
        ingest.errors = [Unavailable("Away.")] * 9
        with pytest.raises(Unavailable, match="Away"):
            await client.track("n", user_id="u")
        assert len(ingest.calls) == 2
    async with Serving(seconds=0.5) as (ingest, client):
        ingest.errors = [Overloaded("Full.", retry_after_ms=60_000)]
        with pytest.raises(Overloaded):
            await client.track("n", user_id="u")
        assert len(ingest.calls) == 1


async def test_what_the_caller_must_change_is_not_tried_again() -> None:
    async with Serving() as (ingest, client):
        ingest.errors = [Invalid.of([Violation(field="name", description="Send one.")])]
        with pytest.raises(Invalid) as caught:
            await client.track("", user_id="u")
        assert [violation.field for violation in caught.value.violations] == ["name"]
        assert len(ingest.calls) == 1
        with pytest.raises(Invalid, match="properties"):
            await client.track("n", user_id="u", properties={"a": object()})
    async with Serving(key="wrong") as (ingest, client):
        with pytest.raises(Unauthenticated):
            await client.track("n", user_id="u")


async def test_only_the_refused_events_of_a_batch_are_sent_again_in_their_order() -> None:
    async with Serving() as (ingest, client):
        ingest.refuse = {"1": 2, "3": 1}
        ingest.bad = {"2"}
        results = await client.track_batch(some(5))
        assert [type(result) for result in results] == [Position, Position, Invalid, Position, Position]
        assert ingest.calls == [["0", "1", "2", "3", "4"], ["1", "3"], ["1"]]
        assert await client.track_batch([]) == []


async def test_a_batch_that_stays_refused_says_so_event_by_event() -> None:
    async with Serving(attempts=2) as (ingest, client):
        ingest.refuse = {"1": 9}
        results = await client.track_batch(some(2))
        assert isinstance(results[0], Position)
        assert isinstance(results[1], Overloaded)


async def test_a_stream_takes_all_and_answers_each() -> None:
    async with Serving() as (ingest, client):
        async with client.stream() as stream:
            futures = [await stream.send(some(10, start=n * 10)) for n in range(30)]
        assert ingest.taken == [str(n) for n in range(300)]
        results = [result for future in futures for result in await future]
        assert len(results) == 300
        assert all(isinstance(result, Position) for result in results)


async def test_a_stream_goes_on_in_order_after_a_refusal_and_after_a_break() -> None:
    async with Serving() as (ingest, client):
        ingest.refuse = {"33": 2, "71": 1}
        ingest.break_stream_after = 5
        ingest.bad = {"50"}
        async with client.stream() as stream:
            futures = [await stream.send(some(10, start=n * 10)) for n in range(10)]
        results = [result for future in futures for result in await future]
        assert [n for n, result in enumerate(results) if not isinstance(result, Position)] == [50]
        first = list(dict.fromkeys(ingest.taken))
        assert first == sorted(first, key=int)
        assert len(first) == 99


async def test_a_writer_waits_while_too_much_is_on_its_way() -> None:
    async with Serving() as (ingest, client):
        ingest.hold.clear()
        async with client.stream(batches_in_flight=3) as stream:
            for n in range(3):
                await stream.send(some(1, start=n))
            fourth = asyncio.create_task(stream.send(some(1, start=3)))
            await asyncio.sleep(0.05)
            assert not fourth.done()
            ingest.hold.set()
            await fourth
        assert ingest.taken == ["0", "1", "2", "3"]


async def test_a_stream_that_is_given_up_tells_those_who_wait_and_who_leaves() -> None:
    async with Serving(seconds=0.3) as (ingest, client):
        ingest.errors = [Unavailable("Away.")] * 99
        with pytest.raises(Unavailable, match="Away"):
            async with client.stream() as stream:
                future = await stream.send(some(1))
        with pytest.raises(Unavailable, match="Away"):
            await future
    async with Serving(key="wrong") as (_, client):
        with pytest.raises(Unauthenticated):
            async with client.stream() as stream:
                await stream.send(some(1))


async def test_a_stream_refuses_a_batch_beyond_the_limits_at_once() -> None:
    async with Serving() as (ingest, client):
        async with client.stream() as stream:
            with pytest.raises(Invalid):
                await stream.send(some(2_501))
        assert not ingest.calls


def test_backing_off_grows_has_an_end_and_obeys_the_server() -> None:
    away = Unavailable("Away.")
    assert backoff_s(1, away) <= 0.1
    assert all(backoff_s(n, away) <= BACKOFF_LONGEST_S for n in range(1, 60))
    assert 2.0 <= backoff_s(1, Overloaded("Full.", retry_after_ms=2_000)) <= 2.4
