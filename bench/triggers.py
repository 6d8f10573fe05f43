"""Each kind of trigger alone: events per second of processor time beside *match*, and bytes that a customer takes more.

One campaign, 1,000 customers, every event is one that the trigger listens to; nothing is sent, because a guard says so
when it fires.
"""

from __future__ import annotations

import time

import msgspec

from bench.figures import Figure
from sendwhen.campaigns import compile_campaign, fuse
from sendwhen.domain.entry import CampaignPut, EventBatch
from sendwhen.domain.event import Event
from sendwhen.domain.partition import customer_uid
from sendwhen.domain.record import read_record
from sendwhen.domain.shard import Shard

CUSTOMERS = 1_000
EVENTS = 60_000
BATCH = 500
T0_MS = 1_700_000_000_000
STEP_MS = 1_000
TRIGGERS = {
    "match": "match: {event: A}",
    "sequence": "sequence: {steps: [{event: A}, {event: A, where: event.properties.n > start.properties.n}]}",
    "absence": "absence: {start: {event: A}, unless: [{event: B}], for: 1h}",
    "quiet_then": "quiet_then: {quiet_of: {event: A}, for: 1h, then: {event: A}}",
    "count": "count: {of: {event: A}, at_least: 100, sliding: 1d}",
    "sum": "sum: {of: {event: A}, value: event.properties.n, at_least: 100000, sliding: 1d}",
    "average": "average: {of: {event: A}, value: event.properties.n, at_least: 1000, tumbling: 1d}",
    "distinct": "distinct: {of: {event: A}, value: event.properties.n, at_least: 100, sliding: 1d}",
    "nth": "nth: {of: {event: A}, ordinal: 1000}",
    "recency": "recency: {of: {event: A}, for: 30d}",
    "session_end": "session_end: {of: {event: A}, gap: 30m}",
    "match on event time": "match: {event: A}\nevent_time: {grace: 1m}",
}
CAMPAIGN = """
campaign: kind
trigger:
  {trigger}
guard: "false"
steps: [{{send: hello}}]
send: {{category: transactional}}
max_lateness: none
"""


def measure() -> list[Figure]:
    """Rates and sizes."""
    figures = []
    matches = 0.0
    for kind, trigger in TRIGGERS.items():
        rate, taken = _measured(CAMPAIGN.format(trigger=trigger).encode())
        matches = matches or rate
        figures += [
            Figure(
                name=f"trigger {kind}",
                value=rate,
                unit="events/s",
                reference="match",
                reference_value=matches,
            ),
            Figure(name=f"trigger {kind}, of a customer", value=taken, unit="bytes"),
        ]
    return figures


def _measured(source: bytes) -> tuple[float, float]:
    shard = Shard(
        partition=0,
        send_key=b"bench",
        compile_campaign=lambda text: compile_campaign(text, {"hello": "hash"}),
        fuse=fuse,
    )
    shard.expect((), 2**60)
    shard.apply(CampaignPut(seq=1, at_ms=T0_MS, campaign_id="kind", version="v", source=source))
    uids = [customer_uid(f"user:{number}") for number in range(CUSTOMERS)]
    for uid in uids:
        shard.admit(uid, None, b"")
    batches = [_batch(number, uids) for number in range(EVENTS // BATCH)]
    started = time.process_time()
    for batch in batches:
        shard.apply(batch)
        shard.collect()
    rate = EVENTS / (time.process_time() - started)
    # Everybody once more, for the records.
    shard.apply(_batch(len(batches), uids))
    shard.apply(_batch(len(batches) + 1, uids))
    taken = []
    for change in shard.collect().customers:
        customer = read_record(change.record)
        taken.append(len(msgspec.msgpack.encode((customer.runs, customer.alarms, customer.memories))))
    return rate, sum(taken) / len(taken)


def _batch(number: int, uids: list[str]) -> EventBatch:
    events = []
    for place in range(number * BATCH, (number + 1) * BATCH):
        at_ms = T0_MS + place * STEP_MS // 100
        events.append(
            Event(
                event_id=f"e-{place}",
                name="A",
                uid=uids[place % CUSTOMERS],
                user_id=str(place % CUSTOMERS),
                occurred_at_ms=at_ms,
                properties=b'{"n":%d}' % (place % 97),
                fingerprint=place,
            )
        )
    return EventBatch(seq=number + 2, at_ms=events[-1].occurred_at_ms, events=tuple(events))
