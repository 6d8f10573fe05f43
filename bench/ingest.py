"""Ingest in front of a trigger that keeps nothing: single events, batches and a stream, beside an empty unary rpc."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager

import uvloop

from bench.figures import Figure
from bench.ingest_servers import EMPTY, KEY
from sendwhen.chassis.grpc_channel import bearer, open_channel
from sendwhen.v1 import event_pb2
from sendwhen.v1 import ingest_service_pb2 as pb
from sendwhen.v1.ingest_service_pb2_grpc import IngestStub

SECONDS = 3.0
ROUNDS = 3
IN_FLIGHT = 64
BATCH = 500
OPEN_LOOP_PER_S = 500


@contextmanager
def serving(*arguments: str) -> Iterator[str]:
    """A server of ``bench.ingest_servers``; its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.ingest_servers", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield f"127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.stdin.close()
        process.wait(10)


def _event(number: int) -> event_pb2.Event:
    return event_pb2.Event(
        event_id=f"event-{number:012}",
        name="Product Viewed",
        user_id=f"customer-{number % 100_000}",
        properties_json=b'{"price":12.5,"sku":"abc","category":"shoes","quantity":3}',
    )


async def _closed_loop(call: Callable[[], Awaitable[object]], in_flight: int) -> float:
    """Calls per second."""
    until_s = time.perf_counter() + SECONDS
    calls = 0

    async def worker() -> None:
        nonlocal calls
        while time.perf_counter() < until_s:
            await call()
            calls += 1

    started_s = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(in_flight)))
    return calls / (time.perf_counter() - started_s)


async def _latencies_ms(call: Callable[[], Awaitable[object]], per_s: int) -> list[float]:
    """Open loop: each call starts when it is due, whatever became of the others; latency counts from then."""
    loop = asyncio.get_running_loop()
    found: list[float] = []

    async def one(due_s: float) -> None:
        await call()
        found.append((loop.time() - due_s) * 1_000)

    started_s = loop.time() + 0.05
    tasks = []
    for number in range(int(per_s * SECONDS)):
        due_s = started_s + number / per_s
        await asyncio.sleep(max(0.0, due_s - loop.time()))
        tasks.append(asyncio.create_task(one(due_s)))
    await asyncio.gather(*tasks)
    return sorted(found)


async def _stream(stub: IngestStub, numbers: Iterator[int]) -> float:
    """Events per second over one stream."""
    until_s = time.perf_counter() + SECONDS

    async def requests() -> AsyncIterator[pb.TrackStreamRequest]:
        while time.perf_counter() < until_s:
            yield pb.TrackStreamRequest(events=[_event(next(numbers)) for _ in range(BATCH)])

    started_s, events = time.perf_counter(), 0
    async for answer in stub.TrackStream(requests(), metadata=bearer(KEY)):
        events += len(answer.results)
    return events / (time.perf_counter() - started_s)


async def _measure(target: str) -> list[Figure]:
    async with open_channel(target, key=KEY) as channel:
        stub = IngestStub(channel)
        empty = channel.unary_unary(EMPTY)
        numbers = itertools.count()
        event = _event(0)
        batch = pb.TrackBatchRequest(events=[_event(n) for n in range(BATCH)])

        def track() -> Awaitable[object]:
            event.event_id = f"event-{next(numbers):012}"
            return stub.Track(pb.TrackRequest(event=event))

        await asyncio.gather(empty(b""), track())
        pairs = [
            (await _closed_loop(lambda: empty(b""), IN_FLIGHT), await _closed_loop(track, IN_FLIGHT))
            for _ in range(ROUNDS)
        ]
        empty_rate, track_rate = sorted(pairs, key=lambda pair: pair[1] / pair[0])[ROUNDS // 2]
        batches = await _closed_loop(lambda: stub.TrackBatch(batch), 4)
        streamed = await _stream(stub, numbers)
        late = await _latencies_ms(track, OPEN_LOOP_PER_S)
        late_empty = await _latencies_ms(lambda: empty(b""), OPEN_LOOP_PER_S)
    beside = {"reference": "empty unary rpc", "reference_value": empty_rate}
    return [
        Figure(name="track.rate", value=track_rate, unit="calls/s", must="at least", bound=0.4 * empty_rate, **beside),
        Figure(
            name="track.p50 at 500/s",
            value=late[len(late) // 2],
            unit="ms",
            must="at most",
            bound=3.0,
            reference="empty unary rpc",
            reference_value=late_empty[len(late_empty) // 2],
        ),
        Figure(name="track_batch.rate (500 a batch, 4 in flight)", value=batches * BATCH, unit="events/s"),
        Figure(name="track_stream.rate (500 a batch)", value=streamed, unit="events/s"),
    ]


def measure() -> list[Figure]:
    """Three processes: client, ingest, and a trigger that keeps nothing."""
    with serving("null-trigger") as trigger, serving("ingest", trigger) as ingest:
        return uvloop.run(_measure(ingest))


if __name__ == "__main__":
    for figure in measure():
        print(figure.line())
