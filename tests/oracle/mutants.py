"""Defects that somebody might build into the domain. Comparing it with the oracle must find each of them.

Here alone the domain is changed in place: that is what a mutant is.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

from msgspec.structs import replace

from sendwhen.domain import edits, journey, local_clock, mailing, passage, starts, tally, walking
from sendwhen.domain.asking import Asked, holds
from sendwhen.domain.campaign import Reentry
from sendwhen.domain.campaign_book import CampaignBook
from sendwhen.domain.held_events import HoldingBack
from sendwhen.domain.holding import Holding
from sendwhen.domain.joined_memories import JoinedMemories
from sendwhen.domain.joined_runs import JoinedRuns
from sendwhen.domain.journey import Journey
from sendwhen.domain.passage import Passage
from sendwhen.domain.plan import Plan
from sendwhen.domain.seen import SeenIds
from sendwhen.domain.starts import Starts
from sendwhen.domain.trigger_kinds import OnRestart
from sendwhen.domain.triggers import date_of
from sendwhen.domain.triggers.absence import AbsenceLogic
from sendwhen.domain.triggers.date_of import DateLogic
from sendwhen.domain.triggers.sequence import SequenceLogic
from sendwhen.domain.triggers.session_end import SessionEndLogic
from sendwhen.domain.triggers.threshold import ThresholdLogic
from sendwhen.domain.triggers.used_up import UsedUp
from sendwhen.domain.wakes import Wakes
from sendwhen.domain.walking import Walking
from sendwhen.domain.watching import Watching
from tests.oracle.comparing import BYTES, difference

Change = tuple[Any, str, Callable[[Any], Any]]
"""Of what, which attribute, and what of the original takes its place."""


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A defect.

    Attributes:
        areas: Among whose examples it is looked for.
    """

    name: str
    areas: tuple[str, ...]
    changes: tuple[Change, ...]


def killed_after(mutant: Mutant, *, campaigns: int, seed: int = 1) -> int | None:
    """How many examples it lived through until one told it from the oracle; None: it is alive."""
    compared = 0
    with _changed(mutant.changes):
        for number in range(campaigns):
            area = mutant.areas[number % len(mutant.areas)]
            found, examples = difference(area, Random(seed * 1_000_003 + number).randbytes(BYTES))
            compared += examples
            if found is not None:
                return compared
    return None


@contextmanager
def _changed(changes: tuple[Change, ...]) -> Iterator[None]:
    with ExitStack() as stack:
        for owner, name, change in changes:
            stack.enter_context(_replaced(owner, name, change(getattr(owner, name))))
        yield


@contextmanager
def _replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    original = owner.__dict__[name]
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, original)


def _made(change: Callable[[Any], None]) -> Callable[[Any], Any]:
    """A constructor after which something is changed."""

    def constructor(original: Any) -> Any:
        def made(self: Any, *given: Any, **more: Any) -> None:
            original(self, *given, **more)
            change(self)

        return made

    return constructor


def _restarts(wrong: dict[OnRestart, OnRestart]) -> Callable[[Any], Any]:
    def change(logic: Any) -> None:
        logic.on_restart = wrong.get(logic.on_restart, logic.on_restart)

    return _made(change)


def _keep_partials(logic: Any) -> None:
    logic._trigger = replace(logic._trigger, repeat_last=True)


def _cancelled_whatever_the_key(end: Any) -> Any:
    def ended(self: Plan, run: Any, event: Any, customer: Any, at_ms: int, limits: Any) -> str:
        key = self.key(event, customer, at_ms, limits)
        reason: str = end(self, run if key is None else replace(run, key=key), event, customer, at_ms, limits)
        return reason

    return ended


def _inclusive_cooldown(refusal: Any) -> Any:
    def refused(campaign: Any, memory: Any, key: str, at_ms: int) -> tuple[str, str]:
        earlier_ms = at_ms - 1 if campaign.reentry is Reentry.COOLDOWN else at_ms
        why: tuple[str, str] = refusal(campaign, memory, key, earlier_ms)
        return why

    return refused


