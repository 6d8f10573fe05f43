"""Records as former versions wrote them load for ever. ``python -m tests.domain.test_golden_records`` writes anew."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from sendwhen.domain.campaign import Reentry
from sendwhen.domain.entry import Tick
from sendwhen.domain.record import VERSION, read_record, recent_events, remembered_decisions, write_record
from sendwhen.domain.seen import SeenIds, id_hash
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
    an_abandoned_cart(steps=STEPS, per=a_property("sku"), reentry=Reentry.COOLDOWN, cooldown_ms=HOUR_MS),
    an_abandoned_cart(campaign_id="sequence", start=(on("Product Viewed"), on("Checkout Started"))),
    a_match(campaign_id="stopped", stop_after=(on("Product Viewed"),)),
)


def a_customer_with_everything() -> tuple[Story, bytes]:
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
    [record] = [one.record for one in story.shard.collect().customers]
    return story, record


def test_a_record_of_version_1_loads_with_everything_in_it() -> None:
    customer = read_record((RECORDS / "v1.bin").read_bytes())

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


def test_a_customer_of_version_1_goes_on() -> None:
    story, _ = a_customer_with_everything()
    shard = Story(*CAMPAIGNS).shard
    rows = Story(*CAMPAIGNS).shard.collect().campaigns
    shard.restore(position=story.seq, clock_ms=story.shard.clock_ms, campaigns=rows)
    shard.expect((), T0_MS + 24 * HOUR_MS)
    shard.admit(uid_of("ada"), (RECORDS / "v1.bin").read_bytes(), b"")

    shard.apply(Tick(seq=story.seq + 1, at_ms=T0_MS + 4 * HOUR_MS))

    assert [(send.template, send.key) for send in shard.collect().sends] == [("two", "a"), ("one", "b"), ("two", "b")]
    assert all(row.source == source_of(campaign) for row, campaign in zip(rows, CAMPAIGNS, strict=True))


def test_what_is_written_today_reads_as_what_version_1_wrote() -> None:
    """A difference means: leave the version and only add defaults at the end, or write a new version and keep v1."""
    _, record = a_customer_with_everything()

    assert VERSION == 1
    former = replace(read_record(record), born_seq=0, ties=None)
    assert read_record((RECORDS / "v1.bin").read_bytes()) == former
    assert write_record(read_record(record)) == record


def test_seen_ids_are_packed_as_ever() -> None:
    """They lie beside the record without a version: 8 bytes of the id's hash, 4 of the payload, 4 of the second."""
    seen = SeenIds()

    seen.add(id_hash("order-1"), 0x01020304, 1_700_000_000)

    assert seen.drain() == (bytes.fromhex("2599000e8c1b023d010203046553f100"), None)


def test_a_record_of_a_later_version_is_refused_by_name() -> None:
    with pytest.raises(Precondition, match="version 2"):
        read_record(b"\x02anything")


if __name__ == "__main__":
    (RECORDS / f"v{VERSION}.bin").write_bytes(a_customer_with_everything()[1])
