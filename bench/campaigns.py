"""What campaigns cost the domain: by how many there are, and by kind of trigger; and the state that each kind keeps.

Per second of processor time, events decoded beforehand, every 500 collected. *Unheard* events are of a name to which no
campaign listens: they must cost the same however many campaigns there are. *Heard* ones are looked at by all of them.
"""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Sequence

import msgspec

from bench.figures import Figure
from sendwhen.campaigns import compile_campaign, fuse
from sendwhen.domain.entry import CampaignPut, EventBatch
from sendwhen.domain.event import Event
from sendwhen.domain.partition import customer_uid
from sendwhen.domain.shard import Shard

COUNTS = (1, 10, 100, 1_000)
EVENTS = 60_000
STATE_EVENTS = 40
CUSTOMERS = 5_000
BATCH = 500
T0_MS = 1_700_000_000_000

_HEAD = "campaign: {name}\ntrigger:\n  {trigger}\nsteps: [{{send: hello}}]\nsend: {{category: transactional}}\n"
_VIEW = '{event: Product Viewed, where: event.properties.price > 900 && event.properties.category == "c1"}'
_ANY = "{event: Product Viewed}"
KINDS = {
    "match": f"match: {_VIEW}",
    "sequence": f"sequence: {{steps: [{_ANY}, {{event: Product Added}}], within: 1h}}",
    "absence": f"absence: {{start: {_VIEW}, unless: [{{event: Order Completed}}], for: 1h}}",
    "quiet_then": f"quiet_then: {{quiet_of: {_ANY}, for: 30d, then: {{event: Order Completed}}}}",
    "count": f"count: {{of: {_ANY}, at_least: 400, sliding: 1h}}",
    "sum": f"sum: {{of: {_ANY}, value: event.properties.price, at_least: 1000000, sliding: 1h}}",
    "average": f"average: {{of: {_ANY}, value: event.properties.price, at_least: 1000000, sliding: 1h}}",
    "distinct": f"distinct: {{of: {_ANY}, value: event.properties.sku, at_least: 400, sliding: 1h}}",
    "nth": f"nth: {{of: {_ANY}, ordinal: 100000}}",
    "recency": f"recency: {{of: {_ANY}, for: 30d}}",
    "session_end": f"session_end: {{of: {_ANY}, gap: 30m}}",
    "attribute_change": "attribute_change: {attribute: tier, to: gold}",
    "segment": "segment: {enter: {event: Product Viewed, at_least: 1000, within_last: 10d}}",
    "date": 'date: {attribute: birthday, at: "09:00", repeat: yearly}',
}


def measure() -> list[Figure]:
    """Rates by number of campaigns and by kind, and bytes of state."""
    figures: list[Figure] = []
    alone: dict[str, float] = {}
    for name in ("unheard", "heard"):
        for count in COUNTS:
            rate = _rate([_text(f"c-{n}", KINDS["match"]) for n in range(count)], heard=name == "heard")
            alone.setdefault(name, rate)
            figures.append(
                Figure(
                    name=f"domain.{name}_events, {count} campaigns", value=rate, unit="events/s",
                    reference="one campaign", reference_value=alone[name],
                )
            )  # fmt: skip
    bare = _state_bytes("")
    nothing = _rate([], heard=True)
    for kind, trigger in KINDS.items():
        rate = _rate([_text(kind.replace("_", "-"), trigger)], heard=True)
        figures.append(
            Figure(
                name=f"domain.{kind}", value=rate, unit="events/s", reference="no campaign", reference_value=nothing,
            )
        )  # fmt: skip
        figures.append(
            Figure(
                name=f"state.{kind}, after {STATE_EVENTS} events", value=_state_bytes(trigger) - bare, unit="bytes",
                reference="record without", reference_value=bare,
            )
        )  # fmt: skip
    return figures


def _text(name: str, trigger: str) -> bytes:
    return _HEAD.format(name=name, trigger=trigger).encode()


def _rate(campaigns: Sequence[bytes], *, heard: bool) -> float:
    """Events per second of processor time."""
    shard = _shard(campaigns)
    chance = random.Random(5)
    batches = [
        tuple(_event(number, chance, "Product Viewed" if heard else "Page Viewed") for number in range(at, at + BATCH))
        for at in range(0, EVENTS, BATCH)
    ]
    taken_s = 0.0
    for number, events in enumerate(batches):
        batch = EventBatch(seq=shard.position + 1, at_ms=T0_MS + number * 50, events=events)
        for uid in shard.absent(batch):
            shard.admit(uid, None, b"")
        started_s = time.process_time()
        shard.apply(batch)
        shard.collect()
        taken_s += time.process_time() - started_s
        shard.evict()
    return EVENTS / taken_s


def _state_bytes(trigger: str) -> float:
    """The record of a customer of whom so many events were seen, five seconds apart."""
    shard = _shard([_text("one", trigger)] if trigger else [])
    chance = random.Random(9)
    uid = customer_uid("user:user-0")
    shard.admit(uid, None, b"")
    record = b""
    for number in range(STATE_EVENTS):
        event = _event(number, chance, "Product Viewed", customers=1)
        shard.apply(EventBatch(seq=shard.position + 1, at_ms=T0_MS + number * 5_000, events=(event,)))
        (change,) = shard.collect().customers
        record = change.record
        shard.evict()
    return len(record)


def _shard(campaigns: Sequence[bytes]) -> Shard:
    shard = Shard(
        partition=0,
        send_key=b"bench",
        compile_campaign=lambda source: compile_campaign(source, {"hello": "hash"}),
        fuse=fuse,
    )
    shard.expect((), 2**60)
    for number, source in enumerate(campaigns, 1):
        name = source.split(b"\n", 1)[0].split(b": ")[1].decode()
        shard.apply(CampaignPut(seq=number, at_ms=T0_MS, campaign_id=name, version=f"v{number}", source=source))
    refused = shard.collect().dead_letters
    assert not refused, refused
    # As a shard's process does, so that campaigns do not cost by being looked through for garbage.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 1_000)
    return shard


def _event(number: int, chance: random.Random, name: str, *, customers: int = CUSTOMERS) -> Event:
    who = f"user-{chance.randrange(customers)}"
    properties = {
        "sku": f"S{chance.randrange(5_000)}",
        "price": chance.randrange(1_000),
        "category": f"c{chance.randrange(20)}",
    }
    return Event(
        event_id=f"e-{number:09d}",
        name=name,
        uid=customer_uid(f"user:{who}"),
        user_id=who,
        email=f"{who}@example.invalid",
        occurred_at_ms=T0_MS + number,
        properties=msgspec.json.encode(properties),
        attributes=b'{"birthday":"1990-05-17"}' if number < customers else b"",
    )
