"""Backtests over a generated archive: events per second of one core's processor time, with one campaign.

Five million events of a shop's traffic over thirty days, in visits of about eight events, of which a quarter fill a
cart and a tenth buy. Beside the usual cart campaign one that listens to every event, the worst there is.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from pathlib import Path

import pyarrow as pa

from bench.figures import Figure
from sendwhen.archive.archive import Archive
from sendwhen.archive.columns import EVENT, ORDER, SCHEMA
from sendwhen.archive.layout import segment_name
from sendwhen.archive.local_files import LocalFiles
from sendwhen.archive.manifest import Identity, Manifest, Segment
from sendwhen.backtest.run import Plan, run_backtest
from sendwhen.backtest.variant import read_variant
from sendwhen.backtest.workers import OwnProcess
from sendwhen.chassis.days import day_of
from sendwhen.domain.partition import customer_uid

EVENTS = 5_000_000
PARTITIONS = 16
DAYS = 30
DAY_MS = 86_400_000
T0_MS = 1_700_006_400_000
EVENTS_OF_CUSTOMER = 25
LOOKING = ("Product Viewed", "Page Viewed", "Searched")
WEIGHTS = (70, 23, 7)
VISIT_EVENTS = 8
CART = """
campaign: cart
trigger:
  absence:
    start: {event: Product Added, where: event.properties.price >= 10}
    unless: [{event: Order Completed}]
    for: 1h
steps: [{send: reminder}]
send: {category: transactional}
"""
EVERY = """
campaign: every
trigger:
  match: {event: Page Viewed, where: event.properties.price > 990}
steps: [{send: reminder}]
stop_after:
  - {event: Product Viewed, where: event.properties.price > 1000}
  - {event: Searched, where: event.properties.price > 1000}
  - {event: Product Added, where: event.properties.price > 1000}
  - {event: Order Completed, where: event.properties.price > 1000}
send: {category: transactional}
"""


def fill(archive: Archive, events: int) -> None:
    """An archive of so many events."""
    archive.establish(Identity(partitions=PARTITIONS, clock="wall"))
    chance = random.Random(17)
    properties = [
        f'{{"sku":"S{chance.randrange(5000)}","price":{chance.randrange(1000)},"category":"c{chance.randrange(20)}"}}'.encode()
        for _ in range(20_000)
    ]
    each = events // PARTITIONS // DAYS
    customers = each * DAYS // EVENTS_OF_CUSTOMER
    for partition in range(PARTITIONS):
        who = [f"user-{partition}-{number}" for number in range(customers)]
        uids = [customer_uid("user:" + one) for one in who]
        emails = [f"{one}@example.invalid" for one in who]
        seq = 0
        for day in range(DAYS):
            visits = _visits(chance, each, customers, T0_MS + day * DAY_MS)
            times, people, names = (list(column) for column in zip(*visits, strict=True))
            zeros = [0] * each
            columns = {
                "uid": [uids[one] for one in people],
                "seq": [seq + 1 + place // 10 for place in range(each)],
                "index": [place % 10 for place in range(each)],
                "kind": [EVENT] * each,
                "at_ms": times,
                "appended_at_us": zeros,
                "front_received_at_us": zeros,
                "event_id": [f"e-{partition}-{day}-{place}" for place in range(each)],
                "name": names,
                "user_id": [who[one] for one in people],
                "anonymous_id": [""] * each,
                "email": [emails[one] for one in people],
                "occurred_at_ms": times,
                "properties": chance.choices(properties, k=each),
                "attributes": [b""] * each,
                "source": ["bench"] * each,
                "traceparent": [""] * each,
                "received_at_us": zeros,
                "fingerprint": zeros,
                "body": [b""] * each,
                "previous_id": [""] * each,
            }
            entries = -(-each // 10)
            _put(
                archive,
                partition,
                pa.table(columns, schema=SCHEMA),
                first_seq=seq + 1,
                last_seq=seq + entries,
                times=times,
            )
            seq += entries


def _visits(chance: random.Random, events: int, customers: int, day_ms: int) -> list[tuple[int, int, str]]:
    """(time, customer, event) of a day, in order."""
    found = []
    while len(found) < events:
        who, at_ms = chance.randrange(customers), day_ms + chance.randrange(DAY_MS - 3_600_000)
        names = chance.choices(LOOKING, WEIGHTS, k=chance.randrange(2, 2 * VISIT_EVENTS - 2))
        if chance.random() < 0.25:
            names[len(names) // 2 :] = ["Product Added"] * chance.randrange(1, 3)
            if chance.random() < 0.4:
                names.append("Order Completed")
        for name in names:
            found.append((at_ms, who, name))
            at_ms += chance.randrange(5_000, 180_000)
    return sorted(found[:events])


def _put(archive: Archive, partition: int, table: pa.Table, *, first_seq: int, last_seq: int, times: list[int]) -> None:
    day, name = day_of(times[0]), segment_name(first_seq, last_seq)
    size, checksum = archive.put_table(partition, day, name, table.sort_by(ORDER))
    segment = Segment(
        file=name, first_seq=first_seq, last_seq=last_seq, first_at_ms=times[0], last_at_ms=times[-1],
        first_occurred_at_ms=times[0], last_nonce="", rows=table.num_rows, events=table.num_rows, bytes=size,
        checksum=checksum,
    )  # fmt: skip
    archive.put_manifest(Manifest(partition=partition, day=day, segments=(segment,)))


def measure() -> list[Figure]:
    """The rates."""
    events = int(os.environ.get("SENDWHEN_BENCH_EVENTS", EVENTS))
    with tempfile.TemporaryDirectory(prefix="sw-bench-") as work:
        folder = Path(work)
        archive = Archive(LocalFiles(folder / "archive"))
        fill(archive, events)
        size = sum(segment.bytes for p in archive.partitions() for _, segment in archive.segments(p))
        found = {name: _rate(folder, name, text) for name, text in (("cart", CART), ("every", EVERY))}
    return [
        Figure(
            name="backtest, one campaign", value=found["cart"], unit="events/s", must="at least", bound=100_000,
        ),
        Figure(name="backtest, a campaign listening to every event", value=found["every"], unit="events/s"),
        Figure(name="archive", value=size / events, unit="bytes/event"),
    ]  # fmt: skip


def _rate(folder: Path, name: str, text: str) -> float:
    campaign = folder / name
    campaign.mkdir()
    (campaign / "campaign.yaml").write_text(text)
    (campaign / "reminder.subject.liquid").write_text("Hello")
    (campaign / "reminder.text.liquid").write_text("Hello")
    plan = Plan(location=str(folder / "archive"), variant=read_variant(campaign))
    started = time.process_time()
    report = run_backtest(plan, OwnProcess(), folder / f"out-{name}", lambda _: None)
    return report.events / (time.process_time() - started)
