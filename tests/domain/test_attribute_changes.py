"""Attributes really change, or are only told again."""

from __future__ import annotations

import pytest

from sendwhen.domain.campaign import Campaign
from sendwhen.domain.trigger_kinds import AttributeChange
from tests.domain.watchers import Watched, watching


def changing(name: str = "tier", before: bytes | None = None, after: bytes | None = None) -> Campaign:
    return watching(AttributeChange(attribute=name, before=before, after=after))


def test_a_value_that_is_told_again_is_no_change() -> None:
    story = Watched(changing(after=b'"gold"'))

    for day, tier in enumerate(("silver", "gold", "gold", "silver", "gold")):
        story.is_told(day, tier=tier)

    assert story.days() == [1, 4]


def test_from_and_to_both_count() -> None:
    story = Watched(changing(before=b'"silver"', after=b'"gold"'))

    for day, tier in enumerate(("bronze", "gold", "silver", "gold")):
        story.is_told(day, tier=tier)

    assert story.days() == [3]


@pytest.mark.parametrize(
    ("values", "days"),
    [
        ((1, 1.0, 2), [0, 2]),
        ((1, True), [0, 1]),
        ((True, 1), [0, 1]),
        (("1", 1), [0, 1]),
        ((None, "a", None, None), [1, 2]),
        (({"a": 1}, {"a": 1.0}, {"a": 2}), [0, 2]),
    ],
)
def test_any_change_counts_by_value_and_taking_away_is_one(values: tuple[object, ...], days: list[float]) -> None:
    story = Watched(changing())

    for day, value in enumerate(values):
        story.is_told(day, tier=value)

    assert story.days() == days


def test_what_was_told_before_and_arrives_later_changes_nothing() -> None:
    story = Watched(changing())
    story.is_told(5, tier="gold")
    late = story.seq

    story.is_told(4, tier="silver")

    assert story.seq == late + 1
    assert story.days() == [5]


def test_who_was_known_before_the_put_changes_from_then_on() -> None:
    campaign = changing(after=b'"gold"')
    story = Watched(campaign, put_now=0)
    story.is_told(0, tier="gold")
    story.put(campaign, 1)

    story.does("visit", 2)
    story.is_told(3, tier="gold")
    story.is_told(4, tier="silver")
    story.is_told(5, tier="gold")

    assert story.days() == [5]
