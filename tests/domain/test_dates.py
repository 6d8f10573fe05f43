"""Dates of customers: birthdays, renewals, and the hours at which it is time for them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sendwhen.domain.campaign import Campaign
from sendwhen.domain.condition import Expression
from sendwhen.domain.local_moment import LocalTime
from sendwhen.domain.trigger_kinds import DateOf
from tests.builders import DAY_MS, T0_MS, a_send
from tests.domain.watchers import Watched, watching

ZONE = Expression(source="customer.time_zone", value=lambda event, customer, start, now: customer.get("time_zone"))
MS = 1 / DAY_MS


def on_date(
    attribute: str = "birthday", *, offset: int = 0, hour: int = 9, yearly: bool = True, zone: str = "UTC", **more: Any
) -> Campaign:
    at = LocalTime(minute=hour * 60, zone=ZONE, fallback_zone=zone)
    return watching(DateOf(attribute=attribute, offset_days=offset, at=at, yearly=yearly), **more)


def day(text: str) -> float:
    """Days from the story's beginning to an instant."""
    return (datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000 - T0_MS) / DAY_MS


def instants(story: Watched) -> list[str]:
    return [datetime.fromtimestamp((T0_MS + days * DAY_MS) / 1_000, UTC).isoformat()[:16] for days in story.days()]


def test_a_birthday_comes_every_year_at_its_hour() -> None:
    story = Watched(on_date())

    story.is_told(day("2024-01-01"), birthday="1990-06-05")
    story.tick(day("2024-06-05T09:00") - MS)
    assert instants(story) == []

    story.tick(day("2026-12-31"))
    assert instants(story) == ["2024-06-05T09:00", "2025-06-05T09:00", "2026-06-05T09:00"]


def test_29_february_is_the_28th_in_other_years() -> None:
    story = Watched(on_date())

    story.is_told(day("2023-12-01"), birthday="1992-02-29")
    story.tick(day("2025-12-31"))

    assert instants(story) == ["2024-02-29T09:00", "2025-02-28T09:00"]


def test_a_week_before_the_first_of_january_lies_in_the_year_before() -> None:
    story = Watched(on_date(offset=-7))

    story.is_told(day("2023-12-01"), birthday="1990-01-01")
    story.tick(day("2025-01-01"))

    assert instants(story) == ["2023-12-25T09:00", "2024-12-25T09:00"]


def test_a_renewal_comes_once_and_moves_with_what_is_told() -> None:
    story = Watched(on_date("renews_at", offset=-3, yearly=False))

    story.is_told(day("2024-01-01"), renews_at="2024-02-10T15:00:00Z")
    story.is_told(day("2024-02-01"), renews_at="2024-03-10T15:00:00Z")
    story.tick(day("2024-03-08"))
    story.is_told(day("2024-03-09"), renews_at="2025-03-10T15:00:00Z")
    story.tick(day("2025-12-31"))

    assert instants(story) == ["2024-03-07T09:00", "2025-03-07T09:00"]


def test_a_date_that_has_passed_or_is_taken_away_says_nothing() -> None:
    story = Watched(on_date("renews_at", yearly=False))

    story.is_told(day("2024-01-01"), renews_at="2023-12-24")
    story.is_told(day("2024-01-02"), renews_at="2024-02-01")
    story.is_told(day("2024-01-03"), renews_at=None)
    story.tick(day("2025-12-31"))

    assert instants(story) == []
    assert story.customer().alarms == ()


def test_the_hour_is_that_of_the_customers_zone_in_summer_and_in_winter() -> None:
    story = Watched(on_date())

    story.is_told(day("2024-01-01"), birthday="1990-06-05", time_zone="Europe/Berlin")
    story.is_told(day("2024-01-01"), who="bob", birthday="1990-01-05", time_zone="Europe/Berlin")
    story.tick(day("2024-12-31"))

    assert instants(story) == ["2024-01-05T08:00", "2024-06-05T07:00"]


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../UTC", 5, "x" * 5_000])
def test_an_unknown_zone_counts_as_the_campaigns_own(zone: object) -> None:
    story = Watched(on_date(zone="Asia/Tokyo"))

    story.is_told(day("2024-01-01"), birthday="1990-06-05", time_zone=zone)
    story.tick(day("2024-12-31"))

    assert instants(story) == ["2024-06-05T00:00"]


def test_who_travels_west_on_the_day_has_one_birthday() -> None:
    story = Watched(on_date())

    story.is_told(day("2024-01-01"), birthday="1990-06-05", time_zone="Europe/Berlin")
    story.is_told(day("2024-06-05T08:00"), time_zone="America/New_York")
    story.tick(day("2025-12-31"))

    assert instants(story) == ["2024-06-05T07:00", "2025-06-05T13:00"]


@pytest.mark.parametrize("odd", [True, "soon", -2e14, 1e300, 253_402_300_799_999, "9999-12-31", [1], {}])
def test_what_is_no_date_or_at_the_end_of_the_calendar_does_no_harm(odd: object) -> None:
    story = Watched(on_date(offset=400), on_date(offset=-400, yearly=False, campaign_id="once"))

    story.is_told(day("2024-01-01"), birthday=odd)
    story.tick(day("2024-12-31"))

    assert "failed" not in dict(story.reasons()).values()
    assert instants(story) == []


def test_a_date_told_at_its_very_instant_is_still_in_time() -> None:
    story = Watched(on_date())

    story.is_told(day("2024-06-05T09:00"), birthday="1990-06-05")
    story.tick(day("2024-06-05T09:00") + MS)

    assert instants(story) == ["2024-06-05T09:00"]


def test_an_edit_between_arming_and_the_day_does_not_lose_it() -> None:
    before, after = on_date(version="v1"), on_date(version="v2", steps=(a_send("better"),))
    story = Watched(before, after, put_now=1)

    story.is_told(day("2024-01-01"), birthday="1990-06-05")
    story.put(after, day("2024-06-01"))
    story.tick(day("2025-12-31"))

    assert [template for _, template in story.emails()] == ["better", "better"]


def test_a_place_in_the_order_does_not_grow_with_the_years() -> None:
    story = Watched(on_date())

    story.is_told(day("2024-01-01"), birthday="1990-06-05")
    for year in range(2024, 2064):
        story.tick(day(f"{year}-12-31"))

    [alarm] = story.customer().alarms
    assert len(story.days()) == 40
    assert len(alarm.armed) < 20


def test_a_customer_who_was_known_before_the_put_is_reached_by_a_review_alone() -> None:
    campaign = on_date()
    story = Watched(campaign, put_now=0)
    story.is_told(day("2024-01-01"), birthday="1990-06-05")
    story.put(campaign, day("2024-02-01"))
    story.review(day("2024-02-02"))
    story.review(day("2024-02-03"))

    story.tick(day("2024-12-31"))

    assert instants(story) == ["2024-06-05T09:00"]


def test_an_edit_of_the_email_on_the_day_writes_nobody_twice_and_needs_no_review() -> None:
    before, after = on_date(version="v1"), on_date(version="v2", steps=(a_send("better"),))
    story = Watched(before, after, put_now=1)
    story.is_told(day("2024-01-01"), birthday="1990-06-05", time_zone="Europe/Berlin")
    looked = story.customer().looked
    story.tick(day("2024-06-05T08:00"))

    story.put(after, day("2024-06-05T08:30"))
    story.is_told(day("2024-06-05T08:45"), time_zone="America/New_York")
    story.tick(day("2024-12-31"))

    assert instants(story) == ["2024-06-05T07:00"]
    assert story.customer().looked == looked == story.shard.watch_mark
