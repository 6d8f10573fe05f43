"""Repetitions, and events that cannot be applied: set aside alone, by name, without a trace on their neighbours."""

from __future__ import annotations

from sendwhen.domain.condition import CustomerScope, EventScope
from sendwhen.domain.entry import EventBatch, Skip, Unreadable
from sendwhen.domain.record import read_record
from sendwhen.domain.seen import ITEM_BYTES
from sendwhen.domain.shard_limits import ShardLimits
from tests.builders import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    T0_MS,
    Story,
    a_condition,
    a_match,
    a_shard,
    an_abandoned_cart,
    an_event,
)
from tests.domain.keeping import Host, Kept


def raising_on(name: str) -> object:
    def test(event: EventScope, customer: CustomerScope, start: EventScope | None, now_ms: int) -> bool:
        if event.properties.get("boom") == name:
            raise ZeroDivisionError
        return True

    return a_condition(test)


def test_a_repeated_event_is_ignored_altogether() -> None:
    story = Story(an_abandoned_cart())
    event = an_event("Product Added", "ada", attributes={"plan": "pro"})

    story.happens(event)
    first = story.shard.collect()
    story.happens(event, at_ms=50 * MINUTE_MS)
    second = story.shard.collect()

    assert len(first.customers) == 1
    assert (second.customers, second.decisions, second.counters.duplicates) == ((), (), 1)


def test_the_same_id_with_another_payload_is_a_dead_letter_that_no_replay_needs_to_skip() -> None:
    story = Story(a_match())

    story.happens(an_event("Product Viewed", "ada", event_id="x", properties={"price": 1}))
    story.happens(an_event("Product Viewed", "ada", event_id="x", properties={"price": 2}))

    [letter] = (changes := story.shard.collect()).dead_letters
    assert (letter.seq, letter.index, letter.event_id, letter.reason) == (3, 0, "x", "other_payload")
    assert letter.logged is False
    assert len(changes.sends) == 1


def test_an_id_is_remembered_for_three_days_of_log_time() -> None:
    story = Story()
    event = an_event("Page Viewed", "ada")

    story.happens(event)
    story.happens(event, at_ms=3 * DAY_MS)
    story.happens(event, at_ms=3 * DAY_MS + 1_000)

    counters = story.shard.collect().counters
    assert (counters.duplicates, counters.applied) == (1, 2)


def test_beyond_its_limit_the_oldest_quarter_of_ids_is_forgotten_and_the_rest_replaced() -> None:
    story = Story(limits=ShardLimits(seen_ids=8, young_ids=3))
    kept = Kept()

    for number in range(9):
        story.happens(an_event("Page Viewed", "ada", at_ms=T0_MS + number))
        changes = story.shard.collect()
        kept.commit(changes)
    [seen] = kept.seen.values()

    assert changes.counters.overflows == 3
    assert changes.customers[0].seen_replace == seen
    assert len(seen) == 6 * ITEM_BYTES
    story.happens(an_event("Page Viewed", "ada", at_ms=T0_MS + 8))
    assert story.shard.collect().counters.duplicates == 1


def test_a_flood_of_one_customer_is_capped_for_a_minute_and_others_go_on() -> None:
    story = Story(a_match(), limits=ShardLimits(minute_events=3))
    flood = [an_event("Product Viewed", "ada", event_id=f"f{number}") for number in range(5)]

    story.happens(*flood, an_event("Product Viewed", "bob"))
    changes = story.shard.collect()

    assert [(one.index, one.reason, one.logged) for one in changes.dead_letters] == [
        (3, "too_many", False),
        (4, "too_many", False),
    ]
    assert (changes.counters.applied, changes.counters.dead, len(changes.sends)) == (4, 2, 4)
    story.happens(flood[0], flood[4], at_ms=59_999)
    changes = story.shard.collect()
    assert [one.event_id for one in changes.dead_letters] == ["f4"]
    assert changes.counters.duplicates == 1
    story.happens(*flood, at_ms=60_000)
    changes = story.shard.collect()
    assert (changes.counters.applied, changes.counters.duplicates, changes.dead_letters) == (2, 3, ())


def test_a_flood_is_capped_alike_by_a_shard_that_resumes_in_the_middle_of_it() -> None:
    limits = ShardLimits(minute_events=3)
    entries = [
        EventBatch(seq=n, at_ms=T0_MS + n * 9_000, events=(an_event("Page Viewed", "ada", event_id=f"f{n}"),))
        for n in range(1, 12)
    ]

    def digest(restart_each: int) -> tuple[str, int]:
        host = Host(lambda: a_shard(limits=limits), horizon_ms=HOUR_MS)
        for number, entry in enumerate(entries):
            host.apply(entry)
            if number % restart_each == 0:
                host.commit()
                host.restart()
        host.commit()
        letters = host.kept.outputs_by_kind()["DeadLetter"]
        return repr((host.kept.records, host.kept.seen, letters)), len(letters)

    assert digest(1) == digest(2) == digest(5)
    assert digest(1)[1] == 5


