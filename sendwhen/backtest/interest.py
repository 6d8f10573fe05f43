"""Which events can make a difference to a set of campaigns: the others need not be built."""

from __future__ import annotations

from collections.abc import Sequence

from sendwhen.domain.campaign import Absence, Campaign, Match, SendStep, WaitStep
from sendwhen.domain.plan import Plan

_SIMPLE_TRIGGERS = (Match, Absence)
_SIMPLE_STEPS = (SendStep, WaitStep)


def names_of(campaigns: Sequence[Campaign]) -> frozenset[str] | None:
    """Names of the events that these campaigns listen to; None: any event may matter.

    Of the others only what they tell of their customer matters. None for whatever this page has not heard of, so that a
    new kind of trigger is slow before it is wrong.
    """
    names: set[str] = set()
    for campaign in campaigns:
        if type(campaign.trigger) not in _SIMPLE_TRIGGERS:
            return None
        if any(type(step) not in _SIMPLE_STEPS for step in campaign.steps):
            return None
        plan = Plan(campaign)
        names.update(plan.starts, plan.stops, plan.event_names_that_end_runs())
    return frozenset(names)
