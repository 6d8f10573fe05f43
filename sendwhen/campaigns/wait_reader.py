"""Reads steps that wait."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from msgspec.structs import replace
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from sendwhen.campaigns.filter_reader import EVENT_AND_START, FilterReader
from sendwhen.campaigns.language_table import MAPS
from sendwhen.campaigns.local_time_reader import LocalTimeReader
from sendwhen.campaigns.when_reader import WhenReader
from sendwhen.campaigns.words import Reader
from sendwhen.domain.local_moment import LocalTime
from sendwhen.domain.span import Span
from sendwhen.domain.steps import Otherwise, WaitStep, WaitUntilStep

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WITHOUT_TIME = ("start", "customer")
"""Roots where one waits until something holds: what depends on ``now`` would be looked at only with the next event."""


@dataclass(frozen=True, slots=True)
class WaitReader:
    """Reads ``wait`` and ``wait_until`` of one document.

    Attributes:
        filters, whens, times: Read their parts. words: collects the problems.
    """

    filters: FilterReader
    whens: WhenReader
    times: LocalTimeReader
    words: Reader

    def wait(self, entries: Mapping[str, Node]) -> WaitStep | None:
        """A step with ``wait`` and perhaps ``exit_on``; None (noted) where it is wrong."""
        node = entries["wait"]
        exit_on = self.filters.filters(entries.get("exit_on"), EVENT_AND_START, "exit_on")
        if not isinstance(node, MappingNode):
            span = self.words.span(node, "wait")
            return None if span is None else WaitStep(duration_ms=span.ms, months=span.months, exit_on=exit_on)
        words = self.words.words_of(node, MAPS["wait"])
        if not words.keys() & {"for", "until", "weekday"}:
            if len(words) == len(node.value):
                self.words.refuse(node, "'wait' does not say how long", "Write 'for', 'until' or 'weekday'.")
            return None
        if "zone" in words and not words.keys() & {"until", "weekday"}:
            self.words.refuse(words["zone"], "'zone' belongs to 'until' or 'weekday'", "Leave it out.")
        span = self.words.span(words.get("for"), "for") or Span()
        until = self.times.of_customer(words.get("until"), words.get("zone"), "until")
        if "weekday" not in words:
            return WaitStep(duration_ms=span.ms, months=span.months, exit_on=exit_on, until=until)
        any_time = "until" not in words
        if any_time:
            expression, fixed = self.times.zone(words.get("zone"))
            until = LocalTime(minute=0, zone=expression, fallback_zone=fixed)
        step = WaitStep(duration_ms=span.ms, months=span.months, exit_on=exit_on, until=until)
        return replace(step, weekdays=self._weekdays(words["weekday"]), any_time=any_time)

    def _weekdays(self, node: Node) -> tuple[int, ...]:
        entries = self.words.list(node, "'weekday'", "[mon, tue]") if isinstance(node, SequenceNode) else (node,)
        if not entries:
            self.words.refuse(node, "'weekday' names no day", "Write [mon, tue].")
        numbers = {day: number for number, day in enumerate(WEEKDAYS)}
        return tuple(sorted({self.words.choice(entry, "weekday", numbers, 0) for entry in entries}))

    def wait_until(self, entries: Mapping[str, Node]) -> WaitUntilStep | None:
        """A step with ``wait_until`` and what may stand beside it; None (noted) where it is wrong."""
        node = entries["wait_until"]
        at_most = self.words.span(entries.get("at_most"), "at_most")
        choices = {one.value: one for one in Otherwise}
        step = WaitUntilStep(
            at_most=at_most,
            otherwise=self.words.choice(entries.get("otherwise"), "otherwise", choices, Otherwise.EXIT),
            exit_on=self.filters.filters(entries.get("exit_on"), EVENT_AND_START, "exit_on"),
        )
        words = {key.value for key, _ in node.value} if isinstance(node, MappingNode) else set()
        beside = sorted(words & {"at_most", "otherwise", "exit_on"})
        if beside:
            remedy = f"Write '{beside[0]}: …' in a line of its own, as deep as 'wait_until'."
            self.words.refuse(node, f"'{beside[0]}' stands beside 'wait_until', not within it", remedy)
            return None
        if "event" in words and "if" not in words:
            event = self.filters.filter(node, EVENT_AND_START)
            return None if event is None else replace(step, event=event)
        if isinstance(node, MappingNode) and (not words or {"event", "if"} <= words):
            self.words.refuse(node, "'wait_until' needs one of 'event' and 'if'", "Write {event: Order Completed}.")
            return None
        inner = self.words.words_of(node, MAPS["wait_until_if"])
        when = self.whens.read(inner.get("if"), _WITHOUT_TIME)
        return None if when is None else replace(step, when=when)
