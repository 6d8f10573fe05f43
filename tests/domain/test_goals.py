"""Goals, their attribution, and those who are held out to be compared; an address that is waited for."""

from __future__ import annotations

from sendwhen.domain.customer import AwaitedGoal
from sendwhen.domain.goals import joined_goals
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.shares import held_out
from tests.builders import uid_of
from tests.domain.stage import Stage, campaign

GOAL = "goal: {event: bought, where: event.properties.total > 0, within: 5d}"
STEPS = "[{send: hello}, {wait: 1d}, {send: again}]"
FREE = "send: {category: marketing}"


def out_and_in(percent: int, campaign_id: str) -> tuple[str, str]:
    """Somebody who is held out and somebody who is not."""
    names = [f"u{n}" for n in range(200)]
    out = next(name for name in names if held_out(percent, campaign_id=campaign_id, uid=uid_of(name)))
    into = next(name for name in names if not held_out(percent, campaign_id=campaign_id, uid=uid_of(name)))
    return out, into


def test_the_goal_ends_the_run_at_once_and_is_attributed_to_the_latest_email() -> None:
    stage = Stage(campaign(STEPS, GOAL))

    stage.happens("0s")
    stage.happens("1h", "bought", total=0)
    stage.happens("2h", "bought", total=1)
    stage.tick("3d")

    assert stage.told("waiting", "entered") == ["0s send hello", "1d cancelled (goal)", "2h goal"]
    email, goal = stage.sends()[0], stage.kept.outputs_by_kind()["tuple"][-1]
    assert goal[1].send_id == email.send_id  # type: ignore[index]  # a customer's id and a decision
    assert goal[1].detail == "“bought” came 2h after the email."  # type: ignore[index]  # as above


def test_a_goal_counts_within_its_window_which_is_half_open() -> None:
    stage = Stage(campaign("[{send: hello}]", GOAL))

    stage.happens("0s", who="ada")
    stage.happens("0s", who="bob")
    stage.happens("4d23h59m59.999s", "bought", "ada", total=1)
    stage.happens("5d", "bought", "bob", total=1)

    assert [line for line in stage.told() if "goal" in line] == ["4d23h59m59s999ms goal"]
    assert not stage.customer("bob").goals


def test_an_email_counts_one_goal_and_the_latest_email_counts() -> None:
    stage = Stage(campaign("[{send: hello}]", GOAL))

    stage.happens("0s")
    stage.happens("1h")
    stage.happens("2h", "bought", total=1)
    stage.happens("3h", "bought", total=1)

    [goal] = [one for one in stage.decisions() if one.kind.value == "goal"]
    assert goal.send_id == stage.sends()[1].send_id


def test_a_goal_before_any_email_ends_the_run_and_counts_nothing() -> None:
    stage = Stage(campaign("[{wait: 1h}, {send: hello}]", GOAL))

    stage.happens("0s")
    stage.happens("1m", "bought", total=1)
    stage.tick("2h")

    assert stage.told("waiting", "entered") == ["1h cancelled (goal)"]


def test_the_goal_ends_the_wait_of_the_trigger_too() -> None:
    text = (
        "campaign: story\ntrigger: {absence: {start: {event: go}, unless: [], for: 1h}}\n"
        f"steps: [{{send: hello}}]\n{GOAL}\nsend: {{category: transactional}}"
    )
    stage = Stage(text)

    stage.happens("0s")
    stage.happens("1m", "bought", total=1)

    assert stage.told("waiting") == ["1h cancelled (goal)"]


def test_a_goal_of_another_key_is_not_the_runs_and_one_without_a_key_is() -> None:
    stage = Stage(campaign("[{wait: 1d}, {send: hello}]", GOAL, "per: event.properties.sku"))

    stage.happens("0s", sku="x")
    stage.happens("0s", sku="y")
    stage.happens("1m", "bought", total=1, sku="x")
    assert [run.key for run in stage.customer().runs] == ["y"]
    stage.happens("2m", "bought", total=1)

    assert not stage.customer().runs


def test_the_goal_is_that_of_the_version_that_sent_the_email() -> None:
    stage = Stage(campaign("[{send: hello}]", GOAL))

    stage.happens("0s")
    stage.put(campaign("[{send: hello}]", "goal: {event: shared, within: 1d}"), "1h")
    stage.happens("2h", "shared")
    stage.happens("3h", "bought", total=1)

    assert stage.told() == ["0s send hello", "3h goal"]


