"""Reads what starts a campaign."""

from __future__ import annotations

from dataclasses import dataclass

from ruamel.yaml.nodes import MappingNode, Node

from sendwhen.campaigns.durations import DURATION_LIMIT_MS
from sendwhen.campaigns.filter_reader import EVENT, EVENT_AND_START, FilterReader
from sendwhen.campaigns.problem import listed
from sendwhen.campaigns.watch_trigger_reader import WatchTriggerReader
from sendwhen.campaigns.words import Reader
from sendwhen.domain.event_filter import EventFilter
from sendwhen.domain.trigger_kinds import DAY_MS, Absence, Duration, Match, OnRestart, Trigger

_KINDS = ("match", "absence", "segment", "attribute_change")
_UNITS = {"milliseconds": 1, "seconds": 1_000, "minutes": 60_000, "hours": 3_600_000, "days": DAY_MS}
_RESTARTS = {one.value: one for one in (OnRestart.RESET, OnRestart.KEEP, OnRestart.PARALLEL)}


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
        kinds = self.words.map(node, _KINDS, what="'trigger'")
        if len(kinds) > 1:
            self.words.refuse(node, "A campaign has one trigger", f"Keep {listed(kinds)}.")
        if "match" in kinds:
            event = self.filters.filter(kinds["match"], EVENT)
            return None if event is None else Match(match=event)
        if "absence" in kinds:
            return self._absence(kinds["absence"])
        if "segment" in kinds:
            return self.watches.segment(kinds["segment"])
        if "attribute_change" in kinds:
            return self.watches.attribute_change(kinds["attribute_change"])
        if isinstance(node, MappingNode) and not node.value:
            self.words.refuse(node, f"'trigger' needs one of {listed(_KINDS)}", "Add one of them.")
        return None

    def _absence(self, node: Node) -> Absence | None:
        known = ("start", "unless", "for", "on_restart")
        entries = self.words.map(node, known, required=("start", "unless", "for"), what="'absence'")
        start, within_ms = self._start(entries.get("start"))
        unless = self.filters.filters(entries.get("unless"), EVENT_AND_START, "unless")
        duration = self._duration(entries.get("for"))
        restart = self.words.choice(
            entries.get("on_restart"), "on_restart", {r.value: r for r in OnRestart}, OnRestart.RESET
        )
        if not start or duration is None:
            return None
        return Absence(start=start, start_within_ms=within_ms, unless=unless, duration=duration, on_restart=restart)

    def _start(self, node: Node | None) -> tuple[tuple[EventFilter, ...], int]:
        if node is None:
            return (), 0
        is_sequence = isinstance(node, MappingNode) and any(
            key.value in ("sequence", "within") for key, _ in node.value
        )
        if not is_sequence:
            event = self.filters.filter(node, EVENT)
            return (() if event is None else (event,)), 0
        entries = self.words.map(node, ("sequence", "within"), required=("sequence",), what="'start'")
        events = self.filters.filters(entries.get("sequence"), EVENT, "sequence")
        if "sequence" in entries and not events and not self.words.flaws:
            self.words.refuse(
                entries["sequence"], "'sequence' is empty", "Write the events that start it, in their order."
            )
        return events, self.words.duration(entries.get("within"), "within") or 0

    def _duration(self, node: Node | None) -> Duration | None:
        if not isinstance(node, MappingNode):
            fixed_ms = self.words.duration(node, "for")
            return None if fixed_ms is None else Duration(fixed_ms=fixed_ms)
        entries = self.words.map(node, ("property", "unit", "at_most"), required=("property", "unit"), what="'for'")
        value = self.filters.expression(entries.get("property"), EVENT)
        unit_ms = self.words.choice(entries.get("unit"), "unit", _UNITS, 1)
        at_most_ms = self.words.duration(entries.get("at_most"), "at_most") or DURATION_LIMIT_MS
        return None if value is None else Duration(value=value, unit_ms=unit_ms, at_most_ms=at_most_ms)
