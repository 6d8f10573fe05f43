"""Several campaigns want the same customer: within the policy's window the highest priority wins."""

from __future__ import annotations

from tests.domain.stage import Stage, campaign

WINDOW = "priority_window: 1h"


def wanting(name: str, priority: int, event: str = "go", *more: str, steps: str = "[{send: hello}]") -> str:
    text = campaign(steps, *more, name=name, sending=f"send: {{priority: {priority}}}")
    return text.replace("event: go", f"event: {event}")


def test_the_highest_wins_at_the_end_of_the_window_and_the_others_are_skipped_by_name() -> None:
    stage = Stage(wanting("low", 1, "a"), wanting("high", 9, "b"), wanting("middle", 5, "c"), policy=WINDOW)

    stage.happens("0s", "a")
    stage.happens("10m", "b")
    stage.happens("59m59.999s", "c")
    stage.tick("2h")

    decisions = stage.decisions()
    ends = [one for one in decisions if one.kind.value in ("send", "skipped")]
    assert [(one.campaign_id, one.reason) for one in ends] == [
        ("high", ""),
        ("middle", "outranked"),
        ("low", "outranked"),
    ]
    assert {one.due_at_ms for one in ends} == {stage.sends()[0].due_at_ms}
    assert "“high” goes first" in ends[1].detail


def test_who_comes_when_the_window_is_over_opens_another() -> None:
    stage = Stage(wanting("low", 1, "a"), wanting("high", 9, "b"), policy=WINDOW)

    stage.happens("0s", "a")
    stage.happens("1h", "b")
    stage.tick("3h")

    assert stage.told("entered", "finished", "waiting") == ["1h low send hello", "2h high send hello"]


def test_of_equals_the_one_that_came_first_wins() -> None:
    stage = Stage(wanting("a", 5, "first"), wanting("z", 5, "second"), policy=WINDOW)

    stage.happens("0s", "second")
    stage.happens("0s", "first")
    stage.tick("1h")

    assert stage.told("entered", "finished", "waiting") == ["1h z send hello", "1h a skipped hello (outranked)"]


def test_campaigns_without_a_priority_and_transactional_ones_do_not_compete() -> None:
    stage = Stage(
        wanting("a", 5),
        campaign("[{send: hello}]", name="news", sending="send: {category: marketing}"),
        campaign("[{send: hello}]", name="receipt"),
        policy=WINDOW,
    )

    stage.happens("0s")
    stage.tick("1h")

    assert stage.told("entered", "finished", "waiting") == [
        "0s news send hello",
        "0s receipt send hello",
        "1h a send hello",
    ]


def test_without_a_window_priorities_have_no_effect() -> None:
    stage = Stage(wanting("a", 1), wanting("b", 2))

    stage.happens("0s")

    assert stage.told() == ["0s a send hello", "0s b send hello"]


def test_a_winner_whose_email_may_not_go_out_leaves_the_field_to_the_next() -> None:
    capped = campaign("[{send: hello}]", name="high", sending="send: {priority: 9, cap: {at_most: 1, per: 7d}}")
    stage = Stage(capped, wanting("low", 1), policy=WINDOW)

    stage.happens("0s")
    stage.happens("1d")
    stage.tick("2d")

    assert stage.told("entered", "finished", "waiting") == [
        "1h high send hello",
        "1h low skipped hello (outranked)",
        "1d1h high skipped hello (cap)",
        "1d1h low send hello",
    ]


def test_who_loses_an_email_goes_on_with_its_steps() -> None:
    stage = Stage(
        wanting("high", 9), wanting("low", 1, steps="[{send: hello}, {wait: 1d}, {send: again}]"), policy=WINDOW
    )

    stage.happens("0s")
    stage.tick("3d")

    assert stage.told("entered", "finished", "waiting") == [
        "1h high send hello",
        "1h low skipped hello (outranked)",
        "1d2h low send again",
    ]


def test_what_ends_a_run_ends_it_while_it_waits_for_the_window() -> None:
    stage = Stage(wanting("high", 9, "go", "exit_on: [{event: bye}]"), wanting("low", 1), policy=WINDOW)

    stage.happens("0s")
    stage.happens("1m", "bye")
    stage.tick("1h")

    assert stage.told("entered", "finished", "waiting") == ["1h high cancelled (exited)", "1h low send hello"]


def test_quiet_hours_come_before_the_window_and_who_won_within_them_is_not_compared_again() -> None:
    night = 'quiet_hours: {from: "22:00", to: "08:00"}'
    stage = Stage(wanting("high", 9, "a"), wanting("low", 1, "b"), policy=f"{WINDOW}\n{night}")

    # Both are deferred to 8:00, wait for the window, and the higher wins at 9:00.
    stage.happens("23h", "a")
    stage.happens("23h", "b")
    # On the next evening the window ends within quiet hours: the winner is deferred to 8:00, the other is out.
    stage.happens("1d21h30m", "b")
    stage.happens("1d21h30m", "a")
    stage.tick("4d")

    assert stage.told("entered", "finished", "waiting") == [
        "1d9h high send hello",
        "1d9h low skipped hello (outranked)",
        "1d22h30m low skipped hello (outranked)",
        "2d8h high send hello",
    ]


def test_a_next_email_of_the_winner_opens_a_window_of_its_own() -> None:
    stage = Stage(wanting("high", 9, steps="[{send: hello}, {send: again}]"), wanting("low", 1), policy=WINDOW)

    stage.happens("0s")
    stage.tick("5h")

    assert stage.told("entered", "finished", "waiting") == [
        "1h high send hello",
        "1h low skipped hello (outranked)",
        "2h high send again",
    ]


def test_customers_are_compared_apart() -> None:
    stage = Stage(wanting("high", 9, "a"), wanting("low", 1, "b"), policy=WINDOW)

    stage.happens("0s", "a", "ada")
    stage.happens("0s", "b", "bob")
    stage.tick("1h")

    assert sorted(stage.told("entered", "finished", "waiting")) == ["1h high send hello", "1h low send hello"]


def test_who_won_before_quiet_hours_has_won_for_that_email_and_no_other() -> None:
    night = 'quiet_hours: {from: "22:00", to: "08:00"}'
    stage = Stage(wanting("high", 9, steps="[{send: hello}, {send: again}]"), policy=f"{WINDOW}\n{night}")

    stage.happens("21h30m")
    stage.tick("3d")

    assert stage.told("entered", "finished", "waiting") == ["1d8h high send hello", "1d9h high send again"]
