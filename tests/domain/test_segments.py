"""Customers begin and cease to be in a segment: by what they do, by what is told of them, and by time alone."""

from __future__ import annotations

from msgspec.structs import replace

from sendwhen.domain.campaign import Reentry
from sendwhen.domain.entry import CampaignPaused
from sendwhen.domain.predicate import All, AnyOf, Not
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.span import Span
from sendwhen.domain.steps import SetStep, WaitUntilStep
from sendwhen.domain.tally import count, instants_kept, joined, tally_name
from sendwhen.domain.tally import counted as one_more
from sendwhen.domain.trigger_kinds import AttributeChange
from tests.builders import DAY_MS, T0_MS, a_match, a_send, on
from tests.domain.watchers import Watched, at_least, counted, entering, is_, leaving, since, watching

MS = 1 / DAY_MS


def test_one_enters_when_an_attribute_reaches_a_bound_and_again_after_leaving() -> None:
    story = Watched(entering(at_least("spend", 100)))

    for day, spend in enumerate((50, 120, 130, 90, 100)):
        story.is_told(day, spend=spend)

    assert story.days() == [1, 4]


def test_one_leaves_when_it_falls_below() -> None:
    story = Watched(leaving(at_least("spend", 100)))

    for day, spend in enumerate((50, 120, 130, 90, 100)):
        story.is_told(day, spend=spend)

    assert story.days() == [3]


def test_once_means_once() -> None:
    story = Watched(entering(at_least("spend", 100), reentry=Reentry.ONCE))

    for day, spend in enumerate((120, 90, 100)):
        story.is_told(day, spend=spend)

    assert story.days() == [0]


def test_who_has_not_come_for_ten_days_is_in_from_the_first_event_and_again_when_the_visit_is_ten_days_old() -> None:
    story = Watched(entering(counted("visit", most=0, days=10)))

    story.does("signup", 0)
    story.does("visit", 3)
    story.tick(13 - MS)
    assert story.days() == [0]

    story.tick(13)
    assert story.days() == [0, 13]


def test_the_window_is_half_open_so_a_visit_exactly_ten_days_later_comes_after_the_first_has_left() -> None:
    story = Watched(leaving(counted("visit", least=1, days=10)))

    story.does("visit", 0)
    story.does("visit", 10)

    assert story.days() == [10]


def test_a_visit_a_millisecond_earlier_keeps_the_customer_in() -> None:
    story = Watched(leaving(counted("visit", least=1, days=10)))

    story.does("visit", 0)
    story.does("visit", 10 - MS)
    story.tick(20 - 2 * MS)
    assert story.days() == []

    story.tick(20)
    assert story.days() == [20 - MS]


def test_at_most_one_is_left_with_the_second() -> None:
    story = Watched(leaving(counted("buy", least=1, most=1, days=10)))

    story.does("buy", 0)
    story.does("buy", 1)

    assert story.days() == [1]


def test_of_three_in_ten_days_the_third_latest_says_when_it_ends() -> None:
    story = Watched(leaving(counted("buy", least=3, days=10)))

    for day in (0, 1, 2, 3):
        story.does("buy", day)
    story.tick(30)

    assert story.days() == [11]


def test_a_count_without_a_window_never_forgets() -> None:
    story = Watched(entering(counted("buy", least=3)))

    for day in (0, 100, 200, 300):
        story.does("buy", day)

    assert story.days() == [200]


def test_calendar_months_leave_in_the_order_of_their_own() -> None:
    """31 January noon and 28 February noon both leave on a day of February or March."""
    january = 1_706_486_400_000  # 2024-01-29T00:00Z
    story = Watched(leaving(counted("buy", least=1, months=1)))
    first = (january - T0_MS) / DAY_MS

    story.does("buy", first + 1.75)  # 30 January 18:00, leaves on 29 February 18:00
    story.does("buy", first + 2.25)  # 31 January 06:00, leaves on 29 February 06:00
    story.tick(first + 31.5)
    assert story.days() == []

    story.tick(first + 32)
    assert story.days() == [first + 31.75]


def test_an_instant_of_the_customer_lies_far_enough_back_at_its_very_millisecond() -> None:
    story = Watched(entering(since("trial_started_at", 14)))

    story.is_told(0, trial_started_at=T0_MS)
    story.tick(14 - MS)
    assert story.days() == []

    story.tick(14)
    assert story.days() == [14]


