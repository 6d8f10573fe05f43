"""What happens once a trigger has fired or a wait is over: guards, then the steps up to the next wait."""

from __future__ import annotations

from zlib import crc32

from msgspec.structs import replace

from sendwhen.domain.asking import holds, said
from sendwhen.domain.campaign import Reentry
from sendwhen.domain.campaign_book import CampaignBook
from sendwhen.domain.course import Course, open_run
from sendwhen.domain.decision import Kind
from sendwhen.domain.mailing import Mailing, Outcome
from sendwhen.domain.ranking import PRIORITY, contenders
from sendwhen.domain.reentry import fired, refusal
from sendwhen.domain.round import Round
from sendwhen.domain.run import EVENT_TIME, next_run_id
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.steps import Otherwise, SendStep, WaitUntilStep
from sendwhen.domain.walking import Walking, next_look_ms

_PLACE_MAX = 64


class Passage:
    """Carries runs through guards and steps."""

    def __init__(self, *, book: CampaignBook, send_key: bytes, limits: ShardLimits, event_clock: bool) -> None:
        self._book = book
        self._mailing = Mailing(book=book, send_key=send_key, limits=limits, event_clock=event_clock)
        self._walking = Walking(book=book, mailing=self._mailing, limits=limits)
        self._limits = limits

    def fire(self, course: Course, out: Round) -> None:
        """The trigger fires, at ``moment.now_ms``."""
        customer, run, campaign, now_ms = course.customer, course.run, course.plan.campaign, course.moment.now_ms
        memory = customer.memory(campaign.campaign_id)
        why = self._mailing.not_now(course) or refusal(campaign, memory, run.key, now_ms)
        if not why[0] and campaign.guard is not None and not holds(campaign.guard, course.asked()):
            why = "guard", f"The guard did not hold: {said(campaign.guard)}"
        if why[0]:
            out.decide(customer, course.decision(Kind.SKIPPED, why))
            self._repeat(course, out)
            return
        after, forgotten = fired(campaign, memory, run.key, now_ms, self._limits.reentry_keys)
        out.counters.overflows += forgotten
        if after is not memory:
            customer.remember(campaign.campaign_id, after)
        out.decide(customer, course.decision(Kind.ENTERED))
        self._repeat(course, out)
        self.walk(course, 0, out)

    def walk(self, course: Course, first: int, out: Round) -> None:
        """Take the steps from ``first`` up to the next wait, or to the end."""
        self._walking.walk(course, first, out)

    def resume(self, course: Course, out: Round) -> None:
        """The wait in which the run stands is over, or what it was held for."""
        run = course.run
        step = course.plan.campaign.steps[run.phase]
        if run.held == PRIORITY:
            self._rank(course, out)
        elif run.held:
            self.walk(course, run.phase, out)
        elif isinstance(step, WaitUntilStep):
            self._waited(course, step, out)
        else:
            self.walk(course, run.phase + 1, out)

    def _repeat(self, course: Course, out: Round) -> None:
        """The trigger waits again, where it says so."""
        run, plan, now_ms = course.run, course.plan, course.moment.now_ms
        due_at_ms = plan.logic.due_again_at_ms(run, now_ms)
        campaign = plan.campaign
        is_over = campaign.reentry is Reentry.ONCE and run.key in course.customer.memory(campaign.campaign_id).fired
        if due_at_ms is None or is_over:
            return
        again = replace(
            run,
            run_id=next_run_id(run.run_id),
            due_at_ms=due_at_ms + plan.grace_ms,
            armed=_behind(course.armed, run.run_id),
            occurrence=run.occurrence + 1,
        )
        open_run(course, again, self._limits.runs, out)

    def _waited(self, course: Course, step: WaitUntilStep, out: Round) -> None:
        run, now_ms = course.run, course.moment.now_ms
        if step.when is not None and holds(step.when, course.asked()):
            self.walk(course, run.phase + 1, out)
        elif now_ms < run.latest_ms:
            due_at_ms = next_look_ms(course, step, run.latest_ms)
            self._walking.wait(course, run.phase, due_at_ms, out, latest_ms=run.latest_ms)
        elif step.otherwise is Otherwise.CONTINUE:
            self.walk(course, run.phase + 1, out)
        else:
            why = "waited", "What it waited for did not come in time."
            out.decide(course.customer, course.decision(Kind.CANCELLED, why))

    def _rank(self, course: Course, out: Round) -> None:
        """The first whose email may go out goes; the others' emails are skipped. All go on with their steps."""
        customer, moment, winner = course.customer, course.moment, ""
        rivals = contenders(course.run, course.plan, customer, self._book)
        customer.runs = tuple(one for one in customer.runs if all(one is not run for run, _ in rivals))
        for number, (run, plan) in enumerate(rivals):
            mark = (EVENT_TIME,) if plan.on_event_time else ()
            # One deadline arms what follows for all of them, in their order.
            armed = (*mark, moment.seq, course.run.due_at_ms, 0, *course.run.armed, number)
            now = replace(moment, now_ms=course.run.due_at_ms - plan.grace_ms)
            rival = replace(course, run=run, plan=plan, moment=now, armed=armed)
            step = plan.campaign.steps[run.phase]
            assert isinstance(step, SendStep)
            outcome = Outcome.SKIPPED
            if winner:
                why = "outranked", f"“{winner}” goes first: its priority is higher, or as high and it came earlier."
                self._mailing.skip(rival, run.phase, step, why, out)
            else:
                outcome = self._mailing.send(rival, run.phase, step, out, ranked=True)
            if outcome is not Outcome.SKIPPED:
                winner = plan.campaign.campaign_id
            if outcome is not Outcome.HELD:
                self.walk(rival, run.phase + 1, out)


def _behind(armed: tuple[int, ...], run: str) -> tuple[int, ...]:
    """The place behind all that the steps of a firing arm.

    It tells the order of all armings before it, so it grows with each repetition; a very long one is cut and told from
    others by the name of its run.
    """
    return (*armed, 1) if len(armed) < _PLACE_MAX else (*armed[:_PLACE_MAX], crc32(run.encode()))
