"""What is known of a customer, and what happens at the limits of it."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendwhen.domain.customer import Customer, learn
from sendwhen.domain.record import read_record, recent_events, remembered_decisions, with_past, write_record
from sendwhen.domain.shard_limits import ShardLimits
from tests.builders import T0_MS, Story, a_match, an_event, uid_of
from tests.domain.keeping import Kept

LIMITS = ShardLimits()


def customer_of(story: Story, who: str = "ada") -> Customer:
    kept = Kept()
    kept.commit(story.shard.collect())
    return read_record(kept.record(uid_of(who)))


def plain(customer: Customer) -> dict[str, object]:
    return {name: value for name, value in customer.scope().items() if name not in {"email", "anonymous_id"}}


def test_each_field_keeps_its_value_time_entry_and_source() -> None:
    story = Story()

    story.happens(an_event(attributes={"plan": "pro", "spend": 12.5}, source="grpc"))

    fields = customer_of(story).fields
    assert fields["plan"].value == b'"pro"'
    assert (fields["spend"].value, fields["spend"].occurred_at_ms, fields["spend"].seq) == (b"12.5", T0_MS, 1)
    assert fields["plan"].source == "grpc"


def test_older_data_neither_overwrites_nor_brings_back_what_was_removed() -> None:
    story = Story()

    story.happens(an_event(at_ms=T0_MS + 10, attributes={"plan": "pro"}))
    story.happens(an_event(at_ms=T0_MS + 5, attributes={"plan": "old", "city": "Bonn"}), at_ms=20)
    story.happens(an_event(at_ms=T0_MS + 30, attributes={"plan": None}))
    story.happens(an_event(at_ms=T0_MS + 15, attributes={"plan": "late"}), at_ms=40)

    customer = customer_of(story)
    assert plain(customer) == {"city": "Bonn", "user_id": "ada"}
    assert customer.fields["plan"].value == b""


@given(st.permutations(range(4)), st.lists(st.sampled_from([1, 2, 3]), min_size=4, max_size=4))
def test_attributes_come_out_alike_in_whatever_order_they_come_in(order: list[int], times: list[int]) -> None:
    """Kills the mutant that compares by order of arrival, and the one that forgets the entry where times are equal."""
    events = [
        an_event(event_id=str(number), at_ms=T0_MS + times[number], attributes={"plan": [number, None][number == 2]})
        for number in range(4)
    ]

    def learnt(numbers: list[int] | range) -> dict[str, object]:
        customer = Customer("u")
        for number in numbers:
            customer, _ = learn(customer, events[number], seq=number + 1, at_ms=T0_MS, limits=LIMITS)
        return {name: (field.value, field.occurred_at_ms, field.seq) for name, field in customer.fields.items()}

    assert learnt(order) == learnt(range(4))


def test_other_identifiers_are_recorded() -> None:
    story = Story()

    story.happens(an_event(anonymous_id="web-1"))
    story.happens(an_event(anonymous_id="web-2", at_ms=T0_MS + 1, email="new@example.invalid"))
    story.happens(an_event(anonymous_id="web-1", at_ms=T0_MS + 2, email=""))
    story.happens(an_event(event_id="late", at_ms=T0_MS, email="old@example.invalid"), at_ms=3)

    customer = customer_of(story)
    assert customer.user_id == "ada"
    assert customer.anonymous_ids == ("web-2", "web-1")
    assert customer.email == "new@example.invalid"


def test_the_latest_twenty_events_are_kept_without_long_properties() -> None:
    story = Story()

    for number in range(25):
        story.happens(an_event(f"event {number}", at_ms=T0_MS + number, properties={"n": number}))
    story.happens(an_event("long", at_ms=T0_MS + 100, properties={"text": "x" * 3_000}), at_ms=150)

    recent = recent_events(customer_of(story))
    assert [event.name for event in recent] == [f"event {number}" for number in range(6, 25)] + ["long"]
    assert recent[0].properties == b'{"n":6}'
    assert (recent[-1].properties, recent[-1].occurred_at_ms, recent[-1].logged_at_ms) == (
        b"",
        T0_MS + 100,
        T0_MS + 150,
    )


@pytest.mark.parametrize("commit_every", [1, 3, 7, 100])
def test_older_events_lie_beside_the_record_however_often_it_is_written(commit_every: int) -> None:
    """Kills: a cut that depends on the rounds; a chunk in another's slot; a stale chunk that is shown."""
    story, kept = Story(), Kept()
    for number in range(1, 101):
        story.happens(an_event(f"event {number}", at_ms=T0_MS + number))
        if number % commit_every == 0 or number == 100:
            kept.commit(story.shard.collect())
            recent = recent_events(read_record(kept.record(uid_of("ada"))))
            assert [one.name for one in recent] == [f"event {n}" for n in range(max(1, number - 19), number + 1)]
            assert len(recent_events(read_record(kept.records[uid_of("ada")]))) == number % 5

    assert len(kept.past) == 4