def test_an_instant_that_is_told_anew_moves_the_moment() -> None:
    story = Watched(entering(since("trial_started_at", 14)))

    story.is_told(0, trial_started_at=T0_MS)
    story.is_told(10, trial_started_at=T0_MS + 10 * DAY_MS)
    story.tick(30)

    assert story.days() == [24]


def test_what_cannot_be_an_instant_is_none() -> None:
    story = Watched(entering(since("trial_started_at", 14)))

    for number, odd in enumerate((True, "soon", [1], -2e14, 1e300, "9999-12-31T23:59:59Z")):
        story.is_told(number, trial_started_at=odd)

    assert story.days() == []
    assert story.reasons() == []


def test_a_long_outage_shows_when_it_was_due() -> None:
    story = Watched(entering(counted("visit", most=0, days=10)))

    story.does("visit", 0)
    story.does("other", 50)

    assert story.days() == [10]


def test_all_any_and_not_change_when_a_part_does() -> None:
    when = All(parts=(AnyOf(parts=(is_("plan", "pro"), counted("buy", least=2, days=5))), Not(part=is_("muted", True))))
    story = Watched(entering(when))

    story.is_told(0, plan="free")
    story.does("buy", 1)
    story.does("buy", 2)
    story.is_told(3, muted=True)
    story.is_told(4, muted=False)
    story.tick(6.5)
    story.is_told(8, plan="pro")

    assert story.days() == [2, 4, 8]


def test_who_was_known_and_in_before_the_put_does_not_enter_with_the_next_event() -> None:
    campaign = entering(at_least("spend", 100))
    story = Watched(campaign, put_now=0)
    story.is_told(0, spend=120)

    story.put(campaign, 1)
    story.does("visit", 2)
    assert story.days() == []

    story.is_told(3, spend=90)
    story.is_told(4, spend=100)
    assert story.days() == [4]


def test_who_was_known_and_out_before_the_put_enters_with_the_event_that_says_so() -> None:
    campaign = entering(at_least("spend", 100))
    story = Watched(campaign, put_now=0)
    story.is_told(0, spend=20)

    story.put(campaign, 1)
    story.is_told(2, spend=100)

    assert story.days() == [2]


def test_an_edit_of_the_email_does_not_lose_whom_time_alone_brings_in() -> None:
    before = entering(counted("visit", most=0, days=10), version="v1")
    after = entering(counted("visit", most=0, days=10), version="v2", steps=(a_send("better"),))
    story = Watched(before, after, put_now=1)

    story.does("visit", 0)
    story.put(after, 5)
    story.tick(12)

    assert story.emails() == [(10, "better")]


def test_an_edit_of_the_definition_counts_from_then_on() -> None:
    before = entering(at_least("spend", 100), version="v1")
    after = entering(at_least("spend", 50), version="v2")
    story = Watched(before, after, put_now=1)
    story.is_told(0, spend=60)

    story.put(after, 1)
    story.is_told(2, spend=70)

    assert story.days() == []


def test_what_happens_while_paused_is_recorded_and_never_made_up_for() -> None:
    story = Watched(entering(counted("visit", most=0, days=10)))
    story.does("visit", 0)
    story.apply(CampaignPaused(seq=story.seq + 1, at_ms=T0_MS + DAY_MS, campaign_id="watch", paused=True))
    story.tick(11)
    story.apply(CampaignPaused(seq=story.seq + 1, at_ms=T0_MS + 12 * DAY_MS, campaign_id="watch", paused=False))
    story.does("other", 13)
    assert ("refused", "paused") in story.reasons()
    assert story.days() == []

    story.does("visit", 14)
    story.tick(24)
    assert story.days() == [24]


def test_alarms_of_one_customer_ring_in_the_order_of_their_arming() -> None:
    """Both are due at day 10; the one whose campaign comes last by its id was armed first."""
    late = entering(counted("visit", most=0, days=10), campaign_id="z", steps=(a_send("armed-first"),))
    early = entering(counted("call", most=0, days=9), campaign_id="a", steps=(a_send("armed-second"),))
    story = Watched(late, early)

    story.does("visit", 0)
    story.does("call", 1)
    story.tick(10)

    assert [one for one in story.emails() if one[0] == 10] == [(10, "armed-first"), (10, "armed-second")]


