"""Campaigns on event time: what is held back, what is too late, and what that has to do with versions and limits."""

from __future__ import annotations

from msgspec.structs import replace

from sendwhen.domain.campaign import Campaign
from sendwhen.domain.decision import Kind
from sendwhen.domain.predicate import History, Not
from sendwhen.domain.record import read_record
from sendwhen.domain.run import on_event_time
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.span import Span
from sendwhen.domain.steps import WaitStep, WaitUntilStep
from tests.builders import (
    HOUR_MS,
    MINUTE_MS,
    T0_MS,
    Story,
    a_match,
    a_send,
    an_abandoned_cart,
    an_event,
    on,
)

GRACE_MS = 15 * MINUTE_MS
CART = an_abandoned_cart(grace_ms=GRACE_MS)


def comes(story: Story, name: str, at_ms: int, happened_at_ms: int, *, who: str = "ada", event_id: str = "") -> None:
    story.happens(an_event(name, who, event_id=event_id, at_ms=T0_MS + happened_at_ms), at_ms=at_ms)


def sent(story: Story) -> list[tuple[str, int, int]]:
    """Template, instant and log time of the emails since last asked, from T0."""
    return [(one.template, one.due_at_ms - T0_MS, one.at_ms - T0_MS) for one in story.shard.collect().sends]


def test_an_event_is_held_until_the_watermark_has_passed_it() -> None:
    story = Story(a_match(grace_ms=GRACE_MS))
    comes(story, "Product Viewed", MINUTE_MS, 0)

    story.tick(GRACE_MS - 1)
    assert sent(story) == []
    story.tick(GRACE_MS)
    assert sent(story) == [("hello", 0, GRACE_MS)]


def test_what_is_older_than_the_watermark_is_refused_by_name_and_counted() -> None:
    story = Story(CART)
    comes(story, "Product Added", HOUR_MS, HOUR_MS)

    comes(story, "Product Added", HOUR_MS + 1, HOUR_MS - GRACE_MS - 1)
    comes(story, "Product Added", HOUR_MS + 1, HOUR_MS + 1 - GRACE_MS)

    changes = story.shard.collect()
    assert changes.counters.late == 1
    [refused] = [one for _, one in changes.decisions if one.kind is Kind.REFUSED]
    assert refused.reason == "too_late"
    assert refused.detail == "It happened 1 ms before what is decided already."


def test_events_of_one_entry_do_not_make_each_other_late() -> None:
    story = Story(a_match(grace_ms=1))

    story.happens(
        an_event("Product Viewed", event_id="new", at_ms=T0_MS + HOUR_MS),
        an_event("Product Viewed", event_id="old", at_ms=T0_MS + 1),
        at_ms=HOUR_MS,
    )
    story.tick(HOUR_MS + 1)

    assert sent(story) == [("hello", 1, HOUR_MS), ("hello", HOUR_MS, HOUR_MS + 1)]


def test_other_campaigns_take_the_event_at_once() -> None:
    story = Story(CART, a_match("Product Added", campaign_id="at-once"))

    comes(story, "Product Added", 10, 0)

    assert sent(story) == [("hello", 10, 10)]


def test_waits_between_emails_run_on_event_time_too() -> None:
    steps = (a_send("one"), WaitStep(duration_ms=HOUR_MS, exit_on=(on("Order Completed"),)), a_send("two"))
    story = Story(a_match(grace_ms=GRACE_MS, steps=steps, exit_on=(on("Left"),)))
    for number, who in enumerate(("ada", "bob", "cy")):
        comes(story, "Product Viewed", number, number, who=who)
    comes(story, "Order Completed", HOUR_MS + 5 * MINUTE_MS, HOUR_MS, who="bob")
    comes(story, "Order Completed", HOUR_MS + 5 * MINUTE_MS, HOUR_MS, who="ada")
    comes(story, "Left", HOUR_MS + 6 * MINUTE_MS, HOUR_MS + 1, who="cy")
    story.tick(3 * HOUR_MS)

    assert [line[:2] for line in sent(story)] == [
        ("one", 0),
        ("one", 1),
        ("one", 2),
        ("two", HOUR_MS),
    ]


def test_an_email_may_be_as_late_as_allowed_beyond_the_grace() -> None:
    story = Story(an_abandoned_cart(grace_ms=GRACE_MS, max_lateness_ms=MINUTE_MS))
    comes(story, "Product Added", 0, 0)
    story.tick(HOUR_MS + GRACE_MS + MINUTE_MS)

    [send] = story.shard.collect().sends
    assert send.expires_at_ms - T0_MS == HOUR_MS + GRACE_MS + MINUTE_MS


def test_an_event_too_old_when_it_came_starts_nothing_though_its_turn_comes_later() -> None:
    story = Story(a_match(grace_ms=3 * HOUR_MS, max_event_age_ms=HOUR_MS))
    comes(story, "Product Viewed", 2 * HOUR_MS, HOUR_MS - 1)
    comes(story, "Product Viewed", 2 * HOUR_MS, HOUR_MS, who="bob")
    story.tick(9 * HOUR_MS)

    assert sent(story) == [("hello", HOUR_MS, 9 * HOUR_MS)]


