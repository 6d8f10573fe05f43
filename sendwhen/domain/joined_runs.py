"""Open runs when two customers become one: each is held against what the other side did since it began to wait.

A run keeps its deadline, its id and its version. What would have ended its wait had it been the same customer's ends it
now, with that reason; only events from the beginning of the wait and before its deadline count, so that a deadline that
passed while the run was on its way comes first, as it does everywhere. Where a campaign takes one wait of a key at a
time, the later start stays (``reset``) or the earlier one (``keep``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import replace

from sendwhen.domain.campaign_book import CampaignBook
from sendwhen.domain.course import Course
from sendwhen.domain.customer import Customer
from sendwhen.domain.decision import Decision, Kind
from sendwhen.domain.joined_memories import Did, instant_of, scope_of
from sendwhen.domain.moment import Moment
from sendwhen.domain.passage import Passage
from sendwhen.domain.plan import Plan
from sendwhen.domain.record import RecentEvent
from sendwhen.domain.round import Round
from sendwhen.domain.run import TRIGGER_PHASE, Run, on_event_time
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.trigger_kinds import OnRestart

BY_JOINING = 2
"""In ``Run.armed``: the run came with another identity; between those armed by an event (1) and by a later one."""


_PASSED = 1 << 19
"""First of the numbers, in ``Run.armed``, of what is armed by runs that go on."""


Waiting = tuple[Run, Sequence[RecentEvent]]


class JoinedAt(NamedTuple):
    """When two are joined: the entry's moment, and which transfer of it."""

    moment: Moment
    place: int


