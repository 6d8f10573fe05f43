"""Counts what campaigns are for: a goal that comes within its window is attributed to the campaign's latest email."""

from __future__ import annotations

from collections.abc import Mapping

from sendwhen.domain.campaign_book import CampaignBook
from sendwhen.domain.condition import EventScope
from sendwhen.domain.customer import AwaitedGoal, Customer
from sendwhen.domain.decision import Decision, Kind
from sendwhen.domain.moment import Moment
from sendwhen.domain.plan import holds
from sendwhen.domain.round import Round
from sendwhen.domain.span import Span

HOLDOUT = "holdout"
"""Reason of what is said of customers who are held out."""


def await_goal(customer: Customer, campaign_id: str, awaited: AwaitedGoal, goals_max: int) -> int:
    """Let an email be the one to which the campaign's goal would be attributed; how many others went for it."""
    known = customer.goals.items()
    now_ms = awaited.emailed_at_ms
    others = {name: one for name, one in known if name != campaign_id and now_ms < one.until_ms}
    forgotten = max(0, len(others) + 1 - goals_max)
    customer.goals = {**dict(list(others.items())[forgotten:]), campaign_id: awaited}
    return forgotten


def joined_goals(one: Mapping[str, AwaitedGoal], other: Mapping[str, AwaitedGoal]) -> dict[str, AwaitedGoal]:
    """What two customers who are one await: of each campaign the goal after the later email."""
    joined = dict(one)
    for campaign_id, awaited in other.items():
        known = joined.get(campaign_id)
        if known is None or (known.emailed_at_ms, known.send_id) < (awaited.emailed_at_ms, awaited.send_id):
            joined[campaign_id] = awaited
    return joined


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