def test_a_chunk_newer_than_the_record_read_before_it_is_left_out() -> None:
    story, kept = Story(), Kept()
    for number in range(1, 26):
        story.happens(an_event(f"event {number}", at_ms=T0_MS + number))
        kept.commit(story.shard.collect())
        if number == 24:
            former = kept.records[uid_of("ada")]

    chunks = [kept.past[uid_of("ada"), slot] for slot in range(4)]
    assert [one.name for one in recent_events(read_record(with_past(former, chunks)))] == [
        f"event {n}" for n in range(6, 25)
    ]


@pytest.mark.parametrize(
    ("limits", "attributes"),
    [
        (ShardLimits(fields=2), {"a": 1, "b": 2, "c": 3}),
        (ShardLimits(field_bytes=4), {"a": 1, "b": "more than four"}),
    ],
)
def test_what_is_beyond_a_limit_is_left_out_and_counted(limits: ShardLimits, attributes: dict[str, object]) -> None:
    story = Story(limits=limits)

    story.happens(an_event(attributes=attributes))
    changes = story.shard.collect()

    assert changes.counters.overflows == 1
    assert len(read_record(changes.customers[0].record).fields) == len(attributes) - 1


def test_beyond_its_limit_the_visitors_id_not_seen_for_longest_goes() -> None:
    story = Story(limits=ShardLimits(anonymous_ids=2))

    for number, name in enumerate(("a", "b", "a", "c")):
        story.happens(an_event(anonymous_id=name, at_ms=T0_MS + number))

    changes = story.shard.collect()
    assert read_record(changes.customers[0].record).anonymous_ids == ("a", "c")
    assert changes.counters.overflows == 1


def test_the_latest_decisions_are_kept_and_repeated_refusals_take_one_place() -> None:
    story = Story(a_match(max_event_age_ms=0), limits=ShardLimits(decisions=5))

    for number in range(5):
        story.happens(an_event("Product Viewed", event_id=f"old {number}", at_ms=T0_MS), at_ms=10 + number)
    story.happens(an_event("Product Viewed", event_id="new", at_ms=T0_MS + 20))

    changes = story.shard.collect()
    customer = read_record(changes.customers[0].record)
    assert len(changes.decisions) == 8
    assert [(one.kind.value, one.event_id) for one in remembered_decisions(customer)] == [
        ("refused", "old 4"),
        ("entered", "new"),
        ("send", "new"),
        ("finished", "new"),
    ]


def test_a_record_gives_back_the_customer_it_was_written_of() -> None:
    story = Story(a_match())
    for number, name in itertools.product(range(3), ("Product Viewed", "Other")):
        story.happens(an_event(name, at_ms=T0_MS + number, attributes={"n": number}, properties={"price": 3}))

    customer = customer_of(story)

    assert read_record(write_record(customer)) == customer
