"""What campaigns do, story by story."""

from __future__ import annotations

import msgspec
import pytest

from sendwhen.domain.campaign import Reentry
from sendwhen.domain.condition import Expression
from sendwhen.domain.decision import Kind
from sendwhen.domain.entry import CampaignPaused
from sendwhen.domain.sending_rules import Category
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.steps import WaitStep
from sendwhen.domain.trigger_kinds import Duration, OnRestart
from tests.builders import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    SECOND_MS,
    T0_MS,
    Story,
    a_condition,
    a_match,
    a_property,
    a_property_above,
    a_send,
    an_abandoned_cart,
    an_event,
    on,
)


def told(story: Story) -> list[tuple[str, str]]:
    """Kind and reason of everything decided since last asked."""
    return [(decision.kind.value, decision.reason) for _, decision in story.shard.collect().decisions]


def emails(story: Story) -> list[tuple[str, int]]:
    """Template and due time (since T0) of the emails since last asked."""
    return [(send.template, send.due_at_ms - T0_MS) for send in story.shard.collect().sends]


def paused(story: Story, campaign_id: str, is_paused: bool, at_ms: int) -> None:
    entry = CampaignPaused(seq=story.seq + 1, at_ms=T0_MS + at_ms, campaign_id=campaign_id, paused=is_paused)
    story.apply(entry)


def test_a_match_writes_at_once_where_its_filter_holds() -> None:
    story = Story(a_match(where=a_property_above("price", 10)))

    story.happens(an_event("Product Viewed", "ada", properties={"price": 5}))
    story.happens(an_event("Product Viewed", "bob", properties={"price": 15}))

    changes = story.shard.collect()
    [send] = changes.sends
    assert (send.email, send.delayed, send.at_ms) == ("bob@example.invalid", False, T0_MS)
    context = msgspec.json.decode(send.context)
    assert context["event"]["properties"] == context["start"]["properties"] == {"price": 15}
    assert context["customer"]["user_id"] == "bob"
    assert [decision.kind for _, decision in changes.decisions] == [Kind.ENTERED, Kind.SEND, Kind.FINISHED]


def test_without_an_address_nothing_is_sent_and_the_reason_is_kept() -> None:
    story = Story(a_match())

    story.happens(an_event("Product Viewed", "ada", email=""))

    assert told(story) == [("entered", ""), ("skipped", "no_address"), ("finished", "")]


@pytest.mark.parametrize(
    ("attributes", "outcome"),
    [
        ({}, ("skipped", "no_consent")),
        ({"consent": False}, ("skipped", "no_consent")),
        ({"consent": "yes"}, ("skipped", "no_consent")),
        ({"consent": True}, ("send", "")),
    ],
)
def test_marketing_needs_consent_that_is_true(attributes: dict[str, object], outcome: tuple[str, str]) -> None:
    story = Story(a_match(category=Category.MARKETING))

    story.happens(an_event("Product Viewed", "ada", attributes=attributes))

    assert told(story)[1] == outcome


def test_steps_after_a_wait_count_from_the_instant_that_was_due_however_late_it_was_seen() -> None:
    steps = (a_send("reminder"), WaitStep(duration_ms=23 * HOUR_MS), a_send("last-call"))
    story = Story(an_abandoned_cart(steps=steps))

    story.happens(an_event("Product Added", "ada"))
    story.tick(3 * HOUR_MS)
    story.tick(24 * HOUR_MS - 1)
    story.tick(24 * HOUR_MS)

    assert emails(story) == [("reminder", HOUR_MS), ("last-call", 24 * HOUR_MS)]


