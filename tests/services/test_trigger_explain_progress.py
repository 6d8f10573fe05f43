"""What is said of triggers that have come some way."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from sendwhen.domain.record import read_record
from services.trigger.explain import explain
from tests.builders import T0_MS, Story, a_campaign, a_property, an_event
from tests.domain.trigger_kinds import ADD, TRIGGERS, VIEW

SAID = {
    "sequence": ["Remembered: a sequence waits for “Product Added”, since 2023-11-14 22:13:20 UTC."],
    "captured": ["Remembered: a sequence waits for “Product Added”, 1 of 2 came, since 2023-11-14 22:13:20 UTC."],
    "absence-again": ["Remembered: a start waits for “Product Added”, since 2023-11-14 22:13:20 UTC."],
    "quiet": ["Remembered: no “Product Added” and no email, since 2023-11-14 22:13:20 UTC."],
    "count": ["Remembered: the number of “Product Viewed” was 1 of 2, since 2023-11-14 22:13:20 UTC."],
    "sum": ["Remembered: the sum over “Product Added” was 2.5 of 5, since 2023-11-14 22:13:20 UTC."],
    "average": ["Remembered: the average over “Product Added” was 1.5 of 2."],
    "nth": ["Remembered: 1 of 2 came."],
}
HAPPENS = {
    "captured": ((VIEW, 1), (ADD, 1.5)),
    "quiet": ((ADD, 1),),
    "sum": ((ADD, 2.5),),
    "average": ((ADD, 1.5),),
}


@pytest.mark.parametrize("kind", SAID)
def test_a_trigger_under_way_says_how_far_it_has_come(kind: str) -> None:
    campaign = a_campaign(campaign_id="c", trigger=TRIGGERS[kind])
    story = Story(campaign)
    for number, (name, n) in enumerate(HAPPENS.get(kind, ((VIEW, 1),))):
        story.happens(an_event(name, event_id=str(number), properties={"n": n}))
    [change] = story.shard.collect().customers

    told = explain(campaign, read_record(change.record), (), (), {}, paused=False)

    assert [line for line in told if line.startswith("Remembered")] == SAID[kind]


def test_what_another_version_remembered_is_not_told() -> None:
    campaign = a_campaign(campaign_id="c", trigger=TRIGGERS["nth"])
    story = Story(campaign)
    story.happens(an_event(VIEW))
    [change] = story.shard.collect().customers

    told = explain(replace(campaign, version="v2"), read_record(change.record), (), (), {}, paused=False)

    assert not [line for line in told if line.startswith("Remembered")]


def test_keys_are_named_and_only_the_latest_are_told() -> None:
    campaign = a_campaign(campaign_id="c", trigger=TRIGGERS["nth"], per=a_property("sku"))
    story = Story(campaign)
    for number in range(8):
        story.happens(an_event(VIEW, event_id=str(number), properties={"sku": f"s{number}"}))
    [change] = story.shard.collect().customers

    told = explain(campaign, read_record(change.record), (), (), {}, paused=False)

    assert [line for line in told if line.startswith("Remembered")] == [
        f"Remembered for s{number}: 1 of 2 came." for number in range(3, 8)
    ]


def test_events_that_wait_for_the_watermark_are_told() -> None:
    campaign = a_campaign(campaign_id="c", trigger=TRIGGERS["match"], grace_ms=60_000)
    story = Story(campaign)
    for at_ms in (5_000, 0):
        story.happens(an_event(VIEW, event_id=str(at_ms), at_ms=T0_MS + at_ms))
    [change] = story.shard.collect().customers

    told = explain(campaign, read_record(change.record), (), (), {}, paused=False)

    assert "2 events wait until their time is past by the grace, the next until 2023-11-14 22:14:20 UTC." in told


def test_who_never_entered_a_sequence_is_told_what_it_listens_to() -> None:
    campaign = a_campaign(campaign_id="c", trigger=TRIGGERS["captured"])
    story = Story(campaign)
    story.happens(an_event(ADD, properties={"n": 1}))
    [change] = story.shard.collect().customers

    told = explain(campaign, read_record(change.record), (), (), {}, paused=False)

    assert told[0] == (
        "Never entered. The campaign listens to “Product Viewed”, “Product Added” where more than start, "
        "“Order Completed” where more than added."
    )
    assert (
        "“Product Added” came once, as far as is remembered; more than start compares it with what came before." in told
    )
