"""Holds what a campaign refers to against the catalogue."""

from __future__ import annotations

from collections.abc import Iterator

from sendwhen.campaigns.catalogue import Catalogue
from sendwhen.campaigns.cel_library import check_text
from sendwhen.campaigns.cel_shapes import ShapeCheck
from sendwhen.campaigns.cel_tree import Node
from sendwhen.campaigns.problem import Flaw
from sendwhen.campaigns.root_events import RootEvents
from sendwhen.campaigns.uses import CelUse, Uses
from sendwhen.campaigns.yaml_document import offset_within


def catalogue_flaws(text: str, uses: Uses, roots: RootEvents, catalogue: Catalogue) -> Iterator[Flaw]:
    """What the catalogue does not know, or knows otherwise."""
    for named in uses.events:
        if unknown := catalogue.unknown_event(named.node.start_mark.index, named.name):
            yield unknown
    for use in uses.cel:
        for flaw in _cel_flaws(use, roots, catalogue):
            offset = offset_within(text, use.node, flaw.offset)
            yield Flaw(offset, flaw.problem, flaw.remedy, flaw.warning)


def _cel_flaws(use: CelUse, roots: RootEvents, catalogue: Catalogue) -> list[Flaw]:
    tree = check_text(use.text, use.roots)
    if not isinstance(tree, Node):
        return []
    events = {
        "event": (use.event,) if use.event else roots.keyed,
        "start": roots.start,
        **{f"steps.{name}": (event,) for name, event in roots.steps.items()},
    }
    return ShapeCheck(catalogue, events).check(tree, condition=use.condition)