def test_a_deadline_armed_by_another_deadline_fires_within_the_same_tick() -> None:
    steps = (
        a_send("one"),
        WaitStep(duration_ms=HOUR_MS),
        a_send("two"),
        WaitStep(duration_ms=HOUR_MS),
        a_send("three"),
    )
    story = Story(an_abandoned_cart(steps=steps))

    story.happens(an_event("Product Added", "ada"))
    story.happens(an_event("Product Added", "bob", at_ms=T0_MS + MINUTE_MS))
    story.tick(10 * HOUR_MS)

    assert [due for _, due in emails(story)] == [
        at for hour in (1, 2, 3) for at in (hour * HOUR_MS, hour * HOUR_MS + MINUTE_MS)
    ]


def test_leaving_while_waiting_in_a_step_ends_the_run() -> None:
    steps = (a_send("reminder"), WaitStep(duration_ms=DAY_MS, exit_on=(on("Order Completed"),)), a_send("last-call"))
    story = Story(an_abandoned_cart(steps=steps, exit_on=(on("Unsubscribed"),)))

    for who in ("ada", "bob", "cy"):
        story.happens(an_event("Product Added", who))
    story.tick(HOUR_MS)
    told(story)
    story.happens(an_event("Order Completed", "ada", at_ms=T0_MS + 2 * HOUR_MS))
    story.happens(an_event("Unsubscribed", "bob", at_ms=T0_MS + 2 * HOUR_MS))
    story.tick(26 * HOUR_MS)

    assert told(story) == [("cancelled", "exited"), ("cancelled", "exited"), ("send", ""), ("finished", "")]


def test_an_exit_of_the_steps_does_not_end_the_wait_of_the_trigger() -> None:
    story = Story(an_abandoned_cart(exit_on=(on("Unsubscribed"),)))

    story.happens(an_event("Product Added", "ada"))
    story.happens(an_event("Unsubscribed", "ada", at_ms=T0_MS + MINUTE_MS))
    story.tick(HOUR_MS)

    assert len(emails(story)) == 1


def test_stop_after_ends_open_waits_and_starts_nothing_any_more() -> None:
    story = Story(an_abandoned_cart(stop_after=(on("Account Closed"),)))

    story.happens(an_event("Product Added", "ada"))
    story.happens(an_event("Account Closed", "ada", at_ms=T0_MS + MINUTE_MS))
    story.happens(an_event("Product Added", "ada", at_ms=T0_MS + 2 * MINUTE_MS))
    story.tick(2 * HOUR_MS)

    assert told(story) == [("waiting", ""), ("cancelled", "stopped"), ("refused", "stopped")]


def test_a_guard_is_looked_at_when_it_fires() -> None:
    guard = a_condition(lambda event, customer, start, now_ms: customer.get("plan") == "pro", source="plan is pro")
    story = Story(an_abandoned_cart(guard=guard))

    story.happens(an_event("Product Added", "ada", attributes={"plan": "free"}))
    story.happens(an_event("Product Added", "bob", attributes={"plan": "pro"}))
    story.happens(an_event("Upgraded", "ada", at_ms=T0_MS + MINUTE_MS, attributes={"plan": "pro"}))
    story.happens(an_event("Downgraded", "bob", at_ms=T0_MS + MINUTE_MS, attributes={"plan": "free"}))
    story.tick(2 * HOUR_MS)

    changes = story.shard.collect()
    assert [send.email for send in changes.sends] == ["ada@example.invalid"]
    assert ("skipped", "guard") in [(decision.kind.value, decision.reason) for _, decision in changes.decisions]


def test_keys_keep_runs_apart_and_numbers_that_are_equal_are_one_key() -> None:
    story = Story(an_abandoned_cart(per=a_property("sku")))

    story.happens(an_event("Product Added", "ada", event_id="a", properties={"sku": 7}))
    story.happens(an_event("Product Added", "ada", event_id="b", properties={"sku": "x"}))
    story.happens(an_event("Product Added", "ada", event_id="c"))
    story.happens(an_event("Order Completed", "ada", at_ms=T0_MS + 1, properties={"sku": 7.0}))
    story.tick(2 * HOUR_MS)

    changes = story.shard.collect()
    assert [send.key for send in changes.sends] == ["x"]
    assert ("refused", "no_key") in [(decision.kind.value, decision.reason) for _, decision in changes.decisions]


