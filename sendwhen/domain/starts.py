"""How runs start: what one event that passes a trigger's filters does."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from sendwhen.domain.calendar import instant_text
from sendwhen.domain.campaign_book import CampaignBook
from sendwhen.domain.condition import CustomerScope, EventScope
from sendwhen.domain.course import Course
from sendwhen.domain.customer import Customer
from sendwhen.domain.decision import Kind
from sendwhen.domain.event import Event
from sendwhen.domain.length import length
from sendwhen.domain.moment import Moment
from sendwhen.domain.passage import Passage
from sendwhen.domain.plan import ANSWERED, Plan
from sendwhen.domain.reentry import refusal
from sendwhen.domain.round import Round
from sendwhen.domain.run import TRIGGER_PHASE, Run, StartEvent, run_id
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.telling import refuse, say
from sendwhen.domain.trigger_kinds import OnRestart
from sendwhen.domain.triggers.logic import Hit, Progress


class Seen(msgspec.Struct, gc=False):
    """One event as the campaigns look at it.

    Attributes:
        arrived_ms: Log time at which it came; ``moment`` may be the event's own.
        place: In the order of armings, of what it arms.
    """

    event: Event
    scope: EventScope
    customer: CustomerScope
    moment: Moment
    arrived_ms: int
    place: tuple[int, ...]
    armings: int = 0

    @classmethod
    def of(cls, event: Event, customer: Customer, moment: Moment, *, arrived_ms: int, place: tuple[int, ...]) -> Seen:
        """An event, for campaigns that look at it now."""
        return cls(event, EventScope.of(event), customer.scope(), moment, arrived_ms, place)

    def armed(self) -> tuple[int, ...]:
        """The next place."""
        self.armings += 1
        return (*self.place, self.armings)


class Starts:
    """Starts runs of the campaigns of a book."""

    def __init__(self, *, book: CampaignBook, passage: Passage, limits: ShardLimits, event_clock: bool) -> None:
        self._book = book
        self._passage = passage
        self._limits = limits
        self._event_clock = event_clock

    def start(self, customer: Customer, plan: Plan, indexes: Sequence[int], seen: Seen, out: Round) -> None:
        """Let the trigger go on by an event that passes these of its filters; where that completes it, start a run."""
        campaign, logic, at_ms = plan.campaign, plan.logic, seen.moment.now_ms
        key = plan.key(seen.scope, seen.customer, at_ms, self._limits)
        memory = customer.memory(campaign.campaign_id)
        if memory.stopped or key is None:
            why = ("stopped", "The campaign is over for this customer.")
            why = why if memory.stopped else ("no_key", "The event gives the run no key.")
            self._refuse(customer, plan, key or "", why, seen=seen, out=out)
            return
        hit = Hit(
            indexes=indexes,
            event=seen.scope,
            customer=seen.customer,
            key=key,
            at_ms=at_ms,
            occurrence=StartEvent.of(seen.event),
            first_seen_at_ms=min(customer.first_seen_at_ms, at_ms),
            put_at_ms=self._book.put_at_ms(campaign.campaign_id),
        )
        progress = self._progress(customer, plan, hit, out)
        if not progress.complete:
            return
        why = self._closed(plan, seen)
        if why[0] and logic.waits_for_itself:
            self._give_up(customer, plan, key, seen, out)
        out.counters.late += why[0] == "too_old"
        if not why[0]:
            why = refusal(campaign, memory, key, at_ms)
        due_at_ms = None if why[0] else logic.due_at_ms(hit)
        if due_at_ms is None:
            why = why if why[0] else ("bad_duration", "The event does not say how long to wait.")
            self._refuse(customer, plan, key, why, seen=seen, out=out)
            return
        run = self._run(customer, plan, hit, progress, due_at_ms=due_at_ms + plan.grace_ms, seen=seen)
        run = _bounded(run, plan, run.start_at_ms)
        if due_at_ms > at_ms:
            self._arm(customer, plan, run, seen=seen, out=out)
            return
        course = Course(
            customer=customer,
            run=run,
            plan=plan,
            moment=seen.moment,
            armed=run.armed,
            delayed=plan.on_event_time,
        )
        self._passage.fire(course, out)

    def _progress(self, customer: Customer, plan: Plan, hit: Hit, out: Round) -> Progress:
        """Let the trigger remember, whether or not it may start anything."""
        campaign = plan.campaign
        memory = customer.memory(campaign.campaign_id)
        trigger, mark = memory.trigger, self._book.writes(plan)
        if trigger and memory.trigger_version != mark:
            trigger = trigger if self._book.remembers(plan, memory) else b""
        progress = plan.logic.progress(trigger, hit, self._limits)
        out.counters.overflows += progress.overflows
        if (progress.memory, mark) != (memory.trigger, memory.trigger_version) and (progress.memory or memory.trigger):
            remembered = replace(memory, trigger=progress.memory, trigger_version=mark)
            customer.remember(campaign.campaign_id, remembered)
        return progress

    def _closed(self, plan: Plan, seen: Seen) -> tuple[str, str]:
        """Reason and detail why nothing starts now, whatever was remembered."""
        campaign = plan.campaign
        if self._book.paused(campaign.campaign_id):
            return "paused", "The campaign is paused."
        oldest = campaign.max_event_age_ms
        age_ms = seen.arrived_ms - seen.event.occurred_at_ms
        if oldest is not None and not self._event_clock and age_ms > oldest:
            return "too_old", f"The event was {length(age_ms)} old; up to {length(oldest)} starts a run."
        return "", ""

    def _give_up(self, customer: Customer, plan: Plan, key: str, seen: Seen, out: Round) -> None:
        """End waits for the absence of what has come now, though it may start no other."""
        for run in _in_trigger(customer, plan, key):
            customer.runs = tuple(one for one in customer.runs if one is not run)
            self._say(customer, run, Kind.CANCELLED, (ANSWERED, f"“{seen.scope.name}” came."), seen=seen, out=out)

    def _arm(self, customer: Customer, plan: Plan, run: Run, *, seen: Seen, out: Round) -> None:
        key, kind, detail = run.key, Kind.WAITING, ""
        open_runs, same = customer.runs, _in_trigger(customer, plan, run.key)
        if same and plan.logic.on_restart is OnRestart.KEEP:
            detail = f"A wait until {instant_text(same[0].due_at_ms)} is open."
            self._refuse(customer, plan, key, ("kept", detail), seen=seen, out=out)
            return
        if same and plan.logic.on_restart in (OnRestart.RESET, OnRestart.EXTEND):
            kind, detail = Kind.RESET, f"The wait until {instant_text(same[0].due_at_ms)} starts again."
            run = _bounded(run, plan, same[0].began_at_ms or same[0].start_at_ms)
            if plan.logic.on_restart is OnRestart.EXTEND:
                run = replace(run, start_at_ms=same[0].start_at_ms, start=same[0].start, event=run.start)
            open_runs = tuple(one for one in open_runs if one not in same)
        if len(open_runs) >= self._limits.runs:
            out.counters.overflows += 1
            detail = f"The customer has {self._limits.runs} open runs."
            self._refuse(customer, plan, key, ("limit", detail), seen=seen, out=out)
            return
        customer.runs = (*open_runs, run)
        out.armed.append(run)
        self._say(customer, run, kind, ("", detail), seen=seen, out=out)

    def _run(self, customer: Customer, plan: Plan, hit: Hit, progress: Progress, *, due_at_ms: int, seen: Seen) -> Run:
        campaign, key, begun = plan.campaign, hit.key, progress.begun
        name = run_id(campaign_id=campaign.campaign_id, event_id=seen.event.event_id, key=key, uid=customer.uid)
        return Run(
            name,
            campaign.campaign_id,
            campaign.version,
            key,
            hit.at_ms if begun is None else begun.at_ms,
            TRIGGER_PHASE,
            due_at_ms,
            seen.armed(),
            hit.occurrence if begun is None else begun.event,
            None if begun is None else hit.occurrence,
            {} if begun is None else begun.captured,
            progress.value,
        )

    @staticmethod
    def _say(customer: Customer, run: Run, kind: Kind, why: tuple[str, str], *, seen: Seen, out: Round) -> None:
        say(customer, run, kind, why, event_id=seen.event.event_id, moment=seen.moment, out=out)

    @staticmethod
    def _refuse(customer: Customer, plan: Plan, key: str, why: tuple[str, str], *, seen: Seen, out: Round) -> None:
        refuse(customer, plan, key, why, event_id=seen.event.event_id, moment=seen.moment, out=out)


def _bounded(run: Run, plan: Plan, began_at_ms: int) -> Run:
    """No later than the trigger's bound from the first start allows."""
    if plan.logic.at_latest is None:
        return run
    latest_ms = plan.logic.at_latest.after(began_at_ms) + plan.grace_ms
    return replace(run, due_at_ms=min(run.due_at_ms, latest_ms), began_at_ms=began_at_ms)


def _in_trigger(customer: Customer, plan: Plan, key: str) -> list[Run]:
    campaign_id = plan.campaign.campaign_id
    return [
        run for run in customer.runs if run.phase == TRIGGER_PHASE and run.campaign_id == campaign_id and run.key == key
    ]
