"""What is told of times and lengths is told as people write them."""

from __future__ import annotations

import re

import pytest

from sendwhen.campaigns.clauses import Facts, clauses
from sendwhen.campaigns.conditions import compile_condition
from sendwhen.domain.condition import EventScope
from sendwhen.domain.length import length
from tests.builders import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, T0_MS
from tests.domain.stage import Stage, campaign

RAW = re.compile(r"\d{5,}|\d+ ?ms\b")


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0 ms"),
        (999, "999 ms"),
        (4_100, "4.1 s"),
        (MINUTE_MS, "1 min"),
        (DAY_MS - MINUTE_MS, "23 h 59 min"),
        (DAY_MS, "1 d"),
        (DAY_MS + 1, "1 d 1 ms"),
        (-(2 * HOUR_MS + 3 * SECOND_MS), "2 h 3 s"),
    ],
)
def test_a_length_is_exact_and_readable(ms: int, text: str) -> None:
    assert length(ms) == text


def details(stage: Stage) -> dict[str, str]:
    return {one.reason: one.detail for one in stage.decisions() if one.detail}


def test_cooldown_and_once_say_until_when() -> None:
    cooling = Stage(campaign("[{send: hello}]", "reentry: {cooldown: 1d}"))
    once = Stage(campaign("[{send: hello}]", "reentry: once"))
    for stage in (cooling, once):
        stage.happens("1h")
        stage.happens("1h1m")

    assert details(cooling)["cooldown"] == (
        "It fired at 2026-01-05T01:00:00Z and may not again before 2026-01-06T01:00:00Z, 23 h 59 min later."
    )
    assert details(once)["once"] == "It fired at 2026-01-05T01:00:00Z and fires only once."


def test_ages_and_lateness_are_told_with_their_limits() -> None:
    late = Stage(campaign("[{send: hello}, {wait: 1h}, {send: again}]", "max_lateness: 90m"))
    late.happens("0s")
    late.tick("2h30m0.001s")
    assert details(late)["expired"] == "It came 1 h 30 min 1 ms after it was due; up to 1 h 30 min is sent."

    old = Stage(campaign("[{send: hello}]", "max_event_age: 1d"))
    old.happens("50h", happened_at="24h59m")
    assert details(old)["too_old"] == "The event was 1 d 1 h 1 min old; up to 1 d starts a run."


def test_what_comes_too_late_for_event_time_says_by_how_much() -> None:
    stage = Stage(
        campaign("[{send: hello}]", "event_time: {grace: 1m}"),
    )
    stage.happens("1h")
    stage.happens("1h5m", happened_at="1h")
    stage.happens("1h10m", happened_at="1h2m")

    assert details(stage)["too_late"] == "It happened 2 min before what is decided already."


def test_no_detail_holds_a_number_that_nobody_can_read() -> None:
    stage = Stage(
        campaign("[{send: hello}, {wait: 1h}, {send: again}]", "reentry: {cooldown: 10d}", "max_lateness: 1h"),
        campaign("[{send: hello}]", "max_event_age: 1h", name="young"),
        policy="caps: {all: {at_most: 1, per: 7d}}",
    )
    stage.happens("0s")
    stage.happens("1d", happened_at="1h")
    stage.happens("9d")
    stage.tick("30d")

    told = [one.detail for one in stage.decisions()]
    assert len([one for one in told if one]) >= 4
    assert [one for one in told if RAW.search(one)] == []


def test_an_instant_in_a_clause_is_told_as_one() -> None:
    condition = compile_condition(
        "event.occurred_at > timestamp('2026-01-01T00:00:00Z') && event.properties.n > 1", roots=("event",)
    )
    scope = EventScope(name="A", id="e", occurred_at_ms=T0_MS + 5, properties={"n": 2})

    told = clauses(condition, Facts(event=scope, customer={}, start=scope, now_ms=T0_MS))

    assert [one.values for one in told] == [
        (("event.occurred_at", '"2023-11-14T22:13:20.005Z"'),),
        (("event.properties.n", "2"),),
    ]
