"""Reads ``count``, ``sum``, ``average`` and ``distinct``."""

from __future__ import annotations

from collections.abc import Callable

from ruamel.yaml.nodes import Node

from sendwhen.campaigns.filter_reader import EVENT, FilterReader
from sendwhen.campaigns.language_triggers import TRIGGER_MAPS
from sendwhen.domain.shard_limits import ShardLimits
from sendwhen.domain.span import Span
from sendwhen.domain.trigger_kinds import Fire, Measure, Threshold

COUNT_LIMIT = ShardLimits().window_events
"""What can be counted, of events or of different values: as much as is kept of a customer."""


def read_threshold(measure: Measure) -> Callable[[Node, FilterReader], Threshold | None]:
    """The reader of one of them."""

    def read(node: Node, filters: FilterReader) -> Threshold | None:
        words = filters.words
        entries = words.words_of(node, TRIGGER_MAPS[measure.value])
        of = filters.filter(entries["of"], EVENT) if "of" in entries else None
        value = filters.expression(entries.get("value"), EVENT)
        if measure in (Measure.COUNT, Measure.DISTINCT):
            at_least: float | None = words.whole(entries.get("at_least"), "at_least", 1, COUNT_LIMIT)
        else:
            at_least = words.positive(entries.get("at_least"), "at_least")
        sliding = words.span(entries.get("sliding"), "sliding")
        tumbling = _tumbling(entries.get("tumbling"), filters)
        if "sliding" in entries and "tumbling" in entries:
            words.refuse(entries["tumbling"], "A window is sliding or tumbling", "Keep one of them.")
        fire = words.choice(entries.get("fire"), "fire", {one.value: one for one in Fire}, Fire.CROSSING)
        if of is None or at_least is None:
            return None
        return Threshold(
            measure=measure, of=of, value=value, at_least=at_least, sliding=sliding, tumbling=tumbling, fire=fire
        )

    return read


def _tumbling(node: Node | None, filters: FilterReader) -> Span | None:
    span = filters.words.span(node, "tumbling")
    if node is not None and span is not None and span.months and span.ms:
        filters.words.refuse(
            node, "A tumbling window is of months or of a fixed time, not both", "Write 1mo, or days, as in 7d."
        )
        return None
    return span
