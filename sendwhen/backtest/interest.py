"""Which events can make a difference to a set of campaigns: the others need not be built."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from sendwhen.domain.campaign import Campaign
from sendwhen.domain.condition import Condition, Expression
from sendwhen.domain.event_filter import EventFilter
from sendwhen.domain.sending_rules import Sending, SendingPolicy
from sendwhen.domain.steps import WaitUntilStep
from sendwhen.domain.trigger_kinds import Absence, Match, Nth, Recency, SessionEnd, Threshold
from sendwhen.domain.trigger_kinds import Sequence as SequenceTrigger

_OF_NAMED_EVENTS: Final = (Match, SequenceTrigger, Absence, Threshold, Nth, Recency, SessionEnd)
"""Kinds of triggers that only the events they name can move."""

_FACTS: Final = re.compile(r"\bcustomer\s*(\.|\[)\s*[\"']?(cart|first_|last_|orders|lifetime|recent|sessions?\b)")
"""What conditions may ask of a customer that events tell which nobody names."""


def names_of(campaigns: Sequence[Campaign | SendingPolicy]) -> frozenset[str] | None:
    """Names of the events that can move these campaigns; None: any event can.

    Of the others only what they tell of their customer matters. None for whatever this module has not heard of, so that
    a new kind of trigger is slow before it is wrong.
    """
    names: set[str] = set()
    for campaign in campaigns:
        if isinstance(campaign, SendingPolicy):
            continue
        if type(campaign.trigger) not in _OF_NAMED_EVENTS or campaign.grace_ms is not None:
            return None
        for part in _parts(campaign):
            if isinstance(part, EventFilter):
                names.add(part.event)
            elif _looks_at_all(part) or (isinstance(part, Condition | Expression) and _FACTS.search(part.source)):
                return None
    return frozenset(names)


def _looks_at_all(part: msgspec.Struct) -> bool:
    """Whatever changes the customer may let it go on."""
    if isinstance(part, WaitUntilStep):
        return part.when is not None
    return isinstance(part, Sending) and part.address_wait is not None


def _parts(value: object) -> Iterator[msgspec.Struct]:
    """Every struct of which a campaign is made, itself included."""
    if isinstance(value, msgspec.Struct):
        yield value
        for name in value.__struct_fields__:
            yield from _parts(getattr(value, name))
    elif isinstance(value, tuple):
        for one in value:
            yield from _parts(one)
