"""Bad input at the front door: never our fault, never a stopped process, never memory that stays."""

from __future__ import annotations

import gc
import os
import sys

import grpc
import pytest
from google.protobuf.message import Message

from sendwhen.v1 import ingest_service_pb2, trigger_service_pb2
from sendwhen.v1 import ingest_service_pb2 as pb
from sendwhen.v1.event_pb2 import Event
from sendwhen.v1.profile_service_pb2 import CustomerId
from tests.fuzz.storm import OURS_TO_MEND, rss_bytes, storm
from tests.services.running import ADMIN, TOKEN, WRITE_KEY, Running

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(600)]

SEED = int(os.environ.get("SENDWHEN_FUZZ_SEED", "1"))
CALLS = int(os.environ.get("SENDWHEN_FUZZ_CALLS", "5000"))
GROWTH_BYTES_MAX = 120_000_000
"""What the store in memory keeps of events that were good after all is in it, so it is emptied before looking."""


NOW_MS = 1_700_000_000_000
EVENT = Event(
    event_id="e-1", name="Ordered", user_id="ada", anonymous_id="a", email="ada@example.com", occurred_at_ms=NOW_MS,
    properties_json=b'{"price": 12, "items": [{"sku": "a"}]}', attributes_json=b'{"plan": "pro"}',
)  # fmt: skip
VALID: dict[str, Message] = {
    "Track": pb.TrackRequest(event=EVENT),
    "TrackBatch": pb.TrackBatchRequest(events=[EVENT, EVENT]),
    "TrackStream": pb.TrackStreamRequest(batch_number=1, events=[EVENT, EVENT]),
    "Append": trigger_service_pb2.AppendRequest(
        events=[EVENT.SerializeToString()] * 2, routing_hashes=[1, 2], occurred_at_ms=[NOW_MS] * 2
    ),
    "Why": trigger_service_pb2.WhyRequest(id=CustomerId(user_id="ada"), campaign_id="reminder"),
}


async def weathered(running: Running, service: str) -> dict[str, dict[grpc.StatusCode, int]]:
    """Let the storm pass twice, a short and the whole one; memory must not grow from the short one's level."""
    where = {
        "Ingest": (running.server.port, ingest_service_pb2, {"": WRITE_KEY}),
        "Trigger": (running.front.server.port, trigger_service_pb2, {"": ADMIN, "Append": TOKEN, "WaitApplied": TOKEN}),
    }
    port, module, keys = where[service]
    descriptor = module.DESCRIPTOR.services_by_name[service]
    target = f"127.0.0.1:{port}"
    empty = running.store.snapshot()
    await storm(target, descriptor, key_of=keys, calls=min(100, CALLS), seed=SEED + 1, valid=VALID)
    running.store.restore(empty)
    gc.collect()
    before = rss_bytes()
    codes = await storm(target, descriptor, key_of=keys, calls=CALLS, seed=SEED, valid=VALID)
    running.store.restore(empty)
    gc.collect()
    growth = rss_bytes() - before
    told = {method: {code.name: count for code, count in counts.items()} for method, counts in codes.items()}
    sys.stdout.write(f"{told} {growth}\n")
    assert growth < GROWTH_BYTES_MAX, f"memory grew by {growth} bytes"
    return {method: dict(counts) for method, counts in codes.items()}


async def test_ingest_weathers_random_bytes_and_messages() -> None:
    async with Running() as running:
        codes = await weathered(running, "Ingest")
        assert set(codes) == {"Track", "TrackBatch", "TrackStream"}
        for counts in codes.values():
            assert sum(counts.values()) == 2 * CALLS
            assert not OURS_TO_MEND & set(counts)
        event = {"event_id": "e", "name": "n", "user_id": "u"}
        assert (await running.ingest().Track(pb.TrackRequest(event=event))).position.seq


async def test_trigger_weathers_random_bytes_and_messages() -> None:
    async with Running() as running:
        codes = await weathered(running, "Trigger")
        assert set(codes) == set(trigger_service_pb2.DESCRIPTOR.services_by_name["Trigger"].methods_by_name)
        for counts in codes.values():
            assert sum(counts.values()) == 2 * CALLS
            assert not OURS_TO_MEND & set(counts)
        await running.trigger().GetStatus(trigger_service_pb2.GetStatusRequest())
