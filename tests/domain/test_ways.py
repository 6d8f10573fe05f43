"""Branches, splits, attributes, lists and exits."""

from __future__ import annotations

from collections import Counter

from sendwhen.campaigns import compile_campaign
from sendwhen.domain.shares import held_out, share_of
from sendwhen.domain.steps import GoToStep, SendStep, SplitStep
from tests.builders import uid_of
from tests.domain.stage import TEMPLATES, Stage, campaign

PLANS = (
    "[{branch: [{if: customer.plan == 'pro', then: [{send: hello}]},"
    " {if: customer.plan == 'free', then: [{wait: 1h}, {send: again}]}, {else: [{exit: no plan}]}]}, {send: third}]"
)


def test_the_first_way_that_holds_is_taken_and_all_meet_behind() -> None:
    stage = Stage(campaign(PLANS))

    stage.happens("0s", attributes={"plan": "pro"})
    stage.happens("1s", who="bob", attributes={"plan": "free"})
    stage.happens("2s", who="eve")
    stage.tick("2h")

    assert stage.told("waiting", "entered") == [
        "0s took (branch)",
        "0s send hello",
        "0s send third",
        "0s finished",
        "1s took (branch)",
        "2s took (branch)",
        "2s exited (exit)",
        "1h1s send again",
        "1h1s send third",
        "1h1s finished",
    ]


def test_without_else_who_fits_nowhere_goes_on_behind() -> None:
    stage = Stage(campaign("[{branch: [{if: customer.plan == 'pro', then: [{exit: x}]}]}, {send: hello}]"))

    stage.happens("0s")

    assert stage.told() == ["0s send hello"]


def test_a_branch_is_decided_when_the_run_comes_there() -> None:
    steps = "[{wait: 1h}, {branch: [{if: customer.plan == 'pro', then: [{send: hello}]}, {else: [{send: again}]}]}]"
    stage = Stage(campaign(steps))

    stage.happens("0s", attributes={"plan": "free"})
    stage.happens("30m", "told", attributes={"plan": "pro"})
    stage.tick("1h")
    stage.happens("2h", "told", attributes={"plan": "free"})

    assert stage.told("waiting", "entered", "finished", "took") == ["1h send hello"]


def test_branches_within_branches_meet_where_each_ends() -> None:
    inner = "{branch: [{if: customer.b, then: [{send: hello}]}, {else: [{send: again}]}]}"
    stage = Stage(campaign(f"[{{branch: [{{if: customer.a, then: [{inner}]}}, {{else: []}}]}}, {{send: third}}]"))

    for who, a, b in (("1", True, True), ("2", True, False), ("3", False, True)):
        stage.happens("0s", who=who, attributes={"a": a, "b": b})

    assert [(send.email[0], send.template) for send in stage.sends()] == [
        ("1", "hello"),
        ("1", "third"),
        ("2", "again"),
        ("2", "third"),
        ("3", "third"),
    ]


def test_a_campaign_without_branches_keeps_its_indices_which_name_its_emails() -> None:
    flat = compile_campaign(campaign("[{send: hello}, {wait: 1h}, {send: again}]").encode(), TEMPLATES)

    assert [type(step).__name__ for step in flat.steps] == ["SendStep", "WaitStep", "SendStep"]


def test_a_way_that_is_not_the_last_ends_with_a_jump_behind_all() -> None:
    steps = compile_campaign(campaign(PLANS).encode(), TEMPLATES).steps

    assert [step.go_to for step in steps if isinstance(step, GoToStep)] == [len(steps) - 1] * 2
    assert isinstance(steps[-1], SendStep)


SPLIT = "[{split: [{share: 30, name: a, then: [{send: hello}]}, {share: 70, name: b, then: [{send: again}]}]}]"


