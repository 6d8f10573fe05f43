from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest

from sendwhen.chassis.grpc_channel import bearer
from sendwhen.chassis.grpc_status import error_of
from sendwhen.domain.entry import EventBatch
from sendwhen.domain.event import Event
from sendwhen.errors import Invalid, Overloaded, Unavailable
from sendwhen.v1 import event_pb2
from sendwhen.v1 import ingest_service_pb2 as pb
from sendwhen.v1.trigger_service_pb2 import AppendRequest
from sendwhen.wire.entry import entry_of
from services.trigger.front_ports import StoreState
from tests.services.running import TOKEN, WRITE_KEY, Running, until

pytestmark = pytest.mark.integration

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def an_event(event_id: str = "e", user_id: str = "u", **more: object) -> event_pb2.Event:
    return event_pb2.Event(event_id=event_id, name="Viewed", user_id=user_id, **more)  # type: ignore[arg-type]


def logged(running: Running) -> list[Event]:
    """All events of the log, partition by partition."""
    found: list[Event] = []
    for partition in running.store.partitions.values():
        for stored in partition.log.values():
            raw = stored.entry
            entry = entry_of(raw.seq, raw.at_ms, raw.appended_at_us, raw.body)
            if isinstance(entry, EventBatch):
                found += [event for event in entry.events if isinstance(event, Event)]
    return found


async def refused(call: object) -> tuple[grpc.StatusCode, object]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call  # type: ignore[misc]
    return caught.value.code(), error_of(caught.value)


async def test_an_event_is_in_the_log_where_the_answer_says() -> None:
    async with Running() as running:
        answer = await running.ingest().Track(pb.TrackRequest(event=an_event()), metadata=[("traceparent", TRACE)])
        assert answer.position.seq == 1
        [event] = logged(running)
        assert (event.event_id, event.source, event.traceparent) == ("e", "grpc", TRACE)
        assert event.received_at_us == running.clock.now_us()
        assert list(running.store.partitions[answer.position.partition].log)


async def test_a_bad_event_is_refused_with_every_violation() -> None:
    async with Running() as running:
        code, error = await refused(running.ingest().Track(pb.TrackRequest()))
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert isinstance(error, Invalid)
        assert {violation.field for violation in error.violations} == {"event_id", "name", "user_id"}


async def test_only_a_write_key_opens_ingest_and_only_a_token_opens_append() -> None:
    async with Running() as running:
        code, _ = await refused(running.ingest(TOKEN).Track(pb.TrackRequest(event=an_event())))
        assert code is grpc.StatusCode.UNAUTHENTICATED
        code, _ = await refused(running.trigger().Append(AppendRequest()))
        assert code is grpc.StatusCode.PERMISSION_DENIED
        code, _ = await refused(running.trigger(WRITE_KEY).Append(AppendRequest()))
        assert code is grpc.StatusCode.UNAUTHENTICATED


async def test_a_batch_is_answered_event_by_event() -> None:
    async with Running() as running:
        events = [an_event(str(n), f"u{n % 7}") for n in range(300)]
        events[5].name = ""
        answer = await running.ingest().TrackBatch(pb.TrackBatchRequest(events=events))
        assert len(answer.results) == 300
        assert [r.WhichOneof("outcome") for r in answer.results].count("position") == 299
        assert answer.results[5].error.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
        assert [v.field for v in answer.results[5].error.violations] == ["name"]
        for user in range(7):
            ids = [int(e.event_id) for e in logged(running) if e.user_id == f"u{user}"]
            assert ids == sorted(ids)


async def test_a_batch_beyond_its_limits_is_refused_as_a_whole() -> None:
    async with Running() as running:
        many = pb.TrackBatchRequest(events=[an_event()] * 2_501)
        code, error = await refused(running.ingest().TrackBatch(many))
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert "2500" in str(error)
        large = [an_event(properties_json=b'{"a":"' + b"x" * 30_000 + b'"}')] * 18
        code, error = await refused(running.ingest().TrackBatch(pb.TrackBatchRequest(events=large)))
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert not logged(running)


