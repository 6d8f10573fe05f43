"""The store alone: appends against a plain XADD of the same bytes, commits, and a reader's wake-up.

Each pair is measured in turns, so that a noisy neighbour hits both.
"""

from __future__ import annotations

import asyncio
import statistics
import threading
import time
from collections.abc import Awaitable, Callable, Sequence

import uvloop

from bench.figures import Figure
from bench.own_store import own_store
from sendwhen.chassis.clock import SystemClock
from sendwhen.chassis.store_pool import open_async_store, open_store
from sendwhen.domain.changes import Changes, Counters, CustomerChange
from services.trigger.log_port import Append, Appended, PartitionHead
from services.trigger.ports import Claim, Claimed, Commit, OutboxRow, PartitionCommit, Read
from services.trigger.valkey_log import ValkeyLog
from services.trigger.valkey_shards import ValkeyShards

EVENT_BYTES = 250
PARTITIONS = 16
READ = 8
ROUNDS = 300
SEEN_BYTES = 16


def measure() -> list[Figure]:
    with own_store() as url:
        figures = uvloop.run(_appends(url))
        figures += _commits(url)
        figures += _wake_up(url)
    return figures


async def _appends(url: str) -> list[Figure]:
    figures = []
    async with open_async_store(url) as client:
        log = ValkeyLog(client, clock=SystemClock(), partitions=PARTITIONS, lag_max_events=10**12)

        async def append(events: int, partitions: int) -> None:
            now_ms = time.time_ns() // 1_000_000
            body = bytes(events * EVENT_BYTES)
            await log.append([Append(partition=p, body=body, events=events, at_ms=now_ms) for p in range(partitions)])

        async def plain(events: int, partitions: int) -> None:
            body = bytes(events * EVENT_BYTES)
            if partitions == 1:
                await client.xadd("plain:0", {"b": body})
                return
            pipeline = client.pipeline(transaction=True)
            for partition in range(partitions):
                pipeline.xadd(f"plain:{partition}", {"b": body})
            await pipeline.execute()

        for events, partitions in ((1, 1), (100, 1), (500, 1), (100, PARTITIONS)):
            ours, theirs = await _in_turns(
                lambda e=events, p=partitions: append(e, p), lambda e=events, p=partitions: plain(e, p)
            )
            name = f"append.{events}_events" + (f".{partitions}_partitions" if partitions > 1 else "")
            figures.append(
                Figure(name=name + ".p50", value=ours, unit="us", reference="plain XADD", reference_value=theirs)
            )
            await client.delete(*(f"plain:{p}" for p in range(PARTITIONS)))
    return figures


def append_rate(*, seconds: float = 2.0) -> float:
    """Events per second of nothing but appends: 31 events in each of 16 partitions a time, two under way."""
    with own_store() as url:
        return uvloop.run(_append_rate(url, seconds))


async def _append_rate(url: str, seconds: float) -> float:
    events = 31
    async with open_async_store(url) as client:
        log = ValkeyLog(client, clock=SystemClock(), partitions=PARTITIONS, lag_max_events=10**12)
        until_s, appended = time.perf_counter() + seconds, 0

        async def one() -> None:
            nonlocal appended
            while time.perf_counter() < until_s:
                now_ms, body = time.time_ns() // 1_000_000, bytes(events * EVENT_BYTES)
                await log.append(
                    [Append(partition=p, body=body, events=events, at_ms=now_ms) for p in range(PARTITIONS)]
                )
                appended += events * PARTITIONS

        await asyncio.gather(one(), one())
    return appended / seconds


async def _in_turns(ours: Callable[[], Awaitable[None]], theirs: Callable[[], Awaitable[None]]) -> tuple[float, float]:
    took: tuple[list[int], list[int]] = ([], [])
    for round_ in range(ROUNDS + 20):
        for act, times in zip((ours, theirs), took, strict=True):
            started = time.perf_counter_ns()
            await act()
            if round_ >= 20:
                times.append(time.perf_counter_ns() - started)
    return statistics.median(took[0]) / 1_000, statistics.median(took[1]) / 1_000