def test_a_split_is_sticky_and_has_its_shares() -> None:
    split = compile_campaign(campaign(SPLIT).encode(), TEMPLATES).steps[0]
    assert isinstance(split, SplitStep)

    taken = Counter(share_of(split, campaign_id="story", uid=uid_of(f"u{n}")).name for n in range(10_000))

    assert abs(taken["a"] - 3_000) < 150
    assert taken["a"] + taken["b"] == 10_000
    [once] = {share_of(split, campaign_id="story", uid="u").name for _ in range(10)}
    assert once in "ab"


def test_an_edit_elsewhere_does_not_shuffle_a_split() -> None:
    before = compile_campaign(campaign(SPLIT).encode(), TEMPLATES).steps[0]
    other = "{split: [{share: 50, name: x}, {share: 50, name: y}]}"
    after = compile_campaign(campaign(f"[{other}, {SPLIT[1:]}").encode(), TEMPLATES).steps
    [same] = [step for step in after if isinstance(step, SplitStep) and step.name == "a/b"]

    assert isinstance(before, SplitStep)
    for n in range(200):
        uid = uid_of(f"u{n}")
        was = share_of(before, campaign_id="story", uid=uid).name
        assert was == share_of(same, campaign_id="story", uid=uid).name


def test_two_splits_of_the_same_shares_divide_independently() -> None:
    steps = compile_campaign(campaign(f"{SPLIT[:-1]}, {SPLIT[1:]}").encode(), TEMPLATES).steps
    one, two = (step for step in steps if isinstance(step, SplitStep))

    pairs = Counter(
        (share_of(one, campaign_id="story", uid=f"u{n}").name, share_of(two, campaign_id="story", uid=f"u{n}").name)
        for n in range(10_000)
    )

    assert abs(pairs["a", "a"] - 900) < 120


def test_splits_and_holdouts_of_one_campaign_are_independent() -> None:
    split = compile_campaign(campaign(SPLIT).encode(), TEMPLATES).steps[0]
    assert isinstance(split, SplitStep)
    out = [n for n in range(10_000) if held_out(10, campaign_id="story", uid=f"u{n}")]

    assert abs(len(out) - 1_000) < 120
    assert abs(sum(share_of(split, campaign_id="story", uid=f"u{n}").name == "a" for n in out) - 300) < 70


def test_an_attribute_is_set_for_all_that_comes_after_other_campaigns_included() -> None:
    setter = campaign("[{set: {tier: gold, total: {value: start.properties.total}}}, {send: hello}]")
    watcher = (
        "campaign: watcher\ntrigger: {attribute_change: {attribute: tier, to: gold}}\n"
        "steps: [{send: again}]\nsend: {category: transactional}"
    )
    stage = Stage(setter, watcher)

    stage.happens("0s", total=12.5)

    assert stage.told() == ["0s send hello", "0s watcher send again"]
    assert stage.customer().fields["total"].value == b"12.5"
    assert stage.customer().fields["tier"].source == "campaign:story"


def test_null_removes_an_attribute() -> None:
    stage = Stage(campaign("[{set: {tier: null}}, {send: hello}]"))

    stage.happens("0s", attributes={"tier": "gold"})

    assert "tier" not in stage.customer().scope()


def test_a_customer_is_put_on_a_list_and_taken_off() -> None:
    steps = "[{add_to: newcomers}, {wait: 1h}, {remove_from: newcomers}, {send: hello}]"
    stage = Stage(campaign(steps))

    stage.happens("0s")
    assert stage.customer().scope()["list.newcomers"] is True
    stage.tick("1h")

    assert "list.newcomers" not in stage.customer().scope()


def test_a_run_that_exits_sends_no_more_and_says_why() -> None:
    stage = Stage(campaign("[{send: hello}, {exit: enough}, {send: again}]"))

    stage.happens("0s")

    assert [(one.kind.value, one.detail) for one in stage.decisions()][-1] == ("exited", "enough")
    assert [send.template for send in stage.sends()] == ["hello"]