@pytest.mark.parametrize(
    ("on_restart", "due_minutes"),
    [(OnRestart.RESET, [70]), (OnRestart.KEEP, [60]), (OnRestart.PARALLEL, [60, 70])],
)
def test_a_further_start_resets_is_ignored_or_waits_beside(on_restart: OnRestart, due_minutes: list[int]) -> None:
    story = Story(an_abandoned_cart(on_restart=on_restart))

    story.happens(an_event("Product Added", "ada"))
    story.happens(an_event("Product Added", "ada", at_ms=T0_MS + 10 * MINUTE_MS))
    story.tick(3 * HOUR_MS)

    assert [due for _, due in emails(story)] == [minutes * MINUTE_MS for minutes in due_minutes]


@pytest.mark.parametrize("value", [0, -1, "3", None, True, [1]])
def test_a_wait_that_is_no_number_above_zero_refuses_the_start(value: object) -> None:
    story = Story(an_abandoned_cart(duration=Duration(value=a_property("wait_s"), unit_ms=SECOND_MS)))

    story.happens(an_event("Product Added", "ada", properties={"wait_s": value}))

    assert told(story) == [("refused", "bad_duration")]


def test_a_wait_longer_than_allowed_is_shortened() -> None:
    wait = Duration(value=a_property("wait_s"), unit_ms=SECOND_MS, at_most_ms=30 * DAY_MS)
    story = Story(an_abandoned_cart(duration=wait, max_lateness_ms=None))

    story.happens(an_event("Product Added", "ada", properties={"wait_s": 1e300}))
    story.tick(31 * DAY_MS)

    assert emails(story) == [("hello", 30 * DAY_MS)]


def test_once_is_for_ever_and_for_each_key() -> None:
    story = Story(a_match(per=a_property("sku"), reentry=Reentry.ONCE))

    for number, sku in enumerate(("a", "b", "a")):
        story.happens(an_event("Product Viewed", "ada", at_ms=T0_MS + number, properties={"sku": sku}))

    assert [send.key for send in story.shard.collect().sends] == ["a", "b"]


def test_an_expired_decision_is_recorded_and_not_sent() -> None:
    story = Story(an_abandoned_cart())

    story.happens(an_event("Product Added", "ada"))
    story.happens(an_event("Product Added", "bob", at_ms=T0_MS + 1))
    story.tick(25 * HOUR_MS + 1)

    changes = story.shard.collect()
    assert [(decision.kind.value, decision.reason) for _, decision in changes.decisions[2:]] == [
        ("skipped", "expired"),
        ("entered", ""),
        ("send", ""),
        ("finished", ""),
    ]
    assert changes.sends[0].expires_at_ms == changes.sends[0].due_at_ms + DAY_MS


def test_an_old_event_updates_the_customer_and_starts_nothing() -> None:
    story = Story(a_match())

    story.happens(an_event("Product Viewed", "ada", at_ms=T0_MS, attributes={"plan": "pro"}), at_ms=DAY_MS + 1)

    changes = story.shard.collect()
    assert [decision.reason for _, decision in changes.decisions] == ["too_old"]
    assert changes.counters.late == changes.counters.applied == 1


def test_a_paused_campaign_starts_nothing_and_skips_what_falls_due_but_still_cancels() -> None:
    story = Story(an_abandoned_cart())

    story.happens(an_event("Product Added", "ada"))
    paused(story, "abandoned-cart", True, 1)
    story.happens(an_event("Product Added", "bob", at_ms=T0_MS + 2))
    story.happens(an_event("Order Completed", "ada", at_ms=T0_MS + 3))
    paused(story, "abandoned-cart", False, 4)
    story.happens(an_event("Product Added", "bob", at_ms=T0_MS + 5))

    assert told(story) == [("waiting", ""), ("refused", "paused"), ("cancelled", "answered"), ("waiting", "")]


