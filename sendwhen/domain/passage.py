"""What happens once a trigger has fired or a wait is over: guards, then the steps up to the next wait."""

from __future__ import annotations

from zlib import crc32

import msgspec
from msgspec.structs import replace

from sendwhen.domain.asking import Asked, holds, next_change_ms, said
from sendwhen.domain.campaign import Reentry
from sendwhen.domain.campaign_book import CampaignBook
from sendwhen.domain.customer import Customer
from sendwhen.domain.decision import Decision, Kind, Send
from sendwhen.domain.moment import Moment
from sendwhen.domain.plan import Plan
from sendwhen.domain.reentry import fired, refusal
from sendwhen.domain.round import Round
from sendwhen.domain.run import Run, StartEvent, next_run_id, send_id
from sendwhen.domain.sending_rules import Category
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.span import Span
from sendwhen.domain.steps import Otherwise, SendStep, WaitStep, WaitUntilStep
from sendwhen.domain.trigger_kinds import DAY_MS
from sendwhen.errors import Precondition

_PLACE_MAX = 64
_LONGEST = Span(ms=400 * DAY_MS)


class Course(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A run on its way, at one instant.

    Attributes:
        customer: The draft to be changed.
        run: Not among the customer's open runs (any more).
        armed: Place in the order of armings for a wait that may follow.
        delayed: A wait lies between the event and what follows.
    """

    customer: Customer
    run: Run
    plan: Plan
    moment: Moment
    armed: tuple[int, ...]
    delayed: bool = True


class Passage:
    """Carries runs through guards and steps."""

    def __init__(self, *, book: CampaignBook, send_key: bytes, limits: ShardLimits, event_clock: bool) -> None:
        self._book = book
        self._send_key = send_key
        self._limits = limits
        self._event_clock = event_clock

    def fire(self, course: Course, out: Round) -> None:
        """The trigger fires, at ``moment.now_ms``."""
        customer, run, campaign, now_ms = course.customer, course.run, course.plan.campaign, course.moment.now_ms
        why = self._not_now(course)
        memory = customer.memory(campaign.campaign_id)
        if not why[0]:
            why = refusal(campaign, memory, run.key, now_ms)
        if not why[0] and campaign.guard is not None and not holds(campaign.guard, _asked(course)):
            why = "guard", f"The guard did not hold: {said(campaign.guard)}"
        if why[0]:
            out.decide(customer, _decision(course, Kind.SKIPPED, why))
            self._repeat(course, out)
            return
        after, forgotten = fired(campaign, memory, run.key, now_ms, self._limits.reentry_keys)
        out.counters.overflows += forgotten
        if after is not memory:
            customer.remember(campaign.campaign_id, after)
        out.decide(customer, _decision(course, Kind.ENTERED))
        self._repeat(course, out)
        self.walk(course, 0, out)

    def resume(self, course: Course, out: Round) -> None:
        """The wait in which the run stands is over."""
        run = course.run
        step = course.plan.campaign.steps[run.phase]
        if isinstance(step, WaitUntilStep) and not run.held:
            self._waited(course, step, out)
        else:
            self.walk(course, run.phase if run.held else run.phase + 1, out)

    def _waited(self, course: Course, step: WaitUntilStep, out: Round) -> None:
        run, now_ms = course.run, course.moment.now_ms
        if step.when is not None and holds(step.when, _asked(course)):
            self.walk(course, run.phase + 1, out)
        elif now_ms < run.latest_ms:
            self._wait(course, run.phase, self._until(course, step, run.latest_ms), out, latest_ms=run.latest_ms)
        elif step.otherwise is Otherwise.CONTINUE:
            self.walk(course, run.phase + 1, out)
        else:
            why = "waited", "What it waited for did not come in time."
            out.decide(course.customer, _decision(course, Kind.CANCELLED, why))

    @staticmethod
    def _until(course: Course, step: WaitUntilStep, latest_ms: int) -> int:
        change_ms = None if step.when is None else next_change_ms(step.when, _asked(course))
        return latest_ms if change_ms is None else min(latest_ms, change_ms)

    def walk(self, course: Course, first: int, out: Round) -> None:
        """Take the steps from ``first`` up to the next wait, or to the end."""
        steps = course.plan.campaign.steps
        index = first
        while index < len(steps):
            step = steps[index]
            match step:
                case SendStep():
                    self._send(course, index, step, out)
                    index += 1
                case WaitStep():
                    due_at_ms = Span(ms=step.duration_ms, months=step.months).after(course.moment.now_ms)
                    self._wait(course, index, due_at_ms, out)
                    return
                case WaitUntilStep() if step.when is not None and holds(step.when, _asked(course)):
                    index += 1
                case WaitUntilStep():
                    latest_ms = (step.at_most or _LONGEST).after(course.moment.now_ms)
                    self._wait(course, index, self._until(course, step, latest_ms), out, latest_ms=latest_ms)
                    return
                case _:
                    raise Precondition(
                        f"Step {index} of {course.run.campaign_id} is of no kind that runs can take.",
                        remedy="Run the version of sendwhen that put this campaign.",
                    )
        out.decide(course.customer, _decision(course, Kind.FINISHED))

    def _wait(self, course: Course, index: int, due_at_ms: int, out: Round, *, latest_ms: int = 0) -> None:
        due_at_ms += course.plan.grace_ms
        armed = course.armed
        waiting = replace(course.run, phase=index, due_at_ms=due_at_ms, armed=armed, held="", latest_ms=latest_ms)
        self._open(course, waiting, out)

    def _repeat(self, course: Course, out: Round) -> None:
        """The trigger waits again, where it says so."""
        run, plan, now_ms = course.run, course.plan, course.moment.now_ms
        due_at_ms = plan.logic.due_again_at_ms(run, now_ms)
        if due_at_ms is None or plan.campaign.reentry is Reentry.ONCE:
            return
        again = replace(
            run,
            run_id=next_run_id(run.run_id),
            due_at_ms=due_at_ms + plan.grace_ms,
            armed=_behind(course.armed, run.run_id),
            occurrence=run.occurrence + 1,
        )
        self._open(course, again, out)

    def _open(self, course: Course, waiting: Run, out: Round) -> None:
        customer = course.customer
        if len(customer.runs) >= self._limits.runs:
            out.counters.overflows += 1
            why = "limit", f"The customer has {self._limits.runs} open runs."
            out.decide(customer, _decision(course, Kind.SKIPPED, why))
            return
        customer.runs = (*customer.runs, waiting)
        out.armed.append(waiting)
        out.decide(customer, _decision(replace(course, run=waiting), Kind.WAITING, due_at_ms=waiting.due_at_ms))

    def _send(self, course: Course, index: int, step: SendStep, out: Round) -> None:
        customer, run, moment, campaign = course.customer, course.run, course.moment, course.plan.campaign
        why = self._not_now(course)
        if not why[0] and not customer.email:
            why = "no_address", "No address is known of the customer."
        if not why[0] and campaign.sending.category is Category.MARKETING and not customer.consents():
            why = "no_consent", "Marketing needs the attribute consent: true."
        name = send_id(self._send_key, run=run.run_id, step=index)
        if why[0]:
            out.decide(customer, _decision(course, Kind.SKIPPED, why, send=name, template=step.template))
            return
        because = f"Because {course.plan.logic.because(run)}."
        out.decide(customer, _decision(course, Kind.SEND, ("", because), send=name, template=step.template))
        start = run.start
        lateness_ms = None if self._event_clock else campaign.max_lateness_ms
        out.sends.append(
            Send(
                send_id=name,
                run_id=run.run_id,
                campaign_id=campaign.campaign_id,
                version=campaign.version,
                step=str(index),
                template=step.template,
                template_hash=step.template_hash,
                category=campaign.sending.category,
                in_doubt=campaign.sending.in_doubt,
                uid=customer.uid,
                email=customer.email,
                customer_seq=moment.seq,
                at_ms=moment.at_ms,
                due_at_ms=moment.now_ms,
                start_at_ms=run.start_at_ms,
                expires_at_ms=0 if lateness_ms is None else moment.now_ms + course.plan.grace_ms + lateness_ms,
                key=run.key,
                reason=because,
                context=_context(customer, run),
                delayed=course.delayed,
                traceparent=start.traceparent,
                event_id=start.event_id,
                event_name=start.name,
                received_at_us=start.received_at_us,
                entry_seq=moment.seq,
                front_received_at_us=moment.front_received_at_us,
                appended_at_us=moment.appended_at_us,
                grace_ms=course.plan.grace_ms,
                volume_per_day=campaign.sending.volume_per_day or 0,
            )
        )

    def _not_now(self, course: Course) -> tuple[str, str]:
        """Reason and detail why what is due is skipped, whoever the customer is."""
        campaign, moment = course.plan.campaign, course.moment
        if self._book.paused(campaign.campaign_id):
            return "paused", "The campaign is paused."
        late_ms = moment.at_ms - moment.now_ms - course.plan.grace_ms
        if not self._event_clock and campaign.max_lateness_ms is not None and late_ms > campaign.max_lateness_ms:
            return "expired", f"It came {late_ms} ms after it was due; up to {campaign.max_lateness_ms} ms is sent."
        return "", ""


def _behind(armed: tuple[int, ...], run: str) -> tuple[int, ...]:
    """The place behind all that the steps of a firing arm.

    It tells the order of all armings before it, so it grows with each repetition; a very long one is cut and told from
    others by the name of its run.
    """
    return (*armed, 1) if len(armed) < _PLACE_MAX else (*armed[:_PLACE_MAX], crc32(run.encode()))


def _asked(course: Course) -> Asked:
    start, customer = course.run.scope(), course.customer
    return Asked(
        customer=customer.scope(), tallies=customer.tallies, now_ms=course.moment.now_ms, event=start, start=start
    )


def _decision(
    course: Course,
    kind: Kind,
    why: tuple[str, str] = ("", ""),
    *,
    send: str = "",
    template: str = "",
    due_at_ms: int | None = None,
) -> Decision:
    run, moment = course.run, course.moment
    return Decision(
        kind=kind,
        campaign_id=run.campaign_id,
        version=run.version,
        run_id=run.run_id,
        key=run.key,
        at_ms=moment.at_ms,
        due_at_ms=moment.now_ms if due_at_ms is None else due_at_ms,
        start_at_ms=run.start_at_ms,
        reason=why[0],
        detail=why[1],
        send_id=send,
        template=template,
        event_id=run.start.event_id,
        seq=moment.seq,
    )


def _context(customer: Customer, run: Run) -> bytes:
    start = _event_context(run.start)
    event = start if run.event is None else _event_context(run.event)
    attributes: dict[str, object] = {
        name: msgspec.Raw(field.value) for name, field in customer.fields.items() if field.value
    }
    attributes["email"] = customer.email
    attributes["user_id"] = customer.user_id or None
    attributes["anonymous_id"] = customer.anonymous_ids[-1] if customer.anonymous_ids else None
    context: dict[str, object] = {"event": event, "start": start, "customer": attributes}
    if run.captured:
        context["steps"] = {name: _event_context(one) for name, one in run.captured.items()}
    if run.value is not None:
        context["trigger"] = {"value": int(run.value) if run.value.is_integer() else run.value}
    return msgspec.json.encode(context)


def _event_context(event: StartEvent) -> dict[str, object]:
    return {
        "name": event.name,
        "id": event.event_id,
        "occurred_at_ms": event.occurred_at_ms,
        "properties": msgspec.Raw(event.properties or b"{}"),
    }
