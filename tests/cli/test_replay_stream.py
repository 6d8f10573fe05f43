from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from sendwhen.cli.replay_stream import ARREARS_S_MAX, Batch, Pace, Tally, send
from sendwhen.cli.targets import Targets
from sendwhen.client import Position
from sendwhen.errors import Invalid, Unauthenticated
from sendwhen.v1.event_pb2 import Event
from sendwhen.v1.ingest_service_pb2 import EventError, EventResult, LogPosition, TrackStreamRequest, TrackStreamResponse
from sendwhen.v1.ingest_service_pb2_grpc import IngestServicer, add_IngestServicer_to_server

pytestmark = pytest.mark.integration


class Ingest(IngestServicer):
    """Takes events, but for those that the script of the present stream has another answer for."""

    def __init__(self, *scripts: dict[str, int | grpc.StatusCode]) -> None:
        self.scripts = list(scripts)
        self.taken: list[str] = []

    async def TrackStream(
        self, request_iterator: AsyncIterator[TrackStreamRequest], context: grpc.aio.ServicerContext
    ) -> AsyncIterator[TrackStreamResponse]:
        script = self.scripts.pop(0) if self.scripts else {}
        async for request in request_iterator:
            results = []
            for event in request.events:
                verdict = script.get(event.event_id, 0)
                if isinstance(verdict, grpc.StatusCode):
                    await context.abort(verdict, "as the script says")
                if verdict:
                    results.append(EventResult(error=EventError(code=verdict, message="no")))
                else:
                    self.taken.append(event.event_id)
                    results.append(EventResult(position=LogPosition(partition=0, seq=1)))
            yield TrackStreamResponse(batch_number=request.batch_number, results=results)


def replayed(ingest: Ingest) -> Tally:
    async def scene() -> Tally:
        server = grpc.aio.server()
        add_IngestServicer_to_server(ingest, server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        here = f"127.0.0.1:{port}"
        targets = Targets(
            ingest=here, trigger=here, sender=here, inbox=here, write_key="k", admin_key="k", data=Path("nowhere")
        )
        tally = Tally()
        batches = iter([Batch(lines=2, events=[Event(event_id=f"{i}a"), Event(event_id=f"{i}b")]) for i in range(4)])
        try:
            await send(batches, tally, targets, progress=lambda: None, rate_per_s=None)
        finally:
            await server.stop(0)
        return tally

    return asyncio.run(scene())


def test_all_events_are_taken_in_order_and_counted() -> None:
    ingest = Ingest()

    tally = replayed(ingest)

    assert ingest.taken == [f"{i}{x}" for i in range(4) for x in "ab"]
    assert (tally.lines, tally.accepted, tally.refused) == (8, 8, 0)


def test_what_was_refused_for_overload_is_sent_again_and_nothing_else_is() -> None:
    ingest = Ingest({"1a": 8, "1b": 8, "2a": 8, "2b": 8, "3a": 8, "3b": 8}, {"2b": 8, "3a": 8, "3b": 8})

    tally = replayed(ingest)

    assert ingest.taken == [f"{i}{x}" for i in range(4) for x in "ab"]
    assert (tally.lines, tally.accepted, tally.refused) == (8, 8, 0)


def test_a_broken_stream_is_taken_up_again() -> None:
    ingest = Ingest({"2a": grpc.StatusCode.UNAVAILABLE})

    tally = replayed(ingest)

    assert sorted(set(ingest.taken)) == [f"{i}{x}" for i in range(4) for x in "ab"]
    assert tally.lines == 8
    assert tally.refused == 0


def test_an_event_that_is_wrong_is_counted_with_its_reason() -> None:
    tally = replayed(Ingest({"1b": 3, "3a": 3}))

    assert (tally.lines, tally.accepted, tally.refused) == (8, 6, 2)
    assert tally.reasons == {"no": 2}


def test_a_key_that_is_not_known_ends_the_replay() -> None:
    with pytest.raises(Unauthenticated):
        replayed(Ingest(*[{"0a": grpc.StatusCode.UNAUTHENTICATED}] * 100))


def test_a_line_that_is_no_event_counts_with_the_lines_around_it() -> None:
    tally = Tally()
    batch = Batch(lines=3, events=[Event(event_id="a")], wrong=["line 2: not an event", "line 3: not an event"])

    tally.settle(batch, [Position(partition=0, seq=1)])

    assert (tally.lines, tally.accepted, tally.refused) == (3, 1, 2)


def test_reasons_name_the_first_line_that_they_are_about_and_say_how_many_others_there_are() -> None:
    tally = Tally()
    refusals = [Invalid(f"wrong {n}") for n in (1, 1, *range(2, 13))]

    tally.settle(Batch(lines=13, events=[Event()] * 13, numbers=list(range(40, 53))), refusals)

    assert tally.reason_lines[0].split() == ["2", "x", "wrong", "1", "(first", "in", "line", "40)"]
    assert tally.reason_lines[-1].split() == ["2", "x", "other", "reasons"]
    assert len(tally.reason_lines) == 11


def test_a_given_rate_is_kept() -> None:
    pace, now_s = Pace(100.0, 50.0), 50.0

    for _ in range(20):
        now_s += pace.wait_s(10, now_s)

    assert now_s == pytest.approx(50.0 + 190 / 100)


def test_what_a_stall_held_up_is_made_up_for_by_no_more_than_a_second() -> None:
    pace = Pace(128.0, 50.0)

    at_once = 0
    while not pace.wait_s(16, 60.0):
        at_once += 16

    assert at_once == 128 * ARREARS_S_MAX + 16
