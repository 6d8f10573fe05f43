"""Reads ``absence``."""

from __future__ import annotations

from ruamel.yaml.nodes import MappingNode, Node

from sendwhen.campaigns.durations import DURATION_LIMIT_MS
from sendwhen.campaigns.filter_reader import EVENT, EVENT_AND_START, FilterReader
from sendwhen.domain.event_filter import EventFilter
from sendwhen.domain.trigger_kinds import DAY_MS, Absence, Duration, OnRestart, Repeat
from sendwhen.domain.triggers.absence import FIRINGS_MAX

_UNITS = {"milliseconds": 1, "seconds": 1_000, "minutes": 60_000, "hours": 3_600_000, "days": DAY_MS}
_RESTARTS = {one.value: one for one in (OnRestart.RESET, OnRestart.KEEP, OnRestart.PARALLEL)}


def read_absence(node: Node, filters: FilterReader) -> Absence | None:
    """The trigger; None (noted) where it is wrong."""
    words, known = filters.words, ("start", "unless", "for", "on_restart", "repeat")
    entries = words.map(node, known, required=("start", "unless", "for"), what="'absence'")
    start, within_ms = _start(entries.get("start"), filters)
    unless = filters.filters(entries.get("unless"), EVENT_AND_START, "unless")
    duration = _duration(entries.get("for"), filters)
    restart = words.choice(entries.get("on_restart"), "on_restart", _RESTARTS, OnRestart.RESET)
    repeat = _repeat(entries.get("repeat"), duration, filters)
    if not start or duration is None:
        return None
    return Absence(
        start=start,
        start_within_ms=within_ms,
        unless=unless,
        duration=duration,
        on_restart=restart,
        repeat=repeat,
    )


def _start(node: Node | None, filters: FilterReader) -> tuple[tuple[EventFilter, ...], int]:
    words = filters.words
    if node is None:
        return (), 0
    is_sequence = isinstance(node, MappingNode) and any(key.value in ("sequence", "within") for key, _ in node.value)
    if not is_sequence:
        event = filters.filter(node, EVENT)
        return (() if event is None else (event,)), 0
    entries = words.map(node, ("sequence", "within"), required=("sequence",), what="'start'")
    events = filters.filters(entries.get("sequence"), EVENT, "sequence")
    if "sequence" in entries and not events and not words.flaws:
        words.refuse(entries["sequence"], "'sequence' is empty", "Write the events that start it, in their order.")
    return events, words.duration(entries.get("within"), "within") or 0


def _duration(node: Node | None, filters: FilterReader) -> Duration | None:
    words = filters.words
    if not isinstance(node, MappingNode):
        span = words.span(node, "for")
        return None if span is None else Duration(fixed_ms=span.ms, months=span.months)
    entries = words.map(node, ("property", "unit", "at_most"), required=("property", "unit"), what="'for'")
    value = filters.expression(entries.get("property"), EVENT)
    unit_ms = words.choice(entries.get("unit"), "unit", _UNITS, 1)
    at_most_ms = words.duration(entries.get("at_most"), "at_most") or DURATION_LIMIT_MS
    return None if value is None else Duration(value=value, unit_ms=unit_ms, at_most_ms=at_most_ms)


def _repeat(node: Node | None, duration: Duration | None, filters: FilterReader) -> Repeat | None:
    words = filters.words
    if node is None:
        return None
    entries = words.map(node, ("at_most", "within"), what="'repeat'")
    at_most = words.whole(entries.get("at_most"), "at_most", 2, FIRINGS_MAX)
    within = words.span(entries.get("within"), "within")
    if isinstance(node, MappingNode) and not node.value:
        words.refuse(node, "'repeat' needs an end", "Write {at_most: 3}, or {within: 7d}, or both.")
    if within is not None and duration is not None and duration.value is None:
        fixed = duration.fixed_ms + 28 * DAY_MS * duration.months
        if within.ms + 31 * DAY_MS * within.months <= fixed:
            words.refuse(entries["within"], "'within' ends before the first firing", "Make it longer than 'for'.")
    return Repeat(at_most=at_most, within=within)
