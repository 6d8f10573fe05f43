"""How customers enter campaigns, wait and leave: what one event or one deadline does to one customer's runs.

Within one event, what ends waits comes before what starts them. The customer given is the shard's draft, which is
dropped when anything here raises.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from sendwhen.domain.campaign_book import CampaignBook
from sendwhen.domain.condition import CustomerScope, EventScope
from sendwhen.domain.customer import Customer
from sendwhen.domain.decision import Kind
from sendwhen.domain.event import Event
from sendwhen.domain.held_events import Held, HoldingBack
from sendwhen.domain.moment import Moment
from sendwhen.domain.passage import Course, Passage
from sendwhen.domain.plan import STOPPED, Plan
from sendwhen.domain.properties import read_object
from sendwhen.domain.reentry import refusal
from sendwhen.domain.round import Round
from sendwhen.domain.run import TRIGGER_PHASE, Run, StartEvent, run_id
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.telling import refuse, say
from sendwhen.domain.trigger_kinds import OnRestart
from sendwhen.domain.triggers.logic import Hit, Progress


class _Seen(msgspec.Struct, gc=False):
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


class Journey:
    """Moves customers through the campaigns of a book; decisions go to the round."""

    def __init__(self, *, book: CampaignBook, passage: Passage, limits: ShardLimits, event_clock: bool) -> None:
        self._book = book
        self._passage = passage
        self._limits = limits
        self._event_clock = event_clock
        self._holding = HoldingBack(book=book, limits=limits)

    def concerns(self, customer: Customer, event: Event) -> bool:
        """Whether any campaign may have something to do with the event."""
        name, book = event.name, self._book
        if name in book.listeners or name in book.on_event_time:
            return True
        return bool(customer.runs or customer.alarms) and name in book.enders

    def take(self, customer: Customer, event: Event, index: int, moment: Moment, out: Round) -> None:
        """Let an event end waits, stop campaigns and start runs."""
        listeners = self._book.listeners.get(event.name)
        may_end = bool(customer.runs or customer.alarms) and event.name in self._book.enders
        if may_end or event.name in self._book.on_event_time:
            self._holding.hold(customer, event, index, moment, out)
        place = (moment.seq, moment.now_ms, 1, index)
        seen = _Seen(event, _scope(event), customer.scope(), moment, moment.now_ms, place)
        if may_end:
            self._end_runs(customer, [run for run in customer.runs if not self._on_event_time(run)], seen, out)
        if listeners is None:
            return
        mask = listeners.always_mask
        if listeners.fused is not None:
            mask |= listeners.fused(seen.scope, seen.customer, moment.now_ms)
        if mask:
            for listening in listeners.campaigns:
                if mask & listening.stop_mask:
                    self._stop(customer, listening.plan)
                if mask & listening.start_mask:
                    indexes = [index for bit, index in listening.starts if mask >> bit & 1]
                    self._start(customer, listening.plan, indexes, seen, out)

    def take_held(
        self,
        customer: Customer,
        plan: Plan,
        event: Event,
        held: Held,
        *,
        moment: Moment,
        armed: tuple[int, ...],
        out: Round,
    ) -> None:
        """Let an event whose time has come do the same in one campaign on event time."""
        campaign = plan.campaign
        seen = _Seen(event, _scope(event), customer.scope(), moment, held.arrived_ms, armed)
        version = campaign.campaign_id, campaign.version
        runs = [run for run in customer.runs if (run.campaign_id, run.version) == version]
        self._end_runs(customer, runs, seen, out)
        stops, indexes = plan.passed(seen.scope, seen.customer, moment.now_ms)
        if not held.starts:
            return
        if stops:
            self._stop(customer, plan)
        if indexes:
            self._start(customer, plan, indexes, seen, out)

    def _on_event_time(self, run: Run) -> bool:
        plan = self._book.plan(run.campaign_id, run.version)
        return plan is not None and plan.on_event_time

    def _end_runs(self, customer: Customer, runs: Sequence[Run], seen: _Seen, out: Round) -> None:
        ended = []
        for run in runs:
            plan = self._book.plan(run.campaign_id, run.version)
            reason = plan.end(run, seen.scope, seen.customer, seen.moment.now_ms, self._limits) if plan else ""
            if not plan or not reason:
                continue
            ended.append(run)
            if reason == STOPPED:
                self._stop(customer, plan)
            self._say(customer, run, Kind.CANCELLED, (reason, f"“{seen.scope.name}” came."), seen=seen, out=out)
        if ended:
            customer.runs = tuple(run for run in customer.runs if run not in ended)

    @staticmethod
    def _stop(customer: Customer, plan: Plan) -> None:
        memory = customer.memory(plan.campaign.campaign_id)
        if not memory.stopped:
            customer.remember(plan.campaign.campaign_id, replace(memory, stopped=True))

    def _start(self, customer: Customer, plan: Plan, indexes: Sequence[int], seen: _Seen, out: Round) -> None:
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
        if due_at_ms > at_ms:
            self._arm(customer, plan, run, seen=seen, out=out)
            return
        course = Course(customer=customer, run=run, plan=plan, moment=seen.moment, armed=run.armed, delayed=False)
        self._passage.fire(course, out)

    def _progress(self, customer: Customer, plan: Plan, hit: Hit, out: Round) -> Progress:
        """Let the trigger remember, whether or not it may start anything."""
        campaign = plan.campaign
        memory = customer.memory(campaign.campaign_id)
        before = self._book.plan(campaign.campaign_id, memory.trigger_version)
        known = before is not None and before.trigger_text == plan.trigger_text
        progress = plan.logic.progress(memory.trigger if known else b"", hit, self._limits)
        out.counters.overflows += progress.overflows
        if (progress.memory, campaign.version) != (memory.trigger, memory.trigger_version) and (
            progress.memory or memory.trigger
        ):
            remembered = replace(memory, trigger=progress.memory, trigger_version=campaign.version)
            customer.remember(campaign.campaign_id, remembered)
        return progress

    def _closed(self, plan: Plan, seen: _Seen) -> tuple[str, str]:
        """Reason and detail why nothing starts now, whatever was remembered."""
        campaign = plan.campaign
        if self._book.paused(campaign.campaign_id):
            return "paused", "The campaign is paused."
        oldest = campaign.max_event_age_ms
        age_ms = seen.arrived_ms - seen.event.occurred_at_ms
        if oldest is not None and not self._event_clock and age_ms > oldest:
            return "too_old", f"The event was {age_ms} ms old; up to {oldest} ms starts a run."
        return "", ""

    def _give_up(self, customer: Customer, plan: Plan, key: str, seen: _Seen, out: Round) -> None:
        """End waits for the absence of what has come now, though it may start no other."""
        for run in _in_trigger(customer, plan, key):
            customer.runs = tuple(one for one in customer.runs if one is not run)
            self._say(customer, run, Kind.CANCELLED, ("answered", f"“{seen.scope.name}” came."), seen=seen, out=out)

    def _arm(self, customer: Customer, plan: Plan, run: Run, *, seen: _Seen, out: Round) -> None:
        key, kind, detail = run.key, Kind.WAITING, ""
        open_runs, same = customer.runs, _in_trigger(customer, plan, run.key)
        if same and plan.logic.on_restart is OnRestart.KEEP:
            detail = f"A wait until {same[0].due_at_ms} is open."
            self._refuse(customer, plan, key, ("kept", detail), seen=seen, out=out)
            return
        if same and plan.logic.on_restart in (OnRestart.RESET, OnRestart.EXTEND):
            kind, detail = Kind.RESET, f"The wait until {same[0].due_at_ms} starts again."
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

    def _run(self, customer: Customer, plan: Plan, hit: Hit, progress: Progress, *, due_at_ms: int, seen: _Seen) -> Run:
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
            _armed(seen),
            hit.occurrence if begun is None else begun.event,
            None if begun is None else hit.occurrence,
            {} if begun is None else begun.captured,
            progress.value,
        )

    @staticmethod
    def _say(customer: Customer, run: Run, kind: Kind, why: tuple[str, str], *, seen: _Seen, out: Round) -> None:
        say(customer, run, kind, why, event_id=seen.event.event_id, moment=seen.moment, out=out)

    @staticmethod
    def _refuse(customer: Customer, plan: Plan, key: str, why: tuple[str, str], *, seen: _Seen, out: Round) -> None:
        refuse(customer, plan, key, why, event_id=seen.event.event_id, moment=seen.moment, out=out)


def _scope(event: Event) -> EventScope:
    return EventScope(
        name=event.name,
        id=event.event_id,
        occurred_at_ms=event.occurred_at_ms,
        properties=read_object(event.properties),
    )


def _armed(seen: _Seen) -> tuple[int, ...]:
    seen.armings += 1
    return (*seen.place, seen.armings)


def _in_trigger(customer: Customer, plan: Plan, key: str) -> list[Run]:
    campaign_id = plan.campaign.campaign_id
    return [
        run for run in customer.runs if run.phase == TRIGGER_PHASE and run.campaign_id == campaign_id and run.key == key
    ]
