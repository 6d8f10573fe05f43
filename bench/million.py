"""A million customers with three waiting runs each, on the real installation: memory of shards and store together.

``SENDWHEN_BENCH_CUSTOMERS`` sets how many there are (1,000,000).
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import uvloop

from bench import pipeline, shop
from bench.figures import Figure
from bench.running import Running, running_installation
from bench.size import pss_bytes
from sendwhen.chassis.store_pool import open_async_store
from sendwhen.v1 import event_pb2

CUSTOMERS = int(os.environ.get("SENDWHEN_BENCH_CUSTOMERS", "1000000"))
RUNS_EACH = 3
_WAITS = """campaign: waits-{n}
trigger:
  absence:
    start: {{event: Product Added}}
    unless: [{{event: Order Completed}}]
    for: {days}d
steps: [{{send: hello}}]
send: {{category: transactional}}
"""


def measure() -> list[Figure]:
    """Let everybody leave a cart behind, and look."""
    with running_installation(write_campaigns=_write) as running:
        return uvloop.run(_measure(running))


def _write(folder: Path) -> None:
    for number in range(RUNS_EACH):
        campaign = folder / f"waits-{number}"
        campaign.mkdir(parents=True)
        (campaign / "campaign.yaml").write_text(_WAITS.format(n=number, days=20 + number))
        (campaign / "hello.subject.liquid").write_text("Hello")
        (campaign / "hello.text.liquid").write_text("Hello")


async def _measure(running: Running) -> list[Figure]:
    started_s = time.perf_counter()
    await pipeline.send(running, shop.load(_events(), 500), events_per_s=0)
    await pipeline.until_settled(running, within_s=600.0)
    print(f"  {CUSTOMERS:,} customers in {time.perf_counter() - started_s:.0f} s", file=sys.stderr)
    async with open_async_store(running.store_url) as client:
        told = await client.info("memory")
        waiting = await pipeline.deadlines(client)
    store = pss_bytes([psutil.Process(running.installation.pids["store"])])
    shards = pss_bytes([psutil.Process(pid) for pid in running.shard_pids()])
    print(
        f"  store {store / 1e6:.0f} MB (data {told['used_memory'] / 1e6:.0f}), shards {shards / 1e6:.0f} MB",
        file=sys.stderr,
    )
    assert waiting == CUSTOMERS, f"{waiting} customers wait instead of {CUSTOMERS}"
    return [
        Figure(
            name=f"memory of shards and store, {CUSTOMERS:,} customers with {RUNS_EACH} runs",
            value=(store + shards) / 1e6, unit="MB", must="at most", bound=4_000,
        )
    ]  # fmt: skip


def _events() -> Iterator[event_pb2.Event]:
    for number in range(CUSTOMERS):
        yield event_pb2.Event(
            event_id=f"cart-{number}",
            name="Product Added",
            user_id=f"user-{number}",
            email=f"user-{number}@example.invalid",
            properties_json=b'{"sku":"S1","price":12.5}',
        )