def test_what_falls_due_while_paused_is_skipped_for_that_reason() -> None:
    story = Story(an_abandoned_cart())

    story.happens(an_event("Product Added", "ada"))
    paused(story, "abandoned-cart", True, 1)
    story.tick(2 * HOUR_MS)

    assert told(story) == [("waiting", ""), ("skipped", "paused")]


def test_runs_stay_with_the_version_that_started_them() -> None:
    first = an_abandoned_cart(version="v1")
    second = an_abandoned_cart(version="v2", duration=Duration(fixed_ms=2 * HOUR_MS), unless=(on("Cart Emptied"),))
    story = Story(first, second)

    story.happens(an_event("Product Added", "ada"))
    story.happens(an_event("Product Added", "bob"))
    story.put(second, at_ms=MINUTE_MS)
    story.happens(an_event("Product Added", "cy", at_ms=T0_MS + MINUTE_MS))
    story.happens(an_event("Cart Emptied", "ada", at_ms=T0_MS + 2 * MINUTE_MS))
    story.happens(an_event("Order Completed", "bob", at_ms=T0_MS + 2 * MINUTE_MS))
    story.tick(5 * HOUR_MS)

    changes = story.shard.collect()
    assert [(send.email[:2], send.version, send.due_at_ms - T0_MS) for send in changes.sends] == [
        ("ad", "v1", HOUR_MS),
        ("cy", "v2", 2 * HOUR_MS + MINUTE_MS),
    ]
    assert [(row.version, row.current) for row in changes.campaigns] == [("v1", False), ("v2", True)]


def test_a_run_whose_version_is_kept_no_longer_ends_when_it_falls_due() -> None:
    versions = [an_abandoned_cart(version=f"v{number}") for number in range(3)]
    story = Story(*versions, limits=ShardLimits(campaign_versions=2))

    story.happens(an_event("Product Added", "ada"))
    story.put(versions[1])
    story.put(versions[2])
    story.tick(2 * HOUR_MS)

    changes = story.shard.collect()
    assert [decision.reason for _, decision in changes.decisions] == ["", "version_gone"]
    assert [row.version for row in changes.campaigns if row.source == b""] == ["v0"]
    assert changes.counters.overflows == 1


def test_more_open_runs_than_allowed_are_refused_and_counted() -> None:
    story = Story(an_abandoned_cart(per=a_property("sku")), limits=ShardLimits(runs=2))

    for sku in "abc":
        story.happens(an_event("Product Added", "ada", event_id=sku, properties={"sku": sku}))

    changes = story.shard.collect()
    assert [decision.reason for _, decision in changes.decisions] == ["", "", "limit"]
    assert changes.counters.overflows == 1


def test_the_key_of_a_cancelling_event_is_taken_of_that_event() -> None:
    per = Expression(source="sku or nothing", value=lambda event, *_: event.properties.get("sku"))
    story = Story(an_abandoned_cart(per=per))

    story.happens(an_event("Product Added", "ada", properties={"sku": "a"}))
    story.happens(an_event("Order Completed", "ada", at_ms=T0_MS + 1))
    story.tick(2 * HOUR_MS)

    assert len(emails(story)) == 1


def test_names_of_emails_depend_on_nothing_but_the_reason_to_send() -> None:
    def send_ids(*, noise: int) -> list[str]:
        story = Story(an_abandoned_cart(), a_match())
        for number in range(noise):
            story.happens(an_event("Noise", "eve", at_ms=T0_MS - noise + number))
        story.happens(an_event("Product Added", "ada", at_ms=T0_MS + noise, event_id="cart"))
        story.happens(an_event("Product Viewed", "ada", at_ms=T0_MS + noise, event_id="view"))
        story.tick(2 * HOUR_MS)
        return [send.send_id for send in story.shard.collect().sends]

    assert send_ids(noise=0) == send_ids(noise=7)
    assert len(set(send_ids(noise=0))) == 2
