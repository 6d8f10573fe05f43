"""Records as former versions wrote them load for ever. ``python -m tests.domain.test_golden_records`` writes anew."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from sendwhen.domain.campaign import Reentry
from sendwhen.domain.changes import CustomerChange
from sendwhen.domain.entry import EventBatch, Tick
from sendwhen.domain.record import (
    VERSION,
    has_older_ids,
    read_record,
    recent_events,
    remembered_decisions,
    with_past,
    write_record,
    young_ids,
)
from sendwhen.domain.seen import ITEM_BYTES, SeenIds, id_hash
from sendwhen.domain.span import Span
from sendwhen.domain.steps import WaitStep
from sendwhen.errors import Precondition
from tests.builders import (
    HOUR_MS,
    MINUTE_MS,
    T0_MS,
    Story,
    a_match,
    a_property,
    a_send,
    an_abandoned_cart,
    an_event,
    on,
    source_of,
    uid_of,
)

RECORDS = Path(__file__).parents[1] / "golden" / "records"
STEPS = (a_send("one"), WaitStep(duration_ms=HOUR_MS), a_send("two"))
CAMPAIGNS = (
    an_abandoned_cart(steps=STEPS, per=a_property("sku"), reentry=Reentry.COOLDOWN, cooldown=Span(ms=HOUR_MS)),
    an_abandoned_cart(campaign_id="sequence", start=(on("Product Viewed"), on("Checkout Started"))),
    a_match(campaign_id="stopped", stop_after=(on("Product Viewed"),)),
)


def stored(version: int) -> bytes:
    """A former record, with the older events that lay beside it."""
    past = RECORDS / f"v{version}.past.bin"
    return with_past((RECORDS / f"v{version}.bin").read_bytes(), [past.read_bytes() if past.exists() else None])


def a_customer_with_everything() -> tuple[Story, CustomerChange]:
    """A run in its trigger, one in a step, a partial, a stop, a cool-down, a tombstone."""
    story = Story(*CAMPAIGNS)
    story.happens(
        an_event("Product Viewed", "ada", anonymous_id="web-1", attributes={"plan": "pro", "city": "Bonn", "n": 1.5}),
        an_event("Product Added", "ada", properties={"sku": "a", "price": 12.5}),
    )
    story.tick(HOUR_MS + 1)
    at_ms = T0_MS + HOUR_MS + MINUTE_MS
    story.happens(
        an_event("Product Added", "ada", at_ms=at_ms, properties={"sku": "b"}),
        an_event("Product Viewed", "ada", at_ms=at_ms, attributes={"city": None}),
        an_event("Logged In", "ada", at_ms=at_ms + 1, properties={"text": "x" * 3_000}),
        at_ms=at_ms + 5 - T0_MS,
    )
    [change] = story.shard.collect().customers
    return story, change


@pytest.mark.parametrize("version", [1, 2])
def test_a_record_of_every_version_loads_with_everything_in_it(version: int) -> None:
    customer = read_record(stored(version))

    assert (customer.uid, customer.user_id, customer.email) == (uid_of("ada"), "ada", "ada@example.invalid")
    assert customer.anonymous_ids == ("web-1",)
    assert {name: field.value for name, field in customer.fields.items()} == {
        "plan": b'"pro"',
        "city": b"",
        "n": b"1.5",
    }
    assert [(run.key, run.phase, run.due_at_ms - T0_MS) for run in customer.runs] == [
        ("a", 1, 2 * HOUR_MS),
        ("b", -1, 2 * HOUR_MS + MINUTE_MS + 5),
    ]
    assert customer.memory("abandoned-cart").fired == {"a": T0_MS + HOUR_MS}
    assert customer.memory("stopped").stopped
    assert customer.memory("sequence").trigger
    assert [event.name for event in recent_events(customer)][-1] == "Logged In"
    assert len(recent_events(customer)) == 5
    assert [decision.kind.value for decision in remembered_decisions(customer)] == [
        "waiting",
        "entered",
        "send",
        "waiting",
        "waiting",
        "refused",
    ]
    assert customer.last_seen_at_ms == T0_MS + HOUR_MS + MINUTE_MS + 5


@pytest.mark.parametrize("version", [1, 2])
def test_a_customer_of_every_version_goes_on(version: int) -> None:
    story, _ = a_customer_with_everything()
    shard = Story(*CAMPAIGNS).shard
    rows = Story(*CAMPAIGNS).shard.collect().campaigns
    shard.restore(position=story.seq, clock_ms=story.shard.clock_ms, campaigns=rows)
    shard.expect((), T0_MS + 24 * HOUR_MS)
    shard.admit(uid_of("ada"), (RECORDS / f"v{version}.bin").read_bytes(), b"")

    shard.apply(Tick(seq=story.seq + 1, at_ms=T0_MS + 4 * HOUR_MS))

    assert [(send.template, send.key) for send in shard.collect().sends] == [("two", "a"), ("one", "b"), ("two", "b")]
    assert all(row.source == source_of(campaign) for row, campaign in zip(rows, CAMPAIGNS, strict=True))


def test_what_is_written_today_reads_as_what_version_2_wrote() -> None:
    """A difference means: leave the version and only add defaults at the end, or write a new version and keep these."""
    _, change = a_customer_with_everything()
    record = change.record

    assert VERSION == 2
    assert record == (RECORDS / "v2.facts.bin").read_bytes()
    before_facts = replace(read_record(record), commerce=b"", sessions=0, session_at_ms=0, actions=b"")
    assert before_facts == read_record((RECORDS / "v2.ties.bin").read_bytes())
    former = replace(before_facts, born_seq=0, ties=None)
    assert former == read_record((RECORDS / "v2.bin").read_bytes())
    assert young_ids(record) == young_ids((RECORDS / "v2.bin").read_bytes())
    assert change.past == ((0, (RECORDS / "v2.past.bin").read_bytes()),)
    assert write_record(read_record(record), young_ids(record)) == record
    assert len(young_ids(record)) == 5 * ITEM_BYTES
    assert not has_older_ids(record)


def test_a_record_of_version_2_before_ties_were_known_reads_as_one_without() -> None:
    _, change = a_customer_with_everything()

    former = read_record((RECORDS / "v2.bin").read_bytes())
    assert (former.born_seq, former.ties) == (0, None)
    today = read_record(change.record)
    assert former == replace(today, born_seq=0, ties=None, commerce=b"", sessions=0, session_at_ms=0, actions=b"")


def test_a_repetition_is_known_where_a_former_version_wrote_all_ids_beside_the_record() -> None:
    story, _ = a_customer_with_everything()
    record = (RECORDS / "v1.bin").read_bytes()
    event = an_event("Page Viewed", "ada", at_ms=T0_MS + 2 * HOUR_MS)
    beside = SeenIds()
    for number in range(40):
        beside.add(id_hash(f"former-{number}"), number, story.shard.clock_ms // 1_000)
    beside.add(id_hash(event.event_id), event.fingerprint, story.shard.clock_ms // 1_000)
    shard = Story(*CAMPAIGNS).shard
    shard.restore(position=0, clock_ms=story.shard.clock_ms, campaigns=Story(*CAMPAIGNS).shard.collect().campaigns)
    shard.expect((), T0_MS + 24 * HOUR_MS)

    assert has_older_ids(record)
    assert young_ids(record) == b""
    shard.admit(uid_of("ada"), record, bytes(beside.packed))
    new = an_event("Page Viewed", "ada", at_ms=T0_MS + 2 * HOUR_MS, event_id="new")
    shard.apply(EventBatch(seq=1, at_ms=story.shard.clock_ms, events=(event, new)))
    changes = shard.collect()

    assert (changes.counters.duplicates, changes.counters.applied) == (1, 1)
    [written] = changes.customers
    assert (written.seen_append, written.seen_replace) == (b"", None)
    assert has_older_ids(written.record)
    assert young_ids(written.record).startswith(id_hash("new"))


def test_seen_ids_are_packed_as_ever() -> None:
    """They have no version of their own: 8 bytes of the id's hash, 4 of the payload, 4 of the second."""
    seen = SeenIds()

    seen.add(id_hash("order-1"), 0x01020304, 1_700_000_000)

    packed = bytes.fromhex("2599000e8c1b023d010203046553f100")
    assert seen.settle(2 * ITEM_BYTES) == (b"", None)
    assert seen.young() == packed
    seen.add(id_hash("order-2"), 1, 1_700_000_000)
    older, _ = seen.settle(2 * ITEM_BYTES)
    assert older.startswith(packed)
    assert len(older) == 2 * ITEM_BYTES
    assert seen.young() == b""


def test_a_record_of_a_later_version_is_refused_by_name() -> None:
    with pytest.raises(Precondition, match="version 3"):
        read_record(b"\x03anything")


if __name__ == "__main__":
    written_now = a_customer_with_everything()[1]
    (RECORDS / f"v{VERSION}.ties.bin").write_bytes(written_now.record)