def _unguarded(fire: Any) -> Any:
    def fired(self: Passage, course: Any, out: Any) -> None:
        if course.delayed:
            plan = copy.copy(course.plan)
            plan.campaign = replace(plan.campaign, guard=None)
            course = replace(course, plan=plan)
        fire(self, course, out)

    return fired


def _guarded(arm: Any) -> Any:
    def armed(self: Starts, customer: Any, plan: Plan, run: Any, *, seen: Any, out: Any) -> None:
        asked = Asked(customer=customer.scope(), tallies=customer.tallies, now_ms=seen.moment.now_ms)
        if plan.campaign.guard is None or holds(plan.campaign.guard, asked):
            arm(self, customer, plan, run, seen=seen, out=out)

    return armed


def _version_in_force(plan: Any) -> Any:
    def current(self: CampaignBook, campaign_id: str, version: str) -> Plan | None:
        row = self._current.get(campaign_id)
        found: Plan | None = plan(self, campaign_id, version if row is None else row.version)
        return found

    return current


def _old_events_start(closed: Any) -> Any:
    def open_to_old(self: Starts, plan: Plan, seen: Any) -> tuple[str, str]:
        why: tuple[str, str] = closed(self, plan, seen)
        return ("", "") if why[0] == "too_old" else why

    return open_to_old


def _consumes_nothing(progress: Any) -> Any:
    def progressed(self: ThresholdLogic, memory: bytes, hit: Any, limits: Any) -> Any:
        made = progress(self, memory, hit, limits)
        if not made.complete:
            return made
        wide = replace(self._trigger, at_least=1e9)
        unfired = ThresholdLogic(wide)
        unfired._needed = self._needed
        return replace(made, memory=progress(unfired, memory, hit, limits).memory)

    return progressed


def _ends_at_the_maximum(wait: Any) -> Any:
    def waits(self: Walking, course: Any, index: int, due_at_ms: int, out: Any, *, latest_ms: int = 0) -> None:
        wait(self, course, index, due_at_ms + 1, out, latest_ms=latest_ms and latest_ms + 1)

    return waits


def _late_ones_count(hold: Any) -> Any:
    def held(self: HoldingBack, customer: Any, event: Any, index: int, moment: Any, out: Any) -> None:
        hold(self, customer, event, index, replace(moment, before_ms=0), out)

    return held


def _the_1st_of_march(anniversary: Any) -> Any:
    def wrong(day: Any, year: int) -> Any:
        right = anniversary(day, year)
        return right if right.day == day.day else right.replace(month=3, day=1)

    return wrong


def _not_archived(edits: Any) -> Any:
    def without(self: CampaignBook, campaign_id: str) -> Any:
        return tuple(one for one in edits(self, campaign_id) if one.what != "archive")

    return without


def _moved_by_index(moved: Any) -> Any:
    def same_index(run: Any, editions: Any, version: str) -> Any:
        return None if moved(run, editions, version) is None else replace(run, version=version)

    return same_index


def _nothing_settled(settled: Any) -> Any:
    def late(self: CampaignBook, entry: Any) -> int:
        settled_ms: int = settled(self, entry)
        return settled_ms - 1_000_000 if settled_ms < 2**60 else settled_ms

    return late


def _later_goals(reach: Any) -> Any:
    def reached(customer: Any, event: Any, book: Any, moment: Any, out: Any) -> None:
        reach(customer, event, book, replace(moment, now_ms=moment.now_ms - 1), out)

    return reached


def _in_utc(zone_of: Any) -> Any:
    def utc(time: Any, asked: Any, policy_zone: str) -> Any:
        return zone_of(replace(time, zone=None, fallback_zone=time.fallback_zone or policy_zone), asked, policy_zone)

    return utc


def _only_events(look: Any) -> Any:
    def looked(self: Watching, customer: Any, before: Any, occasion: Any, out: Any) -> None:
        if occasion.event is not None or occasion.silent:
            look(self, customer, before, occasion, out)

    return looked


