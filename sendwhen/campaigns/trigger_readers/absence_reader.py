"""Reads ``absence``."""

from __future__ import annotations

from msgspec.structs import replace
from ruamel.yaml.nodes import MappingNode, Node

from sendwhen.campaigns.durations import DURATION_LIMIT_MS
from sendwhen.campaigns.filter_reader import EVENT, EVENT_AND_START, FilterReader
from sendwhen.campaigns.language_triggers import TRIGGER_MAPS
from sendwhen.campaigns.trigger_readers.sequence_reader import read_steps
from sendwhen.domain.event_filter import EventFilter
from sendwhen.domain.trigger_kinds import DAY_MS, Absence, Duration, OnRestart, Repeat, Sequence
from sendwhen.domain.triggers.absence import FIRINGS_MAX

_NONE = Duration()
_UNITS = {"milliseconds": 1, "seconds": 1_000, "minutes": 60_000, "hours": 3_600_000, "days": DAY_MS}
_RESTARTS = {one.value: one for one in (OnRestart.RESET, OnRestart.KEEP, OnRestart.PARALLEL)}


def read_absence(node: Node, filters: FilterReader) -> Absence | None:
    """The trigger; None (noted) where it is wrong."""
    words = filters.words
    entries = words.words_of(node, TRIGGER_MAPS["absence"])
    start = _start(entries.get("start"), filters)
    unless = filters.filters(entries.get("unless"), EVENT_AND_START, "unless")
    duration = _duration(entries.get("for"), filters)
    restart = words.choice(entries.get("on_restart"), "on_restart", _RESTARTS, OnRestart.RESET)
    repeat = _repeat(entries.get("repeat"), duration, filters)
    at_latest = words.span(entries.get("at_latest"), "at_latest")
    if at_latest is not None and (restart is not OnRestart.RESET or repeat is not None):
        words.refuse(
            entries["at_latest"],
            "'at_latest' bounds a wait that is reset",
            "Leave it out, or 'repeat', or write on_restart: reset.",
        )
    if start is None or duration is None:
        return None
    return replace(start, unless=unless, duration=duration, on_restart=restart, repeat=repeat, at_latest=at_latest)


def _start(node: Node | None, filters: FilterReader) -> Absence | None:
    """The part of the trigger that says what starts it."""
    words = filters.words
    if node is None:
        return None
    is_sequence = isinstance(node, MappingNode) and any(key.value in ("sequence", "within") for key, _ in node.value)
    if not is_sequence:
        event = filters.filter(node, EVENT)
        return None if event is None else Absence(start=(event,), duration=_NONE)
    entries = words.words_of(node, TRIGGER_MAPS["start"])
    steps = read_steps(entries["sequence"], "'sequence'", filters, least=1) if "sequence" in entries else ()
    if "sequence" in entries and not steps and not words.flaws:
        words.refuse(entries["sequence"], "'sequence' is empty", "Write the events that start it, in their order.")
    within = words.span(entries.get("within"), "within")
    if not steps:
        return None
    plain = all(step.times == 1 and not (step.name or step.forbidden or _refers(step.of)) for step in steps)
    if plain and not (within and within.months):
        # Of such a sequence only names and instants have to be remembered.
        start = tuple(step.of for step in steps)
        return Absence(start=start, start_within_ms=within.ms if within else 0, duration=_NONE)
    return Absence(start=(), sequence=Sequence(steps=steps, within=within), duration=_NONE)


def _refers(one: EventFilter) -> bool:
    return one.where is not None and one.where.needs_start


def _duration(node: Node | None, filters: FilterReader) -> Duration | None:
    words = filters.words
    if not isinstance(node, MappingNode):
        span = words.span(node, "for")
        return None if span is None else Duration(fixed_ms=span.ms, months=span.months)
    entries = words.words_of(node, TRIGGER_MAPS["for"])
    value = filters.expression(entries.get("property"), EVENT)
    unit_ms = words.choice(entries.get("unit"), "unit", _UNITS, 1)
    at_most_ms = words.duration(entries.get("at_most"), "at_most") or DURATION_LIMIT_MS
    return None if value is None else Duration(value=value, unit_ms=unit_ms, at_most_ms=at_most_ms)


def _repeat(node: Node | None, duration: Duration | None, filters: FilterReader) -> Repeat | None:
    words = filters.words
    if node is None:
        return None
    entries = words.words_of(node, TRIGGER_MAPS["repeat"])
    at_most = words.whole(entries.get("at_most"), "at_most", 2, FIRINGS_MAX)
    within = words.span(entries.get("within"), "within")
    if isinstance(node, MappingNode) and not node.value:
        words.refuse(node, "'repeat' needs an end", "Write {at_most: 3}, or {within: 7d}, or both.")
    if within is not None and duration is not None and duration.value is None:
        fixed = duration.fixed_ms + 28 * DAY_MS * duration.months
        if within.ms + 31 * DAY_MS * within.months <= fixed:
            words.refuse(entries["within"], "'within' ends before the first firing", "Make it longer than 'for'.")
    return Repeat(at_most=at_most, within=within)
