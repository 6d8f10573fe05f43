"""Reads what starts a campaign."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from ruamel.yaml.nodes import MappingNode, Node

from sendwhen.campaigns.filter_reader import EVENT, FilterReader
from sendwhen.campaigns.problem import listed
from sendwhen.campaigns.trigger_readers.absence_reader import read_absence
from sendwhen.campaigns.trigger_readers.sequence_reader import read_sequence
from sendwhen.campaigns.trigger_readers.threshold_reader import read_threshold
from sendwhen.campaigns.trigger_readers.time_reader import read_nth, read_quiet_then, read_recency, read_session_end
from sendwhen.campaigns.watch_trigger_reader import WatchTriggerReader
from sendwhen.campaigns.words import Reader
from sendwhen.domain.trigger_kinds import Match, Measure, Trigger

ReadTrigger = Callable[[Node, FilterReader], Trigger | None]


def _read_match(node: Node, filters: FilterReader) -> Match | None:
    event = filters.filter(node, EVENT)
    return None if event is None else Match(match=event)


KINDS: Final[Mapping[str, ReadTrigger]] = MappingProxyType(
    {
        "match": _read_match,
        "sequence": read_sequence,
        "absence": read_absence,
        "quiet_then": read_quiet_then,
        **{measure.value: read_threshold(measure) for measure in Measure},
        "nth": read_nth,
        "recency": read_recency,
        "session_end": read_session_end,
    }
)
"""Readers of triggers on events, by their words."""


@dataclass(frozen=True, slots=True)
class TriggerReader:
    """Reads the trigger of one document.

    Attributes:
        filters: Reads its filters. watches: reads triggers that look at the customer. words: collects the problems.
    """

    filters: FilterReader
    watches: WatchTriggerReader
    words: Reader

    def read(self, node: Node | None) -> Trigger | None:
        """The trigger; None (noted) where it is wrong."""
        if node is None:
            return None
        watches = self.watches.readers()
        kinds = self.words.map(node, (*KINDS, *watches), what="'trigger'")
        if len(kinds) > 1:
            self.words.refuse(node, "A campaign has one trigger", f"Keep {listed(kinds)}.")
        for kind, inside in kinds.items():
            return watches[kind](inside) if kind in watches else KINDS[kind](inside, self.filters)
        if isinstance(node, MappingNode) and not node.value:
            self.words.refuse(node, f"'trigger' needs one of {listed((*KINDS, *watches))}", "Add one of them.")
        return None
