"""What triggers remember between events, where it ends, and what goes when it is full."""

from __future__ import annotations

import msgspec
import pytest

from sendwhen.domain import triggers
from sendwhen.domain.campaign import Campaign, Reentry
from sendwhen.domain.decision import Kind
from sendwhen.domain.entry import CampaignPaused
from sendwhen.domain.record import read_record
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.span import Span
from sendwhen.domain.trigger_kinds import (
    Absence,
    Duration,
    Measure,
    Nth,
    QuietThen,
    Recency,
    Repeat,
    SessionEnd,
    Threshold,
    Trigger,
)
from tests.builders import DAY_MS, HOUR_MS, T0_MS, Story, a_campaign, a_property, an_event, on
from tests.domain.trigger_kinds import ADD, BUY, TRIGGERS, VIEW, a_sequence


def a_story(trigger: Trigger, *, limits: ShardLimits | None = None, keyed: bool = False, **more: object) -> Story:
    return Story(a_of(trigger, keyed=keyed, **more), limits=limits)


def a_of(trigger: Trigger, *, keyed: bool = False, **more: object) -> Campaign:
    return a_campaign(campaign_id="c", trigger=trigger, per=a_property("sku") if keyed else None, **more)


def at(story: Story, at_ms: int, name: str, **properties: object) -> None:
    event = an_event(name, event_id=f"{name}/{len(story.entries)}", at_ms=T0_MS + at_ms, properties=properties)
    story.happens(event)


def fired(story: Story) -> list[tuple[int, str, int]]:
    """Instant, key and start of the emails since last asked, from T0; and what was counted as overflow."""
    changes = story.shard.collect()
    sent = [(send.due_at_ms - T0_MS, send.key, send.start_at_ms - T0_MS) for send in changes.sends]
    return [*sent, *([(-1, "overflows", changes.counters.overflows)] if changes.counters.overflows else [])]


def test_of_too_many_begun_sequences_the_oldest_is_dropped() -> None:
    story = a_story(a_sequence(VIEW, ADD, within=Span(ms=HOUR_MS)), limits=ShardLimits(partials=2))

    for at_ms in (0, 1, 2):
        at(story, at_ms, VIEW)
    at(story, 3, ADD)

    assert fired(story) == [(3, "", 1), (-1, "overflows", 1)]


def test_a_sequence_without_a_window_keeps_one_start_where_more_would_change_nothing() -> None:
    story = a_story(a_sequence(VIEW, ADD), limits=ShardLimits(partials=1))

    for at_ms in range(9):
        at(story, at_ms, VIEW)
    at(story, 9, ADD)

    assert fired(story) == [(9, "", 0)]


def test_beyond_the_limit_of_a_window_the_oldest_amounts_are_left_out() -> None:
    trigger = Threshold(measure=Measure.SUM, of=on(VIEW), value=a_property("n"), at_least=10, sliding=Span(ms=HOUR_MS))
    story = a_story(trigger, limits=ShardLimits(window_events=2))

    at(story, 0, VIEW, n=9)
    at(story, 1, VIEW, n=0.25)
    at(story, 2, VIEW, n=0.5)
    at(story, 3, VIEW, n=9.25)

    assert fired(story) == [(-1, "overflows", 2)]
    at(story, 4, VIEW, n=1)
    assert fired(story) == [(4, "", 4), (-1, "overflows", 1)]


def test_a_window_full_of_keys_forgets_the_key_that_was_touched_least_recently() -> None:
    trigger = Threshold(measure=Measure.COUNT, of=on(VIEW), at_least=2, sliding=Span(ms=HOUR_MS))
    story = a_story(trigger, limits=ShardLimits(window_events=2), keyed=True)

    for at_ms, sku in enumerate("abcb"):
        at(story, at_ms, VIEW, sku=sku)
    at(story, 4, VIEW, sku="a")

    assert fired(story) == [(3, "b", 3), (-1, "overflows", 3)]


def test_a_count_keeps_no_more_instants_than_it_asks_for() -> None:
    trigger = Threshold(measure=Measure.COUNT, of=on(VIEW), at_least=3, sliding=Span(ms=DAY_MS))
    story = a_story(trigger)
    for at_ms in range(200):
        at(story, at_ms, VIEW)
    [change] = story.shard.collect().customers
    few = len(read_record(change.record).memory("c").trigger)

    at(story, 201, VIEW)

    assert len(read_record(story.shard.collect().customers[0].record).memory("c").trigger) == few < 64


