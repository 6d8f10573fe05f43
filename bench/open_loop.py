"""An open-loop load generator: each batch goes out when it is due, whatever became of those before it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import grpc

from bench.shop import Load
from sendwhen.chassis.grpc_channel import bearer
from sendwhen.v1 import ingest_service_pb2 as pb

TRACK_STREAM = "/sendwhen.v1.Ingest/TrackStream"
_OPTIONS = [("grpc.max_receive_message_length", 4 * 1024 * 1024)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Streamed:
    """What became of a load.

    Attributes:
        events: Acknowledged.
        taken_s: From the first batch's due time to the last acknowledgement.
        latencies_ms: From each batch's due time to its acknowledgement, ascending.
    """

    events: int
    taken_s: float
    latencies_ms: Sequence[float]

    @property
    def rate(self) -> float:
        """Events per second."""
        return self.events / self.taken_s


async def stream(target: str, key: str, load: Load, *, events_per_s: float) -> Streamed:
    """Send a load over one TrackStream. ``events_per_s``: 0 for as fast as it is taken.

    Raises:
        AssertionError: An event was refused.
    """
    async with grpc.aio.insecure_channel(target, options=_OPTIONS) as channel:
        # Bytes in, so that the generator costs little on a machine that it shares with what it measures.
        call = channel.stream_stream(TRACK_STREAM)(metadata=bearer(key))
        each_s = load.events / len(load.batches) / events_per_s if events_per_s else 0.0
        started_s = time.perf_counter() + 0.05
        sent_s: list[float] = []

        async def write() -> None:
            for number, batch in enumerate(load.batches):
                due_s = started_s + number * each_s
                wait_s = due_s - time.perf_counter()
                if wait_s > 0:
                    await asyncio.sleep(wait_s)
                sent_s.append(due_s if each_s else time.perf_counter())
                await call.write(batch)
            await call.done_writing()

        writing = asyncio.create_task(write())
        latencies, events = [], 0
        for number in range(len(load.batches)):
            answer = pb.TrackStreamResponse.FromString(await call.read())
            latencies.append((time.perf_counter() - sent_s[number]) * 1_000)
            refused = [result.error for result in answer.results if result.HasField("error")]
            assert not refused, refused[0]
            events += len(answer.results)
        taken_s = time.perf_counter() - started_s
        await writing
        return Streamed(events=events, taken_s=taken_s, latencies_ms=sorted(latencies))


async def closed_loop(call: Callable[[], Awaitable[object]], *, in_flight: int, seconds: float) -> float:
    """Calls per second with so many under way at all times."""
    until_s = time.perf_counter() + seconds
    calls = 0

    async def worker() -> None:
        nonlocal calls
        while time.perf_counter() < until_s:
            await call()
            calls += 1

    started_s = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(in_flight)))
    return calls / (time.perf_counter() - started_s)


async def latencies_ms(call: Callable[[], Awaitable[object]], *, per_s: float, seconds: float) -> list[float]:
    """Each call starts when it is due; latency counts from then. Ascending."""
    loop = asyncio.get_running_loop()
    found: list[float] = []

    async def one(due_s: float) -> None:
        await call()
        found.append((loop.time() - due_s) * 1_000)

    started_s = loop.time() + 0.05
    tasks = []
    for number in range(int(per_s * seconds)):
        due_s = started_s + number / per_s
        await asyncio.sleep(max(0.0, due_s - loop.time()))
        tasks.append(asyncio.create_task(one(due_s)))
    await asyncio.gather(*tasks)
    return sorted(found)


def percentile(ascending: Sequence[float], share: float) -> float:
    """Of all samples, by rank."""
    return ascending[min(len(ascending) - 1, int(len(ascending) * share))]
