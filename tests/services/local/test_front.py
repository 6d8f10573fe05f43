from __future__ import annotations

import asyncio

import pytest

from sendwhen.chassis.grpc_channel import open_channel
from sendwhen.domain.partition import routing_hash
from sendwhen.errors import Overloaded, TooLate, Unavailable
from sendwhen.v1 import event_pb2
from sendwhen.v1 import ingest_service_pb2 as pb
from sendwhen.v1.ingest_service_pb2_grpc import IngestStub
from services.ingest.grpc_log import GrpcLog
from services.ingest.ports import EventLog, LogEvent, LogPosition, Refused
from services.ingest.settings import Settings
from services.local.front import serve
from services.local.front_log import FrontLog
from services.trigger.__main__ import Beside
from services.trigger.front_ports import StoreState
from services.trigger.ports import StoreLost
from tests.e2e.installation import free_port_base
from tests.services.running import TOKEN, WRITE_KEY, Running

pytestmark = pytest.mark.integration


def log_of(running: Running, kind: str) -> EventLog:
    """Ingest's log in both of its forms."""
    if kind == "in the process":
        return FrontLog(running.front.appender, running.front.applied)
    return GrpcLog(open_channel(f"127.0.0.1:{running.front.server.port}", key=TOKEN), event_clock=False)


def events(*users: str) -> list[LogEvent]:
    return [
        LogEvent(
            payload=event_pb2.Event(event_id=user, name="n", user_id=user).SerializeToString(),
            routing_hash=routing_hash("user:" + user),
            occurred_at_ms=0,
        )
        for user in users
    ]


@pytest.fixture(params=["in the process", "over the wire"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_events_are_where_the_outcomes_say(kind: str) -> None:
    async with Running() as running:
        log, sent = log_of(running, kind), events("a", "b", "c", "d", "a")
        outcomes = await log.append(sent)

        assert await log.partitions() == 4
        assert [outcome.partition for outcome in outcomes if isinstance(outcome, LogPosition)] == [
            event.routing_hash % 4 for event in sent
        ]
        assert all(outcome.seq == 1 for outcome in outcomes if isinstance(outcome, LogPosition))
        assert {number for number, partition in running.store.partitions.items() if partition.log} == {
            event.routing_hash % 4 for event in sent
        }


async def test_a_full_store_is_overload_for_each_event(kind: str) -> None:
    async with Running() as running:
        running.watch.now = StoreState(durability="fsync", found="", refusing="full", reason="memory", retry_after_ms=7)
        outcomes = await log_of(running, kind).append(events("a", "b"))

        assert [
            (type(outcome.error), outcome.error.retry_after_ms)
            for outcome in outcomes
            if isinstance(outcome, Refused) and isinstance(outcome.error, Overloaded)
        ] == [(Overloaded, 7)] * 2


async def test_a_lost_store_is_unavailable_and_so_are_its_events(kind: str) -> None:
    async with Running() as running:

        async def lost(_appends: object) -> None:
            raise StoreLost("The store is away.")

        running.log.append = lost  # type: ignore[assignment,method-assign]
        outcomes = await log_of(running, kind).append(events("a"))

        assert [type(outcome.error) for outcome in outcomes if isinstance(outcome, Refused)] == [Unavailable]


async def test_who_waits_for_shards_that_do_nothing_is_told_in_time(kind: str) -> None:
    async with Running() as running:
        log = log_of(running, kind)
        [position] = await log.append(events("a"))
        assert isinstance(position, LogPosition)

        with pytest.raises(TooLate):
            await log.wait_applied([position], deadline_s=0.05)
        running.store.partitions[position.partition].position = position.seq
        await log.wait_applied([position], deadline_s=20)


def settings_of_ingest(listen: str) -> Settings:
    return Settings(service_token=TOKEN, write_keys=(WRITE_KEY,), listen=listen, metrics_listen="127.0.0.1:0")


async def test_what_ingest_has_taken_is_answered_before_the_front_stops() -> None:
    stop, front_stops = asyncio.Event(), asyncio.Event()
    settings = settings_of_ingest(f"127.0.0.1:{free_port_base() + 1}")
    async with Running() as running:

        async def serve_trigger(its_stop: asyncio.Event, beside: Beside) -> None:
            ingest = asyncio.create_task(beside(running.front))
            await its_stop.wait()
            front_stops.set()
            await ingest

        serving = asyncio.create_task(serve(settings, stop, serve_trigger))
        async with open_channel(settings.listen, key=WRITE_KEY) as channel:
            await channel.channel_ready()
            running.log.go.clear()
            event = event_pb2.Event(event_id="e", name="n", user_id="u")
            call = asyncio.ensure_future(IngestStub(channel).Track(pb.TrackRequest(event=event)))
            await running.log.arrived.wait()

            stop.set()
            await asyncio.sleep(0.05)
            assert not front_stops.is_set()

            running.log.go.set()
            answer = await call
        await serving
    assert front_stops.is_set()
    assert answer.position.seq == 1


async def test_an_ingest_that_cannot_listen_ends_both_with_its_reason() -> None:
    async with Running() as running:
        taken = f"127.0.0.1:{running.server.port}"

        async def serve_trigger(its_stop: asyncio.Event, beside: Beside) -> None:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(its_stop.wait())
                tasks.create_task(beside(running.front))

        with pytest.raises(OSError, match=taken):
            await serve(settings_of_ingest(taken), asyncio.Event(), serve_trigger)
