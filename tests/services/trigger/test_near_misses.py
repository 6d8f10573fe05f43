"""How little was missing: each told variation was played, so it may be checked by playing it again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from sendwhen.campaigns import check, fuse
from sendwhen.cases.virtual_time import VirtualTime
from sendwhen.domain.campaign import Campaign
from sendwhen.domain.changes import Changes
from sendwhen.domain.customer import Customer
from sendwhen.domain.entry import CampaignPut, EventBatch
from sendwhen.domain.past import PAST_SLOTS
from sendwhen.domain.record import read_record, remembered_decisions, with_past
from services.trigger.explain import NearMiss, ground_of, near_misses, past_of, unmet
from tests.builders import DAY_MS, HOUR_MS, SECOND_MS, T0_MS, an_event

CART = """
campaign: cart
trigger:
  absence:
    start: {event: Product Added, where: event.properties.price >= 10}
    unless: [{event: Order Completed}]
    for: 1h
steps: [{send: reminder}]
"""
BURST = """
campaign: burst
trigger:
  count: {of: {event: Product Viewed}, at_least: 3, sliding: 20s}
steps: [{send: reminder}]
send: {category: transactional}
"""
WELCOME = """
campaign: welcome
trigger: {match: {event: Signed Up}}
reentry: once
steps: [{send: reminder}, {wait: 30d}, {send: reminder}]
"""
GUARDED = """
campaign: pro
trigger:
  match: {event: Trial Started, where: event.properties.seats > 5 && customer.country == "DE"}
