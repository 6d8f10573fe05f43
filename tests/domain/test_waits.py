"""Waits within a run: for a while, until a local time, until a weekday, until an event, until something holds."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.domain.stage import Stage, campaign


def wait(what: str) -> str:
    return campaign(f"[{{wait: {what}}}, {{send: hello}}]")


@pytest.mark.parametrize(
    ("what", "starts", "sent"),
    [
        ("90m", "9h", "10h30m send hello"),
        ("{until: '09:00'}", "8h", "9h send hello"),
        ("{until: '09:00'}", "9h", "9h send hello"),
        ("{until: '09:00'}", "9h1ms", "1d9h send hello"),
        ("{until: '09:00', weekday: [wed, fri]}", "9h", "2d9h send hello"),
        ("{until: '09:00', weekday: mon}", "10h", "7d9h send hello"),
        ("{weekday: mon}", "10h", "10h send hello"),
        ("{weekday: [tue, sun]}", "10h", "1d send hello"),
        ("{for: 2d, until: '09:00'}", "10h", "3d9h send hello"),
        ("{for: 6d, weekday: sun}", "10h", "6d10h send hello"),
        ("{until: '09:00', zone: Europe/Berlin}", "7h", "8h send hello"),
        ("{until: '09:00', zone: America/New_York}", "7h", "14h send hello"),
        ("1mo", "1s", "31d1s send hello"),
        ("1mo2d", "1s", "33d1s send hello"),
    ],
)
def test_a_wait_ends_at_the_instant_that_it_names_and_at_once_where_it_is_that_now(
    what: str, starts: str, sent: str
) -> None:
    stage = Stage(wait(what))

    stage.happens(starts)
    stage.tick("40d")

    assert stage.told("entered", "finished", "waiting") == [sent]


@pytest.mark.parametrize(
    ("attributes", "policy", "sent"),
    [
        ({"time_zone": "Asia/Tokyo"}, "", "1d send hello"),
        ({"time_zone": "Mars/Olympus"}, "", "9h send hello"),
        ({}, "", "9h send hello"),
        ({}, "time_zone: Europe/Berlin", "8h send hello"),
        ({"time_zone": 3}, "time_zone: Europe/Berlin", "8h send hello"),
        ({"time_zone": "Asia/Tokyo"}, "time_zone: Europe/Berlin", "1d send hello"),
    ],
)
def test_the_zone_is_the_customers_then_the_policys_then_utc(
    attributes: dict[str, object], policy: str, sent: str
) -> None:
    stage = Stage(wait("{until: '09:00'}"), policy=policy)

    stage.happens("7h", attributes=attributes)
    stage.tick("2d")

    assert stage.told("entered", "finished", "waiting") == [sent]


@pytest.mark.parametrize(
    ("day", "until", "sent"),
    [
        # Clocks go forward at 02:00: 02:30 is 03:30 then. They go back at 03:00: 02:30 counts the first time.
        (datetime(2026, 3, 28, 12, tzinfo=UTC), "02:30", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        (datetime(2026, 10, 24, 12, tzinfo=UTC), "02:30", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        (datetime(2026, 3, 28, 12, tzinfo=UTC), "09:00", datetime(2026, 3, 29, 7, tzinfo=UTC)),
        (datetime(2026, 10, 24, 12, tzinfo=UTC), "09:00", datetime(2026, 10, 25, 8, tzinfo=UTC)),
    ],
)
def test_local_times_follow_the_clocks_that_are_changed(day: datetime, until: str, sent: datetime) -> None:
    stage = Stage(wait(f"{{until: '{until}', zone: Europe/Berlin}}"), begins_ms=int(day.timestamp() * 1_000))

    stage.happens("1s")
    stage.tick("3d")

    assert [send.due_at_ms for send in stage.sends()] == [sent.timestamp() * 1_000]


def test_months_are_those_of_the_zone_that_is_named() -> None:
    # 31 March 23:30 UTC is 1 April in Berlin, and a month later is 1 May 01:30 there.
    begins_ms = int(datetime(2026, 3, 31, 23, 30, tzinfo=UTC).timestamp() * 1_000)
    stage = Stage(wait("{for: 1mo, until: '01:30', zone: Europe/Berlin}"), begins_ms=begins_ms)

    stage.happens("0s")
    stage.tick("60d")

    [send] = stage.sends()
    assert send.due_at_ms == datetime(2026, 4, 30, 23, 30, tzinfo=UTC).timestamp() * 1_000


def test_a_wait_that_is_over_at_once_leaves_nothing_open() -> None:
    stage = Stage(wait("{weekday: mon}"))

    stage.happens("1h")

    assert stage.told("x") == ["1h entered", "1h send hello", "1h finished"]
    assert not stage.sends()[0].delayed


UNTIL_PAID = "[{wait_until: {event: paid}%s}, {send: hello}]"


def test_an_awaited_event_lets_the_run_go_on_at_once() -> None:
    stage = Stage(campaign(UNTIL_PAID % ""))

    stage.happens("0s")
    stage.happens("1h", "other")
    stage.happens("2h", "paid", "bob")
    assert stage.told("waiting", "entered") == []
    stage.happens("3h", "paid")

    assert stage.told() == ["3h send hello"]


@pytest.mark.parametrize(
    ("otherwise", "outcome"),
    [
        ("", ["7d cancelled (waited)"]),
        (", otherwise: exit", ["7d cancelled (waited)"]),
        (", otherwise: continue", ["7d send hello"]),
    ],
)
def test_at_the_maximum_the_run_leaves_or_goes_on(otherwise: str, outcome: list[str]) -> None:
    stage = Stage(campaign(UNTIL_PAID % f", at_most: 7d{otherwise}"))

    stage.happens("0s")
    stage.happens("7d", "paid")
    stage.happens("8d", "paid")

    assert stage.told("entered", "finished", "waiting") == outcome


def test_without_a_maximum_the_run_leaves_after_400_days() -> None:
    stage = Stage(campaign(UNTIL_PAID % ""))

    stage.happens("0s")
    stage.tick("400d")

    assert stage.told("entered", "waiting") == ["400d cancelled (waited)"]


def test_an_event_that_ends_the_run_ends_the_wait_until_another_at_once() -> None:
    stage = Stage(campaign(UNTIL_PAID % ", exit_on: [{event: gone}]", "exit_on: [{event: bye}]"))

    stage.happens("0s")
    stage.happens("0s", who="bob")
    stage.happens("1h", "gone")
    stage.happens("2h", "bye", "bob")
    stage.happens("3h", "paid")

    assert stage.told("entered", "waiting") == [
        "400d cancelled (exited)",
        "400d cancelled (exited)",
    ]


def test_where_an_event_ends_and_lets_go_on_it_ends() -> None:
    stage = Stage(campaign(UNTIL_PAID % ", exit_on: [{event: paid}]"))

    stage.happens("0s")
    stage.happens("1h", "paid")

    assert stage.told("entered", "waiting") == ["400d cancelled (exited)"]


def test_an_awaited_event_of_another_key_is_not_the_runs_and_one_without_a_key_is() -> None:
    stage = Stage(campaign(UNTIL_PAID % "", "per: event.properties.order"))

    stage.happens("0s", order=1)
    stage.happens("1h", "paid", order=2)
    assert stage.sends() == []
    stage.happens("2h", "paid")

    assert [send.key for send in stage.sends()] == ["1"]


def test_an_awaited_event_may_be_compared_with_the_start() -> None:
    steps = "[{wait_until: {event: paid, where: event.properties.id == start.properties.id}}, {send: hello}]"
    stage = Stage(campaign(steps))

    stage.happens("0s", id=1)
    stage.happens("1h", "paid", id=2)
    stage.happens("2h", "paid", id=1)

    assert stage.told("entered", "finished", "waiting") == ["2h send hello"]


UNTIL_ADVANCED = "[{wait_until: {if: customer.level == 'advanced'}%s}, {send: hello}]"


def test_what_holds_already_is_not_waited_for() -> None:
    stage = Stage(campaign(UNTIL_ADVANCED % ""))

    stage.happens("1h", attributes={"level": "advanced"})

    assert stage.told("x") == ["1h entered", "1h send hello", "1h finished"]


def test_what_is_waited_for_is_seen_with_the_change_that_brings_it() -> None:
    stage = Stage(campaign(UNTIL_ADVANCED % ", at_most: 7d"))

    stage.happens("0s")
    stage.happens("1h", "told", attributes={"level": "middling"})
    stage.happens("2h", "told", attributes={"level": "advanced"})

    assert stage.told("entered", "finished", "waiting") == ["2h send hello"]


def test_what_comes_at_the_maximum_comes_too_late() -> None:
    stage = Stage(campaign(UNTIL_ADVANCED % ", at_most: 7d"))

    stage.happens("0s")
    stage.happens("7d", "told", attributes={"level": "advanced"})

    assert stage.told("entered", "waiting") == ["7d cancelled (waited)"]


def test_what_time_alone_brings_is_seen_at_its_instant() -> None:
    steps = "[{wait_until: {if: {event: view, at_most: 0, within_last: 2d}}}, {send: hello}]"
    stage = Stage(campaign(steps))

    stage.happens("0s", "view")
    stage.happens("1d")
    stage.happens("1d12h", "view")
    stage.tick("10d")

    assert stage.told("entered", "finished", "waiting") == ["3d12h send hello"]


def test_an_address_that_comes_is_a_change() -> None:
    stage = Stage(campaign("[{wait_until: {if: customer.email != null}}, {send: hello}]"))

    stage.happens("0s", email="")
    stage.happens("1h", "told", email="ada@example.invalid")

    assert stage.told("entered", "finished", "waiting") == ["1h send hello"]


def test_who_waits_stays_with_the_version_that_started() -> None:
    stage = Stage(campaign(UNTIL_PAID % ""))

    stage.happens("0s")
    stage.put(campaign("[{wait_until: {event: shipped}}, {send: again}]"), "1h")
    stage.happens("2h", "shipped")
    stage.happens("3h", "paid")

    assert stage.told("entered", "finished", "waiting") == ["3h send hello"]