def test_sums_without_a_sliding_window_take_the_same_room_for_any_number_of_events() -> None:
    trigger = Threshold(measure=Measure.SUM, of=on(VIEW), value=a_property("n"), at_least=1e9, tumbling=Span(ms=DAY_MS))
    story = a_story(trigger, limits=ShardLimits(window_events=1))
    for at_ms in range(200):
        at(story, at_ms, VIEW, n=1.5)

    [change] = story.shard.collect().customers
    assert len(read_record(change.record).memory("c").trigger) < 32
    assert fired(story) == []


def test_an_ordinal_whose_key_was_forgotten_is_counted_anew() -> None:
    story = a_story(Nth(of=on(BUY), ordinal=1), limits=ShardLimits(trigger_keys=2), keyed=True)

    for at_ms, sku in enumerate("abca"):
        at(story, at_ms, BUY, sku=sku)

    assert [key for _, key, _ in fired(story)] == ["a", "b", "c", "a", "overflows"]


def test_a_quiet_that_was_forgotten_counts_for_every_key_so_that_no_email_is_untrue() -> None:
    quiet = QuietThen(quiet_of=on(ADD), quiet=Span(ms=100), then=on(VIEW))
    story = a_story(quiet, limits=ShardLimits(trigger_keys=1), keyed=True)
    at(story, 0, "Seen")
    at(story, 150, ADD, sku="a")
    at(story, 160, ADD, sku="b")

    at(story, 249, VIEW, sku="a")
    at(story, 249, VIEW, sku="new")
    at(story, 250, VIEW, sku="a")

    assert fired(story) == [(250, "a", 250), (-1, "overflows", 2)]


def test_what_is_quiet_long_enough_is_forgotten_without_an_overflow() -> None:
    quiet = QuietThen(quiet_of=on(ADD), quiet=Span(ms=100), then=on(VIEW))
    story = a_story(quiet, limits=ShardLimits(trigger_keys=1), keyed=True)
    at(story, 0, ADD, sku="a")
    at(story, 100, ADD, sku="b")

    at(story, 250, VIEW, sku="a")

    assert fired(story) == [(250, "a", 250)]


@pytest.mark.parametrize("reason", ["paused", "too_old"])
@pytest.mark.parametrize(
    "trigger", [Recency(of=on(BUY), since=Span(ms=DAY_MS)), SessionEnd(of=on(BUY), gap=Span(ms=DAY_MS))]
)
def test_an_event_that_may_start_nothing_still_ends_the_wait_for_its_absence(trigger: Trigger, reason: str) -> None:
    story = a_story(trigger, max_event_age_ms=HOUR_MS)
    at(story, 0, BUY)
    if reason == "paused":
        story.apply(CampaignPaused(seq=story.seq + 1, at_ms=T0_MS + 1, campaign_id="c", paused=True))
        at(story, 2, BUY)
        story.apply(CampaignPaused(seq=story.seq + 1, at_ms=T0_MS + 3, campaign_id="c", paused=False))
    else:
        story.happens(an_event(BUY, event_id="old", at_ms=T0_MS), at_ms=HOUR_MS + 1)
    story.tick(9 * DAY_MS)

    decisions = [(one.kind, one.reason) for _, one in story.shard.collect().decisions]
    assert decisions == [(Kind.WAITING, ""), (Kind.CANCELLED, "answered"), (Kind.REFUSED, reason)]


def test_an_ordinal_counts_while_the_campaign_is_paused() -> None:
    story = a_story(Nth(of=on(BUY), ordinal=3))
    at(story, 0, BUY)
    story.apply(CampaignPaused(seq=story.seq + 1, at_ms=T0_MS + 1, campaign_id="c", paused=True))
    at(story, 2, BUY)
    story.apply(CampaignPaused(seq=story.seq + 1, at_ms=T0_MS + 3, campaign_id="c", paused=False))

    at(story, 4, BUY)

    assert fired(story) == [(4, "", 4)]


def a_repeated(**more: object) -> Absence:
    return Absence(start=(on(ADD),), duration=Duration(fixed_ms=10), repeat=Repeat(at_most=3), **more)


def test_emails_of_a_repeated_absence_have_ids_of_their_own_that_a_second_delivery_repeats() -> None:
    ids = []
    for _ in range(2):
        story = a_story(a_repeated())
        at(story, 0, ADD)
        story.tick(100)
        ids.append([(send.send_id, send.run_id) for send in story.shard.collect().sends])

    assert ids[0] == ids[1]
    assert len({send for send, _ in ids[0]}) == len({run for _, run in ids[0]}) == 3


