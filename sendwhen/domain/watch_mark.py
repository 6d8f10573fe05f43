"""A name for all that campaigns in force would see of a customer at once: whoever bears another is to be looked at."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

from sendwhen.domain.campaign import Campaign
from sendwhen.domain.plan import Plan
from sendwhen.domain.trigger_kinds import DateOf
from sendwhen.domain.triggers.attribute_change import AttributeChangeLogic


def watch_mark(watching: Iterable[tuple[Plan, int]], policy_zone: str) -> str:
    """The mark of these versions, each with its generation (``CampaignBook.generation``); "" where there are none."""
    # Who only compares before with after has nothing to see at first.
    first = [(plan, generation) for plan, generation in watching if not isinstance(plan.watch, AttributeChangeLogic)]
    marks = [
        f"{plan.campaign.campaign_id} {plan.trigger_text}" + (f" {generation}" if generation else "")
        for plan, generation in first
    ]
    if policy_zone != "UTC" and any(in_policy_zone(plan.campaign) for plan, _ in first):
        marks.append(policy_zone)
    return blake2b(" ".join(marks).encode(), digest_size=6).hexdigest() if marks else ""


def in_policy_zone(campaign: Campaign) -> bool:
    """Another zone in the sending policy moves what its trigger sees."""
    return isinstance(campaign.trigger, DateOf) and not campaign.trigger.at.fallback_zone
