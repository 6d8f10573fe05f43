"""Holds what a campaign refers to against the catalogue."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sendwhen.campaigns.catalogue import Catalogue
from sendwhen.campaigns.cel_library import check_text
from sendwhen.campaigns.cel_shapes import ShapeCheck
from sendwhen.campaigns.cel_tree import Node
from sendwhen.campaigns.problem import Flaw
from sendwhen.campaigns.uses import CelUse, Uses
from sendwhen.campaigns.yaml_document import offset_within
from sendwhen.domain.campaign import Campaign
from sendwhen.domain.trigger_kinds import Absence, Match, Nth, QuietThen, Recency, Sequence, SessionEnd, Threshold


def catalogue_flaws(text: str, uses: Uses, starts: Collection[str], catalogue: Catalogue) -> Iterator[Flaw]:
    """What the catalogue does not know, or knows otherwise.

    ``starts``: the events that can start a run; empty where that is not known.
    """
    for named in uses.events:
        if unknown := catalogue.unknown_event(named.node.start_mark.index, named.name):
            yield unknown
    for use in uses.cel:
        for flaw in _cel_flaws(use, starts, catalogue):
            offset = offset_within(text, use.node, flaw.offset)
            yield Flaw(offset, flaw.problem, flaw.remedy, flaw.warning)


def starting_events(campaign: Campaign) -> tuple[str, ...]:
    """The events that ``start`` can be; empty where no event starts a run."""
    trigger = campaign.trigger
    if isinstance(trigger, Match):
        return (trigger.match.event,)
    if isinstance(trigger, Absence):
        return (trigger.start[-1].event,)
    if isinstance(trigger, Sequence):
        return tuple(step.of.event for step in trigger.steps)
    if isinstance(trigger, QuietThen):
        return (trigger.then.event,)
    if isinstance(trigger, Threshold | Nth | Recency | SessionEnd):
        return (trigger.of.event,)
    return ()


def _cel_flaws(use: CelUse, starts: Collection[str], catalogue: Catalogue) -> list[Flaw]:
    tree = check_text(use.text, use.roots)
    if not isinstance(tree, Node):
        return []
    events = {
        "event": (use.event,) if use.event else starts,
        "start": starts,
        **{f"steps.{name}": (event,) for name, event in use.steps},
    }
    return ShapeCheck(catalogue, events).check(tree, condition=use.condition)
