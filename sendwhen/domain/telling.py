"""What is decided of a customer on an event, as decisions."""

from __future__ import annotations

from sendwhen.domain.customer import Customer
from sendwhen.domain.decision import Decision, Kind
from sendwhen.domain.moment import Moment
from sendwhen.domain.plan import Plan
from sendwhen.domain.round import Round
from sendwhen.domain.run import Run

Why = tuple[str, str]
"""A stable word and the same in a sentence."""


def say(customer: Customer, run: Run, kind: Kind, why: Why, *, event_id: str, moment: Moment, out: Round) -> None:
    """Something happens to an open run."""
    reason, detail = why
    out.decide(
        customer,
        Decision(
            kind=kind,
            campaign_id=run.campaign_id,
            version=run.version,
            run_id=run.run_id,
            key=run.key,
            at_ms=moment.at_ms,
            due_at_ms=run.due_at_ms,
            start_at_ms=run.start_at_ms,
            reason=reason,
            detail=detail,
            event_id=event_id,
            seq=moment.seq,
        ),
    )


def refuse(customer: Customer, plan: Plan, key: str, why: Why, *, event_id: str, moment: Moment, out: Round) -> None:
    """An event starts nothing."""
    reason, detail = why
    out.decide(
        customer,
        Decision(
            kind=Kind.REFUSED,
            campaign_id=plan.campaign.campaign_id,
            version=plan.campaign.version,
            key=key,
            at_ms=moment.at_ms,
            due_at_ms=moment.now_ms,
            start_at_ms=moment.now_ms,
            reason=reason,
            detail=detail,
            event_id=event_id,
            seq=moment.seq,
        ),
    )