guard: customer.plan == "pro"
steps: [{send: reminder}]
"""


def campaign_of(text: str) -> Campaign:
    found = check(
        {"campaign.yaml": text.encode(), "reminder.subject.liquid": b"Hello", "reminder.text.liquid": b"Hello"}
    )
    assert found.campaign, found.problems
    return found.campaign


def lived(
    campaign: Campaign, *events: tuple[int, str, dict[str, Any]], attributes: dict[str, Any] | None = None
) -> Customer:
    """A customer to whom this happened, with the campaign in force from the beginning."""
    entries: list[Any] = [
        CampaignPut(
            seq=0, at_ms=T0_MS, campaign_id=campaign.campaign_id, version=campaign.version, source=b"the campaign"
        )
    ]
    known = {"consent": True} if attributes is None else attributes
    for number, (at_ms, name, properties) in enumerate(events):
        event = an_event(name, "ada", event_id=f"e{number}", at_ms=T0_MS + at_ms, properties=properties or None)
        if number == 0 and known:
            event = replace(event, attributes=an_event(attributes=known).attributes)
        entries.append(EventBatch(seq=0, at_ms=T0_MS + at_ms, events=(event,)))
    time = VirtualTime(compile_campaign=lambda _: campaign, fuse=fuse)
    changes: Changes = time.changes(entries, until_ms=T0_MS + 2 * DAY_MS)
    [change] = changes.customers
    past = dict(change.past)
    return read_record(with_past(change.record, [past.get(slot) for slot in range(PAST_SLOTS)]))


def missed(campaign: Campaign, customer: Customer, put_at_ms: int = T0_MS) -> Sequence[NearMiss]:
    until_ms = T0_MS + 2 * DAY_MS
    return near_misses(campaign, past_of(customer, until_ms=until_ms), put_at_ms=put_at_ms, until_ms=until_ms)


def test_an_order_that_came_just_in_time_would_have_had_to_come_so_much_later() -> None:
    cart = campaign_of(CART)
    customer = lived(cart, (0, "Product Added", {"price": 12}), (HOUR_MS - 4_100, "Order Completed", {}))

    [miss] = [one for one in missed(cart, customer) if one.kind == "time"]

    assert (miss.shift_ms, miss.event_id) == (4_100, "e1")
    assert miss.sentence == (
        "It would have sent “reminder” had “Order Completed” of 2023-11-14 23:13:15.900 UTC come 4.1 s later."
    )


def test_one_more_event_within_the_window_is_told_with_the_room_there_was() -> None:
    burst = campaign_of(BURST)
    customer = lived(burst, (0, "Product Viewed", {}), (8 * SECOND_MS, "Product Viewed", {}))

    misses = missed(burst, customer)

    [more] = [one for one in misses if one.kind == "more"]
    assert "had one more “Product Viewed” come within 12 s of “Product Viewed” of" in more.sentence


def test_an_event_that_came_too_late_for_the_window_is_moved_into_it() -> None:
    burst = campaign_of(BURST)
    customer = lived(
        burst,
        (0, "Product Viewed", {}),
        (8 * SECOND_MS, "Product Viewed", {}),
        (20 * SECOND_MS, "Product Viewed", {}),
    )

    [time] = [one for one in missed(burst, customer) if one.kind == "time"]

    assert abs(time.shift_ms) == 1
    assert "come 1 ms" in time.sentence


def test_a_property_that_was_too_small_is_told_with_what_was_asked_for() -> None:
    cart = campaign_of(CART)
    customer = lived(cart, (0, "Product Added", {"price": 3}))

    misses = missed(cart, customer)

    assert [one.kind for one in misses] == ["value"]
    assert "event.properties.price of “Product Added” of 2023-11-14 22:13:20 UTC been at least 10 (it was 3)" in (
        misses[0].sentence
    )


def test_consent_that_was_missing_is_told() -> None:
    cart = campaign_of(CART)
    customer = lived(cart, (0, "Product Added", {"price": 30}), attributes={"consent": False})

    assert [one.sentence for one in missed(cart, customer)] == [
        "It would have sent “reminder” had the customer's attribute consent been true."
    ]


def test_an_attribute_that_the_guard_asks_for_is_told_with_its_value_now() -> None:
    pro = campaign_of(GUARDED)
    attributes = {"plan": "free", "consent": True, "country": "DE"}
    customer = lived(pro, (0, "Trial Started", {"seats": 6}), attributes=attributes)

    assert [one.sentence for one in missed(pro, customer)] == [
        'It would have sent “reminder” had customer.plan been "pro" (it is "free").'
    ]


def test_a_campaign_that_was_put_too_late_says_so() -> None:
    cart = campaign_of(CART)
    customer = lived(cart, (0, "Product Added", {"price": 30}), attributes={"consent": True})

    [miss] = missed(cart, customer, put_at_ms=T0_MS + 10)

    assert miss.kind == "put"
    assert "had it been put before" in miss.sentence


def test_who_got_an_email_missed_nothing() -> None:
    cart = campaign_of(CART)

    assert missed(cart, lived(cart, (0, "Product Added", {"price": 30}))) == ()


def test_who_waits_for_the_next_email_is_not_told_that_an_event_should_have_come_behind_its_time() -> None:
    welcome = campaign_of(WELCOME)
    customer = lived(welcome, (0, "Signed Up", {}), (3 * SECOND_MS, "Signed Up", {}))
    until_ms = T0_MS + HOUR_MS

    assert near_misses(welcome, past_of(customer, until_ms=until_ms), put_at_ms=T0_MS, until_ms=until_ms) == ()


def test_who_did_nothing_has_no_near_miss() -> None:
    cart = campaign_of(CART)

    assert missed(cart, Customer(uid="u")) == ()


@pytest.mark.parametrize("country", ["DE", "FR"])
def test_who_never_entered_is_told_which_part_of_the_condition_failed_with_its_values(country: str) -> None:
    pro = campaign_of(GUARDED)
    customer = lived(
        pro,
        (0, "Trial Started", {"seats": 2}),
        (1_000, "Trial Started", {"seats": 3}),
        attributes={"country": country},
    )

    told = [judged.text() for judged in unmet(pro, customer, until_ms=T0_MS + DAY_MS)]

    seats = (
        "“Trial Started” of 2023-11-14 22:13:21 UTC: event.properties.seats > 5 is false; event.properties.seats = 3"
    )
    assert told[0] == seats
    assert (len(told) == 1) == (country == "DE")
    assert country == "DE" or 'customer.country = "FR" (told 1 s before)' in told[1]


def test_a_decision_is_told_with_its_clauses_their_values_and_their_age() -> None:
    pro = campaign_of(GUARDED)
    customer = lived(pro, (0, "Trial Started", {"seats": 6}), attributes={"plan": "free", "country": "DE"})
    [decision] = remembered_decisions(customer)

    ground = ground_of(decision, pro, customer)

    assert (ground.known, ground.version) == (True, pro.version)
    assert [(judged.part, judged.clause.text, judged.clause.holds) for judged in ground.judged] == [
        ("trigger", "event.properties.seats > 5", True),
        ("trigger", 'customer.country == "DE"', True),
        ("guard", 'customer.plan == "pro"', False),
    ]
    assert ground.judged[2].text() == (
        'guard: customer.plan == "pro" is false; customer.plan = "free" (told at that instant)'
    )


def test_a_decision_whose_event_is_forgotten_says_that_it_cannot_be_asked_again() -> None:
    pro = campaign_of(GUARDED)
    views = [(n * 1_000, "Other", {}) for n in range(1, 60)]
    customer = lived(pro, (0, "Trial Started", {"seats": 6}), *views, attributes={"country": "DE"})
    decision = remembered_decisions(customer)[0]

    assert not ground_of(decision, pro, customer).known
    assert not ground_of(decision, None, customer).known
    assert "is not remembered" in past_of(customer, until_ms=T0_MS + DAY_MS).unknown[0]


def test_what_is_not_known_any_more_is_said() -> None:
    cart = campaign_of(CART)
    customer = lived(cart, (0, "Product Added", {"price": 3}), (5, "Other", {}))
    fields = {name: replace(field, occurred_at_ms=T0_MS + 3) for name, field in customer.fields.items()}
    customer.fields = fields

    said = " ".join(past_of(customer, until_ms=T0_MS + 1).unknown)

    assert "what these were before is not known: consent" in said
    assert "told after the instant asked about" in said