def test_a_redelivered_event_is_held_once() -> None:
    story = Story(a_match(grace_ms=GRACE_MS))
    for at_ms in (1, 2):
        comes(story, "Product Viewed", at_ms, 0, event_id="same")
    story.tick(HOUR_MS)

    assert len(sent(story)) == 1


def test_beyond_the_limit_a_further_event_does_not_reach_the_campaign() -> None:
    story = Story(a_match(grace_ms=GRACE_MS), limits=ShardLimits(held_events=2))
    for at_ms in (1, 2, 3):
        comes(story, "Product Viewed", at_ms, at_ms)

    changes = story.shard.collect()
    assert changes.counters.overflows == 1
    assert [(one.kind.value, one.reason) for _, one in changes.decisions] == [("refused", "limit")]
    assert len(read_record(changes.customers[0].record).alarms) == 2
    story.tick(HOUR_MS)
    assert [due_ms for _, due_ms, _ in sent(story)] == [1, 2]


def edited(campaign: Campaign, **changes: object) -> Campaign:
    return replace(campaign, version="v2", **changes)


def test_a_version_gets_the_events_that_came_while_it_was_in_force() -> None:
    second = edited(CART, grace_ms=MINUTE_MS, trigger=an_abandoned_cart(unless=()).trigger)
    story = Story(CART, second)
    comes(story, "Product Added", 0, 0)
    story.put(second, at_ms=1)
    comes(story, "Product Added", 2, 2, who="bob")
    comes(story, "Order Completed", 30 * MINUTE_MS, 20 * MINUTE_MS)
    comes(story, "Order Completed", 30 * MINUTE_MS, 20 * MINUTE_MS, who="bob")
    story.tick(3 * HOUR_MS)

    assert sent(story) == [("hello", HOUR_MS + 2, 3 * HOUR_MS)]


def test_a_campaign_that_leaves_event_time_ends_its_old_runs_by_event_time_and_new_ones_at_once() -> None:
    second = edited(CART, grace_ms=None)
    story = Story(CART, second)
    comes(story, "Product Added", 0, 0)
    story.put(second, at_ms=GRACE_MS)
    comes(story, "Product Added", GRACE_MS, GRACE_MS, who="bob")
    for who in ("ada", "bob"):
        comes(story, "Order Completed", HOUR_MS + 5 * MINUTE_MS, HOUR_MS - 1, who=who)
    story.tick(3 * HOUR_MS)

    decisions = [(one.kind, one.version) for _, one in story.shard.collect().decisions]
    assert decisions == [
        (Kind.WAITING, "v1"),
        (Kind.WAITING, "v2"),
        (Kind.CANCELLED, "v2"),
        (Kind.CANCELLED, "v1"),
    ]


def test_stopping_ends_waits_and_starts_nothing_that_happened_later() -> None:
    story = Story(an_abandoned_cart(grace_ms=GRACE_MS, stop_after=(on("Left"),)))
    comes(story, "Product Added", 0, 0)
    comes(story, "Product Added", 5, 3)
    comes(story, "Left", 6, 2)
    story.tick(3 * HOUR_MS)

    kinds = [(one.kind.value, one.reason) for _, one in story.shard.collect().decisions]
    assert kinds == [("waiting", ""), ("cancelled", "stopped"), ("refused", "stopped")]


def test_in_an_installation_on_the_events_own_time_the_grace_only_delays() -> None:
    story = Story(CART, event_clock=True)
    story.happens(an_event("Product Added", at_ms=T0_MS))
    story.happens(an_event("Noise", at_ms=T0_MS + HOUR_MS))
    story.happens(an_event("Noise", "bob", at_ms=T0_MS + 2 * HOUR_MS))

    assert sent(story) == [("hello", HOUR_MS, 2 * HOUR_MS)]


def test_a_wait_until_something_holds_stays_on_event_time_when_it_is_looked_at_again() -> None:
    seen = History(of=on("Product Viewed"), at_least=1, within=Span(ms=HOUR_MS), tally="views")
    steps = (WaitUntilStep(when=Not(part=seen), exit_on=(on("Order Completed"),)), a_send())
    story = Story(a_match("Signed Up", grace_ms=GRACE_MS, steps=steps))
    comes(story, "Product Viewed", 0, 0)
    comes(story, "Signed Up", 1, 1)
    story.tick(20 * MINUTE_MS)
    comes(story, "Product Viewed", 30 * MINUTE_MS, 30 * MINUTE_MS)

    [change] = story.shard.collect().customers
    [run] = read_record(change.record).runs
    assert on_event_time(run.armed)
    assert run.due_at_ms - T0_MS == 30 * MINUTE_MS + HOUR_MS + GRACE_MS
