"""Takes a run from step to step, up to the next wait or to the end."""

from __future__ import annotations

from typing import assert_never

import msgspec
from msgspec.structs import replace

from sendwhen.domain.asking import holds, next_change_ms, said
from sendwhen.domain.calendar import next_minute_ms, plus_months, weekday
from sendwhen.domain.campaign_book import CampaignBook
from sendwhen.domain.course import Course, open_run
from sendwhen.domain.customer import tell
from sendwhen.domain.decision import Kind
from sendwhen.domain.local_clock import zone_of
from sendwhen.domain.mailing import Mailing, Outcome
from sendwhen.domain.round import Round
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.shares import share_of
from sendwhen.domain.span import Span
from sendwhen.domain.steps import (
    BranchStep,
    ExitStep,
    GoToStep,
    ListStep,
    SendStep,
    SetStep,
    SplitStep,
    WaitStep,
    WaitUntilStep,
    list_attribute,
)
from sendwhen.domain.trigger_kinds import DAY_MS

_LONGEST = Span(ms=400 * DAY_MS)


class Walking:
    """Walks through steps."""

    def __init__(self, *, book: CampaignBook, mailing: Mailing, limits: ShardLimits) -> None:
        self._book = book
        self._mailing = mailing
        self._limits = limits

    def walk(self, course: Course, first: int, out: Round) -> None:
        """Take the steps from ``first`` on."""
        steps = course.plan.campaign.steps
        index = first
        while index < len(steps):
            step = steps[index]
            match step:
                case SendStep():
                    if self._mailing.send(course, index, step, out) is Outcome.HELD:
                        return
                    index += 1
                case WaitStep() | WaitUntilStep():
                    if self._waits(course, index, step, out):
                        return
                    index += 1
                case GoToStep():
                    index = step.go_to
                case BranchStep():
                    index = self._branch(course, step, out)
                case SplitStep():
                    index = self._split(course, step, out)
                case SetStep() | ListStep():
                    self._tell(course, step, out)
                    index += 1
                case ExitStep():
                    out.decide(course.customer, course.decision(Kind.EXITED, ("exit", step.reason)))
                    return
                case _:
                    assert_never(step)
        out.decide(course.customer, course.decision(Kind.FINISHED))

    def _waits(self, course: Course, index: int, step: WaitStep | WaitUntilStep, out: Round) -> bool:
        now_ms = course.moment.now_ms
        if isinstance(step, WaitStep):
            due_at_ms = self._over_at_ms(course, step)
            if due_at_ms > now_ms:
                self.wait(course, index, due_at_ms, out)
            return due_at_ms > now_ms
        if step.when is not None and holds(step.when, course.asked()):
            return False
        latest_ms = (step.at_most or _LONGEST).after(now_ms)
        self.wait(course, index, next_look_ms(course, step, latest_ms), out, latest_ms=latest_ms)
        return True

    def wait(self, course: Course, index: int, due_at_ms: int, out: Round, *, latest_ms: int = 0) -> None:
        """Let the run wait in a step."""
        armed = course.armed
        due_at_ms += course.plan.grace_ms
        waiting = replace(course.run, phase=index, due_at_ms=due_at_ms, armed=armed, held="", latest_ms=latest_ms)
        open_run(course, waiting, self._limits.runs, out)

    def _over_at_ms(self, course: Course, step: WaitStep) -> int:
        now_ms, until = course.moment.now_ms, step.until
        if until is None:
            return plus_months(now_ms, step.months) + step.duration_ms if step.months else now_ms + step.duration_ms
        zone = zone_of(until, course.asked(), self._book.policy.time_zone)
        from_ms = (plus_months(now_ms, step.months, zone) if step.months else now_ms) + step.duration_ms
        if step.any_time and weekday(from_ms, zone) in step.weekdays:
            return from_ms
        return next_minute_ms(from_ms, until.minute, zone, step.weekdays)

    @staticmethod
    def _branch(course: Course, step: BranchStep, out: Round) -> int:
        asked = course.asked()
        taken = next((arm for arm in step.arms if arm.when is None or holds(arm.when, asked)), None)
        which = "else" if taken is None or taken.when is None else said(taken.when)
        out.decide(course.customer, course.decision(Kind.TOOK, ("branch", f"Took the branch: {which}.")))
        return step.otherwise if taken is None else taken.go_to

    @staticmethod
    def _split(course: Course, step: SplitStep, out: Round) -> int:
        share = share_of(step, campaign_id=course.run.campaign_id, uid=course.customer.uid)
        why = "split", f"Took “{share.name}” of “{step.name}”."
        out.decide(course.customer, course.decision(Kind.TOOK, why))
        return share.go_to

    def _tell(self, course: Course, step: SetStep | ListStep, out: Round) -> None:
        if isinstance(step, ListStep):
            name, value = list_attribute(step.name), b"true" if step.add else b"null"
        elif step.expression is None:
            name, value = step.attribute, step.value
        else:
            asked = course.asked()
            found = step.expression.value(asked.event, asked.customer, asked.start, asked.now_ms)
            name, value = step.attribute, msgspec.json.encode(found)
        out.counters.overflows += tell(
            course.customer,
            name,
            value,
            at_ms=course.moment.now_ms,
            seq=course.moment.seq,
            source=f"campaign:{course.run.campaign_id}",
            limits=self._limits,
        )


def next_look_ms(course: Course, step: WaitUntilStep, latest_ms: int) -> int:
    """When what is waited for may hold by time alone, or the wait is over."""
    change_ms = None if step.when is None else next_change_ms(step.when, course.asked())
    return latest_ms if change_ms is None else min(latest_ms, change_ms)
