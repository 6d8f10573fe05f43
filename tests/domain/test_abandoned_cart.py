"""The story the product is about, told to one shard."""

from __future__ import annotations

from sendwhen.domain.decision import Kind
from tests.builders import HOUR_MS, MINUTE_MS, T0_MS, Story, an_abandoned_cart, an_event, uid_of


def test_a_cart_left_alone_for_the_whole_wait_earns_one_email() -> None:
    story = Story(an_abandoned_cart())

    story.happens(an_event("Product Added", "ada"))
    story.tick(HOUR_MS - 1)
    before = story.shard.collect()
    story.tick(HOUR_MS)
    story.tick(3 * HOUR_MS)
    after = story.shard.collect()

    assert before.sends == ()
    assert before.customers[0].due_at_ms == T0_MS + HOUR_MS
    [send] = after.sends
    assert (send.uid, send.email) == (uid_of("ada"), "ada@example.invalid")
    assert (send.due_at_ms, send.start_at_ms, send.delayed) == (T0_MS + HOUR_MS, T0_MS, True)
    assert after.customers[0].due_at_ms is None


def test_an_order_in_time_answers_the_wait() -> None:
    story = Story(an_abandoned_cart())

    story.happens(an_event("Product Added", "ada"))
    story.happens(an_event("Order Completed", "ada", at_ms=T0_MS + HOUR_MS - 1))
    story.tick(3 * HOUR_MS)
    changes = story.shard.collect()

    assert changes.sends == ()
    assert [decision.kind for _, decision in changes.decisions] == [Kind.WAITING, Kind.CANCELLED]


def test_an_order_at_the_deadline_is_too_late() -> None:
    story = Story(an_abandoned_cart())

    story.happens(an_event("Product Added", "ada"))
    story.happens(an_event("Order Completed", "ada", at_ms=T0_MS + HOUR_MS))

    assert len(story.shard.collect().sends) == 1


def test_a_further_product_starts_the_wait_again() -> None:
    story = Story(an_abandoned_cart())

    story.happens(an_event("Product Added", "ada"))
    story.happens(an_event("Product Added", "ada", at_ms=T0_MS + 50 * MINUTE_MS))
    story.tick(3 * HOUR_MS)

    [send] = story.shard.collect().sends
    assert send.due_at_ms == T0_MS + 110 * MINUTE_MS
    assert send.start_at_ms == T0_MS + 50 * MINUTE_MS


def test_an_order_of_another_customer_answers_nothing() -> None:
    story = Story(an_abandoned_cart())

    story.happens(an_event("Product Added", "ada"))
    story.happens(an_event("Order Completed", "bob", at_ms=T0_MS + MINUTE_MS))
    story.tick(3 * HOUR_MS)

    assert [send.uid for send in story.shard.collect().sends] == [uid_of("ada")]
