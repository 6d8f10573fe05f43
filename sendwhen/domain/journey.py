"""How customers enter campaigns, wait and leave: what one event or one deadline does to one customer's runs.

Within one event, what ends waits comes before what starts them. The customer given is the shard's draft, which is
dropped when anything here raises.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from sendwhen.domain.campaign_book import CampaignBook
from sendwhen.domain.condition import CustomerScope, EventScope
from sendwhen.domain.customer import Customer, Memory
from sendwhen.domain.decision import Decision, Kind
from sendwhen.domain.event import Event
from sendwhen.domain.moment import Moment
from sendwhen.domain.passage import Course, Passage
from sendwhen.domain.plan import STOPPED, Listeners, Listening, Plan, holds
from sendwhen.domain.properties import read_object
from sendwhen.domain.reentry import refusal
from sendwhen.domain.round import Round
from sendwhen.domain.run import TRIGGER_PHASE, Run, StartEvent, run_id
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.tally import counted
from sendwhen.domain.trigger_kinds import OnRestart
from sendwhen.domain.triggers.logic import Hit, Progress
from sendwhen.domain.watching import Occasion, Watching


class _Seen(msgspec.Struct, gc=False):
    """One event as the campaigns look at it."""

    event: Event
    scope: EventScope
    customer: CustomerScope
    moment: Moment
    index: int
    armings: int = 0


class Journey:
    """Moves customers through the campaigns of a book; decisions go to the round."""

    def __init__(
        self, *, book: CampaignBook, passage: Passage, watching: Watching, limits: ShardLimits, event_clock: bool
    ) -> None:
        self._book = book
        self._watching = watching
        self._passage = passage
        self._limits = limits
        self._event_clock = event_clock

    def concerns(self, before: Customer, customer: Customer, event: Event) -> bool:
        """Whether any campaign may have something to do with the event."""
        name, book = event.name, self._book
        return (
            name in book.listeners
            or (bool(customer.runs) and name in book.enders)
            or name in book.tally_events
            or self._watching.concerns(before, customer, name)
        )

    def take(
        self, before: Customer, customer: Customer, event: Event, *, index: int, moment: Moment, out: Round
    ) -> None:
        """Let an event count, end waits, stop campaigns and start runs; then let those look who watch the customer."""
        listeners = self._book.listeners.get(event.name)
        may_end = bool(customer.runs) and event.name in self._book.enders
        scope = EventScope(
            name=event.name,
            id=event.event_id,
            occurred_at_ms=event.occurred_at_ms,
            properties=read_object(event.properties),
        )
        seen = _Seen(event, scope, customer.scope(), moment, index)
        self._count(customer, seen)
        if may_end:
            self._end_runs(customer, seen, out)
        if listeners is not None:
            self._listen(customer, listeners, seen, out)
        if self._watching.concerns(before, customer, event.name):
            occasion = Occasion(moment, (moment.seq, moment.now_ms, 1, index), event, seen.armings)
            self._watching.look(customer, before, occasion, out)

    def _count(self, customer: Customer, seen: _Seen) -> None:
        for history in self._book.tally_events.get(seen.scope.name, ()):
            if holds(history.of.where, seen.scope, seen.customer, None, seen.moment.now_ms):
                packed = counted(customer.tallies.get(history.tally, b""), history, seen.moment.now_ms)
                customer.tallies = {**customer.tallies, history.tally: packed}

    def _listen(self, customer: Customer, listeners: Listeners, seen: _Seen, out: Round) -> None:
        mask = listeners.always_mask
        if listeners.fused is not None:
            mask |= listeners.fused(seen.scope, seen.customer, seen.moment.now_ms)
        if mask:
            for listening in listeners.campaigns:
                if mask & listening.stop_mask:
                    self._stop(customer, listening.plan)
                if mask & listening.start_mask:
                    self._start(customer, listening, mask, seen, out)

    def _end_runs(self, customer: Customer, seen: _Seen, out: Round) -> None:
        kept, passed = [], []
        for run in customer.runs:
            plan = self._book.plan(run.campaign_id, run.version)
            reason = plan.end(run, seen.scope, seen.customer, seen.moment.now_ms, self._limits) if plan else ""
            if plan and reason:
                if reason == STOPPED:
                    self._stop(customer, plan)
                self._say(customer, run, Kind.CANCELLED, (reason, f"“{seen.scope.name}” came."), seen=seen, out=out)
            elif plan and plan.awaits(run, seen.scope, seen.customer, seen.moment.now_ms):
                passed.append((run, plan))
            else:
                kept.append(run)
        if len(kept) != len(customer.runs):
            customer.runs = tuple(kept)
        for run, plan in passed:
            course = Course(customer=customer, run=run, plan=plan, moment=seen.moment, armed=self._armed(seen))
            self._passage.walk(course, run.phase + 1, out)

    @staticmethod
    def _stop(customer: Customer, plan: Plan) -> None:
        memory = customer.memory(plan.campaign.campaign_id)
        if not memory.stopped:
            customer.remember(plan.campaign.campaign_id, Memory(True, memory.fired))

    def _start(self, customer: Customer, listening: Listening, mask: int, seen: _Seen, out: Round) -> None:
        plan, at_ms = listening.plan, seen.moment.now_ms
        campaign = plan.campaign
        key = plan.key(seen.scope, seen.customer, at_ms, self._limits)
        reason, detail = self._closed(customer, plan, seen)
        if not reason and key is None:
            reason, detail = "no_key", "The event gives the run no key."
        if reason or key is None:
            out.counters.late += reason == "too_old"
            self._refuse(customer, plan, key or "", (reason, detail), seen=seen, out=out)
            return
        memory = customer.memory(campaign.campaign_id)
        trigger = memory.trigger if memory.trigger_version == campaign.version else b""
        indexes = [index for bit, index in listening.starts if mask >> bit & 1]
        hit = Hit(
            indexes=indexes,
            event=seen.scope,
            customer=seen.customer,
            key=key,
            at_ms=at_ms,
            occurrence=StartEvent.of(seen.event),
            first_seen_at_ms=customer.first_seen_at_ms,
            put_at_ms=self._book.put_at_ms(campaign.campaign_id),
        )
        progress = plan.logic.progress(trigger, hit, self._limits.partials)
        out.counters.overflows += progress.overflows
        if (progress.memory, campaign.version) != (memory.trigger, memory.trigger_version) and (
            progress.memory or memory.trigger
        ):
            memory = Memory(memory.stopped, memory.fired, progress.memory, campaign.version)
            customer.remember(campaign.campaign_id, memory)
        if not progress.complete:
            return
        reason, detail = refusal(campaign, memory, key, at_ms)
        due_at_ms = plan.logic.due_at_ms(hit)
        if not reason and due_at_ms is None:
            reason, detail = "bad_duration", "The event does not say how long to wait."
        if reason or due_at_ms is None:
            self._refuse(customer, plan, key, (reason, detail), seen=seen, out=out)
            return
        run = self._run(customer, plan, hit, progress, due_at_ms=due_at_ms, seen=seen)
        if due_at_ms > at_ms:
            self._arm(customer, plan, run, seen=seen, out=out)
        else:
            course = Course(
                customer=customer,
                run=run,
                plan=plan,
                moment=seen.moment,
                armed=run.armed,
                delayed=False,
            )
            self._passage.fire(course, out)

    def _closed(self, customer: Customer, plan: Plan, seen: _Seen) -> tuple[str, str]:
        """Reason and detail why nothing starts, whatever the event says."""
        campaign = plan.campaign
        if customer.memory(campaign.campaign_id).stopped:
            return "stopped", "The campaign is over for this customer."
        if self._book.paused(campaign.campaign_id):
            return "paused", "The campaign is paused."
        oldest = campaign.max_event_age_ms
        age_ms = seen.moment.now_ms - seen.event.occurred_at_ms
        if oldest is not None and not self._event_clock and age_ms > oldest:
            return "too_old", f"The event was {age_ms} ms old; up to {oldest} ms starts a run."
        return "", ""

    def _arm(self, customer: Customer, plan: Plan, run: Run, *, seen: _Seen, out: Round) -> None:
        key, kind, detail = run.key, Kind.WAITING, ""
        open_runs = customer.runs
        same = [
            one
            for one in open_runs
            if one.phase == TRIGGER_PHASE and one.campaign_id == run.campaign_id and one.key == key
        ]
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
            self._armed(seen),
            hit.occurrence if begun is None else begun.event,
            None if begun is None else hit.occurrence,
            {} if begun is None else begun.captured,
            progress.value,
        )

    @staticmethod
    def _armed(seen: _Seen) -> tuple[int, ...]:
        seen.armings += 1
        return (seen.moment.seq, seen.moment.now_ms, 1, seen.index, seen.armings)

    @staticmethod
    def _say(customer: Customer, run: Run, kind: Kind, why: tuple[str, str], *, seen: _Seen, out: Round) -> None:
        reason, detail = why
        out.decide(
            customer,
            Decision(
                kind=kind,
                campaign_id=run.campaign_id,
                version=run.version,
                run_id=run.run_id,
                key=run.key,
                at_ms=seen.moment.at_ms,
                due_at_ms=run.due_at_ms,
                start_at_ms=run.start_at_ms,
                reason=reason,
                detail=detail,
                event_id=seen.event.event_id,
                seq=seen.moment.seq,
            ),
        )

    @staticmethod
    def _refuse(customer: Customer, plan: Plan, key: str, why: tuple[str, str], *, seen: _Seen, out: Round) -> None:
        reason, detail = why
        out.decide(
            customer,
            Decision(
                kind=Kind.REFUSED,
                campaign_id=plan.campaign.campaign_id,
                version=plan.campaign.version,
                key=key,
                at_ms=seen.moment.at_ms,
                due_at_ms=seen.moment.now_ms,
                start_at_ms=seen.moment.now_ms,
                reason=reason,
                detail=detail,
                event_id=seen.event.event_id,
                seq=seen.moment.seq,
            ),
        )