def _shares_alike(share_of: Any) -> Any:
    return lambda step, *, campaign_id, uid: share_of(step, campaign_id="", uid=uid)


def _held_out_alike(held_out: Any) -> Any:
    return lambda percent, *, campaign_id, uid: held_out(percent, campaign_id="", uid=uid)


def _inclusive_caps(reached: Any) -> Any:
    return lambda customer, campaign, policy, now_ms: reached(customer, campaign, policy, now_ms - 1)


def _any_day(next_minute: Any) -> Any:
    return lambda at_ms, minute, zone, weekdays=(): next_minute(at_ms, minute, zone)


MUTANTS = (
    Mutant(
        name="timer after event",
        areas=("absence", "recency"),
        changes=((Wakes, "take_due", lambda take: lambda self, to_ms, *more: take(self, to_ms - 1, *more)),),
    ),
    Mutant(
        name="inclusive window of a sequence",
        areas=("sequence",),
        changes=((SequenceLogic, "_over", lambda over: lambda self, partial, at_ms: over(self, partial, at_ms - 1)),),
    ),
    Mutant(
        name="a merge begins with what a firing had used",
        areas=("sequence", "absence"),
        changes=((UsedUp, "_used", lambda _: lambda self, number, one: False),),
    ),
    Mutant(
        name="a merge begins with nothing that is known",
        areas=("sequence", "absence"),
        changes=((UsedUp, "_used", lambda _: lambda self, number, one: True),),
    ),
    Mutant(
        name="inclusive sliding window",
        areas=("count", "sum", "distinct"),
        changes=((ThresholdLogic, "_current", lambda now: lambda self, window, at_ms: now(self, window, at_ms - 1)),),
    ),
    Mutant(
        name="dedupe forgotten",
        areas=("nth", "match", "count"),
        changes=((SeenIds, "may_know", lambda _: lambda self, hashed: False),),
    ),
    Mutant(
        name="keep instead of reset",
        areas=("absence",),
        changes=((AbsenceLogic, "__init__", _restarts({OnRestart.RESET: OnRestart.KEEP})),),
    ),
    Mutant(
        name="reset that keeps the first start",
        areas=("absence",),
        changes=((AbsenceLogic, "__init__", _restarts({OnRestart.RESET: OnRestart.EXTEND})),),
    ),
    Mutant(
        name="session that begins with its last event",
        areas=("session_end",),
        changes=((SessionEndLogic, "__init__", _restarts({OnRestart.EXTEND: OnRestart.RESET})),),
    ),
    Mutant(
        name="cancel ignores the key",
        areas=("absence",),
        changes=((Plan, "end", _cancelled_whatever_the_key),),
    ),
    Mutant(
        name="inclusive cooldown",
        areas=("match", "recency"),
        changes=((starts, "refusal", _inclusive_cooldown), (passage, "refusal", _inclusive_cooldown)),
    ),
    Mutant(
        name="fires again without falling below",
        areas=("count", "sum", "average", "distinct"),
        changes=((ThresholdLogic, "_reached", lambda _: lambda self, window: False),),
    ),
    Mutant(
        name="consumed events are counted again",
        areas=("count", "sum"),
        changes=((ThresholdLogic, "progress", _consumes_nothing),),
    ),
    Mutant(
        name="partials not dropped",
        areas=("sequence",),
        changes=((SequenceLogic, "__init__", _made(_keep_partials)),),
    ),
    Mutant(
        name="guard asked at the start",
        areas=("absence", "recency"),
        changes=((Passage, "fire", _unguarded), (Starts, "_arm", _guarded)),
    ),
    Mutant(
        name="pinned version ignored",
        areas=("absence", "recency"),
        changes=((CampaignBook, "plan", _version_in_force),),
    ),
    Mutant(
        name="stop forgotten",
        areas=("match", "absence"),
        changes=((Journey, "_stop", lambda _: staticmethod(lambda customer, plan: None)),),
    ),
    Mutant(
        name="old events start",
        areas=("match", "absence"),
        changes=((Starts, "_closed", _old_events_start),),
    ),
    Mutant(
        name="segments do not see time pass",
        areas=("segment",),
        changes=((tally, "next_change_ms", lambda _: lambda packed, history, now_ms: None),),
    ),
    Mutant(
        name="every wait a millisecond longer",
        areas=("wait_until", "delay"),
        changes=((Walking, "wait", _ends_at_the_maximum),),
    ),
    Mutant(
        name="a merge answers no waits",
        areas=("absence", "match"),
        changes=((JoinedRuns, "_ended", lambda _: lambda self, *given: False),),
    ),
    Mutant(
        name="a merge leaves both waits of a key",
        areas=("session_end", "recency"),
        changes=((JoinedRuns, "_rival", lambda _: lambda self, runs, run: None),),
    ),
    Mutant(
        name="a merge forgets what the other one counted",
        areas=("nth", "count"),
        changes=((JoinedMemories, "_trigger", lambda _: lambda self, *given: (b"", "")),),
    ),
    Mutant(
        name="what is too late counts in event time",
        areas=("match", "nth"),
        changes=((HoldingBack, "hold", _late_ones_count),),
    ),
    Mutant(
        name="29 February becomes 1 March",
        areas=("date",),
        changes=((date_of, "anniversary", _the_1st_of_march),),
    ),
    Mutant(
        name="an edit brings the same day again",
        areas=("date",),
        changes=((DateLogic, "inherited", lambda _: lambda self, before, memory: b""),),
    ),
    Mutant(
        name="what was before the first look is noted as of then",
        areas=("segment", "date"),
        changes=((CampaignBook, "put_at_ms", lambda _: lambda self, campaign_id: 2**60),),
    ),
    Mutant(
        name="a trigger that comes back remembers",
        areas=("edited",),
        changes=((CampaignBook, "_generation_of", lambda _: lambda self, plan: 0),),
    ),
    Mutant(
        name="archiving leaves waits alone",
        areas=("edited",),
        changes=(
            (CampaignBook, "edits", _not_archived),
            (CampaignBook, "archived", lambda _: lambda self, campaign_id: False),
        ),
    ),
    Mutant(
        name="who moves goes on at the same index",
        areas=("edited", "sending"),
        changes=((edits, "moved_to", _moved_by_index),),
    ),
    Mutant(
        name="lots are the same for all campaigns",
        areas=("course",),
        changes=((walking, "share_of", _shares_alike),),
    ),
    Mutant(
        name="any day is the right weekday",
        areas=("course", "sending"),
        changes=((walking, "next_minute_ms", _any_day),),
    ),
    Mutant(
        name="what steps tell is not looked at",
        areas=("course",),
        changes=((Watching, "look", _only_events),),
    ),
    Mutant(
        name="inclusive window of a cap",
        areas=("sending",),
        changes=((mailing, "cap_reached", _inclusive_caps),),
    ),
    Mutant(
        name="quiet hours of another zone",
        areas=("sending",),
        changes=((local_clock, "zone_of", _in_utc),),
    ),
    Mutant(
        name="the lowest priority first",
        areas=("sending",),
        changes=((passage, "contenders", lambda ranked: lambda *given: ranked(*given)[::-1]),),
    ),
    Mutant(
        name="the same customers are held out of all campaigns",
        areas=("sending",),
        changes=((mailing, "held_out", _held_out_alike),),
    ),
    Mutant(
        name="inclusive window of a goal",
        areas=("sending",),
        changes=((journey, "reach_goals", _later_goals),),
    ),
    Mutant(
        name="an address lets nothing go on",
        areas=("sending", "course"),
        changes=((Holding, "release", lambda _: lambda self, *given: None),),
    ),
    Mutant(
        name="a merge lets no wait go on",
        areas=("wait_until",),
        changes=((JoinedRuns, "go_on", lambda _: lambda self, *given: None),),
    ),
    Mutant(
        name="what comes is known to what was due before it in event time",
        areas=("match", "absence"),
        changes=((CampaignBook, "settled_ms", _nothing_settled),),
    ),
)
