"""Overload from end to end: a client over gRPC, ingest and the front as their processes run them, a real store."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from sendwhen.chassis.grpc_channel import bearer, open_channel
from sendwhen.chassis.grpc_status import error_of
from sendwhen.errors import Overloaded, SendwhenError
from sendwhen.v1 import event_pb2
from sendwhen.v1 import ingest_service_pb2 as pb
from sendwhen.v1.ingest_service_pb2_grpc import IngestStub
from tests.integration.test_front_valkey import fronts, settings_of
from tests.integration.valkey_process import ValkeyServer

pytestmark = pytest.mark.integration


def an_event(event_id: str, user_id: str = "u") -> event_pb2.Event:
    return event_pb2.Event(event_id=event_id, name="A", user_id=user_id)


async def outcome(call: object) -> SendwhenError | None:
    """What a call was refused with."""
    try:
        await call  # type: ignore[misc]
    except grpc.aio.AioRpcError as error:
        return error_of(error)
    return None


async def test_a_store_short_of_memory_refuses_with_a_delay_and_takes_events_again_when_there_is_room(
    own_valkey: ValkeyServer, tmp_path: Path
) -> None:
    async with fronts(own_valkey, tmp_path), open_channel(f"unix:{tmp_path}/ingest", key="write") as channel:
        ingest = IngestStub(channel)
        assert await outcome(ingest.Track(pb.TrackRequest(event=an_event("before")))) is None
        with own_valkey.client() as client:
            client.config_set("maxmemory", int(client.info("memory")["used_memory"] * 0.95))

        refused = None
        for number in range(100):
            refused = await outcome(ingest.Track(pb.TrackRequest(event=an_event(f"during-{number}"))))
            if isinstance(refused, Overloaded) and "of memory" in refused.problem:
                break  # by the front, before the store itself has to
            await asyncio.sleep(0.05)

        assert isinstance(refused, Overloaded)
        assert refused.retry_after_ms > 0
        assert "of memory" in refused.problem
        batch = await ingest.TrackBatch(pb.TrackBatchRequest(events=[an_event("b1"), an_event("b2", "v")]))
        assert [result.error.retry_after_ms > 0 for result in batch.results] == [True, True]
        with own_valkey.client() as client:
            client.config_set("maxmemory", 0)
        for number in range(100):
            if await outcome(ingest.Track(pb.TrackRequest(event=an_event(f"after-{number}")))) is None:
                break
            await asyncio.sleep(0.05)
        else:
            pytest.fail("nothing is taken although there is room")


async def test_a_partition_that_lags_refuses_its_events_on_a_stream_in_order_and_no_others(
    valkey: ValkeyServer, tmp_path: Path
) -> None:
    settings = replace(settings_of(valkey, tmp_path), lag_max_events=3)
    async with (
        fronts(valkey, tmp_path, settings=settings),
        open_channel(f"unix:{tmp_path}/ingest", key="write") as channel,
    ):
        stream = IngestStub(channel).TrackStream(metadata=bearer("write"))
        codes: list[str] = []
        for number in range(5):  # nobody applies: from the fourth on, the customer's partition is too far behind
            await stream.write(pb.TrackStreamRequest(events=[an_event(f"u{number}")]))
            [result] = (await stream.read()).results
            codes.append(result.WhichOneof("outcome"))
            assert result.error.retry_after_ms > 0 or codes[-1] != "error"
        others = [an_event(f"other-{n}", f"user-{n}") for n in range(20)]
        await stream.write(pb.TrackStreamRequest(events=others))
        results = (await stream.read()).results
        await stream.done_writing()

    assert codes == [codes[0]] * 3 + ["error"] * 2
    taken = [result for result in results if result.WhichOneof("outcome") != "error"]
    assert 3 <= len(taken) < 20
