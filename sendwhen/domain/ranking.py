"""Which of several campaigns that want the same customer goes first."""

from __future__ import annotations

from sendwhen.domain.campaign_book import CampaignBook
from sendwhen.domain.customer import Customer
from sendwhen.domain.plan import Plan
from sendwhen.domain.run import Run

PRIORITY = "priority"
"""``Run.held`` of those who wait for the end of the window."""
RANKED = "ranked"
"""``Run.held`` of who won, and waits for the end of quiet hours."""


def ranking_ends_ms(customer: Customer, window_ends_ms: int) -> int:
    """When those who want the customer now are compared: at the end of the window that the first of them began."""
    return min([run.due_at_ms for run in customer.runs if run.held == PRIORITY], default=window_ends_ms)


def contenders(run: Run, plan: Plan, customer: Customer, book: CampaignBook) -> list[tuple[Run, Plan]]:
    """A run whose window is over and all that wait beside it: the highest priority first, then who came first."""
    waiting = [(one, book.plan(one.campaign_id, one.version)) for one in customer.runs if one.held == PRIORITY]
    rivals = [(run, plan), *((one, its) for one, its in waiting if its is not None)]
    return sorted(rivals, key=lambda rival: (-(rival[1].campaign.sending.priority or 0), rival[0].armed))
