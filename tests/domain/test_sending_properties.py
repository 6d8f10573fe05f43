"""Whatever happens: no cap is exceeded, no quiet hour disturbed, of rivals one wins, and a restart is unseen.

What is checked is computed from the emails alone, without the domain's own arithmetic.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from sendwhen.domain.sending_rules import Category
from tests.domain.stage import MONDAY_MS, Stage, campaign

MINUTE_MS, DAY_MS = 60_000, 86_400_000
POLICY = """\
caps: {marketing: {at_most: 3, per: 1d}}
quiet_hours: {from: "21:00", to: "08:00"}
priority_window: 45m
holdout: 30%
"""
TWO = campaign(
    "[{send: hello}, {wait: 3h}, {send: again}]",
    "exit_on: [{event: bye}]",
    name="two",
    sending="send: {priority: 3, cap: {at_most: 2, per: 12h}}",
)
WAITS = campaign(
    "[{wait_until: {event: look}, at_most: 5h, otherwise: continue}, {send: hello}, {wait: {until: '09:30'}},"
    " {send: again}]",
    "goal: {event: bought, within: 1d}",
    name="waits",
    sending="send: {priority: 7, no_address: {wait: 2d}}",
)
FORKS = campaign(
    "[{branch: [{if: customer.pro, then: [{send: hello}]}, {else: [{wait: 1h}, {set: {pro: true}}]}]},"
    " {wait_until: {if: customer.pro}, at_most: 1d}, {send: third}]",
    name="forks",
    sending="send: {category: marketing}",
)
RECEIPT = campaign("[{send: hello}]", name="receipt")
ZONES = {"ada": "Europe/Berlin", "bob": "America/New_York", "eve": "Asia/Kolkata"}
MOMENTS = st.tuples(
    st.integers(1, 600),
    st.sampled_from(["go", "go", "look", "bye", "bought", "tick"]),
    st.sampled_from(sorted(ZONES)),
    st.sampled_from([None, None, {"pro": True}, {"pro": False}, {"consent": False}]),
    st.booleans(),
)


@settings(max_examples=20, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
@given(st.lists(MOMENTS, min_size=3, max_size=25))
def test_the_rules_hold_whatever_happens(moments: list[tuple[int, str, str, dict[str, bool] | None, bool]]) -> None:
    stage = Stage(TWO, WAITS, FORKS, RECEIPT, policy=POLICY)
    minute = 0
    for after, what, who, told, addressed in moments:
        minute += after
        if what == "tick":
            stage.tick(f"{minute}m")
        else:
            attributes = {"time_zone": ZONES[who], **(told or {})}
            stage.happens(f"{minute}m", what, who, email=None if addressed else "", attributes=attributes)
    stage.tick(f"{minute + 10 * 1_440}m")

    instants: dict[tuple[str, str], list[int]] = defaultdict(list)
    for send in stage.sends():
        assert send.email
        if send.category is Category.TRANSACTIONAL:
            continue
        who = send.email.partition("@")[0]
        instants[who, ""].append(send.due_at_ms)
        instants[who, send.campaign_id].append(send.due_at_ms)
        local = datetime.fromtimestamp(send.due_at_ms / 1_000, UTC).astimezone(ZoneInfo(ZONES[who]))
        assert 8 <= local.hour < 21
    for (_, name), emails in instants.items():
        if name == "":
            assert _most_within(emails, DAY_MS) <= 3
        if name == "two":
            assert _most_within(emails, DAY_MS // 2) <= 2
    ranked = [send for send in stage.sends() if send.campaign_id in ("two", "waits")]
    assert len({(send.uid, send.due_at_ms) for send in ranked}) == len(ranked)
    assert not stage.kept.due
    assert stage.kept.clock_ms == MONDAY_MS + (minute + 10 * 1_440) * MINUTE_MS


def _most_within(instants: list[int], length_ms: int) -> int:
    ordered = sorted(instants)
    return max(sum(first <= one < first + length_ms for one in ordered) for first in ordered)
