"""What happens once a trigger has fired or a wait is over: guards, then the steps up to the next wait."""

from __future__ import annotations

import msgspec

from sendwhen.domain.campaign import Category, SendStep, WaitStep
from sendwhen.domain.campaign_book import CampaignBook
from sendwhen.domain.condition import EventScope
from sendwhen.domain.customer import Customer
from sendwhen.domain.decision import Decision, Kind, Send
from sendwhen.domain.moment import Moment
from sendwhen.domain.plan import Plan, holds
from sendwhen.domain.reentry import fired, refusal
from sendwhen.domain.round import Round
from sendwhen.domain.run import Run, send_id
from sendwhen.domain.shard_limits import ShardLimits


class Passage:
    """Carries runs through guards and steps."""

    def __init__(self, *, book: CampaignBook, send_key: bytes, limits: ShardLimits, event_clock: bool) -> None:
        self._book = book
        self._send_key = send_key
        self._limits = limits
        self._event_clock = event_clock

    def fire(
        self,
        customer: Customer,
        run: Run,
        plan: Plan,
        moment: Moment,
        out: Round,
        *,
        event: EventScope | None = None,
        armed_under: tuple[int, ...],
    ) -> None:
        """The trigger of a run that is not open (any more) fires at ``moment.now_ms``.

        Args:
            event: The event, where one fires it; None for a deadline.
            armed_under: Place in the order of armings for the wait that may follow.
        """
        campaign = plan.campaign
        reason, detail = self._not_now(plan, moment)
        memory = customer.memory(campaign.campaign_id)
        if not reason:
            reason, detail = refusal(campaign, memory, run.key, moment.now_ms)
        if not reason and campaign.guard is not None:
            start = event or run.start.scope()
            if not holds(campaign.guard, start, customer.scope(), start, moment.now_ms):
                reason, detail = "guard", f"The guard did not hold: {campaign.guard.source}"
        if reason:
            out.decide(customer, _decision(run, moment, Kind.SKIPPED, reason, detail))
            return
        after, forgotten = fired(campaign, memory, run.key, moment.now_ms, self._limits.reentry_keys)
        out.counters.overflows += forgotten
        if after is not memory:
            customer.remember(campaign.campaign_id, after)
        out.decide(customer, _decision(run, moment, Kind.ENTERED, "", ""))
        self.walk(customer, run, plan, 0, moment, out, armed_under=armed_under, delayed=event is None)

    def walk(
        self,
        customer: Customer,
        run: Run,
        plan: Plan,
        first: int,
        moment: Moment,
        out: Round,
        *,
        armed_under: tuple[int, ...],
        delayed: bool = True,
    ) -> None:
        """Take the steps from ``first`` up to the next wait, or to the end."""
        steps = plan.campaign.steps
        for index in range(first, len(steps)):
            step = steps[index]
            if isinstance(step, WaitStep):
                self._wait(customer, run, index, step, moment, out, armed_under)
                return
            self._send(customer, run, plan, index, step, moment, out, delayed)
        out.decide(customer, _decision(run, moment, Kind.FINISHED, "", ""))

    def _wait(
        self,
        customer: Customer,
        run: Run,
        index: int,
        step: WaitStep,
        moment: Moment,
        out: Round,
        armed: tuple[int, ...],
    ) -> None:
        if len(customer.runs) >= self._limits.runs:
            out.counters.overflows += 1
            detail = f"The customer has {self._limits.runs} open runs."
            out.decide(customer, _decision(run, moment, Kind.SKIPPED, "limit", detail))
            return
        waiting = Run(
            run.run_id,
            run.campaign_id,
            run.version,
            run.key,
            run.start_at_ms,
            index,
            moment.now_ms + step.duration_ms,
            armed,
            run.start,
        )
        customer.runs = (*customer.runs, waiting)
        out.armed.append(waiting)
        out.decide(customer, _decision(waiting, moment, Kind.WAITING, "", "", due_at_ms=waiting.due_at_ms))

    def _send(
        self,
        customer: Customer,
        run: Run,
        plan: Plan,
        index: int,
        step: SendStep,
        moment: Moment,
        out: Round,
        delayed: bool,
    ) -> None:
        campaign = plan.campaign
        reason, detail = self._not_now(plan, moment)
        if not reason and not customer.email:
            reason, detail = "no_address", "No address is known of the customer."
        if not reason and campaign.category is Category.MARKETING and not customer.consents():
            reason, detail = "no_consent", "Marketing needs the attribute consent: true."
        name = send_id(self._send_key, run=run.run_id, step=index)
        kind = Kind.SKIPPED if reason else Kind.SEND
        detail = detail or f"Because {plan.logic.because(run.start.name)}."
        decision = _decision(run, moment, kind, reason, detail, send=name, template=step.template)
        out.decide(customer, decision)
        if reason:
            return
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
                category=campaign.category,
                in_doubt=campaign.in_doubt,
                uid=customer.uid,
                email=customer.email,
                customer_seq=moment.seq,
                at_ms=moment.at_ms,
                due_at_ms=moment.now_ms,
                start_at_ms=run.start_at_ms,
                expires_at_ms=0 if lateness_ms is None else moment.now_ms + lateness_ms,
                key=run.key,
                reason=decision.detail,
                context=_context(customer, run),
                delayed=delayed,
                traceparent=start.traceparent,
                event_id=start.event_id,
                event_name=start.name,
                received_at_us=start.received_at_us,
                entry_seq=moment.seq,
                front_received_at_us=moment.front_received_at_us,
                appended_at_us=moment.appended_at_us,
            )
        )

    def _not_now(self, plan: Plan, moment: Moment) -> tuple[str, str]:
        """Reason and detail why what is due is skipped, whoever the customer is."""
        campaign = plan.campaign
        if self._book.paused(campaign.campaign_id):
            return "paused", "The campaign is paused."
        late_ms = moment.at_ms - moment.now_ms
        if not self._event_clock and campaign.max_lateness_ms is not None and late_ms > campaign.max_lateness_ms:
            return "expired", f"It came {late_ms} ms after it was due; up to {campaign.max_lateness_ms} ms is sent."
        return "", ""


def _decision(
    run: Run,
    moment: Moment,
    kind: Kind,
    reason: str,
    detail: str,
    *,
    send: str = "",
    template: str = "",
    due_at_ms: int | None = None,
) -> Decision:
    return Decision(
        kind=kind,
        campaign_id=run.campaign_id,
        version=run.version,
        run_id=run.run_id,
        key=run.key,
        at_ms=moment.at_ms,
        due_at_ms=moment.now_ms if due_at_ms is None else due_at_ms,
        start_at_ms=run.start_at_ms,
        reason=reason,
        detail=detail,
        send_id=send,
        template=template,
        event_id=run.start.event_id,
        seq=moment.seq,
    )


def _context(customer: Customer, run: Run) -> bytes:
    start = run.start
    event = {
        "name": start.name,
        "id": start.event_id,
        "occurred_at_ms": start.occurred_at_ms,
        "properties": msgspec.Raw(start.properties or b"{}"),
    }
    attributes: dict[str, object] = {
        name: msgspec.Raw(field.value) for name, field in customer.fields.items() if field.value
    }
    attributes["email"] = customer.email
    attributes["user_id"] = customer.user_id or None
    attributes["anonymous_id"] = customer.anonymous_ids[-1] if customer.anonymous_ids else None
    return msgspec.json.encode({"event": event, "start": event, "customer": attributes})