def test_who_is_held_out_goes_through_the_campaign_and_gets_nothing_and_goals_are_counted_apart() -> None:
    stage = Stage(campaign(STEPS, GOAL, "holdout: 20%", sending=FREE))
    out, into = out_and_in(20, "story")

    for who in (out, into):
        stage.happens("0s", who=who)
    for who in (out, into):
        stage.happens("1h", "bought", who, total=1)

    assert stage.told("waiting", "entered", "cancelled") == [
        "0s skipped hello (holdout)",
        "0s send hello",
        "1h goal (holdout)",
        "1h goal",
    ]


def test_a_holdout_of_all_marketing_does_not_touch_transactional_emails() -> None:
    stage = Stage(
        campaign("[{send: hello}]", name="news", sending=FREE),
        campaign("[{send: hello}]", name="receipt"),
        policy="holdout: 20%",
    )
    out, into = out_and_in(20, "")

    stage.happens("0s", who=out)
    stage.happens("0s", who=into)

    assert stage.told() == [
        "0s news skipped hello (holdout)",
        "0s receipt send hello",
        "0s news send hello",
        "0s receipt send hello",
    ]


def test_an_email_may_wait_for_an_address() -> None:
    stage = Stage(campaign("[{send: hello}]", sending="send: {category: transactional, no_address: {wait: 7d}}"))

    stage.happens("0s", email="")
    stage.happens("0s", who="bob", email="")
    stage.happens("1d", "told")
    stage.happens("7d", "told", "bob")

    assert stage.told("entered", "finished") == [
        "7d waiting (no_address)",
        "7d waiting (no_address)",
        "1d send hello",
        "7d skipped hello (no_address)",
    ]


def test_a_customer_with_too_many_open_runs_holds_no_more() -> None:
    held = 'send: {quiet_hours: {from: "22:00", to: "08:00"}}'
    stage = Stage(campaign("[{send: hello}]", sending=held), limits=ShardLimits(runs=1))

    stage.happens("23h")
    stage.happens("23h1m")
    stage.tick("1d8h")

    assert stage.told("entered", "finished", "waiting") == ["23h1m skipped (limit)", "1d8h send hello"]


def test_the_volume_of_a_day_goes_out_with_the_email() -> None:
    stage = Stage(campaign("[{send: hello}]", sending="send: {volume: {at_most: 500, per: day}}"))

    stage.happens("0s")

    assert stage.sends()[0].volume_per_day == 500


def test_the_goal_of_who_emailed_longest_ago_is_forgotten_beyond_the_limit() -> None:
    names = ("a", "b", "c")
    texts = [campaign("[{send: hello}]", GOAL, name=name).replace("event: go", f"event: {name}") for name in names]
    stage = Stage(*texts, limits=ShardLimits(goals=2))

    for name in names:
        stage.happens("1h", name)
    stage.happens("2h", "bought", total=1)

    assert [line for line in stage.told() if "goal" in line] == ["2h b goal", "2h c goal"]


def test_goals_whose_time_is_over_are_forgotten_with_the_next_email() -> None:
    other = campaign("[{send: hello}]", GOAL, name="other").replace("event: go", "event: look")
    stage = Stage(campaign("[{send: hello}]", GOAL), other)

    stage.happens("0s")
    stage.happens("5d", "look")

    assert list(stage.customer().goals) == ["other"]


def test_of_two_customers_who_are_one_the_later_email_counts() -> None:
    early = AwaitedGoal("v", "r", "", "s1", 0, 1, 9)
    late = AwaitedGoal("v", "r", "", "s2", 0, 2, 9)

    assert joined_goals({"a": early, "b": late}, {"a": late, "c": early}) == {"a": late, "b": late, "c": early}
    assert joined_goals({"a": late}, {"a": early}) == {"a": late}


def test_every_email_of_a_run_may_wait_for_an_address() -> None:
    sending = "send: {category: transactional, no_address: {wait: 1d}}"
    stage = Stage(campaign("[{send: hello}, {send: again}]", sending=sending))

    stage.happens("0s", email="")
    stage.tick("1d")
    stage.happens("1d1h", "told")

    assert stage.told("entered", "finished", "waiting") == ["1d skipped hello (no_address)", "1d1h send again"]