class JoinedRuns:
    """Joins open runs."""

    def __init__(self, *, book: CampaignBook, passage: Passage, limits: ShardLimits) -> None:
        self._book = book
        self._passage = passage
        self._limits = limits

    def join(self, own: Customer, other: Customer, did: Did, at: JoinedAt, out: Round) -> Sequence[Waiting]:
        """Give ``own``, which is joined but for its runs, those that stay of both; ``did``: what each side did.

        Each of these is returned with what the other side did, for ``go_on``.
        """
        moment = at.moment
        mine = [run for run in own.runs if not self._ended(own, run, did[1], moment, out)]
        theirs = [run for run in other.runs if not self._ended(own, run, did[0], moment, out)]
        moved = [
            replace(run, armed=place_of(run.armed, moment.seq, (BY_JOINING, at.place, number)))
            for number, run in enumerate(theirs)
        ]
        for run in moved:
            self._add(own, mine, run, moment, out)
        own.runs = tuple(mine)
        return [(run, did[0] if run in moved else did[1]) for run in mine]

    def go_on(self, own: Customer, waiting: Sequence[Waiting], at: JoinedAt, out: Round) -> None:
        """Let runs go on that waited for what the other side has done."""
        for number, (run, did) in enumerate(waiting):
            if any(one is run for one in own.runs):
                armed = (at.moment.seq, at.moment.now_ms, BY_JOINING, at.place, _PASSED + number)
                self._pass(own, run, did, (at.moment, armed), out)

    def _pass(
        self,
        own: Customer,
        run: Run,
        did: Sequence[RecentEvent],
        at: tuple[Moment, tuple[int, ...]],
        out: Round,
    ) -> None:
        """Let a run go on that waited for what the other side has done."""
        plan = self._book.plan(run.campaign_id, run.version)
        if plan is None:
            return
        scope, (moment, armed) = own.scope(), at
        for event in did:
            at_ms = instant_of(event, plan)
            if _waited(run, plan, at_ms) and plan.awaits(run, scope_of(event), scope, at_ms, self._limits):
                own.runs = tuple(one for one in own.runs if one is not run)
                course = Course(customer=own, run=run, plan=plan, moment=moment, armed=armed)
                self._passage.walk(course, run.phase + 1, out)
                return

    def _add(self, own: Customer, runs: list[Run], run: Run, moment: Moment, out: Round) -> None:
        rival = self._rival(runs, run)
        if rival is not None:
            plan = self._book.plan(run.campaign_id, run.version)
            on_restart = OnRestart.RESET if plan is None else plan.logic.on_restart
            if on_restart is OnRestart.EXTEND:
                run = _extended(run, rival)
            elif (run.start_at_ms >= rival.start_at_ms) is (on_restart is OnRestart.KEEP):
                why = "superseded", "The customer's other wait of this campaign stays."
                self._say(own, run, why, moment, out)
                return
            runs.remove(rival)
            self._say(own, rival, ("superseded", "The wait of a joined identity takes its place."), moment, out)
        if len(runs) >= self._limits.runs:
            out.counters.overflows += 1
            self._say(own, run, ("limit", f"The customer has {self._limits.runs} open runs."), moment, out)
            return
        runs.append(run)
        out.armed.append(run)

    def _rival(self, runs: Sequence[Run], run: Run) -> Run | None:
        if run.phase != TRIGGER_PHASE:
            return None
        plan = self._book.plan(run.campaign_id, run.version)
        if plan is not None and plan.logic.on_restart is OnRestart.PARALLEL:
            return None
        for one in runs:
            # One whose deadline came before the other began is over, whether it has fired yet or not.
            at_once = one.start_at_ms < run.due_at_ms and run.start_at_ms < one.due_at_ms
            alike = (one.campaign_id, one.key) == (run.campaign_id, run.key)
            if one.phase == TRIGGER_PHASE and alike and at_once:
                return one
        return None

    def _ended(self, own: Customer, run: Run, did: Sequence[RecentEvent], moment: Moment, out: Round) -> bool:
        plan = self._book.plan(run.campaign_id, run.version)
        if plan is None:
            return False
        scope = own.scope()
        for event in did:
            at_ms = instant_of(event, plan)
            if not _waited(run, plan, at_ms):
                continue
            seen = scope_of(event)
            reason = plan.end(run, seen, scope, at_ms, self._limits)
            if reason:
                self._say(own, run, (reason, f"“{event.name}” had come under a joined identity."), moment, out)
                return True
        if own.memory(run.campaign_id).stopped and run.due_at_ms > moment.now_ms:
            self._say(own, run, ("stopped", "The campaign is over for this customer."), moment, out)
            return True
        return False

    @staticmethod
    def _say(own: Customer, run: Run, why: tuple[str, str], moment: Moment, out: Round) -> None:
        reason, detail = why
        out.decide(
            own,
            Decision(
                kind=Kind.CANCELLED,
                campaign_id=run.campaign_id,
                version=run.version,
                run_id=run.run_id,
                key=run.key,
                at_ms=moment.at_ms,
                due_at_ms=run.due_at_ms,
                start_at_ms=run.start_at_ms,
                reason=reason,
                detail=detail,
                event_id=run.start.event_id,
                seq=moment.seq,
            ),
        )


def place_of(armed: tuple[int, ...], seq: int, mark: tuple[int, ...]) -> tuple[int, ...]:
    """The place, in the order of armings, of what came with another identity in entry ``seq``."""
    if on_event_time(armed):
        return (armed[0], seq, armed[2], *mark)
    return (seq, armed[1], *mark)


def _waited(run: Run, plan: Plan, at_ms: int) -> bool:
    """The run was waiting at that instant, the deadline excluded."""
    if run.phase == TRIGGER_PHASE and run.occurrence:
        began_ms = run.start_at_ms  # what fires again and again waits since its start
    else:
        began_ms = run.armed[2] - plan.grace_ms if on_event_time(run.armed) else run.armed[1]
    return began_ms <= at_ms < run.due_at_ms - plan.grace_ms


def _extended(run: Run, rival: Run) -> Run:
    """What was begun first is the start of both, and the later deadline counts."""
    first, last = sorted((run, rival), key=lambda one: (one.start_at_ms, one is run))
    return replace(
        run,
        start_at_ms=first.start_at_ms,
        start=first.start,
        event=last.firing_event(),
        due_at_ms=max(run.due_at_ms, rival.due_at_ms),
    )