def test_a_step_that_waits_for_a_segment_goes_on_by_time_alone() -> None:
    steps = (WaitUntilStep(when=counted("visit", most=0, days=10), at_most=Span(ms=30 * DAY_MS)), a_send())
    story = Watched(a_match("visit", steps=steps, max_lateness_ms=None))

    story.does("visit", 0)
    story.tick(10 - MS)
    assert story.days() == []

    story.tick(10)
    assert story.days() == [10]


def test_counts_that_nobody_asks_for_make_room_and_beyond_the_limit_a_count_is_left_out() -> None:
    before = entering(counted("visit", least=5), version="v1")
    after = entering(counted("buy", least=1), version="v2")
    story = Watched(before, after, put_now=1, limits=ShardLimits(tallies=1, campaign_versions=1))
    story.does("visit", 0)
    story.put(after, 1)
    story.does("buy", 2)
    assert story.days() == [2]

    other = entering(counted("call", least=1), campaign_id="other")
    crowded = Watched(after, other, limits=ShardLimits(tallies=1))
    crowded.does("buy", 0)
    crowded.does("call", 1)
    assert crowded.days() == [0]


def test_beyond_the_limit_of_alarms_a_campaign_looks_with_the_next_event() -> None:
    campaigns = [entering(counted("visit", most=0, days=10), campaign_id=name) for name in ("a", "b")]
    story = Watched(*campaigns, limits=ShardLimits(watch_alarms=1))

    story.does("visit", 0)
    story.tick(11)
    assert story.days() == [10]

    story.does("visit", 12)
    assert len(story.customer().alarms) == 1


def test_a_tally_is_shared_by_all_who_ask_alike_and_joined_in_the_order_of_time() -> None:
    one, two, nine = (counted("buy", least=bound, days=10) for bound in (1, 2, 9))
    assert one.tally == two.tally == nine.tally
    assert tally_name(on("buy"), None) != nine.tally
    assert instants_kept(1_001) >= 1_001

    own = one_more(one_more(b"", two, T0_MS), two, T0_MS + 2)
    other = one_more(b"", two, T0_MS + 1)
    assert count(joined(own, other, two), two, T0_MS + 2) == 3
    assert count(joined(own, other, two), two, T0_MS + 10 * DAY_MS + 1) == 1


def test_a_record_that_was_looked_at_is_marked_and_a_new_put_makes_it_be_looked_at_again() -> None:
    first = entering(at_least("spend", 100))
    second = replace(first, campaign_id="second")
    story = Watched(first, second, put_now=1)
    story.is_told(0, spend=120)
    looked = story.customer().looked

    story.put(second, 1)
    story.does("visit", 2)

    assert story.customer().looked not in ("", looked)
    assert story.days() == [0]


def test_a_review_takes_note_and_then_time_alone_brings_the_customer_in() -> None:
    lapsed = entering(counted("visit", most=0, days=10))
    counting = a_match("visit", guard=counted("visit", most=0, days=10))
    story = Watched(counting, lapsed, put_now=1)
    story.does("visit", 0)
    story.put(lapsed, 1)

    story.review(2)
    story.tick(9)
    assert story.days() == []

    story.tick(10)
    assert story.days() == [10]


def test_a_review_of_who_is_in_or_unknown_brings_nobody_in() -> None:
    campaign = entering(at_least("spend", 100))
    story = Watched(campaign, put_now=0)
    story.is_told(0, spend=120)
    story.put(campaign, 1)

    story.review(2, "ada", "nobody")
    story.is_told(3, spend=90)
    story.is_told(4, spend=100)

    assert story.days() == [4]
    assert story.kept_customers() == 1


def test_set_steps_of_one_campaign_are_seen_by_others_and_circles_end() -> None:
    turns = [
        watching(
            AttributeChange(attribute="turn", after=None),
            campaign_id=f"turn-{number}",
            steps=(SetStep(attribute="turn", value=str(number).encode()), a_send(f"turn-{number}")),
        )
        for number in (1, 2)
    ]
    story = Watched(*turns)

    story.is_told(0, turn=0)

    assert 2 <= len(story.emails()) <= 16