def test_on_the_events_own_time_nothing_counts_as_a_flood() -> None:
    story = Story(limits=ShardLimits(minute_events=2), event_clock=True)

    story.happens(*[an_event("Page Viewed", "ada", event_id=f"f{number}") for number in range(5)])

    assert story.shard.collect().counters.applied == 5


def test_a_flood_of_ids_is_still_told_apart() -> None:
    story = Story()
    events = [an_event("Page Viewed", "ada", at_ms=T0_MS + number) for number in range(1_500)]

    story.happens(*events)
    story.happens(*events, an_event("Page Viewed", "ada", event_id="new", at_ms=T0_MS + 1_499))

    counters = story.shard.collect().counters
    assert (counters.applied, counters.duplicates) == (1_501, 1_500)


def test_an_event_that_raises_leaves_its_customer_and_its_neighbours_as_if_it_had_never_come() -> None:
    def told(*, poisoned: bool) -> tuple[object, ...]:
        story = Story(a_match(campaign_id="a"), a_match(campaign_id="b", where=raising_on("b")))
        good = [an_event("Product Viewed", who, event_id=f"{who}{n}") for n in range(2) for who in ("ada", "bob")]
        bad = an_event("Product Viewed", "ada", properties={"boom": "b"}, attributes={"plan": "x"})
        # An event of its own in the other history, so that places within the entry are the same.
        other = an_event("Noise", "eve")
        story.happens(*good[:2], bad if poisoned else other, *good[2:])
        changes = story.shard.collect()
        records = {one.uid: (one.record, one.seen_append) for one in changes.customers if one.uid != other.uid}
        return records, changes.sends, changes.decisions, [one.reason for one in changes.dead_letters]

    poisoned, clean = told(poisoned=True), told(poisoned=False)

    assert poisoned[:3] == clean[:3]
    assert (poisoned[3], clean[3]) == (["failed"], [])


def test_a_replay_leaves_out_what_the_log_says_was_skipped() -> None:
    failing, healed = a_match(where=raising_on("b")), a_match(where=raising_on("never"))
    bad = an_event("Product Viewed", "ada", properties={"boom": "b"})
    good = an_event("Product Viewed", "ada", event_id="good")

    live = Story(failing)
    live.happens(bad, good)
    live.apply(Skip(seq=3, at_ms=T0_MS, skipped_seq=2, index=0, reason="failed"))
    replayed = Story(healed)
    replayed.shard.leave_out(2, 0)
    replayed.happens(bad, good)
    replayed.apply(Skip(seq=3, at_ms=T0_MS, skipped_seq=2, index=0, reason="failed"))

    first, second = live.shard.collect(), replayed.shard.collect()
    assert first.dead_letters[0].logged is True
    assert (first.customers, first.sends) == (second.customers, second.sends)


def test_a_whole_entry_can_be_left_out() -> None:
    story = Story(a_match())
    story.shard.leave_out(2, -1)

    story.happens(an_event("Product Viewed", "ada"))
    changes = story.shard.collect()

    assert (changes.customers, changes.sends, changes.position) == ((), (), 2)


def test_bytes_that_are_no_event_are_set_aside_with_their_content() -> None:
    story = Story(a_match())

    batch = EventBatch(seq=2, at_ms=T0_MS, events=(Unreadable(payload=b"?"), an_event("Product Viewed", "ada")))
    story.apply(batch)

    changes = story.shard.collect()
    assert [(one.index, one.reason, one.payload) for one in changes.dead_letters] == [(0, "unreadable", b"?")]
    assert len(changes.sends) == 1


def test_attributes_that_are_no_object_set_the_event_aside() -> None:
    story = Story()
    event = an_event("Noise", "ada")

    story.happens(
        type(event)(**{name: getattr(event, name) for name in event.__struct_fields__} | {"attributes": b"[1"})
    )

    changes = story.shard.collect()
    assert [one.reason for one in changes.dead_letters] == ["failed"]
    assert changes.customers == ()


def test_a_deadline_that_raises_ends_its_run_and_lets_the_others_fire() -> None:
    story = Story(an_abandoned_cart(guard=raising_on("guard")))

    story.happens(an_event("Product Added", "ada", properties={"boom": "guard"}))
    story.happens(an_event("Product Added", "bob"))
    story.tick(2 * HOUR_MS)

    changes = story.shard.collect()
    assert [send.email for send in changes.sends] == ["bob@example.invalid"]
    assert [one.reason for one in changes.dead_letters] == ["failed"]
    assert all(read_record(one.record).runs == () for one in changes.customers)


def test_a_version_that_cannot_be_compiled_leaves_the_running_one_in_force() -> None:
    story = Story(a_match(version="v1"))

    story.put(a_match(version="unknown to the compiler"))
    story.happens(an_event("Product Viewed", "ada"))

    changes = story.shard.collect()
    assert [(one.reason, one.index, one.logged) for one in changes.dead_letters] == [("failed", -1, True)]
    assert [send.version for send in changes.sends] == ["v1"]