def test_places_in_the_order_of_armings_do_not_grow_for_ever_with_each_repetition() -> None:
    story = a_story(Absence(start=(on(ADD),), duration=Duration(fixed_ms=10), repeat=Repeat(at_most=90)))
    at(story, 0, ADD)
    lengths = []
    for number in range(1, 80):
        story.tick(number * 10)
        [change] = story.shard.collect().customers
        lengths.append(len(read_record(change.record).runs[0].armed))

    assert max(lengths) == 65


def test_a_repetition_stops_after_a_hundred_firings_where_no_number_is_given() -> None:
    repeat = Repeat(within=Span(ms=DAY_MS))
    story = a_story(Absence(start=(on(ADD),), duration=Duration(fixed_ms=10), repeat=repeat), max_lateness_ms=None)
    at(story, 0, ADD)
    story.tick(DAY_MS)

    assert len(story.shard.collect().sends) == 100


def test_a_skipped_firing_is_followed_by_the_next() -> None:
    story = a_story(a_repeated(), reentry=Reentry.COOLDOWN, cooldown=Span(ms=15))
    at(story, 0, ADD)
    story.tick(100)

    decisions = [one for _, one in story.shard.collect().decisions if one.kind in {Kind.SEND, Kind.SKIPPED}]
    assert [(one.kind.value, one.due_at_ms - T0_MS) for one in decisions] == [
        ("send", 10),
        ("skipped", 20),
        ("send", 30),
    ]


def test_templates_see_the_start_the_named_steps_and_what_was_measured() -> None:
    story = Story(
        a_campaign(campaign_id="s", trigger=TRIGGERS["captured"]),
        a_campaign(campaign_id="v", trigger=TRIGGERS["sum"]),
    )
    at(story, 0, VIEW, n=1)
    at(story, 1, ADD, n=2.5)
    at(story, 2, ADD, n=3)
    at(story, 3, BUY, n=4)

    contexts = {send.campaign_id: msgspec.json.decode(send.context) for send in story.shard.collect().sends}
    assert contexts["v"]["trigger"] == {"value": 5.5}
    sequence = contexts["s"]
    assert [sequence[root]["properties"]["n"] for root in ("start", "event")] == [1, 4]
    assert {name: event["properties"]["n"] for name, event in sequence["steps"].items()} == {"added": 3}


JOINED = {
    "count": (Threshold(measure=Measure.COUNT, of=on(VIEW), at_least=5, sliding=Span(ms=DAY_MS)), VIEW),
    "sum": (Threshold(measure=Measure.SUM, of=on(VIEW), value=a_property("n"), at_least=99, sliding=Span(ms=9)), VIEW),
    "average": (
        Threshold(measure=Measure.AVERAGE, of=on(VIEW), value=a_property("n"), at_least=99, tumbling=Span(ms=DAY_MS)),
        VIEW,
    ),
    "distinct": (Threshold(measure=Measure.DISTINCT, of=on(VIEW), value=a_property("n"), at_least=9), VIEW),
    "nth": (Nth(of=on(VIEW), ordinal=9), VIEW),
    "sequence": (a_sequence(VIEW, ADD, within=Span(ms=DAY_MS)), VIEW),
    "absence": (Absence(start=(on(VIEW), on(ADD)), start_within_ms=9, duration=Duration(fixed_ms=9)), VIEW),
    "quiet": (QuietThen(quiet_of=on(ADD), quiet=Span(ms=DAY_MS), then=on(VIEW)), ADD),
}


@pytest.mark.parametrize("kind", JOINED)
def test_two_memories_join_to_that_of_somebody_who_did_everything(kind: str) -> None:
    trigger, name = JOINED[kind]
    memories = {}
    story = a_story(trigger)
    for at_ms, n in enumerate((1, 2, 1, 3)):
        for who in ("ada", "bob")[at_ms % 2], "cy":
            event = an_event(name, who, event_id=f"{name}{at_ms}", at_ms=T0_MS + at_ms, properties={"n": n})
            story.happens(event)
    for change in story.shard.collect().customers:
        customer = read_record(change.record)
        memories[customer.user_id] = customer.memory("c").trigger
    logic = triggers.of(trigger)

    assert memories["cy"] not in {b"", memories["ada"]}
    assert (
        logic.join(memories["ada"], memories["bob"]) == logic.join(memories["bob"], memories["ada"]) == memories["cy"]
    )
