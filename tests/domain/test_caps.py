"""Caps: per campaign, per category, over all; half-open windows; transactional emails pass by."""

from __future__ import annotations

import pytest

from sendwhen.domain.sent_mail import joined_sent
from sendwhen.domain.shard_limits import ShardLimits
from tests.domain.stage import Stage, campaign

CAPPED = "send: {cap: {at_most: 2, per: 1d}}"
FREE = "send: {category: marketing}"


def test_no_more_than_a_cap_allows_in_any_window_which_is_half_open() -> None:
    stage = Stage(campaign("[{send: hello}]", sending=CAPPED))

    for at in ("0s", "1h", "2h", "23h59m59.999s", "1d", "1d1s", "1d1h"):
        stage.happens(at)

    assert stage.told() == [
        "0s send hello",
        "1h send hello",
        "2h skipped hello (cap)",
        "23h59m59s999ms skipped hello (cap)",
        "1d send hello",
        "1d1s skipped hello (cap)",
        "1d1h send hello",
    ]


def test_a_cap_over_calendar_months_is_over_when_the_month_is() -> None:
    stage = Stage(campaign("[{send: hello}]", sending="send: {cap: {at_most: 1, per: 1mo}}"))

    for at in ("0s", "30d", "31d"):
        stage.happens(at)

    assert stage.told() == ["0s send hello", "30d skipped hello (cap)", "31d send hello"]


def test_several_emails_of_one_run_count_each() -> None:
    stage = Stage(campaign("[{send: hello}, {send: again}, {send: third}]", sending=CAPPED))

    stage.happens("0s")

    assert stage.told() == ["0s send hello", "0s send again", "0s skipped third (cap)"]


def test_a_cap_counts_each_customer_alone() -> None:
    stage = Stage(campaign("[{send: hello}]", sending="send: {cap: {at_most: 1, per: 1d}}"))

    for who in ("ada", "bob", "ada"):
        stage.happens("0s", who=who)

    assert stage.told() == ["0s send hello", "0s send hello", "0s skipped hello (cap)"]


def test_a_cap_of_a_category_counts_all_its_campaigns_and_those_that_pass_by_are_let_through() -> None:
    stage = Stage(
        campaign("[{send: hello}]", name="a", sending=FREE),
        campaign("[{send: hello}]", name="b", sending=FREE),
        campaign("[{send: hello}]", name="receipt"),
        policy="caps: {marketing: {at_most: 1, per: 7d}}",
    )

    stage.happens("0s")

    assert stage.told() == ["0s a send hello", "0s b skipped hello (cap)", "0s receipt send hello"]


@pytest.mark.parametrize(("category", "told"), [("all", "skipped hello (cap)"), ("marketing", "send hello")])
def test_a_cap_over_all_counts_transactional_emails_and_one_of_marketing_does_not(category: str, told: str) -> None:
    stage = Stage(
        campaign("[{send: hello}]", name="a-receipt"),
        campaign("[{send: hello}]", name="news", sending=FREE),
        policy=f"caps: {{{category}: {{at_most: 1, per: 7d}}}}",
    )

    stage.happens("0s")

    assert stage.told() == ["0s a-receipt send hello", f"0s news {told}"]


def test_what_is_skipped_for_another_reason_does_not_count() -> None:
    stage = Stage(campaign("[{send: hello}]", sending="send: {cap: {at_most: 1, per: 1d}}"))

    stage.happens("0s", attributes={"consent": False})
    stage.happens("1h")

    assert stage.told() == ["0s skipped hello (no_consent)", "1h send hello"]


def test_a_policy_is_current_for_runs_that_began_before_it() -> None:
    stage = Stage(campaign("[{send: hello}, {wait: 1h}, {send: again}, {wait: 1h}, {send: third}]", sending=FREE))

    stage.happens("0s")
    stage.policy("caps: {all: {at_most: 1, per: 7d}}", "30m")
    stage.tick("3h")

    # Emails count from when somebody asks.
    assert stage.told("waiting", "entered", "finished") == [
        "0s send hello",
        "1h send again",
        "2h skipped third (cap)",
    ]


def test_no_more_instants_are_kept_than_the_cap_allows() -> None:
    stage = Stage(campaign("[{send: hello}]", sending="send: {cap: {at_most: 3, per: 1s}}"))

    for hour in range(9):
        stage.happens(f"{hour + 1}h")

    assert {scope: len(instants) for scope, instants in stage.customer().sent.items()} == {"campaign:story": 24}


def test_the_counts_of_customers_who_are_one_are_joined() -> None:
    one = {"all": (1).to_bytes(8, "big") + (5).to_bytes(8, "big")}
    other = {"all": (3).to_bytes(8, "big"), "campaign:x": b"12345678"}

    joined = joined_sent(one, other)

    assert joined == joined_sent(other, one)
    assert [joined["all"][at : at + 8][-1] for at in (0, 8, 16)] == [1, 3, 5]


def test_the_count_that_was_not_added_to_for_longest_is_forgotten_beyond_the_limit() -> None:
    capped = "send: {cap: {at_most: 1, per: 7d}}"
    texts = [campaign("[{send: hello}]", name=name, sending=capped).replace("go}", name + "}") for name in "abc"]
    stage = Stage(*texts, limits=ShardLimits(cap_counts=2))

    for at, event in (("0s", "a"), ("1s", "b"), ("2s", "c"), ("3s", "a")):
        stage.happens(at, event)

    assert stage.told() == ["0s a send hello", "1s b send hello", "2s c send hello", "3s a send hello"]
    assert list(stage.customer().sent) == ["campaign:c", "campaign:a"]
