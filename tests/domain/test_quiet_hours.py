"""Quiet hours: defer or skip, in the customer's zone; what is deferred is looked at again when it is due."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.domain.stage import Stage, campaign

NIGHT = 'quiet_hours: {from: "22:00", to: "08:00"%s}'
HELLO = "[{send: hello}]"


def marketing(more: str = "", *lines: str, steps: str = HELLO, name: str = "story") -> str:
    return campaign(steps, *lines, name=name, sending=f"send: {{{NIGHT % more}}}")


@pytest.mark.parametrize(
    ("starts", "sent"),
    [
        ("7h59m59.999s", "8h send hello"),
        ("8h", "8h send hello"),
        ("21h59m59.999s", "21h59m59s999ms send hello"),
        ("22h", "1d8h send hello"),
        ("1d3h", "1d8h send hello"),
    ],
)
def test_an_email_in_quiet_hours_is_deferred_to_their_end_and_they_are_half_open(starts: str, sent: str) -> None:
    stage = Stage(marketing())

    stage.happens(starts)
    stage.tick("3d")

    assert stage.told("entered", "finished", "waiting") == [sent]


def test_quiet_hours_within_a_day() -> None:
    stage = Stage(campaign(HELLO, sending='send: {quiet_hours: {from: "12:00", to: "13:30"}}'))

    for at in ("11h59m", "12h", "13h30m"):
        stage.happens(at)
    stage.tick("1d")

    assert sorted(stage.told("entered", "finished", "waiting")) == ["11h59m send hello"] + ["13h30m send hello"] * 2


def test_an_email_may_be_skipped_instead() -> None:
    stage = Stage(marketing(", then: skip"))

    stage.happens("23h")

    assert stage.told() == ["23h skipped hello (quiet_hours)"]


@pytest.mark.parametrize(
    ("attributes", "policy", "sent"),
    [
        ({"time_zone": "America/New_York"}, "", "13h send hello"),
        ({}, "", "9h send hello"),
        ({}, "time_zone: America/New_York", "13h send hello"),
    ],
)
def test_the_hours_are_the_customers_own(attributes: dict[str, object], policy: str, sent: str) -> None:
    stage = Stage(marketing(), policy=policy)

    stage.happens("9h", attributes=attributes)
    stage.tick("2d")

    assert stage.told("entered", "finished", "waiting") == [sent]


def test_the_policys_hours_count_where_a_campaign_has_none_and_transactional_emails_pass_by() -> None:
    stage = Stage(
        campaign(HELLO, name="news", sending="send: {category: marketing}"),
        campaign(HELLO, name="own", sending='send: {quiet_hours: {from: "01:00", to: "02:00"}}'),
        campaign(HELLO, name="receipt"),
        policy=NIGHT % "",
    )

    stage.happens("23h")
    stage.tick("2d")

    assert stage.told("entered", "finished", "waiting") == [
        "23h own send hello",
        "23h receipt send hello",
        "1d8h news send hello",
    ]


def test_what_is_deferred_asks_again_for_consent_and_caps_when_it_is_due() -> None:
    capped = campaign(HELLO, name="capped", sending=f"send: {{{NIGHT % ''}, cap: {{at_most: 1, per: 1d}}}}")
    stage = Stage(marketing(), capped)

    stage.happens("22h", attributes={"consent": True})
    stage.happens("23h", attributes={"consent": True})
    stage.happens("1d", "told", attributes={"consent": True})
    stage.tick("1d8h")

    assert sorted(stage.told("entered", "finished", "waiting")) == [
        "1d8h capped send hello",
        "1d8h capped skipped hello (cap)",
        "1d8h send hello",
        "1d8h send hello",
    ]
    stage.happens("1d22h")
    stage.happens("1d23h", "told", attributes={"consent": False})
    stage.tick("2d8h")
    assert stage.told("entered", "finished", "waiting") == [
        "2d8h capped skipped hello (no_consent)",
        "2d8h skipped hello (no_consent)",
    ]


def test_what_ends_the_run_ends_it_while_an_email_is_deferred() -> None:
    stage = Stage(marketing("", "exit_on: [{event: bye}]"))

    stage.happens("23h")
    stage.happens("1d", "bye")
    stage.tick("2d")

    assert stage.told("entered", "waiting") == ["1d8h cancelled (exited)"]


def test_a_campaign_that_is_paused_when_the_hours_end_skips() -> None:
    stage = Stage(marketing())

    stage.happens("23h")
    stage.pause("1d")
    stage.tick("1d8h")

    assert stage.told("entered", "waiting", "finished") == ["1d8h skipped hello (paused)"]


def test_lateness_counts_from_the_instant_to_which_it_was_deferred() -> None:
    stage = Stage(marketing("", "max_lateness: 1h"))

    stage.happens("22h")
    stage.tick("1d9h")
    stage.happens("1d22h")
    stage.tick("2d9h0.001s")

    assert stage.told("entered", "waiting", "finished") == ["1d8h send hello", "2d8h skipped hello (expired)"]
    assert stage.sends()[0].expires_at_ms == stage.sends()[0].due_at_ms + 3_600_000


def test_the_steps_after_count_from_the_instant_at_which_it_went_out() -> None:
    stage = Stage(marketing(steps="[{send: hello}, {wait: 1h}, {send: again}]"))

    stage.happens("23h")
    stage.tick("2d")

    assert stage.told("entered", "waiting", "finished") == ["1d8h send hello", "1d9h send again"]
    assert all(send.delayed for send in stage.sends())


@pytest.mark.parametrize(
    ("now", "ends"),
    [
        # Berlin, nights in which clocks change. 02:30 to 03:30 are quiet.
        (datetime(2026, 3, 29, 1, 10, tzinfo=UTC), datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        (datetime(2026, 10, 25, 0, 40, tzinfo=UTC), datetime(2026, 10, 25, 2, 30, tzinfo=UTC)),
        (datetime(2026, 10, 25, 1, 40, tzinfo=UTC), datetime(2026, 10, 25, 2, 30, tzinfo=UTC)),
    ],
)
def test_quiet_hours_end_in_nights_in_which_clocks_change(now: datetime, ends: datetime) -> None:
    quiet = 'send: {quiet_hours: {from: "02:30", to: "03:30", zone: Europe/Berlin}}'
    stage = Stage(campaign(HELLO, sending=quiet), begins_ms=int(now.timestamp() * 1_000))

    stage.happens("0s")
    stage.tick("2d")

    assert [send.due_at_ms for send in stage.sends()] == [ends.timestamp() * 1_000]


def test_hours_that_end_in_the_hour_that_comes_twice_end_the_next_time() -> None:
    # 02:10 for the second time: quiet until 02:30 of the same night, not of the next.
    now = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)
    quiet = 'send: {quiet_hours: {from: "22:00", to: "02:30", zone: Europe/Berlin}}'
    stage = Stage(campaign(HELLO, sending=quiet), begins_ms=int(now.timestamp() * 1_000))

    stage.happens("0s")
    stage.tick("2d")

    assert [send.due_at_ms for send in stage.sends()] == [datetime(2026, 10, 25, 1, 30, tzinfo=UTC).timestamp() * 1_000]


def test_a_deferred_email_is_a_wait_with_its_reason() -> None:
    stage = Stage(marketing())

    stage.happens("23h")

    assert stage.told("entered") == ["1d8h waiting (quiet_hours)"]
    [run] = stage.customer().runs
    assert (run.held, run.phase) == ("quiet_hours", 0)