def _commits(url: str) -> list[Figure]:
    store = ValkeyShards(url, clock=SystemClock())
    plain = open_store(url)
    claimed = store.claim(Claim(partitions=(0,), owner="bench", generation=1))[0]
    assert isinstance(claimed, Claimed)
    entries = store.read(Read(after={0: 0}, entries_max=1_000, block_ms=0)).entries[0]
    position, ordinal = 0, claimed.next_ordinal
    figures = []
    for count in (10, 100, 400):
        took: tuple[list[int], list[int]] = ([], [])
        for entry in entries[: ROUNDS // 3]:
            records = {f"u{n:023d}": bytes(600) for n in range(count)}
            customers = tuple(
                CustomerChange(uid=uid, record=record, seen_append=bytes(SEEN_BYTES), due_at_ms=n)
                for n, (uid, record) in enumerate(records.items())
            )
            rows = tuple(OutboxRow(ordinal=ordinal + n, lineage="l", intent=bytes(500)) for n in range(2))
            ordinal += len(rows)
            to = position + 1
            nonce = entry.nonce if position < len(entries) else b""
            round_ = PartitionCommit(
                partition=0,
                epoch=claimed.epoch,
                owner="bench",
                from_position=position,
                to_position=to,
                to_nonce=nonce,
                changes=_changes(to, customers),
                outbox=rows,
            )
            started = time.perf_counter_ns()
            refusal = store.commit(Commit(rounds=(round_,)))[0]
            took[0].append(time.perf_counter_ns() - started)
            assert refusal is None, refusal
            position = to
            started = time.perf_counter_ns()
            plain.hset("plain", mapping=records)
            took[1].append(time.perf_counter_ns() - started)
        entries = entries[ROUNDS // 3 :]
        ours, theirs = (statistics.median(times) / 1_000 for times in took)
        name = f"commit.{count}_records.p50"
        figures.append(
            Figure(name=name, value=ours, unit="us", reference="one HSET of the records", reference_value=theirs)
        )
    store.close()
    plain.close()
    return figures


def _changes(to: int, customers: tuple[CustomerChange, ...]) -> Changes:
    return Changes(
        position=to,
        clock_ms=1,
        customers=customers,
        sends=(),
        decisions=(),
        dead_letters=(),
        campaigns=(),
        counters=Counters(applied=len(customers)),
    )


def _wake_up(url: str) -> list[Figure]:
    """From the append's sending to the entry in the waiting shard's hands, and to the append's own answer."""
    partitions = tuple(range(READ))
    store = ValkeyShards(url, clock=SystemClock())
    store.claim(Claim(partitions=partitions, owner="reader", generation=1))
    woken: dict[tuple[int, int], int] = {}
    stop = threading.Event()
    after = {partition: head.head_seq for partition, head in zip(partitions, uvloop.run(_heads(url)), strict=True)}

    def read() -> None:
        while not stop.is_set():
            answer = store.read(Read(after=after, entries_max=1_000, block_ms=100))
            now = time.perf_counter_ns()
            for partition, entries in answer.entries.items():
                after[partition] = entries[-1].seq
                woken[partition, entries[-1].seq] = now

    reader = threading.Thread(target=read)
    reader.start()
    sent, answered = uvloop.run(_send_singly(url))
    time.sleep(0.3)
    stop.set()
    reader.join()
    store.close()
    latencies = [(woken[key] - at) / 1_000 for key, at in sent.items() if key in woken]
    return [
        Figure(
            name="append_to_reader.p50",
            value=statistics.median(latencies),
            unit="us",
            reference="append answered",
            reference_value=statistics.median(answered) / 1_000,
        ),
        Figure(name="append_to_reader.p99", value=statistics.quantiles(latencies, n=100)[98], unit="us"),
    ]


async def _heads(url: str) -> Sequence[PartitionHead]:
    async with open_async_store(url) as client:
        return await ValkeyLog(client, clock=SystemClock(), partitions=PARTITIONS).heads(range(READ))


async def _send_singly(url: str) -> tuple[dict[tuple[int, int], int], list[int]]:
    sent: dict[tuple[int, int], int] = {}
    answered: list[int] = []
    async with open_async_store(url) as client:
        log = ValkeyLog(client, clock=SystemClock(), partitions=PARTITIONS, lag_max_events=10**12)
        for number in range(500):
            started = time.perf_counter_ns()
            append = Append(
                partition=number % READ, body=bytes(EVENT_BYTES), events=1, at_ms=time.time_ns() // 1_000_000
            )
            (answer,) = await log.append([append])
            answered.append(time.perf_counter_ns() - started)
            assert isinstance(answer, Appended)
            sent[answer.partition, answer.seq] = started
            await asyncio.sleep(0.002)
    return sent, answered
