"""Single events through the real installation, beside an empty unary rpc on a server of the same chassis."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable

from bench.figures import Figure
from bench.ingest import serving
from bench.ingest_servers import EMPTY, KEY
from bench.open_loop import closed_loop, latencies_ms, percentile
from bench.running import Running
from sendwhen.chassis.grpc_channel import open_channel
from sendwhen.v1 import event_pb2
from sendwhen.v1 import ingest_service_pb2 as pb
from sendwhen.v1.ingest_service_pb2_grpc import IngestStub

SECONDS = 3.0
ROUNDS = 3
IN_FLIGHT = 64
OPEN_LOOP_PER_S = 500


async def track_figures(running: Running) -> list[Figure]:
    """Rate in a closed loop, latency in an open one."""
    target, key = running.installation.target("ingest"), running.installation.secrets["write_key"]
    with serving("empty") as empty_target:
        async with open_channel(target, key=key) as channel, open_channel(empty_target, key=KEY) as other:
            stub, empty, numbers = IngestStub(channel), other.unary_unary(EMPTY), itertools.count()

            def track() -> Awaitable[object]:
                number = next(numbers)
                event = event_pb2.Event(
                    event_id=f"track-{number:09d}",
                    name="Page Viewed",
                    user_id=f"user-{number * 7919 % 100_000}",
                    properties_json=b'{"price":12.5,"sku":"abc","category":"shoes","quantity":3}',
                )
                return stub.Track(pb.TrackRequest(event=event))

            def nothing() -> Awaitable[object]:
                return empty(b"")

            await closed_loop(nothing, in_flight=8, seconds=0.3)
            await closed_loop(track, in_flight=8, seconds=0.3)
            pairs = []
            for _ in range(ROUNDS):
                reference = await closed_loop(nothing, in_flight=IN_FLIGHT, seconds=SECONDS)
                pairs.append((await closed_loop(track, in_flight=IN_FLIGHT, seconds=SECONDS), reference))
            rate, empty_rate = sorted(pairs, key=lambda pair: pair[0] / pair[1])[ROUNDS // 2]
            late_empty = await latencies_ms(nothing, per_s=OPEN_LOOP_PER_S, seconds=SECONDS)
            late = await latencies_ms(track, per_s=OPEN_LOOP_PER_S, seconds=2 * SECONDS)
    return [
        Figure(
            name="track.rate, 64 in flight", value=rate, unit="calls/s", must="at least", bound=0.4 * empty_rate,
            reference="empty unary rpc", reference_value=empty_rate,
        ),
        Figure(
            name="track.p50 at 500/s", value=percentile(late, 0.5), unit="ms", must="at most", bound=3.0,
            reference="empty unary rpc", reference_value=percentile(late_empty, 0.5),
        ),
        Figure(
            name="track.p99 at 500/s", value=percentile(late, 0.99), unit="ms",
            reference="empty unary rpc", reference_value=percentile(late_empty, 0.99),
        ),
    ]  # fmt: skip
