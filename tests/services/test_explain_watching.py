"""Why a campaign that looks at the customer did nothing, told of customers as a shard left them."""

from __future__ import annotations

from typing import Any

from sendwhen.campaigns import compile_campaign
from sendwhen.domain.campaign import Campaign
from services.trigger.explain import explain
from tests.builders import DAY_MS, Story, an_event, uid_of
from tests.domain.watchers import T0_MS


def a_campaign(trigger: str) -> Campaign:
    text = f"campaign: watch\ntrigger: {trigger}\nsteps: [{{send: hello}}]\n"
    return compile_campaign(text.encode(), {"hello": "h"})


def told(campaign: Campaign, *events: tuple[str, float, dict[str, Any]], is_put: bool = True) -> str:
    story = Story(campaign) if is_put else Story()
    for number, (name, days, attributes) in enumerate(events):
        at_ms = T0_MS + round(days * DAY_MS)
        story.happens(an_event(name, "ada", at_ms=at_ms, event_id=f"e{number}", attributes=attributes))
    customer = story.shard._residents.live[uid_of("ada")].customer
    return "\n".join(explain(campaign, customer, (), (), {}, paused=False))


def test_each_part_of_a_segment_is_told_with_what_was_counted() -> None:
    counted, since = "{event: visit, at_least: 3, within_last: 10d}", "{since: customer.since, at_least: 14d}"
    parts = ('customer.plan == "pro"', counted, since)
    when = f"{{all: [{', '.join(parts)}]}}"
    sentences = told(
        a_campaign(f"{{segment: {{enter: {when}}}}}"),
        ("visit", 0, {"plan": "pro", "since": "2023-11-10"}),
        ("visit", 1, {}),
    )

    assert 'customer.plan == "pro" is true' in sentences
    assert "“visit” at least 3 times within the last 10d is false (2 counted)" in sentences
    assert "customer.since lies at least 14d back is false (it is 2023-11-10)" in sentences
    assert "By time alone it may change at 2023-11-24 00:00:00 UTC" in sentences


def test_who_was_in_before_is_told_that_this_is_not_entering() -> None:
    campaign = a_campaign("{segment: {enter: customer.spend > 100}}")

    sentences = told(campaign, ("told", 0, {"spend": 200}), is_put=False)
    assert "has not looked at the customer yet" in sentences
    assert "customer.spend > 100 is true" in sentences


def test_an_attribute_is_told_with_its_value_and_when_it_was_told() -> None:
    campaign = a_campaign("{attribute_change: {attribute: tier, from: silver, to: gold}}")

    sentences = told(campaign, ("told", 0, {"tier": "gold"}))
    assert 'changes from "silver" to "gold"; it is "gold"' in sentences
    assert "2023-11-14 22:13:20 UTC" in sentences
    assert "it is not there" in told(campaign, ("told", 0, {}))


def test_a_date_is_told_with_its_next_instant_or_that_there_is_none() -> None:
    campaign = a_campaign('{date: {attribute: birthday, at: "09:00", repeat: yearly}}')

    assert "2024-06-05 09:00:00 UTC" in told(campaign, ("told", 0, {"birthday": "1990-06-05"}))
    assert "That is no date" in told(campaign, ("told", 0, {"birthday": "soon"}))
    assert "which is not there" in told(campaign, ("told", 0, {}))
