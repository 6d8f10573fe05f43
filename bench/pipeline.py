"""The whole path on the real installation: throughput, backlog, latency to the provider's first byte, single calls.

``SENDWHEN_BENCH_SECONDS`` sets how long the throughput row lasts (60).
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import time
from typing import Any

import uvloop

from bench import chain, shop
from bench.append import append_rate
from bench.figures import Figure
from bench.open_loop import Streamed, percentile, stream
from bench.running import PARTITIONS, Running, running_installation
from bench.track import track_figures
from sendwhen.chassis.clock import SystemClock
from sendwhen.chassis.store_pool import open_async_store
from sendwhen.v1 import event_pb2, log_pb2
from services.trigger import store_keys
from services.trigger.valkey_log import ValkeyLog

SECONDS = float(os.environ.get("SENDWHEN_BENCH_SECONDS", "60"))
OFFERED_PER_S = 31_000
"""A little over the bound, so that reaching it does not hang on the last batch."""
BACKLOG_EVENTS = 400_000
LATENCY_SECONDS = min(20.0, SECONDS)
SETTLED_WITHIN_S = 120.0


def measure() -> list[Figure]:
    """All rows, in one life of the installation."""
    with running_installation() as running:
        return uvloop.run(_measure(running))


async def _measure(running: Running) -> list[Figure]:
    await _preload(running)
    figures = await _latency(running, "1k", events_per_s=1_000, batch=5, hit_share=0.02)
    reference = await asyncio.to_thread(chain.measure_us)
    figures[0] = _beside(figures[0], "empty chain p50", percentile(reference, 0.5) / 1_000)
    figures[1] = _beside(figures[1], "empty chain p99", percentile(reference, 0.99) / 1_000)
    figures += (await _latency(running, "10k", events_per_s=10_000, batch=20, hit_share=0.005))[1:]
    figures += await track_figures(running)
    figures += await _throughput(running)
    figures += await _backlog(running)
    return figures


def _beside(figure: Figure, reference: str, value: float) -> Figure:
    return Figure(
        name=figure.name, value=figure.value, unit=figure.unit, must=figure.must, bound=figure.bound,
        reference=reference, reference_value=value,
    )  # fmt: skip


async def send(running: Running, load: shop.Load, *, events_per_s: float) -> Streamed:
    """Send a load at a rate, 0: as fast as it goes; tell on standard error what processor time it took."""
    installation = running.installation
    key = installation.secrets["write_key"]
    gc.collect()
    gc.freeze()
    before = running.processor_s()
    done = await stream(installation.target("ingest"), key, load, events_per_s=events_per_s)
    after = running.processor_s()
    told = ", ".join(
        f"{name} {(used - before.get(name, 0.0)) / load.events * 1e6:.1f}"
        for name, used in sorted(after.items(), key=lambda item: before.get(item[0], 0.0) - item[1])
    )
    print(f"  processor us per event at {done.rate:,.0f}/s: {told}", file=sys.stderr)
    print(
        f"  acknowledged after p50 {percentile(done.latencies_ms, 0.5):.1f} p99 "
        f"{percentile(done.latencies_ms, 0.99):.1f} ms",
        file=sys.stderr,
    )
    return done


async def _lag(log: ValkeyLog) -> int:
    return sum(head.lag_events for head in await log.heads(range(PARTITIONS)))


async def until_settled(running: Running, within_s: float = SETTLED_WITHIN_S) -> float:
    """Seconds until every shard has applied everything."""
    started_s = time.perf_counter()
    async with open_async_store(running.store_url) as client:
        log = ValkeyLog(client, clock=SystemClock(), partitions=PARTITIONS)
        while await _lag(log):
            assert time.perf_counter() - started_s < within_s, "the shards do not catch up"
            await asyncio.sleep(0.01)
    return time.perf_counter() - started_s


async def deadlines(client: Any) -> int:
    """How many customers have a deadline."""
    return sum([await client.zcard(store_keys.due(partition)) for partition in range(PARTITIONS)])


async def _preload(running: Running) -> None:
    await send(running, shop.customers(), events_per_s=0)
    await until_settled(running)


async def _latency(running: Running, name: str, *, events_per_s: int, batch: int, hit_share: float) -> list[Figure]:
    load = shop.shopping(
        name, events=int(events_per_s * LATENCY_SECONDS), batch=batch, hit_share=hit_share, seed=events_per_s
    )
    await send(running, load, events_per_s=events_per_s)
    await until_settled(running)
    await asyncio.sleep(1.0)
    appended_us = await _appended_us(running, load.hits)
    first_us = running.first_bytes_us()
    missing = load.hits - first_us.keys()
    assert not missing, f"{len(missing)} of {len(load.hits)} emails have not reached the provider"
    took_ms = sorted((first_us[hit] - appended_us[hit]) / 1_000 for hit in load.hits)
    p99_ms = 20 if events_per_s <= 1_000 else 50
    return [
        Figure(
            name=f"append_to_provider.{name}.p50", value=percentile(took_ms, 0.5), unit="ms", must="at most", bound=5
        ),
        Figure(
            name=f"append_to_provider.{name}.p99", value=percentile(took_ms, 0.99), unit="ms", must="at most",
            bound=p99_ms,
        ),
    ]  # fmt: skip


async def _appended_us(running: Running, wanted: frozenset[str]) -> dict[str, int]:
    """When the store took each event, by its own clock; before the sync to disk."""
    found: dict[str, int] = {}
    async with open_async_store(running.store_url) as client:
        for partition in range(PARTITIONS):
            rows: Any = await client.xrange(store_keys.log(partition))
            for _, fields in rows:
                for payload in log_pb2.LogEntry.FromString(fields[b"b"]).events.events:
                    event_id = event_pb2.Event.FromString(payload).event_id
                    if event_id in wanted:
                        found[event_id] = int(fields[b"a"])
    return found


async def _throughput(running: Running) -> list[Figure]:
    load = shop.shopping("full", events=int(OFFERED_PER_S * SECONDS), batch=500, hit_share=0.001)
    done = await send(running, load, events_per_s=OFFERED_PER_S)
    lag_s = await until_settled(running)
    return [
        Figure(
            name=f"track_stream_to_acknowledged ({SECONDS:g} s)", value=done.rate, unit="events/s", must="at least",
            bound=30_000, reference="append alone", reference_value=await asyncio.to_thread(append_rate),
        ),
        Figure(name="lag gone after the last acknowledgement", value=lag_s, unit="s", must="at most", bound=2),
    ]  # fmt: skip


async def _backlog(running: Running) -> list[Figure]:
    load = shop.shopping("backlog", events=BACKLOG_EVENTS, batch=500, hit_share=0.001)
    with running.shards_paused():
        await send(running, load, events_per_s=0)
        before = running.processor_s()
    taken_s = await until_settled(running)
    after = running.processor_s()
    told = ", ".join(f"{n} {(used - before.get(n, 0.0)) / load.events * 1e6:.1f}" for n, used in after.items())
    print(f"  processor us per event of the backlog: {told}", file=sys.stderr)
    rate = load.events / taken_s
    return [Figure(name="backlog drained", value=rate, unit="events/s", must="at least", bound=60_000)]
