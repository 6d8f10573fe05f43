"""Archives of made-up pasts, and what the production shard decides about them entry by entry, without any shortcut."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import msgspec

from sendwhen.archive.archive import Archive
from sendwhen.archive.columns import LoggedEntry
from sendwhen.archive.local_files import LocalFiles
from sendwhen.archive.manifest import Identity
from sendwhen.backtest.findings import Sent, sent_of
from sendwhen.backtest.variant import Put, Variant, campaign_of
from sendwhen.campaigns import compile_campaign, fuse
from sendwhen.domain.entry import CampaignPut, EventBatch, Tick
from sendwhen.domain.sending_rules import SENDING_ID
from sendwhen.domain.shard import Shard
from sendwhen.wire.entry import campaign_source, entry_of, event_entry, policy_source, tick_entry
from sendwhen.wire.event import event_message
from tests.builders import FOR_EVER_MS, HOUR_MS, MINUTE_MS, T0_MS, an_event

NAMES = ("Product Viewed", "Page Viewed", "Product Added", "Order Completed")
CART = """
campaign: cart
trigger:
  absence:
    start: {event: Product Added, where: event.properties.price >= 10}
    unless: [{event: Order Completed}]
    for: 1h
steps: [{send: reminder}, {wait: 23h}, {send: last-call}]
send: {category: marketing}
"""
THANKS = """
campaign: thanks
trigger:
  match: {event: Order Completed, where: 'customer.plan != "free"'}
steps: [{send: reminder}]
reentry: {cooldown: 1d}
send: {category: transactional}
"""

JOURNEY = """
campaign: journey
trigger:
  match: {event: Product Added}
per: event.properties.price
goal: {event: Order Completed, within: 2d}
steps:
  - branch:
      - {if: {event: Product Viewed, at_least: 2, within_last: 1d}, then: [{wait: {until: "09:00"}}]}
  - wait_until: {event: Product Viewed}
    at_most: 6h
    otherwise: continue
  - send: reminder
  - wait_until: {if: customer.plan == "pro"}
    at_most: 1d
  - send: last-call
send:
  priority: 5
  no_address: {wait: 1d}
"""
POLICY = """
caps: {marketing: {at_most: 2, per: 1d}}
quiet_hours: {from: "21:00", to: "07:00"}
priority_window: 30m
"""


def a_variant(*texts: str, hashes: str = "h") -> Variant:
    """Campaigns of these texts; one that begins with ``caps`` is the sending policy."""
    puts = []
    for text in texts:
        if text.lstrip().startswith("caps"):
            source = policy_source(version="policy", source_yaml=text.encode())
            puts.append(Put(campaign_id=SENDING_ID, version="policy", source=source))
            continue
        known = {"reminder": hashes, "last-call": hashes}
        campaign = compile_campaign(text.encode(), known)
        source = campaign_source(version=campaign.version, source_yaml=text.encode(), template_hashes=known)
        puts.append(Put(campaign_id=campaign.campaign_id, version=campaign.version, source=source))
    return Variant(puts=tuple(puts))


def a_past(*, seed: int, entries: int = 400, customers: int = 12) -> Sequence[LoggedEntry]:
    """Entries of a partition: events with repetitions, late ones, changing addresses and attributes, and ticks.

    Nobody has a second identity; ``test_identities`` is about those.
    """
    chance = random.Random(seed)
    at_ms, made, given = T0_MS, [], []
    for seq in range(1, entries + 1):
        at_ms += chance.choice((0, 1, 5 * MINUTE_MS, 30 * MINUTE_MS, HOUR_MS))
        batch = []
        for index in range(chance.randrange(4)):
            who = f"user-{chance.randrange(customers)}"
            other = chance.random() < 0.02
            event = an_event(
                chance.choice(NAMES),
                who,
                event_id=f"e-{seq}-{index}",
                at_ms=at_ms - chance.choice((0, 0, 1, HOUR_MS)),
                properties={"price": chance.randrange(30)},
                attributes=chance.choice((None, None, {"consent": True}, {"plan": chance.choice(("pro", "free"))})),
                email=f"other@{who}.invalid" if other else chance.choice((None, None, "")),
            )
            batch.append(given[-1] if given and chance.random() < 0.03 else event)
            given.append(event)
        body = event_entry([event_message(one).SerializeToString() for one in batch], 0) if batch else tick_entry()
        made.append(LoggedEntry(seq=seq, at_ms=at_ms, appended_at_us=0, nonce=seq.to_bytes(8, "big"), body=body))
    return made


def archived(folder: Path, *pasts: Sequence[LoggedEntry], clock: str = "wall") -> str:
    """An archive with one partition for each past; its location."""
    archive = Archive(LocalFiles(folder))
    archive.establish(Identity(partitions=len(pasts), clock=clock))
    for partition, past in enumerate(pasts):
        for start in range(0, len(past), 90):
            archive.append(partition, past[start : start + 90])
    return str(folder)


def decided_plainly(
    past: Sequence[LoggedEntry], variant: Variant, *, from_ms: int, to_ms: int, skips: frozenset[tuple[int, int]]
) -> list[Sent]:
    """All customers together, every event, in one shard."""
    shard = Shard(partition=0, send_key=b"k", compile_campaign=campaign_of, fuse=fuse)
    shard.restore(position=0, clock_ms=0, campaigns=())
    shard.expect((), FOR_EVER_MS)
    seq = 0
    put = False
    for logged in past:
        entry = entry_of(logged.seq, logged.at_ms, 0, logged.body)
        if logged.at_ms >= to_ms:
            break
        if not put and logged.at_ms >= from_ms:
            put = True
            seq = _put(shard, variant, seq, from_ms)
        seq = _ticks(shard, seq, logged.at_ms)
        seq += 1
        if isinstance(entry, EventBatch):
            kept = tuple(e for index, e in enumerate(entry.events) if (logged.seq, index) not in skips)
            entry = msgspec.structs.replace(entry, events=kept)
        entry = msgspec.structs.replace(entry, seq=seq)
        for uid in shard.absent(entry):
            shard.admit(uid, None, b"")
        shard.apply(entry)
    if not put:
        seq = _put(shard, variant, seq, from_ms)
    _ticks(shard, seq, to_ms - 1)
    return sorted(sent_of(send) for send in shard.collect().sends)


def _put(shard: Shard, variant: Variant, seq: int, at_ms: int) -> int:
    for put in variant.puts:
        seq += 1
        shard.apply(
            CampaignPut(seq=seq, at_ms=at_ms, campaign_id=put.campaign_id, version=put.version, source=put.source)
        )
    return seq


def _ticks(shard: Shard, seq: int, to_ms: int) -> int:
    while (due_ms := shard.next_due_ms()) is not None and due_ms <= to_ms:
        seq += 1
        shard.apply(Tick(seq=seq, at_ms=due_ms))
    return seq
