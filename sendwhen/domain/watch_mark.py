"""Names what customers are looked at for: where it is another, those who were known before are looked at again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import blake2b

from sendwhen.domain.campaign import Campaign
from sendwhen.domain.plan import Plan
from sendwhen.domain.trigger_kinds import DateOf
from sendwhen.domain.triggers.attribute_change import AttributeChangeLogic
from sendwhen.domain.triggers.watch import Watch


def watch_mark(watching: Iterable[tuple[Plan, Watch]], generation: Callable[[str], int], policy_zone: str) -> str:
    """Of the triggers that have something to see at first sight; "" where there are none.

    Dates in the policy's zone come at other instants in another one, so that it is part of the mark.
    """
    # Who only compares before with after has nothing to see at first.
    first = [plan for plan, watch in watching if not isinstance(watch, AttributeChangeLogic)]
    marks = [_mark(plan, generation(plan.campaign.campaign_id)) for plan in first]
    if policy_zone != "UTC" and any(in_policy_zone(plan.campaign) for plan in first):
        marks.append(policy_zone)
    return blake2b(" ".join(marks).encode(), digest_size=6).hexdigest() if marks else ""


def _mark(plan: Plan, generation: int) -> str:
    return f"{plan.campaign.campaign_id} {plan.trigger_text}" + (f" {generation}" if generation else "")


def in_policy_zone(campaign: Campaign) -> bool:
    """It goes by dates, where customers have no zone of their own in that of the sending policy."""
    return isinstance(campaign.trigger, DateOf) and not campaign.trigger.at.fallback_zone
