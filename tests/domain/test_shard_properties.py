"""What holds of every history. Each property names the mutant it kills."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from sendwhen.domain.campaign import Reentry
from sendwhen.domain.decision import Decision, Kind
from sendwhen.domain.entry import CampaignPaused, Entry, EventBatch, Tick
from sendwhen.domain.event import Event
from sendwhen.domain.shard import Shard
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.span import Span
from sendwhen.domain.steps import WaitStep
from sendwhen.domain.trigger_kinds import OnRestart
from tests.builders import (
    T0_MS,
    Catalogue,
    a_match,
    a_property,
    a_send,
    an_abandoned_cart,
    an_event,
    fuse,
    on,
    put,
)
from tests.builders import Duration as Length
from tests.domain.keeping import Host

WAIT_MS = 1_000
STEP_MS = 700
COOLDOWN_MS = 2_500

CAMPAIGNS = (
    an_abandoned_cart(
        campaign_id="cart",
        duration=Length(fixed_ms=WAIT_MS),
        steps=(a_send("one"), WaitStep(duration_ms=STEP_MS), a_send("two"), WaitStep(duration_ms=WAIT_MS), a_send("x")),
        exit_on=(on("Order Completed"),),
    ),
    an_abandoned_cart(
        campaign_id="parallel",
        per=a_property("sku"),
        duration=Length(fixed_ms=WAIT_MS),
        on_restart=OnRestart.PARALLEL,
        reentry=Reentry.COOLDOWN,
        cooldown=Span(ms=COOLDOWN_MS),
    ),
    an_abandoned_cart(
        campaign_id="sequence",
        start=(on("Product Viewed"), on("Product Added")),
        start_within_ms=WAIT_MS,
        duration=Length(fixed_ms=STEP_MS),
        stop_after=(on("Left"),),
    ),
    a_match(campaign_id="match", reentry=Reentry.COOLDOWN, cooldown=Span(ms=COOLDOWN_MS)),
)
SECOND_VERSION = an_abandoned_cart(campaign_id="cart", version="v2", duration=Length(fixed_ms=STEP_MS))
NAMES = ("Product Viewed", "Product Added", "Order Completed", "Left", "Noise")
PEOPLE = ("ada", "bob", "cy")
YOUNG_IDS = 2
RECENT_EVENTS = 8


def make_shard(limits: ShardLimits | None = None, *, event_clock: bool = False) -> Shard:
    return Shard(
        partition=0,
        send_key=b"key",
        compile_campaign=Catalogue(*CAMPAIGNS, SECOND_VERSION),
        fuse=fuse,
        limits=limits or ShardLimits(young_ids=YOUNG_IDS, recent_events=RECENT_EVENTS),
        event_clock=event_clock,
    )


@st.composite
def histories(draw: st.DrawFn, *, spread: bool = False) -> list[Entry]:
    """Steps of time are drawn from the campaigns' own constants: other steps let mutants live.

    ``spread``: time passes within entries too, and some events come unsorted.
    """
    entries: list[Entry] = [put(campaign, seq=seq) for seq, campaign in enumerate(CAMPAIGNS, 1)]
    at_ms = T0_MS
    steps = st.sampled_from([0, 0, 1, STEP_MS, WAIT_MS - 1, WAIT_MS, COOLDOWN_MS])
    for number in range(draw(st.integers(3, 14))):
        at_ms += draw(steps)
        seq = len(entries) + 1
        match draw(st.sampled_from(["events"] * 6 + ["tick", "pause", "edit"])):
            case "events":
                events = []
                for place in range(draw(st.integers(1, 4))):
                    at_ms += draw(steps) if spread else 0
                    events.append(
                        an_event(
                            draw(st.sampled_from(NAMES)),
                            draw(st.sampled_from(PEOPLE)),
                            event_id=f"{number}/{place}/{draw(st.sampled_from(['', '', 'again']))}",
                            at_ms=at_ms - (draw(st.sampled_from([0, 0, 0, 1])) if spread else 0),
                            properties={"sku": draw(st.sampled_from(["a", "b"]))},
                            attributes={"number": number},
                        )
                    )
                events += draw(st.sampled_from([(), events[:1]]))
                entries.append(EventBatch(seq=seq, at_ms=at_ms, events=tuple(events)))
            case "pause":
                entries.append(CampaignPaused(seq=seq, at_ms=at_ms, campaign_id="cart", paused=draw(st.booleans())))
            case "edit":
                entries.append(put(SECOND_VERSION, seq=seq, at_ms=at_ms))
            case _:
                entries.append(Tick(seq=seq, at_ms=at_ms))
    entries.append(Tick(seq=len(entries) + 1, at_ms=at_ms + 10 * WAIT_MS))
    return entries


def uninterrupted(history: list[Entry], *, event_clock: bool = False) -> Host:
    host = Host(lambda: make_shard(event_clock=event_clock), horizon_ms=10**9)
    for entry in history:
        host.apply(entry)
    host.commit()
    return host


@settings(max_examples=150)
@given(histories(), st.data())
def test_a_shard_resumed_from_commits_decides_as_if_it_had_never_stopped(
    history: list[Entry], data: st.DataObject
) -> None:
    """Kills: a run, cool-down, partial, stop, pause or seen id missing in the record; a timer lost by eviction, by the
    horizon of known deadlines or in a commit between two timers of one entry; an order of arming that starts anew."""
    _resumed_alike(history, data, event_clock=False)


@settings(max_examples=80)
@given(histories(spread=True), st.data())
def test_on_the_events_own_time_it_is_resumed_alike(history: list[Entry], data: st.DataObject) -> None:
    """Kills: a clock that moves once for each entry; an unsorted event that is applied after a restart."""
    _resumed_alike(history, data, event_clock=True)


def _resumed_alike(history: list[Entry], data: st.DataObject, *, event_clock: bool) -> None:
    cramped = ShardLimits(
        live_bytes=data.draw(st.sampled_from([0, 2_000, 10**9])),
        warm_bytes=0,
        young_ids=YOUNG_IDS,
        recent_events=RECENT_EVENTS,
    )
    host = Host(
        lambda: make_shard(cramped, event_clock=event_clock),
        horizon_ms=data.draw(st.sampled_from([0, WAIT_MS, 10**9])),
        at_once=1,
    )
    for entry in history:
        host.apply(entry, commit_between=data.draw(st.booleans()))
        action = data.draw(st.sampled_from(["go on", "commit", "commit and restart", "restart"]))
        if action.startswith("commit"):
            host.commit()
        if action.endswith("restart"):
            host.restart()
            for missed in history[host.shard.position : entry.seq]:
                host.apply(missed)
    host.commit()
    whole = uninterrupted(history, event_clock=event_clock).kept

    assert host.kept.outputs_by_kind() == whole.outputs_by_kind()
    assert host.kept.records == whole.records
    assert (host.kept.seen, host.kept.past) == (whole.seen, whole.past)
    assert host.kept.due == whole.due


@settings(max_examples=60)
@given(histories())
def test_a_replay_comes_to_the_same(history: list[Entry]) -> None:
    """Kills the mutant that lets the clock, or what a former shard left in a cache, decide."""
    assert uninterrupted(history).kept.digest() == uninterrupted(history).kept.digest()


@settings(max_examples=60)
@given(histories())
def test_deadlines_fire_in_the_order_of_due_instant_then_arming_and_never_early(history: list[Entry]) -> None:
    """Kills the mutants that order timers by customer, by arming alone, or those of one entry alike."""
    decided = [one[1] for one in uninterrupted(history).kept.outputs if isinstance(one, tuple)]
    waiting: dict[str, tuple[int, int]] = {}
    fired: dict[int, list[tuple[int, int]]] = {}
    for place, one in enumerate(decided):
        assert isinstance(one, Decision)
        if one.kind in {Kind.WAITING, Kind.RESET}:
            waiting[one.run_id] = (one.due_at_ms, place)
        elif one.run_id in waiting:
            due_at_ms, armed = waiting.pop(one.run_id)
            if one.kind is not Kind.CANCELLED:
                assert due_at_ms == one.due_at_ms <= one.at_ms
                fired.setdefault(one.seq, []).append((due_at_ms, armed))

    assert all(order == sorted(order) for order in fired.values())


@settings(max_examples=60)
@given(histories())
def test_an_entry_delivered_again_under_a_new_sequence_changes_nothing(history: list[Entry]) -> None:
    """Kills the mutant that forgets seen ids when a customer leaves memory: every entry comes twice, in a shard that
    keeps nobody."""
    host = Host(lambda: make_shard(ShardLimits(live_bytes=0, warm_bytes=0, young_ids=YOUNG_IDS)), horizon_ms=0)
    seq = 0
    for entry in history:
        for time in range(2 if isinstance(entry, EventBatch) else 1):
            seq += 1
            host.apply(replace(entry, seq=seq))
            if time:
                assert host.shard.collect().decisions == ()
            host.commit()
            host.shard.evict()

    assert host.gone >= 0


def a_long_history() -> list[Entry]:
    """Without chance: thirty entries that use every campaign."""
    entries: list[Entry] = [put(campaign, seq=seq) for seq, campaign in enumerate(CAMPAIGNS, 1)]
    for number in range(30):
        at_ms = T0_MS + number * 450
        events: tuple[Event, ...] = tuple(
            an_event(NAMES[(number + place) % 5], PEOPLE[place], at_ms=at_ms, properties={"sku": "ab"[number % 2]})
            for place in range(3)
        )
        entries.append(EventBatch(seq=len(entries) + 1, at_ms=at_ms, events=events))
    return entries


def test_other_hash_seeds_come_to_the_same_digest() -> None:
    """Kills the mutant that iterates over a set of strings."""
    code = "from tests.domain.test_shard_properties import *; print(uninterrupted(a_long_history()).kept.digest())"
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "77")
    }

    assert digests == {uninterrupted(a_long_history()).kept.digest() + "\n"}
