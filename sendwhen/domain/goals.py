"""Counts what campaigns are for: a goal that comes within its window is attributed to the campaign's latest email."""

from __future__ import annotations

from sendwhen.domain.campaign_book import CampaignBook
from sendwhen.domain.condition import EventScope
from sendwhen.domain.customer import Customer
from sendwhen.domain.decision import Decision, Kind
from sendwhen.domain.mailing import HOLDOUT
from sendwhen.domain.moment import Moment
from sendwhen.domain.plan import holds
from sendwhen.domain.round import Round
from sendwhen.domain.span import Span


def reach_goals(customer: Customer, event: EventScope, book: CampaignBook, moment: Moment, out: Round) -> None:
    """Note for which campaigns the event is the goal; each email counts once and is forgotten when too old."""
    scope = None
    for campaign_id, awaited in tuple(customer.goals.items()):
        plan = book.plan(campaign_id, awaited.version)
        goal = None if plan is None else plan.campaign.goal
        reached = False
        if goal is not None and moment.now_ms < awaited.until_ms:
            if goal.of.event != event.name:
                continue
            scope = scope or customer.scope()
            if not holds(goal.of.where, event, scope, None, moment.now_ms):
                continue
            reached = True
        customer.goals = {name: one for name, one in customer.goals.items() if name != campaign_id}
        if reached:
            after = Span(ms=moment.now_ms - awaited.emailed_at_ms).text()
            email = "the email that was withheld" if awaited.withheld else "the email"
            decision = Decision(
                kind=Kind.GOAL,
                campaign_id=campaign_id,
                version=awaited.version,
                run_id=awaited.run_id,
                key=awaited.key,
                at_ms=moment.at_ms,
                due_at_ms=moment.now_ms,
                start_at_ms=awaited.start_at_ms,
                reason=HOLDOUT if awaited.withheld else "",
                detail=f"“{event.name}” came {after} after {email}.",
                send_id=awaited.send_id,
                event_id=event.id,
                seq=moment.seq,
            )
            out.decide(customer, decision)