async def test_a_stream_answers_in_order() -> None:
    async with Running() as running:
        numbers = range(50)

        async def requests() -> AsyncIterator[pb.TrackStreamRequest]:
            for number in numbers:
                yield pb.TrackStreamRequest(
                    batch_number=number, events=[an_event(f"{number}-{n}", f"u{n}") for n in range(20)]
                )

        stream = running.ingest().TrackStream(requests(), metadata=bearer(WRITE_KEY))
        answers = [answer async for answer in stream]
        assert [answer.batch_number for answer in answers] == list(numbers)
        assert all(len(answer.results) == 20 for answer in answers)
        assert len(logged(running)) == 1_000


async def test_a_stream_stops_reading_while_too_much_is_on_its_way() -> None:
    async with Running() as running:
        running.log.go.clear()
        sent = 0

        async def requests() -> AsyncIterator[pb.TrackStreamRequest]:
            nonlocal sent
            padding = b'{"a":"' + b"x" * 30_000 + b'"}'
            for number in range(200):
                sent = number
                yield pb.TrackStreamRequest(
                    batch_number=number,
                    events=[an_event(f"{number}-{n}", properties_json=padding) for n in range(10)],
                )

        stream = running.ingest().TrackStream(requests(), metadata=bearer(WRITE_KEY))
        reading = asyncio.create_task(stream.read())
        for _ in range(100):
            await asyncio.sleep(0.01)
        assert sent < 60
        running.log.go.set()
        assert (await reading).batch_number == 0
        stream.cancel()


async def test_an_overload_reaches_the_client_with_a_delay() -> None:
    async with Running() as running:
        running.watch.now = StoreState(
            durability="fsync", found="", refusing="The disk is full.", reason="disk", retry_after_ms=1_500
        )
        code, error = await refused(running.ingest().Track(pb.TrackRequest(event=an_event())))
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert isinstance(error, Overloaded)
        assert error.retry_after_ms == 1_500
        answer = await running.ingest().TrackBatch(pb.TrackBatchRequest(events=[an_event()]))
        assert answer.results[0].error.retry_after_ms == 1_500


async def test_a_store_that_is_away_is_unavailable_and_comes_back() -> None:
    async with Running() as running:
        running.store.is_down = True
        code, error = await refused(running.ingest().Track(pb.TrackRequest(event=an_event())))
        assert code is grpc.StatusCode.UNAVAILABLE
        assert isinstance(error, Unavailable)
        running.store.is_down = False
        assert (await running.ingest().Track(pb.TrackRequest(event=an_event()))).position.seq == 1


async def test_waiting_until_applied_answers_after_the_commit() -> None:
    async with Running() as running:
        request = pb.TrackRequest(event=an_event(), wait_until=pb.WAIT_UNTIL_APPLIED)
        call = asyncio.ensure_future(running.ingest().Track(request, timeout=10))
        await until(lambda: bool(logged(running)))
        await asyncio.sleep(0.02)
        assert not call.done()
        for partition in running.store.partitions.values():
            partition.position = partition.seq
        assert (await call).position.seq == 1


async def test_waiting_in_vain_ends_with_the_deadline() -> None:
    async with Running() as running:
        request = pb.TrackBatchRequest(events=[an_event()], wait_until=pb.WAIT_UNTIL_APPLIED)
        code, _ = await refused(running.ingest().TrackBatch(request, timeout=0.3))
        assert code is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_on_the_events_own_time_the_log_has_it() -> None:
    async with Running(clock="events") as running:
        code, _ = await refused(running.ingest().Track(pb.TrackRequest(event=an_event())))
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        at_ms = 1_000_000_000_000
        await running.ingest().Track(pb.TrackRequest(event=an_event(occurred_at_ms=at_ms)))
        assert [s.entry.at_ms for p in running.store.partitions.values() for s in p.log.values()] == [at_ms]
