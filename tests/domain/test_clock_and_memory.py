"""The shard's clock, which customers it asks for, and what leaves its memory."""

from __future__ import annotations

import pytest

from sendwhen.domain.entry import EventBatch, Tick
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.errors import Precondition
from tests.builders import HOUR_MS, MINUTE_MS, T0_MS, Story, a_match, a_shard, an_abandoned_cart, an_event, put, uid_of
from tests.domain.keeping import Host


def test_entries_must_follow_each_other() -> None:
    story = Story()

    with pytest.raises(Precondition, match="does not follow"):
        story.shard.apply(Tick(seq=2, at_ms=T0_MS))

    assert story.shard.position == 0


def test_a_customer_that_is_not_resident_is_named_and_nothing_is_guessed() -> None:
    shard = a_shard()
    batch = EventBatch(seq=1, at_ms=T0_MS, events=(an_event(who="ada"), an_event(who="bob"), an_event(who="ada")))

    assert shard.absent(batch) == (uid_of("ada"), uid_of("bob"))
    shard.admit(uid_of("bob"), None, b"")
    assert shard.absent(batch) == (uid_of("ada"),)
    with pytest.raises(Precondition, match="not resident"):
        shard.apply(batch)


def test_a_tick_is_wanted_once_a_deadline_has_come() -> None:
    story = Story(an_abandoned_cart())

    story.happens(an_event("Product Added", "ada"))

    assert story.shard.next_due_ms() == T0_MS + HOUR_MS
    assert not story.shard.wants_tick(T0_MS + HOUR_MS - 1)
    assert story.shard.wants_tick(T0_MS + HOUR_MS)
    story.happens(an_event("Order Completed", "ada", at_ms=T0_MS + MINUTE_MS))
    assert story.shard.next_due_ms() is None
    assert not story.shard.wants_tick(T0_MS + 2 * HOUR_MS)


def test_a_deadline_is_kept_by_the_store_alone_until_it_comes_near() -> None:
    campaign = an_abandoned_cart()
    host = Host(lambda: _with_store(campaign), horizon_ms=10 * MINUTE_MS)
    host.apply(put(campaign, seq=1))
    host.apply(EventBatch(seq=2, at_ms=T0_MS, events=(an_event("Product Added", "ada"),)))

    assert host.shard.next_due_ms() is None
    host.commit()
    host.restart()
    host.apply(Tick(seq=3, at_ms=T0_MS + 49 * MINUTE_MS))
    assert host.shard.next_due_ms() is None
    host.apply(Tick(seq=4, at_ms=T0_MS + 51 * MINUTE_MS + 10 * MINUTE_MS))

    assert len(host.shard.collect().sends) == 1


def _with_store(campaign: object) -> object:
    shard = a_shard(campaign)
    shard.restore(position=0, clock_ms=0, campaigns=())
    return shard


def test_a_dirty_customer_never_leaves_and_a_clean_one_does_when_memory_is_short() -> None:
    story = Story(limits=ShardLimits(live_bytes=0, warm_bytes=0))

    story.happens(an_event(who="ada"))
    assert [story.shard.evict() for _ in range(3)] == [0, 0, 0]
    story.shard.collect()
    assert sum(story.shard.evict() for _ in range(3)) == 1

    batch = EventBatch(seq=2, at_ms=T0_MS, events=(an_event(who="ada"),))
    assert story.shard.absent(batch) == (uid_of("ada"),)


def test_a_warm_customer_is_resident_and_continues_where_it_was() -> None:
    story = Story(an_abandoned_cart(), limits=ShardLimits(live_bytes=0))
    event = an_event("Product Added", "ada")

    story.happens(event)
    story.shard.collect()
    for _ in range(3):
        story.shard.evict()
    story.happens(event)
    story.tick(2 * HOUR_MS)

    changes = story.shard.collect()
    assert changes.counters.duplicates == 1
    assert len(changes.sends) == 1


def test_on_the_events_own_time_each_event_moves_the_clock() -> None:
    story = Story(an_abandoned_cart(), event_clock=True)
    added = an_event("Product Added", "ada", at_ms=T0_MS)
    ordered = an_event("Order Completed", "ada", at_ms=T0_MS + HOUR_MS)
    later = an_event("Noise", "bob", at_ms=T0_MS + 3 * HOUR_MS)
    batch = EventBatch(seq=2, at_ms=later.occurred_at_ms, events=(added, ordered, later))

    assert story.shard.instants(batch) == (T0_MS, T0_MS + HOUR_MS, T0_MS + 3 * HOUR_MS)
    story.apply(batch)

    [send] = story.shard.collect().sends
    assert (send.due_at_ms, send.at_ms, send.expires_at_ms) == (T0_MS + HOUR_MS, T0_MS + HOUR_MS, 0)
    assert story.shard.clock_ms == T0_MS + 3 * HOUR_MS
    assert not story.shard.wants_tick(10 * T0_MS)


def test_on_the_events_own_time_an_unsorted_event_is_set_aside_and_a_repeated_one_is_not() -> None:
    story = Story(a_match(max_event_age_ms=0), event_clock=True)
    first = an_event("Product Viewed", "ada", at_ms=T0_MS)

    story.happens(first, an_event("Noise", "bob", at_ms=T0_MS + 10))
    story.happens(first, an_event("Product Viewed", "cy", at_ms=T0_MS + 9))

    changes = story.shard.collect()
    assert [(one.index, one.reason) for one in changes.dead_letters] == [(1, "unsorted")]
    assert changes.counters.duplicates == 1
    assert len(changes.sends) == 1
