"""How customers enter campaigns, wait and leave: what one event or one deadline does to one customer's runs.

Within one event, what ends waits comes before what starts them. The customer given is the shard's draft, which is
dropped when anything here raises.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from sendwhen.domain.campaign_book import CampaignBook
from sendwhen.domain.counting import add
from sendwhen.domain.course import Course
from sendwhen.domain.customer import Customer, Memory
from sendwhen.domain.decision import Kind
from sendwhen.domain.event import Event
from sendwhen.domain.goals import reach_goals
from sendwhen.domain.held_events import Held, HoldingBack
from sendwhen.domain.holding import RELEASED, Holding
from sendwhen.domain.moment import Moment
from sendwhen.domain.passage import Passage
from sendwhen.domain.plan import STOPPED, Listeners, Plan, holds
from sendwhen.domain.round import Round
from sendwhen.domain.run import Run, on_event_time
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.starts import Seen, Starts
from sendwhen.domain.telling import say
from sendwhen.domain.watching import Occasion, Watching


class Journey:
    """Moves customers through the campaigns of a book; decisions go to the round."""

    def __init__(
        self, *, book: CampaignBook, passage: Passage, watching: Watching, limits: ShardLimits, event_clock: bool
    ) -> None:
        self._book = book
        self._watching = watching
        self._passage = passage
        self._limits = limits
        self._starts = Starts(book=book, passage=passage, limits=limits, event_clock=event_clock)
        self._holding = HoldingBack(book=book, limits=limits)

    def concerns(self, before: Customer, customer: Customer, event: Event, now_ms: int) -> bool:
        """Whether any campaign may have something to do with the event; most pass no filter of those that listen.

        Raises:
            msgspec.DecodeError: A campaign listens, and the properties are not a JSON object.
        """
        name, book = event.name, self._book
        listeners = book.listeners.get(name)
        return (
            (listeners is not None and listeners.concerns(event, customer, now_ms))
            or name in book.counted
            or (bool(customer.runs or customer.alarms) and name in book.enders)
            or (bool(customer.goals) and name in book.goal_events)
            or self._watching.concerns(before, customer, name)
        )

    def take(
        self, before: Customer, customer: Customer, event: Event, *, index: int, moment: Moment, out: Round
    ) -> None:
        """Let an event count, end waits, stop campaigns and start runs; then let those look who watch the customer."""
        name = event.name
        listeners = self._book.listeners.get(name)
        may_end = bool(customer.runs or customer.alarms) and name in self._book.enders
        late = self._book.least_grace_ms is not None
        if late and (may_end or name in self._book.on_event_time):
            self._holding.hold(customer, event, index, moment, out)
        place = (moment.seq, moment.now_ms, 1, index)
        seen = Seen.of(event, customer, moment, arrived_ms=moment.now_ms, place=place)
        self._count(customer, seen, out)
        if may_end:
            runs = [run for run in customer.runs if not on_event_time(run.armed)] if late else customer.runs
            self._end_runs(customer, runs, seen, out)
        if customer.goals and name in self._book.goal_events:
            reach_goals(customer, seen.scope, self._book, moment, out)
        if listeners is not None:
            self._listen(customer, listeners, seen, out)
        if self._watching.concerns(before, customer, name):
            self._watching.look(customer, before, Occasion(moment, place, event, seen.armings), out)

    def release(self, customer: Customer, moment: Moment, place: tuple[int, int], holding: Holding, out: Round) -> None:
        """An address is known now: let those go on who waited for it, and those look who watch the customer."""
        before = replace(customer)
        holding.release(customer, moment, place, out)
        if customer.fields is not before.fields:
            occasion = Occasion(moment, (moment.seq, moment.now_ms, *place, RELEASED, 0))
            self._watching.look(customer, before, occasion, out)

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
        seen = Seen.of(event, customer, moment, arrived_ms=held.arrived_ms, place=armed)
        runs = [run for run in customer.runs if run.campaign_id == campaign.campaign_id and self._behind(run, plan)]
        self._end_runs(customer, runs, seen, out)
        stops, indexes = plan.passed(seen.scope, seen.customer, moment.now_ms)
        if not held.starts:
            return
        if stops:
            self._stop(customer, plan)
        if indexes:
            self._starts.start(customer, plan, indexes, seen, out)

    def _behind(self, run: Run, plan: Plan) -> bool:
        """The run is of a version behind the same watermark."""
        its = self._book.plan(run.campaign_id, run.version)
        return its is not None and its.on_event_time and its.grace_ms == plan.grace_ms

    def _count(self, customer: Customer, seen: Seen, out: Round) -> None:
        histories = self._book.tally_events.get(seen.scope.name, ())
        now_ms = seen.moment.now_ms
        passed = [one for one in histories if holds(one.of.where, seen.scope, seen.customer, None, now_ms)]
        if passed:
            overflows = add(customer, passed, now_ms, known=self._book.tallies, limits=self._limits)
            out.counters.overflows += overflows

    def _listen(self, customer: Customer, listeners: Listeners, seen: Seen, out: Round) -> None:
        mask = listeners.passed(seen.scope, seen.customer, seen.moment.now_ms)
        if mask:
            for listening in listeners.campaigns:
                if mask & listening.stop_mask:
                    self._stop(customer, listening.plan)
                if mask & listening.start_mask:
                    indexes = [index for bit, index in listening.starts if mask >> bit & 1]
                    self._starts.start(customer, listening.plan, indexes, seen, out)

    def _end_runs(self, customer: Customer, runs: Sequence[Run], seen: Seen, out: Round) -> None:
        ended, passed = [], []
        for run in runs:
            plan = self._book.plan(run.campaign_id, run.version)
            reason = plan.end(run, seen.scope, seen.customer, seen.moment.now_ms, self._limits) if plan else ""
            if plan and reason:
                ended.append(run)
                if reason == STOPPED:
                    self._stop(customer, plan)
                self._say(customer, run, Kind.CANCELLED, (reason, f"“{seen.scope.name}” came."), seen=seen, out=out)
            elif plan and plan.awaits(run, seen.scope, seen.customer, seen.moment.now_ms, self._limits):
                ended.append(run)
                passed.append((run, plan))
        if ended:
            customer.runs = tuple(run for run in customer.runs if run not in ended)
        for run, plan in passed:
            course = Course(customer=customer, run=run, plan=plan, moment=seen.moment, armed=seen.armed())
            self._passage.walk(course, run.phase + 1, out)

    @staticmethod
    def _stop(customer: Customer, plan: Plan) -> None:
        memory = customer.memory(plan.campaign.campaign_id)
        if not memory.stopped:
            customer.remember(plan.campaign.campaign_id, Memory(True, memory.fired))

    @staticmethod
    def _say(customer: Customer, run: Run, kind: Kind, why: tuple[str, str], *, seen: Seen, out: Round) -> None:
        say(customer, run, kind, why, event_id=seen.event.event_id, moment=seen.moment, out=out)
