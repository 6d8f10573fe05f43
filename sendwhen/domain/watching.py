"""Lets triggers and waits that look at the customer do so, after each change and when time alone may change it."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from sendwhen.domain.asking import Asked, holds, next_change_ms
from sendwhen.domain.campaign_book import CampaignBook
from sendwhen.domain.course import Course
from sendwhen.domain.customer import Customer, Memory
from sendwhen.domain.decision import Decision, Kind
from sendwhen.domain.event import Event
from sendwhen.domain.length import length
from sendwhen.domain.moment import Moment
from sendwhen.domain.passage import Passage
from sendwhen.domain.plan import Plan
from sendwhen.domain.round import Round
from sendwhen.domain.run import TRIGGER_PHASE, Alarm, Run, StartEvent, run_id
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.steps import WaitUntilStep
from sendwhen.domain.triggers.watch import Sight, Watch
from sendwhen.domain.watch_mark import in_policy_zone

WATCH = "watch"
"""Kind of the alarms by which a trigger is looked at again."""
_TURNS_MAX = 8


class Occasion(msgspec.Struct, gc=False):
    """Why one looks.

    Attributes:
        event: What came; None: time passed.
        armed: Place in the order of armings, a number for each to be added.
        armings: Numbers given so far.
        silent: Nothing fires: what is seen is not new, only seen in another light.
    """

    moment: Moment
    armed: tuple[int, ...]
    event: Event | None = None
    armings: int = 0
    silent: bool = False

    def next_armed(self) -> tuple[int, ...]:
        """The next place."""
        self.armings += 1
        return (*self.armed, self.armings)


class Watching:
    """Looks at customers."""

    def __init__(self, *, book: CampaignBook, passage: Passage, limits: ShardLimits, event_clock: bool) -> None:
        self._book = book
        self._passage = passage
        self._limits = limits
        self._event_clock = event_clock

    def concerns(self, before: Customer, after: Customer, event_name: str) -> bool:
        """Whether a look may see something: the customer was never looked at so, or changed in what can be asked."""
        if after.looked != self._book.watch_mark:
            return True
        if not after.runs and not self._book.watching:
            return False
        return (
            event_name in self._book.tally_events
            or after.fields is not before.fields
            or after.commerce is not before.commerce
            or self._book.asks_for_moving_facts
            or _identities(after) != _identities(before)
        )

    def look(self, customer: Customer, before: Customer, occasion: Occasion, out: Round) -> None:
        """Look at a changed draft. What that leads to may change it again, and is looked at in turn, so many times."""
        for _ in range(_TURNS_MAX):
            fields = customer.fields
            self._look_once(customer, before, occasion, out)
            if customer.fields is fields:
                return
            before = replace(customer)
            before.fields = fields
        out.counters.overflows += 1

    def ring(self, customer: Customer, alarm: Alarm, moment: Moment, armed: tuple[int, ...], out: Round) -> None:
        """The alarm of one watching trigger: it alone looks, as nothing but time has changed.

        What this leads to may change the customer; then all look.
        """
        occasion, before = Occasion(moment, armed), replace(customer)
        sight = self._sight(customer, before, moment.now_ms, before_ms=moment.now_ms)
        for plan, watch in self._book.watching:
            if plan.campaign.campaign_id == alarm.campaign_id:
                self._watch(customer, plan, watch, sight, occasion=occasion, out=out)
        if customer.fields is not before.fields:
            self.look(customer, before, occasion, out)

    def review(self, customer: Customer, moment: Moment, place: int, out: Round) -> bool:
        """Look at a customer who was known before a trigger was put, as of its put; whether anything changed.

        Nobody enters anything for having been in before. Nothing has happened to the customer since the put, so what
        time alone has changed meanwhile is a deadline that has passed: it comes as any that is seen late.
        """
        if not self.is_unseen(customer):
            return False
        # Events and timers mark what they arm with another number in this place.
        occasion = Occasion(moment, (moment.seq, moment.now_ms, 1, place, 0))
        for plan, watch in self._book.watching:
            campaign_id, as_of_ms = plan.campaign.campaign_id, moment.now_ms
            if not self._book.remembers(plan, customer.memory(campaign_id)):
                as_of_ms = min(as_of_ms, self._book.put_at_ms(campaign_id))
            elif not in_policy_zone(plan.campaign):
                continue
            # A date in a zone that may be another since it was planned is planned as of now.
            sight = self._sight(customer, customer, as_of_ms, before_ms=as_of_ms)
            self._watch(customer, plan, watch, sight, occasion=occasion, out=out)
        customer.looked = self._book.watch_mark
        return True

    def is_unseen(self, customer: Customer) -> bool:
        """Somebody known whom a trigger in force has not looked at since its put."""
        is_known = customer.exists and customer.first_seen_at_ms > 0 and customer.into is None
        return is_known and customer.looked != self._book.watch_mark

    def _look_once(self, customer: Customer, before: Customer, occasion: Occasion, out: Round) -> None:
        now_ms = occasion.moment.now_ms
        if self._book.watching:
            sight = self._sight(customer, before, now_ms, before_ms=now_ms)
            for plan, watch in self._book.watching:
                self._watch(customer, plan, watch, sight, occasion=occasion, out=out)
        for run in customer.runs:
            self._wait_on(customer, run, occasion, out)
        customer.looked = self._book.watch_mark

    def _sight(self, customer: Customer, before: Customer, now_ms: int, *, before_ms: int) -> Sight:
        is_new = before.first_seen_at_ms == 0
        return Sight(
            now=Asked(customer=customer.scope(), tallies=customer.tallies, now_ms=now_ms),
            before=None if is_new else Asked(customer=before.scope(), tallies=before.tallies, now_ms=before_ms),
            fields=customer.fields,
            fields_before=before.fields,
            policy_zone=self._book.policy.time_zone,
        )

    def _watch(
        self, customer: Customer, plan: Plan, watch: Watch, sight: Sight, *, occasion: Occasion, out: Round
    ) -> None:
        campaign = plan.campaign
        memory = customer.memory(campaign.campaign_id)
        # Another version goes on with what was seen where its trigger is the same: it would take who enters for inside.
        remembered = memory.trigger
        if not self._book.remembers(plan, memory):
            remembered = watch.inherited(self._book.remembered_by(plan, memory), remembered)
        seen = watch.look(remembered, sight)
        mark = self._book.writes(plan)
        if (seen.memory, mark) != (memory.trigger, memory.trigger_version) and (seen.memory or memory.trigger):
            customer.remember(campaign.campaign_id, Memory(memory.stopped, memory.fired, seen.memory, mark))
        self._set_alarm(customer, plan, seen.next_ms, occasion, out)
        if seen.fires and not occasion.silent:
            self._fire(customer, plan, occasion, out)

    def _set_alarm(self, customer: Customer, plan: Plan, next_ms: int | None, occasion: Occasion, out: Round) -> None:
        campaign = plan.campaign
        others, known, watched = [], None, 0
        for alarm in customer.alarms:
            if alarm.kind == WATCH and alarm.campaign_id == campaign.campaign_id:
                known = alarm
            else:
                watched += alarm.kind == WATCH
                others.append(alarm)
        if known is not None and (known.due_at_ms, known.version) == (next_ms, campaign.version):
            return
        if next_ms is not None and watched >= self._limits.watch_alarms:
            out.counters.overflows += 1
            next_ms = None
        if next_ms is not None:
            alarm = Alarm(WATCH, campaign.campaign_id, campaign.version, next_ms, occasion.next_armed())
            others.append(alarm)
            out.armed.append(alarm)
        if known is not None or next_ms is not None:
            customer.alarms = tuple(others)

    def _fire(self, customer: Customer, plan: Plan, occasion: Occasion, out: Round) -> None:
        campaign, moment, event = plan.campaign, occasion.moment, occasion.event
        if event is None:
            # What time alone brings about has its instant for a name.
            start = StartEvent(f"{campaign.campaign_id}@{moment.now_ms}", "", moment.now_ms, b"", "", 0)
        else:
            start = StartEvent.of(event)
        run = Run(
            run_id(campaign_id=campaign.campaign_id, event_id=start.event_id, key="", uid=customer.uid),
            campaign.campaign_id,
            campaign.version,
            "",
            moment.now_ms,
            TRIGGER_PHASE,
            moment.now_ms,
            occasion.next_armed(),
            start,
        )
        course = Course(customer=customer, run=run, plan=plan, moment=moment, armed=run.armed, delayed=event is None)
        reason, detail = self._closed(customer, plan, occasion)
        if reason:
            out.decide(
                customer,
                Decision(
                    kind=Kind.REFUSED,
                    campaign_id=campaign.campaign_id,
                    version=campaign.version,
                    at_ms=moment.at_ms,
                    due_at_ms=moment.now_ms,
                    start_at_ms=moment.now_ms,
                    reason=reason,
                    detail=detail,
                    event_id=start.event_id,
                    seq=moment.seq,
                ),
            )
            return
        self._passage.fire(course, out)

    def _closed(self, customer: Customer, plan: Plan, occasion: Occasion) -> tuple[str, str]:
        campaign, event = plan.campaign, occasion.event
        if customer.memory(campaign.campaign_id).stopped:
            return "stopped", "The campaign is over for this customer."
        if self._book.paused(campaign.campaign_id):
            return "paused", "The campaign is paused."
        oldest = campaign.max_event_age_ms
        if event is None or oldest is None or self._event_clock:
            return "", ""
        age_ms = occasion.moment.now_ms - event.occurred_at_ms
        if age_ms > oldest:
            return "too_old", f"The event was {length(age_ms)} old; up to {length(oldest)} starts a run."
        return "", ""

    def _wait_on(self, customer: Customer, run: Run, occasion: Occasion, out: Round) -> None:
        plan = self._book.plan(run.campaign_id, run.version)
        if plan is None or run.held or not 0 <= run.phase < len(plan.campaign.steps) or run not in customer.runs:
            return
        step = plan.campaign.steps[run.phase]
        if not isinstance(step, WaitUntilStep) or step.when is None:
            return
        now_ms = occasion.moment.now_ms
        asked = Asked(customer=customer.scope(), tallies=customer.tallies, now_ms=now_ms, start=run.scope())
        others = tuple(one for one in customer.runs if one is not run)
        if holds(step.when, asked):
            customer.runs = others
            armed = plan.place(occasion.next_armed())
            course = Course(customer=customer, run=run, plan=plan, moment=occasion.moment, armed=armed)
            self._passage.walk(course, run.phase + 1, out)
            return
        change_ms = next_change_ms(step.when, asked)
        due_at_ms = (run.latest_ms if change_ms is None else min(run.latest_ms, change_ms)) + plan.grace_ms
        if due_at_ms != run.due_at_ms:
            waiting = replace(run, due_at_ms=due_at_ms, armed=plan.place(occasion.next_armed()))
            customer.runs = (*others, waiting)
            out.armed.append(waiting)


def _identities(customer: Customer) -> tuple[object, ...]:
    return customer.email, customer.user_id, customer.anonymous_ids
