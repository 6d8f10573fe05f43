"""Dates in the zone of the sending policy, which is a current value: another zone plans them anew."""

from __future__ import annotations

import pytest

from tests.domain.stage import Stage

BIRTHDAY = """
campaign: story
trigger: {{date: {{attribute: birthday, at: "09:00", {zone}repeat: yearly}}}}
steps: [{{send: hello}}]
send: {{category: transactional}}
max_lateness: none
"""
OWN = BIRTHDAY.format(zone="")
BORN = "1990-01-08"
"""Stories begin with 5 January 2026 (UTC)."""


def told(stage: Stage) -> list[str]:
    return stage.told("entered", "finished")


@pytest.mark.parametrize(
    ("zone", "customers", "policy", "at"),
    [
        ("zone: Asia/Tokyo, ", "Europe/Berlin", "time_zone: America/New_York", "3d"),
        ("zone: customer.home_zone, ", "Europe/Berlin", "time_zone: America/New_York", "3d8h"),
        ("", "Europe/Berlin", "time_zone: America/New_York", "3d8h"),
        ("", "Nowhere/Land", "time_zone: America/New_York", "3d14h"),
        ("zone: customer.home_zone, ", None, "time_zone: America/New_York", "3d14h"),
        ("", None, "time_zone: America/New_York", "3d14h"),
        ("", None, "", "3d9h"),
    ],
)
def test_the_first_zone_that_is_known_counts(zone: str, customers: str | None, policy: str, at: str) -> None:
    stage = Stage(BIRTHDAY.format(zone=zone), policy=policy)
    attributes = {"birthday": BORN} | ({"time_zone": customers} if customers else {})
    stage.happens("1h", "Signed Up", attributes=attributes)
    stage.tick("10d")

    assert told(stage) == [f"{at} send hello"]


def test_another_zone_plans_the_date_anew_when_the_customer_is_looked_at() -> None:
    stage = Stage(OWN, policy="time_zone: Europe/Berlin")
    stage.happens("1h", "Signed Up", attributes={"birthday": BORN})
    before = stage.watch_mark
    stage.policy("time_zone: America/New_York", "1d")

    assert stage.watch_mark not in ("", before)
    stage.review("1d1h")
    stage.tick("10d")
    assert told(stage) == ["3d14h send hello"]


def test_the_customers_next_event_plans_it_anew_as_well() -> None:
    stage = Stage(OWN)
    stage.happens("1h", "Signed Up", attributes={"birthday": BORN})
    stage.policy("time_zone: America/New_York", "1d")
    stage.happens("1d1h", "Viewed")
    stage.tick("10d")

    assert told(stage) == ["3d14h send hello"]


def test_until_then_it_comes_at_its_former_instant_and_not_twice() -> None:
    stage = Stage(OWN, policy="time_zone: Europe/Berlin")
    stage.happens("1h", "Signed Up", attributes={"birthday": BORN})
    stage.policy("time_zone: America/New_York", "3d7h")
    stage.tick("3d8h30m")
    stage.review("3d8h40m")
    stage.tick("10d")

    assert told(stage) == ["3d8h send hello"]


def test_whose_hour_has_gone_by_in_the_new_zone_waits_for_the_next_year() -> None:
    stage = Stage(OWN, policy="time_zone: America/New_York")
    stage.happens("1h", "Signed Up", attributes={"birthday": BORN})
    stage.policy("time_zone: Asia/Tokyo", "3d5h")
    stage.review("3d6h")
    stage.tick("367d")
    assert told(stage) == []

    stage.tick("369d")
    assert told(stage) == ["368d send hello"]


def test_a_policy_that_leaves_the_zone_as_it_is_has_nobody_looked_at_again() -> None:
    stage = Stage(OWN, policy="time_zone: Europe/Berlin")
    before = stage.watch_mark
    stage.policy("time_zone: Europe/Berlin\nholdout: 5%", "1d")
    assert stage.watch_mark == before


def test_nor_does_another_zone_where_dates_have_their_own() -> None:
    stage = Stage(BIRTHDAY.format(zone="zone: Asia/Tokyo, "))
    before = stage.watch_mark
    stage.policy("time_zone: Europe/Berlin", "1d")
    assert stage.watch_mark == before
