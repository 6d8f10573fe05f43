"""How fast shards drain a backlog: host, commit and relay, without ingest and front.

python -m bench.shard_host                    the host on the store in memory, one core
python -m bench.shard_host --valkey           two processes on a real store with fsync, three times, so that the
                                              customers become known; with the processor time of an event
python -m bench.shard_host --profile          the first, with where the time goes
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import dataclasses
import json
import pstats
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil

from bench.figures import Figure
from sendwhen.chassis.clock import SystemClock
from sendwhen.chassis.store_pool import open_async_store
from sendwhen.v1 import event_pb2
from sendwhen.wire.entry import campaign_put_entry, campaign_source, event_entry
from services.trigger.log_port import Append
from services.trigger.ports import AppendTick, AwaitCommit, Claim, Commit, Due, Load, Push, Read, Release
from services.trigger.shard_host import ShardHost
from services.trigger.shard_process import build_driver, compiled, host_ports, new_shards
from services.trigger.shard_settings import ShardSettings
from services.trigger.valkey_log import ValkeyLog

PARTITIONS = 16
CUSTOMERS = 100_000
ENTRY_EVENTS = 100
TURNS = 3


def campaigns() -> list[tuple[str, bytes]]:
    """Ten: five of each kind, with two filters each; 0.5 % of events lead to an email."""
    found = []
    for number in range(5):
        match = f"""campaign: match-{number}
trigger:
  match: {{event: Product Viewed, where: event.properties.price > 100 && event.properties.rank == {number}}}
steps:
  - send: hello
send: {{category: transactional}}
"""
        absence = f"""campaign: absence-{number}
trigger:
  absence:
    start: {{event: Product Added, where: event.properties.price > 100 && event.properties.rank == {number}}}
    unless: [{{event: Order Completed}}]
    for: 1h
steps:
  - send: hello
