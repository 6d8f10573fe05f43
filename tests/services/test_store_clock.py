from __future__ import annotations

import structlog

from services.trigger.store_clock import StoreClock
from tests.fakes.fixed_clock import FixedClock


def test_a_store_whose_clock_lay_between_question_and_answer_does_not_differ() -> None:
    clock = FixedClock(10_000)
    store_clock = StoreClock(clock)
    clock.advance(5_000)

    store_clock.heard(sent_ms=10_000, store_ms=14_000)

    assert store_clock.difference_ms == 0


def test_a_difference_of_over_a_second_is_an_alarm_logged_once_a_minute() -> None:
    clock = FixedClock(100_000)
    store_clock = StoreClock(clock)

    with structlog.testing.capture_logs() as logs:
        for store_ms in (99_000, 98_999, 98_999):
            store_clock.heard(sent_ms=100_000, store_ms=store_ms)
        clock.advance(60_000)
        store_clock.heard(sent_ms=160_000, store_ms=162_000)

    assert [(line["event"], line["difference_ms"]) for line in logs] == [
        ("store.clock_differed", -1_001),
        ("store.clock_differed", 2_000),
    ]
    assert store_clock.is_alarming


def test_our_time_is_bounded_by_a_store_that_is_behind_and_left_alone_by_one_ahead() -> None:
    clock = FixedClock(100_000)
    store_clock = StoreClock(clock)

    store_clock.heard(sent_ms=100_000, store_ms=97_000)
    assert store_clock.bounded_ms(100_500) == 97_500

    store_clock.heard(sent_ms=100_000, store_ms=103_000)
    assert store_clock.bounded_ms(100_500) == 100_500
