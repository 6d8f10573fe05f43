"""The domain alone, per second of processor time: decode, apply, collect every 500 events; protobuf decode beside it.

Ten campaigns, five of each kind, at most two filters each; 100,000 customers resident.
"""

from __future__ import annotations

import gc
import random
import time
import tracemalloc
from zlib import compress

import msgspec

from bench.figures import Figure
from sendwhen.campaigns import compile_campaign, fuse
from sendwhen.domain.entry import CampaignPut, EventBatch, Unreadable
from sendwhen.domain.event import Event
from sendwhen.domain.partition import customer_uid
from sendwhen.domain.shard import Shard
from sendwhen.v1 import event_pb2
from sendwhen.wire.entry import entry_of, event_entry

CUSTOMERS = 100_000
EVENTS = 200_000
BATCH = 500
T0_MS = 1_700_000_000_000
NAMES = ("Product Viewed", "Product Added", "Order Completed", "Page Viewed", "Searched")
WEIGHTS = (30, 10, 3, 47, 10)

MATCH = """
campaign: match-{n}
trigger:
  match: {{event: Product Viewed, where: event.properties.price > {floor} && event.properties.category == "c{n}"}}
steps: [{{send: hello}}]
reentry: {{cooldown: 1h}}
send: {{category: transactional}}
"""
ABSENCE = """
campaign: absence-{n}
trigger:
  absence:
    start: {{event: Product Added, where: event.properties.price > {floor}}}
    unless: [{{event: Order Completed}}]
    for: 1h
steps: [{{send: hello}}]
send: {{category: transactional}}
"""


def sources() -> list[tuple[str, bytes]]:
    """Campaign ids and their texts."""
    texts = [(f"match-{n}", MATCH.format(n=n, floor=950)) for n in range(5)]
    texts += [(f"absence-{n}", ABSENCE.format(n=n, floor=900 + 10 * n)) for n in range(5)]
    return [(name, text.encode()) for name, text in texts]


def messages(count: int, chance: random.Random) -> list[bytes]:
    """Serialised events."""
    made = []
    for number in range(count):
        who = f"user-{chance.randrange(CUSTOMERS)}"
        properties = {
            "sku": f"S{chance.randrange(5000)}",
            "price": chance.randrange(1000),
            "category": f"c{chance.randrange(20)}",
        }
        made.append(
            event_pb2.Event(
                event_id=f"e-{number:09d}",
                name=chance.choices(NAMES, WEIGHTS)[0],
                user_id=who,
                email=f"{who}@example.invalid",
                occurred_at_ms=T0_MS + number // 10,
                properties_json=msgspec.json.encode(properties),
                source="bench",
                received_at_us=T0_MS * 1_000 + number,
            ).SerializeToString()
        )
    return made


def decode(body: bytes) -> tuple[Event | Unreadable, ...]:
    """As a shard's host does it."""
    entry = entry_of(1, T0_MS, 0, body)
    assert isinstance(entry, EventBatch)
    return entry.events


def a_shard() -> Shard:
    """With the ten campaigns in force."""
    shard = Shard(
        partition=0,
        send_key=b"bench",
        compile_campaign=lambda source: compile_campaign(source, {"hello": "hash"}),
        fuse=fuse,
    )
    shard.expect((), 2**60)
    for number, (name, source) in enumerate(sources(), 1):
        shard.apply(CampaignPut(seq=number, at_ms=T0_MS, campaign_id=name, version=f"v{number}", source=source))
    return shard


def measure() -> list[Figure]:
    """The domain's rate, and what a customer takes in memory."""
    found, size = rates(), memory()
    return [
        Figure(
            name="domain, one core", value=found["whole"], unit="events/s", must="at least", bound=100_000,
            reference="protobuf decode alone", reference_value=found["parse"],
        ),
        Figure(
            name="domain without decoding", value=found["apply"], unit="events/s",
            reference="decode alone", reference_value=found["decode"],
        ),
        Figure(name="hot customer, live", value=size["live"], unit="bytes", must="at most", bound=5_000),
        Figure(name="hot customer, warm", value=size["warm"], unit="bytes", must="at most", bound=1_500),
    ]  # fmt: skip


def rates() -> dict[str, float]:
    """Events per second of processor time, of the whole and of its parts."""
    chance = random.Random(7)
    raw = messages(EVENTS, chance)
    started = time.process_time()
    for one in raw:
        event_pb2.Event.FromString(one)
    parse_alone = EVENTS / (time.process_time() - started)
    bodies = [event_entry(raw[i : i + BATCH], T0_MS * 1_000) for i in range(0, EVENTS, BATCH)]
    started = time.process_time()
    batches = [decode(body) for body in bodies]
    decode_alone = EVENTS / (time.process_time() - started)

    shard = a_shard()
    for number in range(CUSTOMERS):
        shard.admit(customer_uid(f"user:user-{number}"), None, b"")
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 1_000)
    shard.collect()
    seq = shard.position
    started = time.process_time()
    for number, events in enumerate(batches):
        seq += 1
        batch = EventBatch(seq=seq, at_ms=T0_MS + number * BATCH // 10, events=events)
        shard.absent(batch)
        shard.apply(batch)
        shard.collect()
        shard.evict()
        batches[number] = ()
    taken = time.process_time() - started
    return {
        "parse": parse_alone,
        "decode": decode_alone,
        "apply": EVENTS / taken,
        "whole": 1 / (taken / EVENTS + 1 / decode_alone),
    }


def memory() -> dict[str, float]:
    """Bytes of a customer with 20 recent events."""
    chance = random.Random(11)
    count, each = 1_000, 20
    shard = a_shard()
    shard.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    seq = shard.position
    for start in range(0, count * each, BATCH):
        raw = []
        for place in range(start, start + BATCH):
            who = f"user-{place % count}"
            properties = {"sku": f"S{chance.randrange(5000)}", "price": chance.randrange(1000), "category": "c1"}
            raw.append(
                event_pb2.Event(
                    event_id=f"e-{place:09d}",
                    name=chance.choices(NAMES, WEIGHTS)[0],
                    user_id=who,
                    email=f"{who}@example.invalid",
                    occurred_at_ms=T0_MS + place,
                    properties_json=msgspec.json.encode(properties),
                    attributes_json=msgspec.json.encode({"consent": True, "plan": "pro"}),
                    source="bench",
                ).SerializeToString()
            )
        seq += 1
        batch = EventBatch(seq=seq, at_ms=T0_MS + start, events=decode(event_entry(raw, 0)))
        for uid in shard.absent(batch):
            shard.admit(uid, None, b"")
        shard.apply(batch)
        changes = shard.collect()
        shard.evict()
    warm = sum(len(compress(one.record, 1)) for one in changes.customers) / len(changes.customers)
    del changes, raw, batch
    gc.collect()
    live = (tracemalloc.get_traced_memory()[0] - before) / count
    tracemalloc.stop()
    return {"live": live, "warm": warm + 16 * each}