send: {{category: transactional}}
"""
        found += [(f"match-{number}", match.encode()), (f"absence-{number}", absence.encode())]
    return found


def bodies(events: int, turn: int = 0) -> list[list[tuple[bytes, int]]]:
    """Entries of each partition: campaigns first, then events."""
    by_partition: list[list[tuple[bytes, int]]] = []
    for _ in range(PARTITIONS):
        rows = []
        for name, text in campaigns() if not turn else ():
            source = campaign_source(version="1" * 24, source_yaml=text, template_hashes={"hello": "0" * 32})
            rows.append((campaign_put_entry(name, source), 0))
        by_partition.append(rows)
    now_ms = SystemClock().now_ms()
    names = ("Product Viewed", "Product Viewed", "Product Viewed", "Product Added", "Order Completed")
    batch: dict[int, list[bytes]] = {p: [] for p in range(PARTITIONS)}
    for number in range(events):
        who = f"u{number * 7919 % CUSTOMERS}"
        partition = number * 7919 % CUSTOMERS % PARTITIONS
        price = 200 if number % 120 == 0 else 20
        properties = b'{"price": %d, "rank": %d, "sku": "sku-%d", "url": "https://shop.example/p/%d"}' % (
            price, number % 5, number % 997, number,
        )  # fmt: skip
        event = event_pb2.Event(
            event_id=f"e{turn}-{number}", name=names[number % 5], user_id=who, email=f"{who}@example.invalid",
            occurred_at_ms=now_ms, properties_json=properties, source="bench",
            received_at_us=now_ms * 1_000,
        )  # fmt: skip
        batch[partition].append(event.SerializeToString())
        if len(batch[partition]) == ENTRY_EVENTS:
            by_partition[partition].append((event_entry(batch[partition], now_ms * 1_000), ENTRY_EVENTS))
            batch[partition] = []
    return by_partition


async def fill(log: object, rows: list[list[tuple[bytes, int]]]) -> None:
    """Append everything."""
    now_ms = SystemClock().now_ms()
    for place in range(max(map(len, rows))):
        appends = [
            Append(partition=p, body=rows[p][place][0], events=rows[p][place][1], at_ms=now_ms)
            for p in range(PARTITIONS)
            if place < len(rows[p])
        ]
        await log.append(appends)  # type: ignore[attr-defined]


def in_memory(events: int, *, profile: bool = False) -> float:
    """Events per second of processor time, the store apart."""
    from tests.fakes.memory_store import MemoryStore

    store = MemoryStore(partitions=PARTITIONS, clock=SystemClock(), lag_max_events=10**9)
    asyncio.run(fill(store, bodies(events)))
    settings = ShardSettings(store_url="", send_key="key", partitions=PARTITIONS, shards=2)
    host = ShardHost(
        partitions=range(PARTITIONS), owner="bench", generation=1, ports=host_ports(SystemClock()),
        new_shard=new_shards(settings, sharing=PARTITIONS, compile_source=compiled),
    )  # fmt: skip
    connection = store.connect()
    profiler = cProfile.Profile()
    started, warm_events = time.process_time(), 0
    steps, answer, quiet = host.run(), None, 0
    methods: dict[type, Callable[[Any], Any]] = {
        Claim: connection.claim,
        Read: connection.read,
        Load: connection.load,
        Due: connection.due,
        Commit: connection.commit,
        AwaitCommit: lambda _request: connection.await_commit(),
        AppendTick: connection.append_tick,
    }
    in_store = 0.0
    while quiet < 2:
        if not warm_events and host.status().commits == 10:
            # Campaigns are compiled and the first customers are there.
            started, warm_events, in_store = time.process_time(), host.status().applied, 0.0
            if profile:
                profiler.enable()
        request = steps.send(answer)
        if isinstance(request, Release):
            answer = None
            continue
        before = time.process_time()
        answer = methods[type(request)](request)
        in_store += time.process_time() - before
        quiet = quiet + 1 if isinstance(request, Read) and not answer.entries else 0
    profiler.disable()
    took = time.process_time() - started
    rate = (events - warm_events) / (took - in_store)
    print(f"host in memory, per second of CPU: {rate:,.0f} events/s, {host.status().commits} commits")
    print(f"store apart: {in_store:.2f} s")
    if profile:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(28)
    return rate


class NoSender:
    """Takes rows and forgets them."""

    def push(self, request: Push) -> None:
        """Durable nowhere."""


def child() -> None:
    """One shard of the real-store run; settings and number on stdin."""
    given = json.loads(sys.stdin.readline())
    driver = build_driver(
        ShardSettings(**given["settings"]), shard=given["shard"], generation=1, clock=SystemClock(),
        died=lambda error: print(repr(error), file=sys.stderr), sender=NoSender(),
    )  # fmt: skip
    driver.start()
    sys.stdin.readline()
    driver.stop()


def on_valkey(events: int, shards: int) -> tuple[float, float]:
    """Events per second: appended, and drained by so many shards in the last of three turns."""
    from tests.integration.valkey_process import ValkeyServer

    with tempfile.TemporaryDirectory(prefix="sw-", dir="/var/tmp") as folder:
        server = ValkeyServer.in_folder(Path(folder) / "store")
        server.start()
        try:
            return asyncio.run(_drain(server.url, events, shards))
        finally:
            server.stop()


def _started(settings: ShardSettings, shard: int) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-m", "bench.shard_host", "--child"], stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(json.dumps({"settings": dataclasses.asdict(settings), "shard": shard}).encode() + b"\n")
    process.stdin.flush()
    return process


async def _drain(url: str, events: int, shards: int) -> tuple[float, float]:
    client = open_async_store(url)
    log = ValkeyLog(client, clock=SystemClock(), partitions=PARTITIONS, lag_max_events=10**9)
    settings = ShardSettings(store_url=url, send_key="key", partitions=PARTITIONS, shards=shards)
    children = [_started(settings, shard) for shard in range(shards)]
    pids = [int((await client.info("server"))["process_id"]), *(process.pid for process in children)]
    appended_per_s = drained_per_s = 0.0
    try:
        await fill(log, bodies(ENTRY_EVENTS * PARTITIONS))
        await _until_drained(log)
        for turn in range(1, TURNS + 1):
            rows = bodies(events, turn)
            for process in children:
                process.send_signal(signal.SIGSTOP)
            started = time.perf_counter()
            await fill(log, rows)
            appended_per_s = events / (time.perf_counter() - started)
            before, applied, started = _used_us(pids), await _applied(log), time.perf_counter()
            for process in children:
                process.send_signal(signal.SIGCONT)
            await _until_drained(log)
            drained = await _applied(log) - applied
            drained_per_s = drained / (time.perf_counter() - started)
            store_us, *shards_us = (now - then for now, then in zip(_used_us(pids), before, strict=True))
            print(
                f"turn {turn}: append alone {appended_per_s:,.0f} events/s; {shards} shards on Valkey, fsync: "
                f"{drained_per_s:,.0f} events/s; processor us per event: store {store_us / drained:.1f}, "
                f"shards {sum(shards_us) / drained:.1f}"
            )
        return appended_per_s, drained_per_s
    finally:
        for process in children:
            process.communicate(b"\n", timeout=20)
        await client.aclose()


async def _until_drained(log: ValkeyLog) -> None:
    while True:
        if not sum(head.lag_events for head in await log.heads(range(PARTITIONS))):
            return
        await asyncio.sleep(0.02)


async def _applied(log: ValkeyLog) -> int:
    return sum(head.applied for head in await log.heads(range(PARTITIONS)))


def _used_us(pids: Sequence[int]) -> list[float]:
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return [1e6 * (one.user + one.system) for one in times]


def measure() -> list[Figure]:
    """The host alone, and two shards' processes on a real store."""
    alone = in_memory(150_000)
    appended, drained = on_valkey(200_000, 2)
    return [
        Figure(name="shard_host.in_memory (per s of processor)", value=alone, unit="events/s"),
        Figure(
            name="shard_host.two_shards_on_valkey", value=drained, unit="events/s",
            reference="append alone", reference_value=appended,
        ),
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--shards", type=int, default=2)
    parser.add_argument("--valkey", action="store_true")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--child", action="store_true")
    given = parser.parse_args()
    if given.child:
        child()
    elif given.valkey:
        on_valkey(given.events, given.shards)
    else:
        in_memory(given.events, profile=given.profile)


if __name__ == "__main__":
    main()
